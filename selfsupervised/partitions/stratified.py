# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""One pixel of each box: spread as evenly as on a grid, and at no place that could be learned."""

from typing import Any

import numpy as np

from selfsupervised.core.seeds import as_seed
from selfsupervised.core.types import RandomState
from selfsupervised.partitions.pixels import PixelGrid


class StratifiedPixels(PixelGrid):
    """One pixel of each box in each subset, in random order: `PixelGrid` with its cells shuffled.

    Hidden pixels are spread as evenly as on a grid, so nearly all have visible neighbours,
    while no pixel can be told by its place to be one of them, as by `RandomPixels`. Networks that
    learn from masked pixels are given such, first by Krull et al.

    Parameters
    ----------
    stride : int or tuple of int, default=4
        Edge of the boxes in pixels, for all spatial axes or for each. Boxes that are cut by the
        border of an image have a pixel in some of the ``stride**2`` (in 3-D ``stride**3``)
        subsets only.
    per_channel : bool, default=False
        Whether each channel is hidden at pixels of its own.
    footprint : {"horizontal", "vertical", "disk"} or array-like of bool, default=None
        Which neighbours are hidden together with each pixel, see `PixelGrid`.
    random_state : int, RandomState, Generator or None, default=0
        Seed of the order in the boxes, fixed by default as for `RandomPixels`.

    See Also
    --------
    PixelGrid : The same place in each box.
    RandomPixels : Without boxes.

    References
    ----------
    Krull, Buchholz & Jug, "Noise2Void - Learning Denoising from Single Noisy Images", CVPR 2019.

    Examples
    --------
    >>> from selfsupervised import StratifiedPixels
    >>> StratifiedPixels(stride=2).labels((2, 4))
    array([[2, 0, 3, 2],
           [1, 3, 1, 0]])
    """

    def __init__(
        self,
        stride: int | tuple[int, ...] = 4,
        *,
        per_channel: bool = False,
        footprint: Any = None,
        random_state: RandomState = 0,
    ) -> None:
        super().__init__(stride, per_channel=per_channel, footprint=footprint)
        self.random_state = random_state

    def _check_fits(self, strides, spatial):
        """A box may be cut."""

    def labels(self, shape: Any) -> Any:
        """Subset of each pixel: its position within the box, in the order of that box."""
        strides = (*self._strides(shape), *[1] * bool(self.per_channel))
        places = [np.arange(size) // stride for size, stride in zip(shape, strides, strict=True)]
        n_boxes = [place[-1] + 1 for place in places]
        box = np.arange(np.prod(n_boxes)).reshape(n_boxes)[np.ix_(*places)]
        rng = np.random.default_rng(as_seed(self.random_state))
        order = np.tile(np.arange(np.prod(strides)), (np.prod(n_boxes), 1))
        return rng.permuted(order, axis=1)[box, super().labels(shape)]


def box_edge(share, n_dims):
    """Edge of the boxes of about ``1 / share`` pixels."""
    return round(share ** (-1 / n_dims))


def draw_stratified(shape, share, rng):
    """A mask with one pixel in each box, at a random place in it.

    Parameters
    ----------
    shape : tuple of int
        (n, channels, *spatial); each channel of each crop has pixels of its own.
    share : float
        A box has about ``1 / share`` pixels.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of bool of shape `shape`
        Boxes at the far borders that are cut by them may be without one.
    """
    n_planes, spatial = shape[0] * shape[1], shape[2:]
    edge = box_edge(share, len(spatial))
    n_boxes = [-(-size // edge) for size in spatial]
    corners = edge * np.indices(n_boxes).reshape(len(spatial), 1, -1)
    place = corners + rng.integers(edge, size=(len(spatial), n_planes, corners.shape[-1]))
    inside = (place < np.reshape(spatial, (-1, 1, 1))).all(axis=0)
    plane = np.broadcast_to(np.arange(n_planes)[:, None], inside.shape)
    mask = np.zeros((n_planes, *spatial), dtype=bool)
    mask[(plane[inside], *(axis[inside] for axis in place))] = True
    return mask.reshape(shape)
