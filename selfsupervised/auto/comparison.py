# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Denoisers of all kinds on one image, each with its estimated error and how sure that is.

All see the same noisier image and are judged on its opposite, whose noise is independent
(recorruption). Errors of two denoisers are compared block by block: what makes a block hard is
common to both, so that their difference is surer than either.
"""

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.measure import block_reduce
from sklearn.base import clone

from selfsupervised.auto.auto_denoiser import AutoDenoiser
from selfsupervised.core.words import in_short
from selfsupervised.evaluation.risk import MIXING, split_noise, told_more
from selfsupervised.noise.measure import measure_noise
from selfsupervised.partitions.fill import fill_nan

NOTHING = "as it is"
BLOCK_EDGE_PIXELS = 16
SURE_STDS = 2.0  # standard errors by which one must be better to be called so
RANGE_PERCENT = (0.1, 99.9)
# Values count as clipped if more than this share of them is the least, or the largest, of all.
MIN_CLIPPED_SHARE, MAX_LEFT_OUT = 1e-3, 0.9
CLIPPING_STDS, SMOOTHING_PIXELS = 3.0, 2.0


@dataclass(frozen=True, eq=False)
class Compared:
    """What one method makes of an image.

    Parameters
    ----------
    method, denoiser : str
        Its name, and what it came to.
    output : ndarray
    seconds : float
        Of choosing strengths, training and applying; judging it is not counted.
    blocks : ndarray
        Estimated squared error of each block.
    data_range : float
        What a PSNR is relative to.
    common_error : float
        Standard error that all estimates share, as the level of the noise is not known better.
    """

    method: str
    denoiser: str
    output: Any
    seconds: float
    blocks: Any
    data_range: float
    common_error: float = 0.0

    @property
    def error(self):
        """Estimated mean squared error where noise is a little stronger, in squared units."""
        return float(self.blocks.mean())

    @property
    def standard_error(self):
        """Of `error`: over blocks, and by what is not known of the noise."""
        return float(np.hypot(_standard_error(self.blocks), self.common_error))

    @property
    def psnr(self):
        """Estimated PSNR in dB; infinite where no error can be told from zero."""
        return _decibel(self.data_range**2, self.error)

    @property
    def psnr_standard_error(self):
        """Of `psnr`, in dB, to first order."""
        return 10 / np.log(10) * self.standard_error / self.error if self.error > 0 else np.inf

    @property
    def psnr_in_words(self):
        """`psnr` and its standard error, or what it is above."""
        if self.error > 2 * self.standard_error or self.error == 0:
            return f"{self.psnr:.2f} ± {self.psnr_standard_error:.2f}"
        return f"> {_decibel(self.data_range**2, self.error + 2 * self.standard_error):.2f}"

    def excess_over(self, other):
        """How much larger the error is than another's, and the paired standard error of that."""
        difference = self.blocks - other.blocks
        return float(difference.mean()), _standard_error(difference)


def compare(image, methods, *, channel_axis=None, data_range=None, step=None, **settings):
    """Try methods on an image.

    Parameters
    ----------
    image : ndarray of shape (*spatial) or (*spatial, n_channels)
        Floats; NaN means "not measured".
    methods : list of str
        Names, as of `denoise`.
    channel_axis : {None, -1}, default=None
    data_range : float, default=None
        What a PSNR is relative to; by default the range of all but the darkest and brightest
        0.1 % of the pixels.
    step : callable, default=None
        Called with each method's name before it is tried.
    **settings
        Of `AutoDenoiser`.

    Returns
    -------
    list of Compared
        The least estimated error first; the image as it is among them.
    noise : ImageNoise

    Raises
    ------
    ValueError
        If the image has no noise by which methods could be judged.
    """
    noise = measure_noise(image, channel_axis)
    if noise.none:
        raise ValueError("No noise is to be seen in this picture, so that nothing can be judged.")
    if data_range is None:
        data_range = float(np.ptp(np.nanpercentile(image, RANGE_PERCENT)))
    trial = _Trial(image, noise, channel_axis)
    common = data_range, _error_of_variance(noise)
    asis = Compared(NOTHING, "", image, 0.0, trial.of_nothing, *common)
    found = [asis]
    for method in methods:
        if step is not None:
            step(method)
        start = time.perf_counter()
        chosen = AutoDenoiser(method, channel_axis=channel_axis, **settings)
        output = np.asarray(chosen.fit_transform(image[None]))[0]
        seconds = time.perf_counter() - start
        # What was chosen is judged; where channels were treated one by one, choosing anew.
        alike = getattr(chosen.denoiser_, "channel_axis", None) == channel_axis
        judged = chosen.denoiser_ if alike else clone(chosen)
        blocks = trial.blocks_of(judged, output)
        text = in_short(chosen.denoiser_)
        found.append(Compared(method, text, output, seconds, blocks, *common))
    return sorted(found, key=lambda one: one.error), noise


class _Trial:
    """One noisier image for all, and what it takes to judge by its opposite.

    With y the image, d what was added, f the denoised noisier image and a = MIXING, the opposite is
    y - d / a^2, and (f - y + d / a^2)^2 = (f - y)^2 + 2 (f - y) d / a^2 + d^2 / a^4. As d is known,
    its square is left out with the variance that it stands for; and as the mean of d is zero
    whatever y is, the image that was denoised without it takes the place of y in the product.
    Both keep the mean, and most of the chance goes.
    """

    def __init__(self, image, noise, channel_axis):
        self.image, self.channel_axis, self.factor = image, channel_axis, np.sqrt(1 + MIXING**2)
        self.seen, _, _ = split_noise(image, noise)
        self.variance = np.square(noise.std(image)) * np.ones(image.shape)
        self.judged = np.where(np.isnan(image) | _near_clipping(image, noise), np.nan, 1.0)

    @property
    def of_nothing(self):
        """The error of each block of the noisier image itself, which is its noise."""
        return _blocks(self.factor**2 * self.variance * self.judged, self.channel_axis)

    def blocks_of(self, denoiser, output):
        """Estimated squared error of each block of the noisier image.

        Parameters
        ----------
        denoiser : estimator
        output : ndarray
            What it makes of the image as it is.
        """
        told = told_more(denoiser, self.factor)
        out = np.asarray(told.fit(self.seen[None]).transform(self.seen[None]))[0]
        added = self.seen - self.image
        errors = np.square(out - self.image) - self.variance
        errors += 2 / MIXING**2 * added * (out - output)
        return _blocks(errors * self.judged, self.channel_axis)


def _near_clipping(image, noise):
    """Where values were clipped, so that there is less noise than elsewhere.

    It is told by the smoothed image: what is clipped itself depends on the noise.
    """
    if noise.channel_axis is not None:
        alone = [replace(noise, channels=(c,), channel_axis=None) for c in noise.channels]
        planes = zip(np.moveaxis(image, -1, 0), alone, strict=True)
        return np.stack([_near_clipping(plane, its) for plane, its in planes], axis=-1)
    smooth = gaussian_filter(fill_nan(image[None])[0].astype(float), SMOOTHING_PIXELS)
    margin = CLIPPING_STDS * noise.channels[0].level
    near = np.zeros(image.shape, bool)
    for limit, inwards in ((np.nanmin(image), 1), (np.nanmax(image), -1)):
        if np.mean(image == limit) > MIN_CLIPPED_SHARE:
            near |= inwards * (smooth - limit) < margin
    return near if near.mean() < MAX_LEFT_OUT else np.zeros_like(near)


def _blocks(errors, channel_axis):
    """Means over blocks side by side, of those in which something was measured."""
    if channel_axis is not None:
        measured = ~np.isnan(errors)
        errors = np.nansum(errors, axis=-1) / np.where(measured.any(-1), measured.sum(-1), np.nan)
    edges = tuple(min(BLOCK_EDGE_PIXELS, size) for size in errors.shape)
    sums = block_reduce(np.nan_to_num(errors), edges, np.sum)
    counts = block_reduce((~np.isnan(errors)).astype(float), edges, np.sum)
    kept = counts > 0
    return sums[kept] / counts[kept]


def _error_of_variance(noise):
    """Standard error of the variance of the noise; its interval spans four of them."""
    widths = [channel.high**2 - channel.low**2 for channel in noise.channels]
    return float(np.mean(widths)) / 4


def _standard_error(values):
    return float(values.std(ddof=1) / np.sqrt(values.size)) if values.size > 1 else np.inf


def _decibel(peak, error):
    return float(10 * np.log10(peak / error)) if error > 0 else np.inf


def in_words(found):
    """Which method is best, how sure that is, and what it gains, in a sentence or two.

    Parameters
    ----------
    found : list of Compared
        The least error first.

    Returns
    -------
    str
    """
    best = found[0]
    if best.method == NOTHING:
        return "Nothing that was tried improves this picture."
    rivals = []
    for one in found[1:]:
        excess, error = one.excess_over(best)
        if excess <= SURE_STDS * error:
            rivals.append(one.method)
    asis = next(one for one in found if one.method == NOTHING)
    sentence = (
        f"{best.method} has the least estimated error, {best.error:.4g} against {asis.error:.4g} "
        f"of the picture as it is (PSNR {best.psnr_in_words} dB against {asis.psnr_in_words} dB)"
    )
    if rivals:
        return f"{sentence}; within {SURE_STDS:.0f} standard errors of it: {', '.join(rivals)}."
    return f"{sentence}; all others are worse by more than {SURE_STDS:.0f} standard errors."
