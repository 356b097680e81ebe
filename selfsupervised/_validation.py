# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What counts as a stack of images, and which dtype it is computed and returned in."""

from numbers import Real

import numpy as np
from scipy import sparse

BARE_IMAGE_HINT = "For a single image use X[None], or selfsupervised.denoise(image)."


def compute_dtype(dtype):
    """Dtype in which data of `dtype` is computed: float32 and float64 as they are.

    float16 is computed in float32; integers, booleans and longer floats in float64.
    """
    dtype = np.dtype(dtype)
    small = dtype.kind == "f" and dtype.itemsize <= 4
    return np.dtype(np.float32 if small else np.float64)


def output_dtype(dtype):
    """Dtype that an estimator returns for data of `dtype`: the same float, else float64."""
    dtype = np.dtype(dtype)
    return np.dtype(np.float16) if dtype == np.float16 else compute_dtype(dtype)


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


def is_table(X):
    """Whether `X` has at most two axes, so that it cannot be a stack of images."""
    if is_ragged(X):
        return False
    try:
        return sparse.issparse(X) or np.ma.asarray(X).ndim <= 2
    except ValueError:  # nested sequences of unequal length
        return False


def as_float(array, *, caller):
    """`array` as a floating array in its computing dtype; masked entries become NaN.

    Raises
    ------
    TypeError
        Sparse, object, string or date arrays.
    ValueError
        Complex or empty arrays, and arrays with infinite values.
    """
    if sparse.issparse(array):
        raise TypeError(f"{caller} expected a dense array, got a sparse matrix: pass X.toarray().")
    if np.ma.isMaskedArray(array):
        array = np.ma.filled(array.astype(compute_dtype(array.dtype)), np.nan)
    try:
        array = np.asarray(array)
    except ValueError as error:
        raise ValueError(
            f"{caller} expected one array, or a list of arrays where sizes differ; "
            f"got nested sequences of unequal length."
        ) from error
    if array.dtype.kind == "c":
        raise ValueError(
            f"Complex data not supported by {caller}: denoise X.real and X.imag separately."
        )
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{caller} expected numbers, got an array of dtype {array.dtype}; "
            f"convert it with X.astype(float)."
        )
    if array.size == 0:
        raise ValueError(
            f"{caller} expected at least one pixel, got an empty array of shape {array.shape} "
            f"(0 entries)."
        )
    array = array.astype(compute_dtype(array.dtype), copy=False)
    if np.isinf(array).any():
        raise ValueError(
            f"Input X of {caller} contains infinity; replace what was not measured by NaN."
        )
    return array


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


def _check_measured(images, *, caller):
    """Raise if any image of a stack has no measured (not NaN) pixel at all."""
    blank = np.isnan(images).all(axis=tuple(range(1, images.ndim)))
    if blank.any():
        raise ValueError(
            f"{caller} got an image without any measured pixel (all NaN): image "
            f"{int(np.flatnonzero(blank)[0])}; leave it out."
        )


def check_images(X, *, channel_axis=None, caller):
    """Validate a stack, or a list, of images.

    Parameters
    ----------
    X : array-like of shape (n_images, *spatial) or (n_images, *spatial, n_channels), or list
        Two or three spatial axes. A list holds one array an image, without the first axis;
        sizes may differ. NaN means "not measured". Masked arrays are taken with their mask.
    channel_axis : {None, -1}
        Whether the last axis holds channels.
    caller : str
        Who asks, for messages.

    Returns
    -------
    ndarray, or list of ndarray
        The same data as float32 or float64 (see `compute_dtype`); not copied where it need
        not be.
    """
    check_channel_axis(channel_axis, caller=caller)
    if not is_ragged(X):
        images = as_float(X, caller=caller)
        check_ndim(images.ndim, images.shape, channel_axis=channel_axis, caller=caller)
        _check_measured(images, caller=caller)
        return images
    images = []
    for number, image in enumerate(X):
        which = f"{caller} (image {number} of the list)"
        images.append(as_float(image, caller=which))
        stack = images[-1][None]
        check_ndim(stack.ndim, stack.shape, channel_axis=channel_axis, caller=which)
        _check_measured(stack, caller=which)
    if len({image.ndim for image in images}) > 1:
        raise ValueError(
            f"{caller} expected images of one dimensionality, got shapes "
            f"{[image.shape for image in images][:5]}."
        )
    return images


def restore(images, X):
    """Give denoised `images` the container and float dtype of the input `X`.

    Parameters
    ----------
    images : sequence of ndarray
        One array an image.
    X : array-like, or list of arrays
        What the caller passed in.
    """
    if is_ragged(X):
        return [
            image.astype(output_dtype(np.ma.asarray(original).dtype), copy=False)
            for image, original in zip(images, X, strict=True)
        ]
    dtype = output_dtype(np.ma.asarray(X).dtype)
    if isinstance(images, list):
        images = images[0][None] if len(images) == 1 else np.stack(images)
    return images.astype(dtype, copy=False)
