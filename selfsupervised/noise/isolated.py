# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Single pixels that stand out from all their neighbours: hot and dead ones.

Optics spread what is real over more than one pixel, so that the neighbours of a bright pixel
are bright too. A pixel is isolated if it is off all its neighbours, but for one that may be
another such pixel, by much more than the noise and than what the neighbours differ by.
"""

import numpy as np
from scipy.ndimage import generate_binary_structure, median_filter, rank_filter

MIN_DEVIATIONS = 6.0  # standard deviations of the noise, or of what varies around a pixel
MAX_NEIGHBOR_SHARE = 0.1  # of a pixel's height that a neighbour may have, beside noise
N_NEIGHBOR_DEVIATIONS = 3.0
# Its neighbours, but for one, are alike: within so many standard deviations, and this share of its
# height.
MAX_RANGE_DEVIATIONS, MAX_RANGE_SHARE = 6.0, 0.25
RING_EDGE_PIXELS = 5
# The spread around a pixel is what all but a few of its ring keep within, over what that is for
# white noise of unit variance.
N_OUTSIDE, SPREAD_OF_NOISE = 4, 1.4
# Where there are peaks with flanks too, more than a third as many of the same sign or more than as
# many of both, all are taken as real.
MAX_FLANKED_RATIO = 1 / 3
# Where so many pixels for each isolated one are half as far off what is around them, and half of
# that off their neighbours on both sides, the picture has structure of one pixel, and points belong
# to it as the dots of letters do.
MAX_STRUCTURE_RATIO, MIN_NARROW_SHARE = 12, 0.5
MIN_TYPICAL_SHARE = 0.5  # of the typical height of isolated pixels, above all neighbours but one
MAX_TYPICAL_SHARE = 4.0  # beyond, it is a corner of something else
MIN_OWN_SHARE = 0.6  # of its own height, too; a peak behind a lens has less


def isolated_pixels(channel, std):
    """Where single pixels stand out from their neighbours.

    Parameters
    ----------
    channel : ndarray of 2 or 3 axes
        Float image without NaN.
    std : float
        Standard deviation of the noise, in units of the image.

    Returns
    -------
    ndarray of bool
        Nowhere, if about as many peaks have flanks, as stars and letters do.
    """
    around = median_filter(channel, RING_EDGE_PIXELS, mode="mirror")
    spread = rank_filter(np.abs(channel - around), -N_OUTSIDE, RING_EDGE_PIXELS, mode="mirror")
    usual = np.maximum(spread / SPREAD_OF_NOISE, std)
    found = np.zeros(channel.shape, dtype=bool)
    peaks = [_peaks(sign * channel, sign * around, usual, std) for sign in (1, -1)]
    n_flanked = sum(flanked.sum() for _, flanked in peaks)
    for alone, flanked in peaks:
        n_alone = alone.sum()
        if flanked.sum() <= MAX_FLANKED_RATIO * n_alone and n_flanked <= n_alone:
            found |= alone
    if not found.any():
        return found
    off = np.abs(channel - around)
    typical = np.median(off[found])
    others = (off > typical / 2) & (_narrowness(channel, around) > MIN_NARROW_SHARE * off)
    if others.sum() - found.sum() > MAX_STRUCTURE_RATIO * found.sum():
        return np.zeros_like(found)
    # That there are such pixels is known now; those as high are found in the midst of texture, too.
    for sign in (1, -1):
        above = sign * channel - _second_neighbor(sign * channel)
        high = above > max(MIN_TYPICAL_SHARE * typical, MIN_DEVIATIONS * std)
        high &= above > MIN_OWN_SHARE * sign * (channel - around)
        found |= high & (above < MAX_TYPICAL_SHARE * typical)
    return found


def _narrowness(channel, around):
    """How far each pixel is off its neighbours on both sides, in the direction with the most."""
    height = np.abs(channel - around)
    sign = np.sign(channel - around)
    found = np.zeros_like(height)
    padded = np.pad(channel, 1, mode="symmetric")
    neighbors = np.argwhere(_neighbors(channel.ndim))
    for start in neighbors[: len(neighbors) // 2]:  # of each pair of opposite ones
        sides = (
            padded[tuple(slice(a, a + size) for a, size in zip(at, channel.shape, strict=True))]
            for at in (start, 2 - start)
        )
        found = np.maximum(found, np.minimum(*(sign * (channel - side) for side in sides)))
    return found


def _second_neighbor(channel):
    """The second highest of the neighbours of each pixel."""
    return rank_filter(channel, -2, footprint=_neighbors(channel.ndim), mode="mirror")


def _neighbors(ndim):
    neighbors = generate_binary_structure(ndim, ndim)
    neighbors[(1,) * ndim] = False
    return neighbors


def _peaks(channel, around, usual, std):
    """Peaks without flanks, and with them."""
    second = _second_neighbor(channel)
    height, flank = channel - around, second - around
    high = (height > MIN_DEVIATIONS * usual) & (channel > second)
    alone = flank <= MAX_NEIGHBOR_SHARE * height + N_NEIGHBOR_DEVIATIONS * usual
    span = second - rank_filter(channel, 0, footprint=_neighbors(channel.ndim), mode="mirror")
    alone &= span <= MAX_RANGE_SHARE * height + MAX_RANGE_DEVIATIONS * std
    return high & alone, high & ~alone
