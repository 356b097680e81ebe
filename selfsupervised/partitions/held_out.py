# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pixels that are kept from learning, to judge what was learned."""

from typing import Any

import numpy as np

from selfsupervised.core.hashing import GOLDEN_RATIO_64, mix
from selfsupervised.core.seeds import as_seed
from selfsupervised.core.types import RandomState
from selfsupervised.core.validation import is_finite_number
from selfsupervised.partitions.pixels import PixelPartition


class HeldOutPixels(PixelPartition):
    """One subset of the pixels, to judge denoisers that learned from all others.

    Unlike those of the other partitions, its pixels do not cover the image. Which they are
    depends on the seed and their coordinates alone: an image has the same ones by itself, in
    a stack, and in a larger image with the same first pixel. Networks hold out these pixels
    when they are fitted with the same `fraction` and `random_state`, so that ::

        scorer = SelfSupervisedScorer(partition=HeldOutPixels())

    judges a network and a denoiser that learns nothing on the same pixels.

    Parameters
    ----------
    fraction : float, default=1/16
        Expected share of the pixels, above 0 and up to 0.5.
    footprint : {"horizontal", "vertical", "disk"} or array-like of bool, default=None
        Which neighbours are hidden together with each pixel, see `PixelGrid`.
    random_state : int, RandomState, Generator or None, default=0
        Seed of the choice.

    See Also
    --------
    RandomPixels : Random subsets that together cover the image.

    Examples
    --------
    >>> from selfsupervised import HeldOutPixels
    >>> small, large = (HeldOutPixels().labels((8, n)) == 0 for n in (30, 40))
    >>> bool((small == large[:, :30]).all())
    True
    """

    def __init__(
        self, fraction: float = 1 / 16, *, footprint: Any = None, random_state: RandomState = 0
    ) -> None:
        self.fraction = fraction
        self.footprint = footprint
        self.random_state = random_state

    def n_subsets_for(self, shapes: Any) -> Any:
        """One, whatever the shapes."""
        check_fraction(self.fraction, caller="HeldOutPixels", name="fraction")
        return 1

    def labels(self, shape: Any) -> Any:
        """0 at held-out pixels, 1 elsewhere."""
        check_fraction(self.fraction, caller="HeldOutPixels", name="fraction")
        return 1 - held_out(shape, self.fraction, as_seed(self.random_state)).astype(np.intp)


def check_fraction(fraction, *, caller, name):
    """Raise unless `fraction` is a number above 0 and up to 0.5."""
    if not (is_finite_number(fraction) and 0 < fraction <= 0.5):
        raise ValueError(
            f"{caller} expected {name} to be a number above 0 and up to 0.5; got {fraction!r}."
        )


def held_out(shape, fraction, seed, start=None):
    """Which pixels of an image, or of a crop of it, are held out.

    Parameters
    ----------
    shape : tuple of int
        Spatial shape, in pixels.
    fraction : float
        Expected share of the pixels.
    seed : int or tuple of int
        What `as_seed` returns.
    start : tuple of int, default=None
        Where the crop begins in the image; at its first pixel by default.

    Returns
    -------
    ndarray of bool of shape `shape`
    """
    start = (0,) * len(shape) if start is None else start
    # A hash of the seed and the coordinates, one after the other, rather than a generator's
    # sequence: so crops know their pixels without drawing those of the whole image.
    mixed = np.random.SeedSequence(seed).generate_state(1, np.uint64)
    for axis, (first, size) in enumerate(zip(start, shape, strict=True)):
        place = np.arange(first, first + size, dtype=np.uint64)
        mixed = _mixed(mixed[..., None] ^ _mixed(place + np.uint64(axis << 48)))
    return (mixed[0] < np.uint64(fraction * 2**64)).reshape(shape)


def _mixed(x):
    return mix(x + GOLDEN_RATIO_64)
