# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Choose by J-invariance alone, where no model of the noise is to be trusted.

Many outliers, noise that neighbours share, and losses other than the squared error: there the
self-supervised loss is the better witness, which nothing said of the noise can fool.
"""

import time
import warnings
from typing import NamedTuple

import numpy as np
from scipy.ndimage import uniform_filter
from sklearn.model_selection import GridSearchCV

from selfsupervised.auto.crops import sample
from selfsupervised.auto.look import mosaic
from selfsupervised.auto.threads import in_all_threads
from selfsupervised.classical import (
    BilateralDenoiser,
    GaussianDenoiser,
    MedianDenoiser,
    NLRidgeDenoiser,
    NonLocalMeansDenoiser,
    TotalVariationDenoiser,
    WaveletDenoiser,
)
from selfsupervised.core.progress import part
from selfsupervised.core.warning import warn_user
from selfsupervised.core.words import in_short
from selfsupervised.evaluation.independence import CorrelatedNoiseWarning
from selfsupervised.evaluation.same_split import SameSplit
from selfsupervised.evaluation.scoring import SelfSupervisedScorer
from selfsupervised.noise.correlation import CorrelationVerdict, correlated_noise
from selfsupervised.noise.level import noise_level
from selfsupervised.noise.line import NoiseModel, noise_line
from selfsupervised.noise.outliers import outliers
from selfsupervised.partitions import PixelGrid
from selfsupervised.partitions.fill import fill_nan
from selfsupervised.wrappers.j_invariant import JInvariantWrapper
from selfsupervised.wrappers.outlier_remover import OutlierRemover
from selfsupervised.wrappers.variance_stabilizer import VarianceStabilizer

# Noise counts as growing with the signal from this ratio of standard deviations on, bright to
# dark; a stabilizer that is not needed costs a little.
MIN_STD_RATIO_TO_GROW = 1.2
# Outliers are thought of from this share of pixels on; white noise has fewer by far.
MIN_OUTLIER_SHARE = 0.005
# Another kind of denoiser must have a loss lower by this share: J-invariant forms rank kinds a
# little differently from what is applied.
MIN_LOSS_GAIN = 0.05
# Pixels to judge candidates on: few, as the best are applied to all kinds of images in seconds.
N_JUDGED_PIXELS = 1 << 13
# With a footprint, hidden pixels are farther apart, so that most pixels are seen.
FOOTPRINT_STRIDE, N_FOOTPRINT_SUBSETS = 8, 1


class Noise(NamedTuple):
    """What the noise of an image looks like."""

    level: float
    line: NoiseModel
    grows: bool
    outliers: float
    correlation: CorrelationVerdict


def look_at(image, channel_axis):
    """Estimate `Noise` from a float image, or a sample of it."""
    line = noise_line(image, channel_axis=channel_axis)
    spatial = image.shape if channel_axis is None else image.shape[:-1]
    channels = fill_nan(image[None], channel_axis=channel_axis).reshape(*spatial, -1)
    smooth = uniform_filter(channels, [5] * len(spatial) + [1])
    dark, middle, bright = line.std(np.percentile(smooth, (5, 50, 95)))
    share = np.mean([outliers(channels[..., c]).mean() for c in range(channels.shape[-1])])
    verdict = correlated_noise(image[None], channel_axis=channel_axis)
    grows = bool(bright > MIN_STD_RATIO_TO_GROW * dark and middle > 0)
    level = noise_level(image, channel_axis=channel_axis)
    level = level or 0.1 * float(np.nanstd(image)) or 1.0
    return Noise(level, line, grows, float(share), verdict)


def fitting(noise, channel_axis, strength=1.0):
    """The denoiser that fits the noise."""
    if noise.grows:
        inner = NLRidgeDenoiser(strength, channel_axis=channel_axis)
        gain, variance = noise.line
        return VarianceStabilizer(inner, gain=gain, variance=variance, channel_axis=channel_axis)
    return NLRidgeDenoiser(strength * noise.level, channel_axis=channel_axis)


def candidates(noise, n_spatial, channel_axis):
    """Denoisers to try, the one that fits the noise first, then by what is likely."""
    level, axis = noise.level, {"channel_axis": channel_axis}
    first = fitting(noise, channel_axis)
    found = [first]
    if noise.correlation.footprint:
        # Seen in differences of neighbours, correlated noise looks weaker than it is. Denoisers
        # of other kinds would take fine structure for noise, which has the same correlation.
        return found + [fitting(noise, channel_axis, strength) for strength in (1.6, 2.5)]
    if noise.outliers > MIN_OUTLIER_SHARE:
        found += [OutlierRemover(first, **axis)]
    found += [MedianDenoiser(radius, **axis) for radius in (1, 2, 3)]
    found += [TotalVariationDenoiser(level * weight, **axis) for weight in (1.0, 1.6)]
    found += [NonLocalMeansDenoiser(0.7 * level, **axis), WaveletDenoiser(level, **axis)]
    found += [GaussianDenoiser(sigma, **axis) for sigma in (0.7, 1.4, 2.8)]
    if n_spatial == 2:
        found += [BilateralDenoiser(1.5 * level, **axis)]
    return found


def search(image, channel_axis, *, loss, n_jobs, random_state, budget_s, verbose):
    """The fitted search for the best candidate; its first is the one that fits the noise."""
    n_spatial = image.ndim - (channel_axis is not None)
    noise = look_at(mosaic(image, n_spatial), channel_axis)
    crops = sample(image, channel_axis)
    tried = in_all_threads(candidates(noise, n_spatial, channel_axis))
    partition, n_subsets = "auto", _enough(crops, n_spatial)
    if noise.correlation.footprint:
        _warn(noise.correlation)
        stride = tuple(min(FOOTPRINT_STRIDE, size) for size in crops[0].shape[:n_spatial])
        partition = PixelGrid(stride, footprint=noise.correlation.footprint)
        n_subsets = N_FOOTPRINT_SUBSETS
    # Hidden pixels stay missing (fill=None), as each candidate knows best how to fill them.
    wrapper = JInvariantWrapper(tried[0], partition=partition, fill=None, random_state=random_state)
    scorer = SelfSupervisedScorer(loss=loss, n_subsets=n_subsets)
    found = GridSearchCV(
        wrapper,
        {"estimator": tried},
        scoring=Timed(scorer, tried, budget_s, verbose),
        cv=SameSplit(),
        n_jobs=n_jobs,
        refit=_Preference(noise),
        error_score="raise",
    )
    with warnings.catch_warnings():
        # Candidates that time was too short for have no score.
        warnings.filterwarnings("ignore", "One or more of the test scores are non-finite")
        found.fit(crops)
    found.best_score_ = found.cv_results_["mean_test_score"][found.best_index_]
    found.why_ = _in_words(found, noise)
    if verbose:
        print(found.why_)
    return found


def _enough(crops, n_spatial):
    """Number of subsets that hold enough pixels."""
    n_pixels = sum(int(np.prod(crop.shape[:n_spatial])) for crop in crops)
    return int(np.ceil(N_JUDGED_PIXELS * 4**n_spatial / n_pixels))


def _warn(correlation):
    lags = " and ".join(f"{lag:.2f}" for lag in correlation.lags[:, 0])
    warn_user(
        f"denoise() found that neighbouring pixels share noise (correlation {lags} along the axes "
        f"of the image), as after demosaicing, JPEG or resampling. Such noise looks like fine "
        f"structure, and is removed gently or not at all. Denoise the raw image if there is one; "
        f"to try other methods, judge them with partition=PixelGrid(footprint="
        f"{correlation.footprint!r}) in a JInvariantWrapper.",
        CorrelatedNoiseWarning,
    )


class Timed:
    """A scorer that gives no score when time is over, except to the first candidate."""

    def __init__(self, scorer, tried, budget_s, verbose):
        # Told by its text, as workers get copies.
        self.scorer, self.first, self.verbose = scorer, str(tried[0]), verbose
        self.n_tried, self.n_done = len(tried), 0
        self.end = np.inf if budget_s is None else time.monotonic() + budget_s

    def __call__(self, estimator, X, y=None):
        if time.monotonic() > self.end and str(estimator.estimator) != self.first:
            return np.nan
        start, text = time.monotonic(), in_short(estimator.estimator)
        with part(self.n_done, self.n_tried, f"trying {text}"):
            score = self.scorer(estimator, X)
        self.n_done += 1
        if self.verbose:
            seconds = time.monotonic() - start
            print(f"{-score:12.6g} in {seconds:5.1f} s  {text}", flush=True)
        return score


class _Preference:
    """Index of the best candidate; the one that fits the noise unless another is clearly better."""

    def __init__(self, noise):
        self.noise = noise

    def __call__(self, results):
        losses = -results["mean_test_score"]
        losses = np.where(np.isnan(losses), np.inf, losses)
        best, fits = int(np.argmin(losses)), 0
        if self.noise.correlation.footprint:  # all of one kind, and noise of unknown strength
            return best
        if self.noise.outliers > MIN_OUTLIER_SHARE and losses[1] < (1 - MIN_LOSS_GAIN) * losses[0]:
            fits = 1
        return best if losses[best] < (1 - MIN_LOSS_GAIN) * losses[fits] else fits


def _in_words(found, noise):
    grows = "grows with the signal" if noise.grows else "does not grow with the signal"
    lines = [
        f"noise: standard deviation {noise.level:.4g}, {grows}; {noise.outliers:.1%} outliers; "
        f"neighbouring pixels {'share' if noise.correlation.footprint else 'do not share'} noise"
    ]
    losses = -found.cv_results_["mean_test_score"]
    why = "it fits the noise, and no other had a clearly lower self-supervised loss"
    if losses[found.best_index_] == losses.min() and found.best_index_:
        why = f"loss {losses.min():.6g} against {losses[0]:.6g} of the one that fits the noise"
    lines.append(f"chosen: {in_short(found.best_estimator_.estimator)}: {why}")
    return "\n".join(lines)
