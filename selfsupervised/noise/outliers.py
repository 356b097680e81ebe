# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pixels that are unusually far off their neighbours: salt and pepper, hot and dead pixels.

What is real is spread over several pixels by any lens, so that beside the peak of a star or on an
edge neighbours are off too. An outlier is isolated: it is off what is around it by much more than
the noise and than anything near it, and its neighbours are not. How much is asked for depends on
how many there are beside structure that looks alike: where most of what is nearly isolated is
surely so, the rest is believed too, and of many outliers anything is one that is unusual.
"""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import median_filter

from selfsupervised.noise.flat_places import normal_mad, piled_up

N_BRIGHTNESSES = 8  # strata of brightness, each with a deviation that is usual in it
MAX_DEVIATIONS = 5  # an outlier is as many standard deviations off the median of its neighbours

# By number of axes: edge of the window around a pixel from whose deviations its own must stand out,
# but for this share of them, which may be other outliers.
WINDOW_EDGE_PIXELS = {2: 7, 3: 5}
OTHER_OUTLIER_SHARE = 1 / 6
GROUND_EDGE_PIXELS = 5  # of the window whose median is what a pixel's height is measured from
N_NOISE_DEVIATIONS = 3  # of the usual ones, by which neighbours differ from the ground anyway
# If the outliers that are sure are fewer than this share of those that may be, the image has
# structure of single pixels.
MIN_SURE_SHARE = 0.5
MAX_SINGLE_SHARE = 0.01  # of the pixels; more outliers are no longer single
MAX_STRUCTURE_SHARE = 0.1  # of the pixels may be unusual in a picture of text, but not more
N_PASSES = 4  # outliers side by side are found one after the other


class Isolation(NamedTuple):
    """What an isolated pixel must keep.

    Parameters
    ----------
    ratio : float
        Its deviation, in units of the deviations near it, at least.
    flank, depth : float
        How far its neighbours, but for one, may be off the ground towards it, and away from it, as
        shares of its height.
    """

    ratio: float
    flank: float
    depth: float


POSSIBLE = Isolation(2.0, 0.3, 0.8)
SURE = Isolation(6.0, 0.1, 0.25)
SURE_AMONG_STRUCTURE = Isolation(8.0, 0.1, 0.25)


def outliers(channel):
    """Isolated pixels of a 2-D or 3-D float image that are unusually far off their neighbours.

    Parameters
    ----------
    channel : ndarray of 2 or 3 axes
        Without NaN.

    Returns
    -------
    ndarray of bool
    """
    unusual = unusual_pixels(channel)
    if not unusual.any() or min(channel.shape) < 2:
        return unusual
    if unusual.mean() > MAX_STRUCTURE_SHARE:
        return unusual
    features = _Features.of(channel, channel, unusual)
    possible, sure = features.isolated(POSSIBLE), features.isolated(SURE)
    salted = (unusual & piled_up(channel)).sum() > MIN_SURE_SHARE * unusual.sum()
    if salted or sure.sum() >= MIN_SURE_SHARE * possible.sum() > 0:
        if max(salted * unusual.mean(), possible.mean()) > MAX_SINGLE_SHARE:
            return unusual
        return _one_after_the_other(channel, possible)
    return features.isolated(SURE_AMONG_STRUCTURE)


def _one_after_the_other(channel, found):
    """Possible outliers, also those beside others, which count no more once they are found."""
    for _ in range(N_PASSES - 1):
        without = np.where(found, median_filter(channel, 3, mode="mirror"), channel)
        more = _Features.of(channel, without, unusual_pixels(channel) & ~found).isolated(POSSIBLE)
        if not more.any():
            break
        found = found | more
    return found


class _Features(NamedTuple):
    """What tells isolated pixels from others, for some pixels of an image."""

    where: tuple
    shape: tuple
    deviation: np.ndarray  # from the median of the 3 x 3 (x 3) neighbourhood
    spread: np.ndarray  # of the deviations near it
    noise: np.ndarray  # the usual deviation at its brightness
    height: np.ndarray  # above, or below, the ground around it
    flank: np.ndarray  # height of the highest neighbour but one
    depth: np.ndarray  # and depth of the lowest neighbour but one

    @classmethod
    def of(cls, channel, without, candidates):
        """Of `candidates`, where their surroundings are `without` what was found."""
        where = np.nonzero(candidates)
        middle = median_filter(without, 3, mode="mirror")
        off = np.abs(without - middle)
        value, deviation = channel[where], channel[where] - middle[where]
        sign = np.sign(deviation)
        edge = WINDOW_EDGE_PIXELS[channel.ndim]
        near = _around(off, where, edge)
        nth = near.shape[1] - 1 - int(OTHER_OUTLIER_SHARE * near.shape[1])
        ground = np.median(_around(without, where, GROUND_EDGE_PIXELS), axis=1)
        neighbors = np.sort(_around(without, where, 3) * sign[:, None], axis=1)
        ground = ground * sign
        return cls(
            where,
            channel.shape,
            np.abs(deviation),
            np.partition(near, nth, axis=1)[:, nth],
            _usual_deviation(off, middle)[where],
            value * sign - ground,
            neighbors[:, -2] - ground,
            ground - neighbors[:, 1],
        )

    def isolated(self, asked):
        """Which of the pixels keep what is asked for, as a mask of the image."""
        beside = N_NOISE_DEVIATIONS * self.noise
        kept = self.deviation > asked.ratio * self.spread
        kept &= self.flank <= asked.flank * self.height + beside
        kept &= self.depth <= asked.depth * self.height + beside
        mask = np.zeros(self.shape, dtype=bool)
        mask[self.where] = kept & (self.height > 0)
        return mask


def _around(image, where, edge):
    """Values in the window around each pixel, without its own, (n_pixels, edge**ndim - 1)."""
    reach = edge // 2
    padded = np.pad(image, reach, mode="symmetric")
    steps = np.indices((edge,) * image.ndim).reshape(image.ndim, 1, -1)
    steps = np.delete(steps, edge**image.ndim // 2, axis=2)
    return padded[tuple(at[:, None] + step for at, step in zip(where, steps, strict=True))]


def unusual_pixels(channel):
    """Pixels that are further off the median of their neighbours than is usual, isolated or not."""
    middle = median_filter(channel, 3, mode="mirror")
    deviation = np.abs(channel - middle)
    return (deviation > 0) & ~usual(deviation, middle)


def usual(deviation, brightness):
    """Pixels no further off the median of their neighbours than is usual at their brightness."""
    return deviation <= MAX_DEVIATIONS * _usual_deviation(deviation, brightness)


def _usual_deviation(deviation, brightness):
    """Standard deviation, by a median, of the deviations at each pixel's brightness."""
    flat, level = deviation.ravel(), np.empty(deviation.size)
    for stratum in np.array_split(np.argsort(brightness, axis=None, kind="stable"), N_BRIGHTNESSES):
        of_stratum = flat[stratum]
        level[stratum] = normal_mad(of_stratum[of_stratum > 0])
    return level.reshape(brightness.shape)
