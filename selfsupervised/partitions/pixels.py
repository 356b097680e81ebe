# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Partitions of the pixels of images (Noise2Self, Sections 3 and 5)."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from selfsupervised.core.measurement import Measurement
from selfsupervised.core.seeds import as_seed
from selfsupervised.core.types import RandomState
from selfsupervised.core.validation import is_ragged
from selfsupervised.partitions.footprint import as_footprint, dilate
from selfsupervised.partitions.pair import Pair, check_count


class PixelPartition(BaseEstimator):
    """Base of the partitions that hide pixels: says `labels`, inherits the rest.

    A subclass implements ``n_subsets_for(shapes)``, the number of subsets, and
    ``labels(shape)``, an integer array of the image's spatial `shape` that gives every pixel
    the number of its subset. `shape` ends in the number of channels where each channel has a
    mask of its own (``per_channel=True``). Labels may depend on the shape alone, so that an
    image is split alike in any stack. Where `footprint` is not None, the neighbours that it
    covers are hidden together with each pixel.

    See Also
    --------
    PixelGrid : Hides pixels of a regular grid.
    RandomPixels : Hides pixels anywhere.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import PixelPartition
    >>> class EvenAndOddColumns(PixelPartition):
    ...     def n_subsets_for(self, shapes):
    ...         return 2
    ...
    ...     def labels(self, shape):
    ...         return np.indices(shape)[-1] % 2
    >>> [pair.judged for pair in EvenAndOddColumns().split(np.array([[[1.0, 2.0, 3.0]]]))]
    [array([1., 3.]), array([2.])]
    """

    per_channel = False
    footprint: Any = None

    def labels(self, shape: tuple[int, ...]) -> Any:
        """Number of the subset of each pixel of an image; to be implemented."""
        raise NotImplementedError(
            f"{type(self).__name__} must implement labels(shape) -> integer array of that shape."
        )

    def n_subsets_for(self, shapes: Any) -> Any:
        """Number of subsets for images of these shapes; to be implemented."""
        raise NotImplementedError(
            f"{type(self).__name__} must implement n_subsets_for(shapes) -> int."
        )

    def get_n_splits(self, X: Any, *, channel_axis: int | None = None) -> int:
        """Number of pairs that `split` yields for `X`."""
        images = X if is_ragged(X) else np.asarray(X)
        return self.n_subsets_for([self._label_shape(x.shape, channel_axis) for x in images])

    def split(self, X: Any, *, channel_axis: int | None = None) -> Iterator[Any]:
        """Hide one subset of the pixels after another.

        Parameters
        ----------
        X : array-like of shape (n_images, *spatial) or (n_images, *spatial, n_channels), or list
            Images; NaN means "not measured".
        channel_axis : {None, -1}, default=None
            Whether the last axis holds channels.

        Yields
        ------
        Pair
            `where` is True at the subset's pixels, which are judged. `seen` holds NaN there
            and at their neighbours in the footprint.

        Raises
        ------
        ValueError
            If hiding a subset leaves nothing to see of an image.
        """
        caller = f"{type(self).__name__}.split"
        measured = Measurement.of_images(X, channel_axis=channel_axis, caller=caller)
        yield from self.pairs(measured.data, channel_axis=channel_axis)

    def pairs(self, images: Any, *, channel_axis: int | None = None) -> Iterator[Any]:
        """What `split` yields for images that are checked already: a float stack, or a list.

        Parameters
        ----------
        images : ndarray or list of ndarray
            See `split`.
        channel_axis : {None, -1}, default=None
            Whether the last axis holds channels.

        Yields
        ------
        Pair
        """
        stacks = [image[None] for image in images] if isinstance(images, list) else [images]
        shapes = [self._label_shape(stack.shape[1:], channel_axis) for stack in stacks]
        n_subsets = self.n_subsets_for(shapes)
        labels = [self.labels(shape) for shape in shapes]
        if channel_axis is not None and not self.per_channel:
            labels = [label[..., None] for label in labels]
        for subset in range(n_subsets):
            pairs = [
                self._hide(stack, label == subset, channel_axis)
                for stack, label in zip(stacks, labels, strict=True)
            ]
            yield _listed(pairs) if isinstance(images, list) else pairs[0]

    def hides_along(self, axis: int, shape: Any, *, channel_axis: int | None = None) -> bool:
        """Whether each pixel's direct neighbours along one axis are hidden with it.

        Parameters
        ----------
        axis : int
            Number of the spatial axis.
        shape : tuple of int
            Shape of an image.
        channel_axis : {None, -1}, default=None
            Whether the last axis of `shape` holds channels.

        Returns
        -------
        bool
        """
        n_spatial = len(shape) - (channel_axis is not None)
        if self.footprint is None:
            return not np.diff(self.labels(self._label_shape(shape, channel_axis)), axis=axis).any()
        footprint = as_footprint(self.footprint, n_spatial, owner=type(self).__name__)
        lines = np.moveaxis(footprint, axis, -1)
        line = lines[tuple(size // 2 for size in lines.shape[:-1])]
        middle = len(line) // 2
        return bool(middle and line[middle - 1 : middle + 2].all())

    def _label_shape(self, shape, channel_axis):
        if self.per_channel and channel_axis is None:
            raise ValueError(
                f"{self} hides each channel at pixels of its own, but got images without "
                f"channels: set channel_axis=-1 on the denoiser, or per_channel=False."
            )
        shared = channel_axis is not None and not self.per_channel
        return tuple(shape[:-1] if shared else shape)

    def _hide(self, stack, judged, channel_axis):
        where = np.broadcast_to(judged, stack.shape)
        hidden = judged
        if self.footprint is not None:
            n_spatial = stack.ndim - 1 - (channel_axis is not None)
            footprint = as_footprint(self.footprint, n_spatial, owner=type(self).__name__)
            hidden = dilate(judged, footprint)
        seen = np.where(hidden, stack.dtype.type(np.nan), stack)
        if np.isnan(seen).all(axis=tuple(range(1, seen.ndim))).any():
            smaller = "" if self.footprint is None else "a smaller footprint, "
            raise ValueError(
                f"{self} hides every measured pixel of an image at once, which leaves nothing to "
                f"see: use more subsets, {smaller}or a larger image."
            )
        return Pair(seen, stack[where], where)


def _listed(pairs):
    """One pair for a list of images from a pair for each."""
    judged = np.concatenate([pair.judged for pair in pairs])
    return Pair([pair.seen[0] for pair in pairs], judged, [pair.where[0] for pair in pairs])


class PixelGrid(PixelPartition):
    """Every `stride`-th pixel along each axis: ``stride**2`` subsets in 2-D.

    The partition of Noise2Self, Section 3 (a 4 x 4 grid). Hidden pixels are far apart, so
    each has visible neighbours.

    Parameters
    ----------
    stride : int or tuple of int, default=4
        Distance in pixels between hidden pixels, for all spatial axes or for each.
    per_channel : bool, default=False
        Whether each channel is hidden at pixels of its own. By default a pixel is hidden in
        all channels at once, which is right when their noise is not independent.
    footprint : {"horizontal", "vertical", "disk"} or array-like of bool, default=None
        Which neighbours are hidden together with each pixel, for noise that they share: two
        on either side along the last axis, two along the last but one, or all within two
        pixels. An array of odd sizes, one axis for each spatial axis, is centred on the pixel.
        Only the pixel itself is judged.

    See Also
    --------
    StratifiedPixels : Shuffles the cells of the grid.
    RandomPixels : Hides pixels anywhere.
    HeldOutPixels : One random subset only.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import PixelGrid
    >>> PixelGrid(stride=2).labels((2, 4))
    array([[0, 1, 0, 1],
           [2, 3, 2, 3]])
    """

    def __init__(
        self, stride: int | tuple[int, ...] = 4, *, per_channel: bool = False, footprint: Any = None
    ) -> None:
        self.stride = stride
        self.per_channel = per_channel
        self.footprint = footprint

    def _strides(self, shape):
        name, n_spatial = type(self).__name__, len(shape) - bool(self.per_channel)
        strides = np.atleast_1d(self.stride)
        whole = strides.dtype.kind in "iu" and not isinstance(self.stride, bool)
        if not whole or strides.ndim > 1 or (strides < 1).any():
            raise ValueError(
                f"{name} expected stride to be a positive integer, or one for each spatial "
                f"axis; got {self.stride!r}."
            )
        if len(strides) not in (1, n_spatial):
            raise ValueError(
                f"{name} got {len(strides)} strides for images of {n_spatial} spatial axes."
            )
        strides = np.broadcast_to(strides, n_spatial)
        if (strides == 1).all():
            raise ValueError(
                f"{name} with stride=1 hides every pixel at once, which leaves nothing to see; "
                f"use a stride of 2 or more."
            )
        self._check_fits(strides, shape[:n_spatial])
        return tuple(int(stride) for stride in strides)

    def _check_fits(self, strides, spatial):
        if any(stride > size for stride, size in zip(strides, spatial, strict=True)):
            raise ValueError(
                f"PixelGrid with stride={self.stride} is larger than the image of spatial shape "
                f"{tuple(spatial)}; use a smaller stride."
            )

    def n_subsets_for(self, shapes: Any) -> Any:
        """Product of the strides."""
        return int(np.prod(self._strides(shapes[0])))

    def labels(self, shape: tuple[int, ...]) -> Any:
        """Subset of each pixel: its position within a cell of the grid, in reading order."""
        strides = self._strides(shape)
        spatial = np.indices(shape[: len(strides)], sparse=True)
        phase = [index % stride for index, stride in zip(spatial, strides, strict=True)]
        labels = np.ravel_multi_index(np.broadcast_arrays(*phase), strides)
        if not self.per_channel:
            return labels
        # Channels take the subsets in turn, spread evenly over the cell.
        n_subsets, n_channels = int(np.prod(strides)), shape[-1]
        shift = np.arange(n_channels) * max(1, n_subsets // n_channels)
        return (labels[..., None] + shift) % n_subsets


class RandomPixels(PixelPartition):
    """Random disjoint subsets of equal size (Noise2Self, Section 5: density 1/25).

    Parameters
    ----------
    n_subsets : int, default=25
        Number of subsets; each hides 1/n of the pixels.
    per_channel : bool, default=False
        Whether each channel is hidden at pixels of its own.
    footprint : {"horizontal", "vertical", "disk"} or array-like of bool, default=None
        Which neighbours are hidden together with each pixel, see `PixelGrid`.
    random_state : int, RandomState, Generator or None, default=0
        Seed of the subsets. It is fixed by default, so that all candidates of a search are
        judged on the same pairs.

    See Also
    --------
    PixelGrid : Keeps hidden pixels apart.
    StratifiedPixels : Random, with one pixel in each box.
    HeldOutPixels : One random subset only.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import RandomPixels
    >>> labels = RandomPixels(n_subsets=4).labels((4, 6))
    >>> np.bincount(labels.ravel())
    array([6, 6, 6, 6])
    """

    def __init__(
        self,
        n_subsets: int = 25,
        *,
        per_channel: bool = False,
        footprint: Any = None,
        random_state: RandomState = 0,
    ) -> None:
        self.n_subsets = n_subsets
        self.per_channel = per_channel
        self.footprint = footprint
        self.random_state = random_state

    def n_subsets_for(self, shapes: Any) -> Any:
        """`n_subsets`, whatever the shapes."""
        check_count("RandomPixels", "n_subsets", self.n_subsets)
        return self.n_subsets

    def labels(self, shape: tuple[int, ...]) -> Any:
        """Subset of each pixel, drawn without replacement."""
        check_count("RandomPixels", "n_subsets", self.n_subsets)
        rng = np.random.default_rng(as_seed(self.random_state))
        labels = np.arange(int(np.prod(shape))) % self.n_subsets
        return rng.permutation(labels).reshape(shape)


class SinglePixels(PixelPartition):
    """Every pixel on its own: the finest partition (Noise2Self, Section 3, "donut" filters).

    Denoisers that have a one-pass form, `transform_donut`, are computed by it. All others are
    shown the image once for each pixel, which only tiny images allow.

    See Also
    --------
    PixelGrid : A few subsets, for any denoiser.
    GaussianDenoiser : Has a one-pass form.

    Examples
    --------
    >>> from selfsupervised import SinglePixels
    >>> SinglePixels().labels((2, 3))
    array([[0, 1, 2],
           [3, 4, 5]])
    """

    def n_subsets_for(self, shapes: Any) -> Any:
        """Number of pixels of the largest image."""
        return max(int(np.prod(shape)) for shape in shapes)

    def labels(self, shape: tuple[int, ...]) -> Any:
        """Each pixel's own number."""
        return np.arange(int(np.prod(shape))).reshape(shape)
