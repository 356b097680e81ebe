# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Neighbours that are hidden together with a pixel, where they share its noise."""

import numpy as np
from scipy.ndimage import binary_dilation

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
        return ball(RADIUS_PIXELS, n_spatial)
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
    with_channels = footprint[(..., *[None] * (mask.ndim - footprint.ndim))]
    return binary_dilation(mask, with_channels)


def ball(radius, n_spatial):
    """All pixels within `radius` of the middle, in an array of bool of `n_spatial` axes."""
    steps = np.indices((2 * radius + 1,) * n_spatial) - radius
    return np.square(steps).sum(axis=0) <= radius**2
