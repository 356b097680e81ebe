# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Where an image is flat, and what is left there of it in differences of high order.

White noise is as strong in the highest spatial frequencies as in any other, while images have
least there. What is left of an image in the differences of high order is looked at where the
smoothed image is flattest, at each brightness alike: to choose flat places reads low
frequencies only, whose noise is independent of what is then measured.
"""

import numpy as np
from scipy.ndimage import maximum_filter, uniform_filter
from scipy.special import comb
from scipy.stats import norm

from selfsupervised.partitions.fill import fill_nan

FLAT_SHARE = 0.25  # this part of the places is looked at, and more where that makes no difference
MIN_PLACES = 64  # but at least as many at each brightness, if there are as many
MAX_ROUNDING_EPS = 4  # that differences of rounded values reach, of the largest value
WINDOW_PIXELS = 7  # width in pixels of the window of local means and variances


def measured_channels(image, channel_axis):
    """Yield (channel without NaN and axes of length one, which of its pixels count)."""
    filled = fill_nan(image[None], channel_axis=channel_axis)[0]
    spatial = image.shape if channel_axis is None else image.shape[:-1]
    long = [size for size in spatial if size > 1]
    counts = ~np.isnan(image) & ~piled_up(image)
    for c in range(image.size // int(np.prod(spatial))):
        channel = filled.reshape(*long, -1)[..., c]
        yield channel, counts.reshape(*long, -1)[..., c]


def piled_up(image):
    """Pixels at an end of the range where saturation, or salt and pepper, piled them up.

    Counts of photons are many at zero too, but then they are fewer at one and fewer still at
    two. A pile falls to its neighbour, and no further.
    """
    piled = np.zeros(image.shape, dtype=bool)
    for sign in (1, -1):
        end = sign * image
        levels, counts = _lowest_levels(end[~np.isnan(end)])
        many = len(counts) == 3 and counts[0] > 1e-3 * image.size
        if many and counts[0] * counts[2] > 3 * counts[1] ** 2:
            piled |= end == levels[0]
    return piled


def _lowest_levels(values):
    """The three lowest levels, or as many as there are, and how many values are at each."""
    levels: list[float] = []
    counts: list[int] = []
    while values.size and len(levels) < 3:
        levels.append(values.min())
        counts.append(int((values == levels[-1]).sum()))
        values = values[values > levels[-1]]
    return levels, counts


def differences(channel, order):
    """Differences along all axes, of unit gain for white noise, and where these lie."""
    within = []
    for axis, size in enumerate(channel.shape):
        n = min(order, size - 1)
        channel = np.diff(channel, n, axis=axis) / np.sqrt(comb(2 * n, n))
        within.append(slice(n // 2, n // 2 + size - n))
    return channel, tuple(within)


def all_inside(counts, order):
    """Differences all of whose pixels count."""
    for axis, size in enumerate(counts.shape):
        for _ in range(min(order, size - 1)):
            counts = np.delete(counts, 0, axis) & np.delete(counts, -1, axis)
    return counts


def mean_squared_slope(smooth):
    """Mean squared slope in the window around each pixel."""
    slopes = (np.square(np.gradient(smooth, axis=axis)) for axis in range(smooth.ndim))
    return uniform_filter(sum(slopes), WINDOW_PIXELS)


def flattest_first(slope, brightness, n_strata):
    """Indices of places, flattest first, for each of `n_strata` equal strata of brightness."""
    strata = np.array_split(np.argsort(brightness, kind="stable"), n_strata)
    return [stratum[np.argsort(slope[stratum], kind="stable")] for stratum in strata]


def first_places(stratum, part):
    return stratum[: max(MIN_PLACES, int(part * len(stratum)))]


def normal_mad(detail):
    return float(np.median(np.abs(detail)) / norm.ppf(0.75)) if detail.size else 0.0


def rounding_error(channel):
    """What differences of rounded values reach."""
    return MAX_ROUNDING_EPS * np.finfo(channel.dtype).eps * np.abs(channel).max()


def has_noise(detail, channel):
    """Where differences are more than rounding, as they are not in flat regions without noise.

    Noise of little more than rounding is less than that at places; it is told by their neighbours.
    """
    rounding = rounding_error(channel)
    size = np.abs(detail)
    noisy = size > rounding
    if noisy.any() and np.median(size[noisy]) < 64 * rounding:
        noisy = maximum_filter(size, 3) > rounding
    return noisy
