# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The door: what a user hands over is checked and described here, once, and given back here."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from selfsupervised.core.bare_image import BareImage, without_thin_axes
from selfsupervised.core.validation import check_channel_axis, check_ndim, is_ragged


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


@dataclass(frozen=True, eq=False)
class Measurement:
    """Data as they are computed, and how to give a result back as the user gave the data.

    Made by one of `of_images`, `of_lazy_images`, `of_image`, `of_array` and `of_table`, where a
    public method begins. What is inside takes it, or its plain `data`, without asking again.

    Parameters
    ----------
    data : ndarray, CSR matrix or list of ndarray
        float32 or float64, channels last; a list holds one array an image. NaN is what was not
        measured.
    dtypes : tuple of dtype
        What a result is returned in, one for each array of a list, otherwise one.
    channel_axis : {None, -1}, default=None
        Whether the last axis of `data` holds channels.
    bare : bool, default=False
        Whether the user gave one image, which `data` is a stack of; its dtype, integers
        included, is kept.
    user_axis : int, default=None
        Where the channels of a bare image were.
    bare_image : BareImage, default=None
        What else must be known to give a bare image back.
    """

    data: Any
    dtypes: tuple
    channel_axis: int | None = None
    bare: bool = False
    user_axis: int | None = None
    bare_image: Any = None

    # -- in --------------------------------------------------------------------------------

    @classmethod
    def of_images(cls, X, *, channel_axis=None, caller):
        """A stack, or a list, of images.

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
        Measurement
            Its data are not copied where they need not be.

        Raises
        ------
        TypeError, ValueError
            If `X` is no such thing, or an image has no measured pixel.
        """
        check_channel_axis(channel_axis, caller=caller)
        if not is_ragged(X):
            stack = _floats(X, caller=caller)
            check_ndim(stack.ndim, stack.shape, channel_axis=channel_axis, caller=caller)
            _check_measured(stack, caller=caller)
            return cls(stack, (output_dtype(np.ma.asarray(X).dtype),), channel_axis)
        images = []
        for number, image in enumerate(X):
            which = f"{caller} (image {number} of the list)"
            images.append(_floats(image, caller=which))
            stack = images[-1][None]
            check_ndim(stack.ndim, stack.shape, channel_axis=channel_axis, caller=which)
            _check_measured(stack, caller=which)
        if len({image.ndim for image in images}) > 1:
            raise ValueError(
                f"{caller} expected images of one dimensionality, got shapes "
                f"{[image.shape for image in images][:5]}."
            )
        dtypes = tuple(output_dtype(np.ma.asarray(image).dtype) for image in X)
        return cls(images, dtypes, channel_axis)

    @classmethod
    def of_lazy_images(cls, X, *, channel_axis=None, caller):
        """Images that are read part by part: only their shapes are checked.

        Raises
        ------
        ValueError
            If `X` is no stack, or list, of images.
        """
        check_channel_axis(channel_axis, caller=caller)
        shapes: Any = [(1, *x.shape) for x in X] if is_ragged(X) else [X.shape]
        for shape in shapes:
            check_ndim(len(shape), shape, channel_axis=channel_axis, caller=caller)
            if 0 in shape:
                raise ValueError(f"{caller} expected at least one pixel, got shape {shape}.")
        images = X if is_ragged(X) else [X]
        return cls(X, tuple(output_dtype(image.dtype) for image in images), channel_axis)

    @classmethod
    def of_image(cls, image, *, channel_axis=None, dtype=None, keep_missing=False, caller):
        """One bare image, whose channels may be along any axis.

        Spatial axes of length one are dropped, as far as two are left, and put back at the end.

        Parameters
        ----------
        image : array-like of 2 or 3 spatial axes, and a channel axis if there is one
        channel_axis : int or None
            Where the channels are.
        dtype : dtype, default=None
            What a result is returned in.
        keep_missing : bool, default=False
            Whether what was not measured comes back as NaN, or masked.
        caller : str
            Who asks, for messages.

        Returns
        -------
        Measurement
            A stack of one image, channels last. Results are given back as a bare image, see
            `BareImage.give_back`.

        Raises
        ------
        TypeError, ValueError
            If `image` is none, has no measured pixel, or no such axis.
        """
        data = _floats(image, caller=caller)
        if channel_axis is not None:
            data = np.moveaxis(data, _checked_axis(channel_axis, data.shape, caller), -1)
        shape, n_channel_axes = data.shape, int(channel_axis is not None)
        data = data.reshape(without_thin_axes(shape, n_channel_axes))
        n_spatial = data.ndim - n_channel_axes
        if n_spatial not in (2, 3):
            four = channel_axis is None and n_spatial == 4
            hint = " If one axis holds channels, pass channel_axis." if four else ""
            series = " Denoise the images of a series one by one." if n_spatial > 3 else ""
            raise ValueError(
                f"{caller} expected an image of 2 or 3 spatial axes, got {n_spatial} beside "
                f"channel_axis={channel_axis}.{hint}{series}"
            )
        _check_measured(data[None], caller=caller)
        if np.prod(data.shape[:n_spatial]) == 1:
            raise ValueError(
                f"{caller} expected more than one pixel, got shape {shape}: beside a lone one "
                f"there is nothing to see."
            )
        given = np.ma.asarray(image)
        bare = BareImage(shape, given.dtype, dtype, keep_missing, np.ma.isMaskedArray(image))
        axis = None if channel_axis is None else -1
        return cls(
            data[None], (given.dtype,), axis, bare=True, user_axis=channel_axis, bare_image=bare
        )

    @classmethod
    def of_array(cls, X, *, caller):
        """An array of any shape; see `of_images` for what is refused of its values."""
        return cls(_floats(X, caller=caller), (output_dtype(np.ma.asarray(X).dtype),))

    @classmethod
    def of_table(cls, table, X):
        """A table that scikit-learn has checked, and what the user gave for it."""
        dtype = table.dtype if sparse.issparse(X) else output_dtype(np.ma.asarray(X).dtype)
        return cls(table, (dtype,))

    # -- inside ----------------------------------------------------------------------------

    def __iter__(self):
        return iter(self.data)

    def __len__(self):
        return len(self.data)

    @property
    def is_table(self):
        """Whether these are rows and columns rather than images."""
        return not isinstance(self.data, list) and self.data.ndim == 2

    @property
    def n_spatial(self):
        """Number of spatial axes of each image."""
        return self.data[0].ndim - (self.channel_axis is not None)

    # -- out -------------------------------------------------------------------------------

    def give_back(self, outputs):
        """Results in the user's container, shape, channel axis and dtype.

        Parameters
        ----------
        outputs : ndarray, CSR matrix or list of ndarray
            Of the shape of `data`; a list holds one array an image.

        Returns
        -------
        ndarray, CSR matrix or list of ndarray
        """
        if isinstance(self.data, list):
            pairs = zip(outputs, self.dtypes, strict=True)
            return [output.astype(dtype, copy=False) for output, dtype in pairs]
        if sparse.issparse(self.data):
            return outputs
        (dtype,) = self.dtypes
        if isinstance(outputs, list):
            outputs = outputs[0][None] if len(outputs) == 1 else np.stack(outputs)
        if not self.bare:
            return outputs.astype(dtype, copy=False)
        output = self.bare_image.give_back(outputs[0], self.data[0])
        return output if self.user_axis is None else np.moveaxis(output, -1, self.user_axis)


def _floats(array, *, caller):
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


def _check_measured(images, *, caller):
    """Raise if any image of a stack has no measured (not NaN) pixel at all."""
    blank = np.isnan(images).all(axis=tuple(range(1, images.ndim)))
    if blank.any():
        raise ValueError(
            f"{caller} got an image without any measured pixel (all NaN): image "
            f"{int(np.flatnonzero(blank)[0])}; leave it out."
        )


def _checked_axis(channel_axis, shape, caller):
    if isinstance(channel_axis, bool) or not isinstance(channel_axis, (int, np.integer)):
        raise TypeError(f"{caller} expected channel_axis to be an integer, got {channel_axis!r}.")
    if not -len(shape) <= channel_axis < len(shape):
        raise ValueError(
            f"{caller} got channel_axis={channel_axis} for an image of shape {shape}, whose "
            f"axes are {-len(shape)} to {len(shape) - 1}."
        )
    return channel_axis
