# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Small questions that are asked of parameters and data in many places."""

from numbers import Real

import numpy as np
from scipy import sparse

BARE_IMAGE_HINT = (
    "For a single image use X[None], in a search with cv=SameSplit(), or "
    "selfsupervised.denoise(image)."
)


def is_finite_number(value):
    """Whether `value` is a finite real number, and no boolean."""
    return (
        isinstance(value, Real) and not isinstance(value, bool) and bool(np.isfinite(float(value)))
    )


def is_whole_number(value):
    """Whether `value` is an integer, and no boolean."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def without_duplicates(X):
    """A sparse `X` whose entries are sorted and given once, in a copy if need be; others as is."""
    if sparse.issparse(X) and not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def is_ragged(X):
    """Whether `X` is a list of arrays, one an image, rather than one array."""
    return isinstance(X, (list, tuple)) and len(X) > 0 and all(hasattr(x, "ndim") for x in X)


def is_lazy(X):
    """Whether `X` is an array, or a list with one, that is read when it is indexed.

    Memory maps are, and what has chunks: dask, zarr and HDF5 arrays.
    """
    if isinstance(X, (list, tuple)):
        return is_ragged(X) and any(is_lazy(image) for image in X)
    return isinstance(X, np.memmap) or hasattr(X, "chunks")


def is_table(X):
    """Whether `X` has at most two axes, so that it cannot be a stack of images."""
    if is_ragged(X):
        return False
    try:
        return sparse.issparse(X) or np.ma.asarray(X).ndim <= 2
    except ValueError:  # nested sequences of unequal length
        return False


def check_channel_axis(channel_axis, *, caller):
    """Raise unless `channel_axis` is None or -1."""
    if channel_axis not in (None, -1):
        raise ValueError(
            f"{caller} expected channel_axis=None (no channels) or -1 (channels last), got "
            f"{channel_axis!r}; move the axis with np.moveaxis(X, {channel_axis!r}, -1)."
        )


def check_ndim(ndim, shape, *, channel_axis, caller):
    """Raise unless `ndim` axes can be images of two or three spatial axes in a stack."""
    n_channel_axes = int(channel_axis is not None)
    if ndim - n_channel_axes in (3, 4):
        return
    layout = "(n_images, height, width{0}) or (n_images, depth, height, width{0})".format(
        ", n_channels" if n_channel_axes else ""
    )
    hint = ""
    if ndim - n_channel_axes == 2:
        hint = f" {BARE_IMAGE_HINT}"
    elif ndim - n_channel_axes == 5:
        hint = " If the last axis holds channels, pass channel_axis=-1."
    raise ValueError(
        f"{caller} expected images of shape {layout} with channel_axis={channel_axis}; "
        f"got a {ndim}-D array of shape {shape}.{hint}"
    )


def check_noise_variance(noise_variance, *, caller):
    """Raise unless `noise_variance` is None or a finite number of at least 0."""
    known = is_finite_number(noise_variance) and noise_variance >= 0
    if noise_variance is not None and not known:
        raise ValueError(
            f"{caller} expected noise_variance to be a finite number >= 0, or None; got "
            f"{noise_variance!r}."
        )
