# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Which parts of a measurement have independent noise (Noise2Self, Section 1 and Fig. 1).

A partition turns a measurement ``X`` into pairs of what a denoiser may see and what it is
judged on::

    for seen, judged, where in partition.split(X): ...

Anything with ``split(X, *, channel_axis=None)``, yielding `Pair` objects, and
``get_n_splits(X, *, channel_axis=None)`` is a partition, if it hides the same entries whenever
it is given the same data: otherwise, what learned from some would be judged on them. For a new
partition of pixels it is enough to subclass `PixelPartition` and say which pixel belongs to
which subset.
"""

from selfsupervised.partitions.features import FeatureBlocks
from selfsupervised.partitions.held_out import HeldOutPixels
from selfsupervised.partitions.molecules import MoleculeSplit
from selfsupervised.partitions.pair import Pair, assemble
from selfsupervised.partitions.pixels import (
    PixelGrid,
    PixelPartition,
    RandomPixels,
    SinglePixels,
)
from selfsupervised.partitions.repeats import Repeats
from selfsupervised.partitions.stratified import StratifiedPixels

__all__ = [
    "FeatureBlocks",
    "HeldOutPixels",
    "MoleculeSplit",
    "Pair",
    "PixelGrid",
    "PixelPartition",
    "RandomPixels",
    "Repeats",
    "SinglePixels",
    "StratifiedPixels",
    "assemble",
]
