# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Test-time augmentation: one answer from mirrored and rotated views of an image."""

from typing import Any

import torch
from torch import Tensor


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
    for mirrored in (False, True):
        for turns in range(4):
            view = torch.rot90(x.flip(-1) if mirrored else x, turns, (-2, -1))
            output = torch.rot90(module(view), -turns, (-2, -1))
            total = total + (output.flip(-1) if mirrored else output)
    return total / 8
