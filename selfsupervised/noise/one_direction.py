# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The level of white noise in an image that changes across one direction only.

Fringes, gratings, layers and bar codes have no flat places, but neighbours along them differ by
the noise alone. That is certain where those differences are white: that of a pair is correlated
with the next along the direction, with which it shares a pixel, by minus one half, and with no
other.
"""

from itertools import product

import numpy as np

from selfsupervised.noise.directions import (
    MARGIN_PIXELS,
    correlation,
    directions,
    pairs,
    squares_around,
)
from selfsupervised.noise.flat_level import MAX_SLOPE_RATIO, FlatLevel, agreeing

MIN_EDGE_PIXELS = 16
MIN_SHARE = 0.8  # of the pairs, around which nothing but noise varies
MAX_CORRELATION = 0.06  # that is not as it is for white noise
NONE = FlatLevel(0.0, 0.0)


def level_along(channel):
    """Level of white noise along the direction in which the image hardly changes.

    Parameters
    ----------
    channel : ndarray
        Float image without NaN.

    Returns
    -------
    FlatLevel
        Its share is 0 if the image has no such direction, or the noise is not white.
    """
    if channel.ndim != 2 or min(channel.shape) < MIN_EDGE_PIXELS:
        return NONE
    direction = min(directions(2), key=lambda way: np.median(np.abs(_differences(channel, way))))
    differences = _differences(channel, direction)
    explained = squares_around(np.square(differences), direction)
    found = agreeing(differences.ravel(), explained.ravel())
    if found.share < MIN_SHARE or found.level == 0:
        return NONE
    flat = explained <= MAX_SLOPE_RATIO * found.level**2
    return found if _are_white(differences, flat, direction) else NONE


def _differences(channel, direction):
    """Of pairs along a direction, of unit gain for white noise."""
    first, second = pairs(channel, direction)
    return (second - first) / np.sqrt(2)


def _are_white(differences, flat, direction):
    reach = range(-MARGIN_PIXELS, MARGIN_PIXELS + 1)
    next_ones = direction, tuple(-step for step in direction)
    lags = [lag for lag in product(reach, reach) if lag > (0, 0)]
    found = [correlation(differences, flat, lag)[0] for lag in lags]
    expected = [-0.5 if lag in next_ones else 0.0 for lag in lags]
    return bool(np.abs(np.subtract(found, expected)).max() < MAX_CORRELATION)
