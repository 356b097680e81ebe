# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The level of white noise in places that are flat but for the noise, and how many there are.

Noise of one level explains a certain slope of the smoothed image. Where the slope is no larger,
there is nothing else to be seen: the place is flat. The level is measured in such places, which
are then chosen by it, and so on until both agree. An image without a flat place has noise of no
more than is found where it is flattest, and nobody can tell how much less.
"""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter, median_filter, uniform_filter

from selfsupervised.noise.flat_places import (
    all_inside,
    differences,
    normal_mad,
    rounding_error,
)
from selfsupervised.noise.outliers import usual

WINDOW_PIXELS = 3  # narrow, as the gaps between lines of text are
A_LITTLE_MORE_RATIO = 10.0
MAX_SLOPE_RATIO = 2.0  # of the squared slope to what noise alone explains; noise has more in 6 %
MIN_FLAT_PIXELS, MANY_FLAT_PIXELS = 100, 500
# With fewer flat places, places that bend no more than noise does are looked for.
FEW_FLAT_SHARE = 0.15
BEND_SMOOTHING_PIXELS, BEND_OF_NOISE = 1.5, 0.00766  # mean squared, of unit noise, so smoothed
N_ROUNDS = 15


class FlatLevel(NamedTuple):
    """Level of the noise where the image is flat.

    Parameters
    ----------
    level : float
        Standard deviation, in units of the image.
    share : float
        Of the pixels that are flat but for such noise; 0 if there are too few, and the level
        that of the flattest, an upper bound.
    between : float
        Pixels that vary a little more than such noise does, for each one that is flat. What was
        drawn, or is noisy indeed, has few; where they are many, so is fine structure.
    """

    level: float
    share: float
    between: float = np.inf


def flat_level(channel, counts, scattered=False):
    """Level of white noise in the flat places of one channel.

    Parameters
    ----------
    channel : ndarray of 2 or 3 axes longer than one
        Float image without NaN.
    counts : ndarray of bool
        Which pixels count.
    scattered : bool, default=False
        Whether pixels that were not measured may lie all over, so that few are within reach of
        none of them; differences are shorter then.

    Returns
    -------
    FlatLevel
    """
    order = 4 if channel.ndim < 3 else 2
    middle = median_filter(channel, 3)
    usable = counts & usual(np.abs(channel - middle), middle)
    if scattered and all_inside(usable, order).sum() < MANY_FLAT_PIXELS:
        order = 2
    detail, within = differences(channel, order)
    noisy = np.abs(detail) > rounding_error(channel)
    kept = noisy & all_inside(usable, order)
    kept = kept if kept.sum() > MIN_FLAT_PIXELS else noisy
    slope = narrow_slope(channel)[within][kept] / slope_of_noise(channel.ndim)
    found = agreeing(detail[kept], slope)
    if found.share < FEW_FLAT_SHARE and channel.ndim == 2:
        # Perhaps it is smooth, and slopes everywhere.
        bend = _bend(channel)[within][kept] / BEND_OF_NOISE
        found = max(found, agreeing(detail[kept], bend), key=lambda level: level.share)
    return found


def narrow_slope(channel):
    """Mean squared slope of the smoothed channel around each pixel."""
    slopes = np.gradient(gaussian_filter(channel, 1))
    return uniform_filter(np.sum([np.square(s) for s in slopes], axis=0), WINDOW_PIXELS)


def _bend(channel):
    """Mean squared second derivative of the smoothed channel around each pixel."""
    first = np.gradient(gaussian_filter(channel, BEND_SMOOTHING_PIXELS))
    second = [part for slope in first for part in np.gradient(slope)]
    return uniform_filter(np.sum([np.square(s) for s in second], axis=0), WINDOW_PIXELS)


def slope_of_noise(ndim):
    """Mean squared slope of smoothed white noise of unit variance, by its autocovariance."""
    near, apart = np.exp(-np.square([0.0, 2.0]) / 4) / (2 * np.sqrt(np.pi))
    return ndim / 2 * (near - apart) * near ** (ndim - 1)


def agreeing(detail, explained):
    """The level that makes those places flat in which it is measured.

    Parameters
    ----------
    detail : ndarray of shape (n_places,)
        Differences, of unit gain for white noise.
    explained : ndarray of shape (n_places,)
        What varies around each, of mean one for white noise of unit variance.

    Returns
    -------
    FlatLevel
    """
    if detail.size < MIN_FLAT_PIXELS:
        return FlatLevel(normal_mad(detail), 0.0)
    n_flattest = max(MIN_FLAT_PIXELS, detail.size // 50)
    level = normal_mad(detail[np.argpartition(explained, n_flattest - 1)[:n_flattest]])
    for _ in range(N_ROUNDS):
        flat = explained <= MAX_SLOPE_RATIO * level**2
        if flat.sum() < MIN_FLAT_PIXELS:
            flattest = np.argpartition(explained, MIN_FLAT_PIXELS - 1)[:MIN_FLAT_PIXELS]
            return FlatLevel(normal_mad(detail[flattest]), 0.0)
        former, level = level, normal_mad(detail[flat])
        if abs(level - former) < 0.003 * former:
            break
    more = ~flat & (explained <= A_LITTLE_MORE_RATIO * level**2)
    return FlatLevel(level, float(flat.mean()), float(more.sum() / flat.sum()))
