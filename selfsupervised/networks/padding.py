# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Images of any size through modules that need edges divisible by a number."""

from typing import Any

from torch import Tensor
from torch.nn.functional import pad


def margins(size, multiple):
    """How an edge grows to a multiple: pixels before, pixels after, and how they are filled.

    Parameters
    ----------
    size : int
        Length of the edge, in pixels.
    multiple : int
        What it must be divisible by.

    Returns
    -------
    before, after : int
        Half of the missing pixels each; the odd one comes after.
    mode : {"reflect", "edge"}
        Mirrored about the outermost pixel, or copies of it where the image is too small.
    """
    extra = -size % multiple
    before, after = extra // 2, extra - extra // 2
    return before, after, "reflect" if after < size else "edge"


def padded(module: Any, x: Tensor, multiple: int) -> Tensor:
    """Output of a module that needs edges divisible by `multiple`, for a batch of any size.

    Parameters
    ----------
    module : callable
        Maps a batch of shape (n, channels, *spatial) to (n, any number of channels, *spatial).
    x : tensor of shape (n, channels, *spatial)
        Two or three spatial axes. It is mirrored at its borders as far as needed, by half on
        either side; axes that are too short for that repeat their outermost pixel.
    multiple : int
        What the edges must be divisible by.

    Returns
    -------
    tensor of shape (n, any number of channels, *spatial)
        The part that belongs to `x`.

    See Also
    --------
    needed_multiple : Finds `multiple` for a module.

    Examples
    --------
    >>> import torch
    >>> from selfsupervised.networks import padded
    >>> pool = torch.nn.Sequential(torch.nn.MaxPool2d(2), torch.nn.Upsample(scale_factor=2))
    >>> padded(pool, torch.zeros(1, 1, 7, 9), multiple=2).shape
    torch.Size([1, 1, 7, 9])
    """
    sizes = x.shape[2:]
    edges = [margins(size, multiple) for size in sizes]
    if not any(after for _, after, _ in edges):
        return module(x)
    for mode, name in (("reflect", "reflect"), ("edge", "replicate")):
        # torch.nn.functional.pad counts axes from the last one.
        widths = [(b, a) if m == mode else (0, 0) for b, a, m in reversed(edges)]
        if any(after for _, after in widths):
            x = pad(x, [width for pair in widths for width in pair], mode=name)
    inner = tuple(slice(before, before + size) for (before, _, _), size in zip(edges, sizes))
    return module(x)[(..., *inner)]
