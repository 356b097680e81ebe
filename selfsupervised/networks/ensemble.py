# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Test-time augmentation: one answer from mirrored and rotated views of an image."""

from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor

# Whether mirrored, and how many right angles turned: all there are of a square.
VIEWS = tuple(product((False, True), range(4)))


def self_ensemble(module: Any, x: Tensor) -> Tensor:
    """Mean of the outputs for the eight mirrored and rotated views of a batch, turned back.

    What a network makes of a picture and of its mirror image differs at random, the more the
    less it was trained; their mean is closer to the truth than either. This suits networks that
    were trained on such views.

    Parameters
    ----------
    module : callable
        Maps a batch to one of the same spatial shape.
    x : tensor of shape (n, channels, *spatial)
        Turned in its last two axes.

    Returns
    -------
    tensor of shape (n, any number of channels, *spatial)

    See Also
    --------
    selfsupervised.Neighbor2NeighborDenoiser : Predicts by it (`test_time_augmentation`).

    References
    ----------
    Timofte, Rothe & Van Gool, "Seven ways to improve example-based single image super
    resolution", CVPR 2016, Section 3.6.

    Examples
    --------
    >>> import torch
    >>> from selfsupervised.networks import self_ensemble
    >>> self_ensemble(torch.nn.Identity(), torch.ones(1, 1, 2, 3))
    tensor([[[[1., 1., 1.],
              [1., 1., 1.]]]])
    """
    total = torch.zeros(())
    for view in VIEWS:
        total = total + turned_back(module(turned(x, *view)), *view)
    return total / len(VIEWS)


def turned(x, mirrored, turns):
    """An array or tensor mirrored along the last axis, then turned in the last two by right angles.

    Of an array, this is a view.
    """
    library = _library_of(x)
    return library.rot90(library.flip(x, (-1,)) if mirrored else x, turns, (-2, -1))


def turned_back(x, mirrored, turns):
    """The inverse of `turned`."""
    library = _library_of(x)
    x = library.rot90(x, -turns, (-2, -1))
    return library.flip(x, (-1,)) if mirrored else x


def _library_of(x):
    return np if isinstance(x, np.ndarray) else torch
