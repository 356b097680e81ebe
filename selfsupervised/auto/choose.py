# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Choose among candidates by the estimated error of what is applied, identity among them.

All are shown the same noisier images, and judged on their opposites. What counts is the
difference from doing nothing, whose error is known: it is the noise. Differences are taken block
by block, and no block counts for more than many times the noise, so that one huge edge does not
decide.
"""

import time
import warnings

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.model_selection import GridSearchCV

from selfsupervised.core.progress import part
from selfsupervised.core.words import in_short
from selfsupervised.evaluation.risk import MIXING, split_noise, told_more
from selfsupervised.evaluation.same_split import SameSplit

# Another kind of denoiser must have an error lower by this share of the noise than the one made for
# the noise; and of what that gains, which is more where bright places have far stronger noise than
# the typical one.
MIN_GAIN_SHARE = 0.05
# Without flat places the noise may be texture; then a gain of less than this is not worth the risk.
MANY_FLAT_SHARE = 0.15
MIN_UNSURE_GAIN_DB, MIN_SURE_GAIN_DB = 1.2, 0.05
BLOCK_EDGE_PIXELS = 16
MIN_MEASURED_SHARE = 0.25  # of the pixels of a block
MAX_BLOCK_ERROR = 10.0  # in units of the noise's variance
# Mixtures with less of the denoised image are not worth it; with more, it is taken as it is.
MIN_SHARE, WHOLE_SHARE = 0.1, 0.85
# Pixels to judge candidates of other kinds on.
N_JUDGED_PIXELS = 1 << 15


class AsApplied(TransformerMixin, BaseEstimator):
    """Holds the candidate that a search sets, and applies it."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y=None):
        """Fit the candidate."""
        self.estimator_ = clone(self.estimator).fit(X)
        return self

    def transform(self, X):
        """Apply it."""
        return self.estimator_.transform(X)


def choose(crops, tried, noise, *, n_jobs, budget_s, verbose, random_state):
    """The fitted search among candidates, and how much of the denoised image to take.

    Parameters
    ----------
    crops : list of ndarray
        Parts of the image.
    tried : list of estimator
        Candidates; the one made for the noise first, the second does nothing.
    noise : ImageNoise
    n_jobs, budget_s, verbose, random_state
        As in `denoise`.

    Returns
    -------
    search : GridSearchCV
    share : float
        Of the denoised image in the best mixture with the noisy one.
    """
    judge = _Judge(crops, noise, tried, budget_s, verbose, random_state)
    search = GridSearchCV(
        AsApplied(tried[0]),
        {"estimator": tried},
        scoring=judge,
        cv=SameSplit(),
        n_jobs=n_jobs,
        refit=_Preference(noise, judge.known_error),
        error_score="raise",
    )
    with warnings.catch_warnings():
        # Candidates that time was too short for have no score.
        warnings.filterwarnings("ignore", "One or more of the test scores are non-finite")
        search.fit(crops)
    search.best_score_ = search.cv_results_["mean_test_score"][search.best_index_]
    return search, judge.best_share(search.best_estimator_.estimator)


class _Judge:
    """A scorer: minus the estimated mean squared error, in squared units of the image."""

    def __init__(self, crops, noise, tried, budget_s, verbose, random_state):
        self.noise, self.verbose = noise, verbose
        self.first = str(tried[0])  # told by its text, as workers get copies
        self.n_tried, self.n_done = len(tried), 0
        self.end = np.inf if budget_s is None else time.monotonic() + budget_s
        self.pairs = [
            tuple(split_noise(crop, noise, random_state=random_state + number))
            for number, crop in enumerate(crops)
        ]
        self.shares: dict = {}
        # Of the image that candidates see, and of each channel, in units of its noise.
        self.factor = np.sqrt(1 + MIXING**2)
        levels = np.array([channel.level for channel in noise.channels])
        self.scale = np.where(levels > 0, levels, np.inf)
        self.unit = float(np.mean(levels[levels > 0] ** 2)) if (levels > 0).any() else 1.0
        self.known_error = self.factor**2 * self.unit

    def __call__(self, estimator, X, y=None):
        candidate = estimator.estimator
        if time.monotonic() > self.end and str(candidate) != self.first:
            return np.nan
        start, text = time.monotonic(), in_short(candidate)
        with part(self.n_done, self.n_tried, f"trying {text}"):
            error = self.known_error + self.unit * self._excess(candidate)
        self.n_done += 1
        if self.verbose:
            seconds = time.monotonic() - start
            print(f"{error:12.6g} in {seconds:5.1f} s  {text}", flush=True)
        return -error

    def _excess(self, candidate):
        """Error beyond that of doing nothing, in units of the noise's variance."""
        told = told_more(candidate, self.factor)
        blocks, products = [], np.zeros(2)
        for number, (seen, judged, _) in enumerate(self.pairs):
            with part(number, len(self.pairs)):
                out = np.asarray(clone(told).fit(seen[None]).transform(seen[None]))[0]
            ours, theirs, shown = (x / self.scale for x in (out, judged, seen))
            excess = np.square(ours - theirs) - np.square(shown - theirs)
            blocks.append(_block_means(excess, self.noise.channel_axis))
            step = np.where(np.isnan(excess), 0, ours - shown)
            products += np.nansum(step * (theirs - shown)), np.sum(step * step)
        self.shares[str(candidate)] = products[0] / products[1] if products[1] else 1.0
        return float(np.minimum(np.concatenate(blocks), MAX_BLOCK_ERROR).mean())

    def best_share(self, candidate):
        """Of the candidate's output in the mixture of least error with its input."""
        share = self.shares.get(str(candidate), 1.0)  # unknown where a worker judged it
        return 1.0 if share > WHOLE_SHARE else float(np.clip(share, 0.0, 1.0))


def gain(error, before):
    """In dB; an error that cannot be told from zero is a thousandth of what it was."""
    return 10 * np.log10(before / max(error, 1e-3 * before))


def _block_means(values, channel_axis):
    """Means over blocks side by side of what was measured; over the channels with noise too."""
    if channel_axis is not None:
        # Channels without noise were divided by infinity, and have no error.
        noisy = np.abs(values).sum(axis=tuple(range(values.ndim - 1))) != 0
        values = values[..., noisy].mean(axis=-1) if noisy.any() else values[..., 0]
    measured = ~np.isnan(values)
    total, counts = np.where(measured, values, 0.0), measured.astype(float)
    for axis, size in enumerate(values.shape):
        starts = np.arange(0, max(size - BLOCK_EDGE_PIXELS // 2, 1), BLOCK_EDGE_PIXELS)
        total, counts = (np.add.reduceat(part, starts, axis=axis) for part in (total, counts))
    enough = counts > MIN_MEASURED_SHARE * counts.max()
    return total[enough] / counts[enough]


class _Preference:
    """Index of the candidate to apply: the one made for the noise, another kind that is clearly
    better, or nothing."""

    def __init__(self, noise, known_error):
        self.noise, self.known_error = noise, known_error

    def __call__(self, results):
        errors = -results["mean_test_score"]
        errors = np.where(np.isnan(errors), np.inf, errors)
        if len(errors) == 1:
            return 0
        active = np.delete(errors, 1)
        best = int(np.argmin(errors if errors.argmin() != 1 else [active[0], np.inf, *active[1:]]))
        least = MIN_GAIN_SHARE * max(self.known_error, self.known_error - errors[0])
        chosen = best if errors[best] < errors[0] - least else 0
        return chosen if gain(errors[chosen], self.known_error) > self.least_gain else 1

    @property
    def least_gain(self):
        """In dB, from which on doing something is worth its risk."""
        noisy = [channel for channel in self.noise.channels if channel.level]
        sure = all(channel.flat_share >= MANY_FLAT_SHARE for channel in noisy)
        return MIN_SURE_GAIN_DB if sure else MIN_UNSURE_GAIN_DB
