# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Overlapping blocks of an image that is larger than memory, and parts that stand for it.

What a denoiser makes of a pixel depends on pixels around it, and the less the farther they are
away. So each block is denoised with a margin, and of the result the middle is kept::

    |<- margin ->|<------- kept ------->|<- margin ->|
    |<-------------------- seen -------------------->|
"""

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np

# What classical denoisers needed at most, with all that is made on the way: 120 bytes for each
# value of a plane, and 240 of a volume.
BYTES_PER_VALUE = 300
# Beside what is kept. Filters and non-local means see no farther. Beside seams, the others are
# apart from the whole image by less than 0.05 of the noise (tests/auto/test_blocks.py).
MARGIN_PIXELS = {2: 32, 3: 16}
# Blocks start at multiples of it, unless at those of chunks: what is averaged over squares in the
# whole image is averaged over the same squares in a block.
ALIGNMENT_PIXELS = 16
# Edge, along each axis, of the parts that stand for an image; there are two along each.
PART_EDGE_PIXELS = {2: 256, 3: 48}
GIB = 2**30


class Place(NamedTuple):
    """Where a block is: slices of the image, and of the block.

    Parameters
    ----------
    seen, kept : tuple of slice
        Of the image: what is read, and what is written.
    inside : tuple of slice
        Of what is seen: what is kept.
    """

    seen: tuple
    kept: tuple
    inside: tuple


@dataclass(frozen=True)
class Blocks:
    """How an image is cut into blocks; made by `blocks_within`.

    Parameters
    ----------
    shape : tuple of int
        Of the image, without channels.
    edge : int
        Largest edge of a block with its margins, in pixels; shorter axes are taken whole.
    margin : int
        On either side, in pixels.
    units : tuple of int
        Blocks start at multiples of these along each axis.
    """

    shape: tuple
    edge: int
    margin: int
    units: tuple

    def places(self):
        """Where the blocks are; what they keep is the whole image, each pixel once."""
        pairs = zip(self.shape, self.units, strict=True)
        for spans in product(*(list(self._spans(size, unit)) for size, unit in pairs)):
            yield Place(*zip(*spans, strict=True))

    def _spans(self, size, unit):
        if size <= self.edge:
            yield slice(0, size), slice(0, size), slice(0, size)
            return
        most = (self.edge - 2 * self.margin) // unit * unit
        n_blocks = -(-size // most)
        step = -(-size // (n_blocks * unit)) * unit  # so that the last is no sliver
        for start in range(0, size, step):
            stop = min(start + step, size)
            low, high = max(start - self.margin, 0), min(stop + self.margin, size)
            yield slice(low, high), slice(start, stop), slice(start - low, stop - low)

    def sample(self, read):
        """Parts of the image, spread evenly and put side by side, which stand for it.

        Parameters
        ----------
        read : callable
            Called with slices of the image.

        Returns
        -------
        ndarray
            No larger than a block. Its seams are too few to matter.
        """
        return self._joined(read, ())

    def _joined(self, read, chosen):
        axis = len(chosen)
        if axis == len(self.shape):
            return read(chosen)
        size, edge = self.shape[axis], min(PART_EDGE_PIXELS[_n_thick(self.shape)], self.edge // 2)
        if size <= self.edge:
            return self._joined(read, (*chosen, slice(0, size)))
        starts = (size // 4 - edge // 2, size - size // 4 - edge // 2)
        parts = [self._joined(read, (*chosen, slice(start, start + edge))) for start in starts]
        return np.ma.concatenate(parts, axis) if _masked(parts) else np.concatenate(parts, axis)


def _masked(parts):
    return any(np.ma.isMaskedArray(part) for part in parts)


def is_enough(memory, shape, n_channels=1):
    """Whether so many bytes are enough for a whole image of a shape without channels."""
    return prod(shape) * n_channels * BYTES_PER_VALUE <= memory


def blocks_within(memory, shape, n_channels=1, chunks=None):
    """Blocks for which a number of bytes is enough.

    Parameters
    ----------
    memory : float
        Bytes, for all that is in memory while a block is denoised.
    shape : tuple of int
        Of the image, without channels.
    n_channels : int, default=1
    chunks : tuple of int, default=None
        Of the file along the same axes: blocks start at multiples of these where they can.

    Returns
    -------
    Blocks or None
        None if memory is enough for the whole image.

    Raises
    ------
    ValueError
        If it is not enough for any block.
    """
    if is_enough(memory, shape, n_channels):
        return None
    n_values = memory / (BYTES_PER_VALUE * n_channels)
    margin = MARGIN_PIXELS[_n_thick(shape)]
    least, edge = 2 * margin + ALIGNMENT_PIXELS, max(shape)
    while edge > least and _n_values(shape, edge) > n_values:
        edge -= 1
    if edge < least or _n_values(shape, edge) > n_values:
        needed = _n_values(shape, least) * BYTES_PER_VALUE * n_channels / GIB
        raise ValueError(
            f"Expected memory for blocks of {least} pixels along each axis of an image of shape "
            f"{tuple(shape)}, which is {needed:.2g} GiB, got {memory / GIB:.2g}."
        )
    most = edge - 2 * margin
    wanted = chunks or (ALIGNMENT_PIXELS,) * len(shape)
    units = tuple(unit if unit <= most else ALIGNMENT_PIXELS for unit in wanted)
    return Blocks(tuple(shape), edge, margin, units)


def _n_thick(shape):
    """Along how many axes there is something beside a pixel: 2 or 3."""
    return 3 if sum(size > 1 for size in shape) > 2 else 2


def _n_values(shape, edge):
    return prod(min(size, edge) for size in shape)
