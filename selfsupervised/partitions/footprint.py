# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Neighbours that are hidden together with a pixel, where they share its noise."""

from itertools import product

import numpy as np

RADIUS_PIXELS = 2  # pixels; camera and wide-field noise is correlated about as far
FOOTPRINT_NAMES = ("horizontal", "vertical", "disk")


def as_footprint(footprint, n_spatial, *, owner):
    """A footprint by name, or of one's own, as a boolean array of `n_spatial` odd sizes."""
    if isinstance(footprint, str) and footprint in FOOTPRINT_NAMES:
        return _named(footprint, n_spatial)
    expected = f"{owner} expected footprint to be one of {FOOTPRINT_NAMES} or an array of bool"
    if isinstance(footprint, str):
        raise ValueError(f"{expected}; got {footprint!r}.")
    array = np.asarray(footprint)
    if array.dtype.kind not in "biu" or not np.isin(array, (0, 1)).all():
        raise ValueError(f"{expected}; got {footprint!r}.")
    if array.ndim != n_spatial or any(size % 2 == 0 for size in array.shape):
        raise ValueError(
            f"{expected} of {n_spatial} axes of odd sizes, for as many spatial axes; got shape "
            f"{array.shape}."
        )
    array = array.astype(bool)
    array[tuple(size // 2 for size in array.shape)] = True  # the pixel itself is always hidden
    return array


def _named(name, n_spatial):
    if name == "disk":
        steps = np.indices((2 * RADIUS_PIXELS + 1,) * n_spatial) - RADIUS_PIXELS
        return (steps**2).sum(axis=0) <= RADIUS_PIXELS**2
    along = n_spatial - (1 if name == "horizontal" else 2)
    return np.ones(
        [2 * RADIUS_PIXELS + 1 if axis == along else 1 for axis in range(n_spatial)], bool
    )


def dilate(mask, footprint):
    """`mask` and all that a footprint covers that is centred on one of its entries.

    Parameters
    ----------
    mask : ndarray of bool of shape (*spatial) or (*spatial, n_channels)
        Each channel for itself.
    footprint : ndarray of bool
        One axis of odd size for each spatial axis.

    Returns
    -------
    ndarray of bool
        The shape of `mask`.
    """
    out = mask.copy()
    half = np.array(footprint.shape) // 2
    for place in product(*map(range, footprint.shape)):
        if footprint[place]:
            to, of = _overlap(np.array(place) - half, mask.shape)
            out[to] |= mask[of]
    return out


def _overlap(step, shape):
    """Slices of an image and of itself moved by `step`, where both are."""
    step = [max(-size, min(size, int(d))) for d, size in zip(step, shape)]
    to = tuple(slice(max(0, d), size + min(0, d)) for d, size in zip(step, shape))
    of = tuple(slice(max(0, -d), size - max(0, d)) for d, size in zip(step, shape))
    return to, of
