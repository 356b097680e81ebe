# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a module needs and how far it sees, found out by trying."""

from copy import deepcopy
from typing import Any

import torch

MULTIPLES = (1, 2, 4, 8, 16, 32, 64)


def probe(module):
    """A copy of a module to try things on: on the CPU, in float32, as at inference."""
    return deepcopy(module).cpu().float().eval()


@torch.random.fork_rng(devices=[])  # a network may draw random numbers
def needed_multiple(
    module: Any, in_channels: int = 1, n_dims: int = 2, *, out_channels: int | None = None
) -> int:
    """What the edges of images must be divisible by, for a module to keep their size.

    Parameters
    ----------
    module : torch.nn.Module
        Maps a batch of shape (n, in_channels, *spatial) to (n, out_channels, *spatial). If it
        has an attribute `multiple`, that is the answer. Otherwise 1, 2, 4, ..., 64 are tried.
    in_channels : int, default=1
        Channels of the input.
    n_dims : {2, 3}, default=2
        Number of spatial axes.
    out_channels : int, default=None
        Channels of the output; as many as the input has by default.

    Returns
    -------
    int
        The smallest that serves, in pixels; for `padded`.

    Raises
    ------
    ValueError
        If the output has another shape than it should, at each multiple that was tried.

    See Also
    --------
    padded : Brings images to such edges, and back.
    receptive_radius : How far a module sees.

    Examples
    --------
    >>> from torch import nn
    >>> from selfsupervised.networks import needed_multiple
    >>> pool = nn.Sequential(nn.MaxPool2d(4), nn.Upsample(scale_factor=4))
    >>> needed_multiple(pool)
    4
    """
    said = getattr(module, "multiple", None)
    candidates = MULTIPLES if said is None else (said,)
    network = probe(module)
    out_channels = in_channels if out_channels is None else out_channels
    for multiple in candidates:
        # Odd numbers of times, so that a size is no multiple of anything larger.
        times = -(-24 // multiple) // 2 * 2 + 1
        sizes = [times * multiple] * (n_dims - 1) + [(times + 2) * multiple]
        expected = (2, out_channels, *sizes)
        error = None
        try:
            with torch.no_grad():
                output = network(torch.zeros(2, in_channels, *sizes))
            got = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        except Exception as caught:  # anything that a foreign module may raise at such a size
            error, got = caught, f"{type(caught).__name__} ({caught})"
        if got == expected:
            return multiple
    message = (
        f"Expected {type(module).__name__} to map a batch of shape {(2, in_channels, *sizes)} to "
        f"{expected}; got {got}."
    )
    if said is None:
        message += (
            f" Edges that are a multiple of {', '.join(map(str, MULTIPLES))} were tried; if the "
            f"module needs another, give it an attribute `multiple`."
        )
    raise ValueError(message) from error


@torch.random.fork_rng(devices=[])
def receptive_radius(
    module: Any, in_channels: int = 1, n_dims: int = 2, multiple: int | None = None
) -> int | None:
    """Largest distance at which an input pixel can influence an output pixel.

    NaN spreads to all that is computed from it, whatever the weights. So all pixels beyond
    some line are set to NaN (to infinity for networks that take NaN for missing, which soon is
    NaN within), and the output shows how far that reaches across the line, for
    every position of the line within `multiple` and from either side.

    Parameters
    ----------
    module : torch.nn.Module
        Maps a batch of shape (n, in_channels, *spatial) to (n, any number, *spatial).
    in_channels : int, default=1
        Channels of the input.
    n_dims : {2, 3}, default=2
        Number of spatial axes.
    multiple : int, default=None
        What edges must be divisible by, and after how many pixels the network treats them
        alike again; `needed_multiple` by default.

    Returns
    -------
    int or None
        In pixels, along the axis where it is largest. None if there is no answer: for a module
        that is not local, such as one with instance normalisation or attention over the
        image, one that sees farther than some hundreds of pixels, or one that replaces NaN.

    See Also
    --------
    needed_multiple : What the edges of images must be divisible by.

    Examples
    --------
    >>> from selfsupervised.networks import DnCNN, receptive_radius
    >>> receptive_radius(DnCNN(width=2, depth=5))
    5
    """
    if multiple is None:
        multiple = needed_multiple(module, in_channels, n_dims)
    network = probe(module)
    radii = []
    for axis in range(n_dims):
        for flip in (False, True):
            line = _Line(network, in_channels, n_dims, multiple, axis, flip)
            if not line.found:
                return None
            radii.append(line.reach())
    return max(0, *radii)


class _Line:
    """How far NaN on one side of a line across an axis reaches into the other side.

    The network sees zeros before the line, at `position`, and NaN from there on. `first` is
    the first NaN of the output, which never decreases when the line moves on.
    """

    def __init__(self, network, in_channels, n_dims, multiple, axis, flip):
        self.network, self.axis, self.flip = network, 2 + axis, flip
        self.mark: Any = torch.inf if getattr(network, "sees_missing", False) else torch.nan
        self.shape: Any = [1, in_channels] + [-(-16 // multiple) * multiple] * n_dims
        self.multiple: int = multiple
        self.known: dict[int, int] = {}
        self.found: Any = False
        for n_before in (4, 8, 16, 32):  # far enough that the NaN ends before the border
            self.start = n_before * max(multiple, 8)
            self.shape[self.axis] = self.start + max(2 * multiple, 16)
            self.known.clear()
            first = self.first(self.start)
            if first == self.shape[self.axis]:  # NaN did not come through
                return
            if first > 0:
                self.found = True
                return

    def first(self, position):
        """First NaN along the axis, in pixels, with NaN from `position` on."""
        if position not in self.known:
            x = torch.zeros(self.shape)
            x.narrow(self.axis, position, self.shape[self.axis] - position).fill_(self.mark)
            with torch.no_grad():
                y = self.network(x.flip(self.axis) if self.flip else x)
            hit = (~y.isfinite()).movedim(self.axis, 0).flatten(1).any(dim=1)
            hit = hit.flip(0) if self.flip else hit
            self.known[position] = int(hit.nonzero()[0]) if hit.any() else self.shape[self.axis]
        return self.known[position]

    def reach(self):
        """Largest distance between the line and what it reaches, over all its positions."""
        return self._reach(self.start, self.start + self.multiple - 1)

    def _reach(self, low, high):
        if self.first(low) == self.first(high) or high - low <= 1:
            return max(position - self.first(position) for position in (low, high))
        middle = (low + high) // 2
        return max(self._reach(low, middle), self._reach(middle, high))
