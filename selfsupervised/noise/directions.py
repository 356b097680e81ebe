# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pairs of pixels along a direction, and how much varies around them.

Fringes, gratings, layers and bar codes change hardly at all along one direction, so that pixels
which are neighbours along it differ by the noise alone.
"""

import numpy as np
from scipy.ndimage import uniform_filter

# From a pixel to its neighbour, in rows and columns.
SLANTED = ((1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1))
MARGIN_PIXELS = 2  # around a pair
EDGE_PIXELS = 2 * MARGIN_PIXELS + 1


def directions(n_axes):
    """Along each axis, the last first, and of images of two axes slanted ones too."""
    along = [tuple(int(k == axis) for k in range(n_axes)) for axis in reversed(range(n_axes))]
    return [*along, *(SLANTED if n_axes == 2 else ())]


def pairs(image, direction):
    """The pixels of all pairs: views of the image, each of them shorter by the direction.

    Parameters
    ----------
    image : ndarray
    direction : tuple of int
        From the first of a pair to the second.

    Returns
    -------
    first, second : ndarray
    """
    return image[_from(direction, -1)], image[_from(direction, 1)]


def around_pairs(image, direction):
    """Sum over the window around each pair, but for the pair itself.

    Parameters
    ----------
    image : ndarray
    direction : tuple of int

    Returns
    -------
    ndarray
        As of `pairs`.
    """
    edges = [EDGE_PIXELS + abs(step) for step in direction]
    total = uniform_filter(image, edges, mode="mirror") * float(np.prod(edges))
    # A window of an even edge is centred between its two middle pixels, at the latter.
    starts = [(abs(step) + 1) // 2 for step in direction]
    sizes = [size - abs(step) for size, step in zip(image.shape, direction, strict=True)]
    within = tuple(slice(a, a + size) for a, size in zip(starts, sizes, strict=True))
    first, second = pairs(image, direction)
    return total[within] - first - second


def squares_around(squares, direction):
    """Mean of the squared differences around each, but for those that share a pixel with it.

    It says nothing of the noise of a pair itself, so that to choose pairs by it does not make that
    less.

    Parameters
    ----------
    squares : ndarray
        Of the differences of `pairs`.
    direction : tuple of int

    Returns
    -------
    ndarray
        As `squares`.
    """
    n_own = 3  # the pair's, and those of the pairs before and after it
    total = uniform_filter(squares, EDGE_PIXELS, mode="mirror") * EDGE_PIXELS**squares.ndim
    padded = np.pad(squares, MARGIN_PIXELS, mode="reflect")
    for sign in (0, 1, -1):
        starts = [MARGIN_PIXELS + sign * step for step in direction]
        moved = (slice(a, a + size) for a, size in zip(starts, squares.shape, strict=True))
        total -= padded[tuple(moved)]
    return total / (EDGE_PIXELS**squares.ndim - n_own)


def correlation(differences, kept, lag):
    """Of differences of mean zero with those a lag further on.

    Of white noise, that of a pair is correlated by minus one half with the next along the
    direction, with which it shares a pixel, and with no other.

    Parameters
    ----------
    differences : ndarray
        Of `pairs`.
    kept : ndarray of bool
        Those that are looked at.
    lag : tuple of int

    Returns
    -------
    correlation : float
    n : int
        How many were looked at.
    """
    known, kept = np.where(kept, differences, 0.0), kept.astype(float)
    variance = np.square(known).sum() / max(kept.sum(), 1.0)
    n = np.multiply(*pairs(kept, lag)).sum()
    found = np.multiply(*pairs(known, lag)).sum()
    return float(found / (variance * n)) if variance * n else 0.0, int(n)


def _from(direction, sign):
    """Where the first pixels of pairs are, or the second."""
    ends = [(max(0, sign * step), min(0, sign * step) or None) for step in direction]
    return tuple(slice(*end) for end in ends)
