# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Batches of crops for skorch: what a scheme makes of them, and what is held out."""

from math import prod

import numpy as np
from torch.utils.data import Dataset

from selfsupervised.core.validation import is_whole_number
from selfsupervised.networks.ensemble import turned
from selfsupervised.partitions.fill import fill_nan
from selfsupervised.training.source import random_place

# Validation reads whole images up to so many pixels in all, otherwise as many in fixed crops.
VALIDATION_PIXELS = 2**18
VALIDATION_EDGE = {2: 256, 3: 64}


def fill_crops(x, fill="neighbors", *, seed=0):
    """Replace NaN in crops as `fill_nan` does, and by 0 where a whole plane is NaN.

    Parameters
    ----------
    x : ndarray of shape (n, channels, *spatial)
        Normalised crops.
    fill : {"neighbors", "matched", "uniform", "random_neighbor"} or float, default="neighbors"
        See `fill_missing`.
    seed : int or tuple of int, default=0
        Of random fills, which draw for each channel of each crop anew.

    Returns
    -------
    ndarray of the same shape
    """
    planes = x.reshape(-1, *x.shape[2:])
    blank = np.isnan(planes).all(axis=tuple(range(1, planes.ndim)))
    if blank.any():
        planes = planes.copy()
        planes[blank] = 0
    return fill_nan(planes, fill, seed=seed, alike=False).reshape(x.shape)


def filled(x, rng):
    """What most networks see of crops with NaN in them."""
    return fill_crops(x)


def target_of(x):
    """Values and weights of crops as a target: what is NaN counts nothing."""
    measured = ~np.isnan(x)
    return np.where(measured, x, np.float32(0)), measured.astype(np.float32)


class Crops(Dataset):
    """Random crops, as a scheme wants them.

    torch asks for a batch by `__getitems__`, so that it comes ready-made. A crop is a slice
    of the image, turned if wanted, copied to its place in the batch.

    Parameters
    ----------
    source : Source
        The images.
    scheme : callable
        ``scheme(x, rng, progress) -> (inputs, targets)``, from crops of shape (n, channels,
        *shape) with NaN at what was not measured; `progress` rises from 0 to 1 in training.
        `inputs` is the first argument of the network's forward, or a dictionary of arguments.
    shape : tuple of int
        Of a crop, in pixels.
    n_batches, batch_size : int
        What counts as an epoch for skorch.
    max_steps : int
        Batches in all.
    turn : bool or "flips"
        Whether crops are mirrored and rotated by multiples of 90 degrees along the last two
        axes, at random; "flips" only mirrors them, along either.
    seed : int
        Of the crops and of what the scheme draws.
    """

    def __init__(self, source, scheme, *, shape, n_batches, batch_size, max_steps, turn, seed):
        self.source, self.scheme = source, scheme
        self.shape, self.turn = tuple(shape), turn
        self.n_batches, self.batch_size, self.max_steps = n_batches, batch_size, max_steps
        self.rng = np.random.default_rng(seed)
        self.step = 0

    @property
    def size(self):
        """What a batch consists of, for who runs out of memory."""
        return f"patches of {self.shape} pixels: lower batch_size or patch_size"

    def __len__(self):
        # The last epoch ends with the last step.
        return min(self.n_batches, max(self.max_steps - self.step, 1)) * self.batch_size

    def __getitems__(self, numbers):
        """A batch of as many crops as there are `numbers`, whatever they are."""
        x = np.empty((len(numbers), self.source.n_channels, *self.shape), dtype=np.float32)
        for crop in x:
            number, start = random_place(self.source.shapes, self.shape, self.rng)
            values, hidden = self.source.crop(number, start, self.shape)
            crop[...] = self._turned(np.where(hidden, np.float32(np.nan), values))
        self.step += 1
        return self.scheme(x, self.rng, self.step / self.max_steps)

    def _turned(self, crop):
        if not self.turn:
            return crop
        square = crop.shape[-1] == crop.shape[-2] and self.turn != "flips"
        return turned(crop, *draw_turn(self.rng, square))


def draw_turn(rng, square=True):
    """Whether to mirror, and by how many right angles to turn; by two or none if not square."""
    flip, rotation = bool(rng.integers(2)), int(rng.integers(4))
    return flip, rotation if square else rotation // 2 * 2


class HeldOut(Dataset):
    """What is held out, beside what the network is shown of it at inference.

    Weights are such that the mean over items of the weighted sums of squares is the mean over
    all held-out entries, though items differ in how many they have.

    Parameters
    ----------
    source : Source
        The images.
    seed : int
        Of the crops, where images are too large to be taken whole, and of what `show` draws.
    show : callable, default=filled
        ``show(x, rng)`` is what the network sees of crops ``x`` with NaN at what was held out.
    repeats : int, default=1
        How many draws of `show` there are of each crop.
    """

    def __init__(self, source, *, seed, show=filled, repeats=1):
        n_dims = len(source.shapes[0])
        sizes = [prod(shape) for shape in source.shapes]
        if sum(sizes) <= VALIDATION_PIXELS:
            places = [(n, (0,) * n_dims, shape) for n, shape in enumerate(source.shapes)]
        else:
            edge = VALIDATION_EDGE[n_dims]
            rng = np.random.default_rng(seed)
            places = []
            for _ in range(VALIDATION_PIXELS // edge**n_dims):
                number, start = random_place(source.shapes, (edge,) * n_dims, rng)
                shape = tuple(min(edge, size) for size in source.shapes[number])
                places.append((number, start, shape))
        crops = [source.crop(*place) for place in places]
        crops = [(x, hidden) for x, hidden in crops if not np.isnan(x[:, hidden]).all()]
        count = sum((~np.isnan(x[:, hidden])).sum() for x, hidden in crops)
        rng, self.items = np.random.default_rng(seed), []
        for values, hidden in crops * repeats:  # made once, as all validations are alike
            target, weight = target_of(np.where(hidden, values, np.float32(np.nan)))
            seen = show(np.where(hidden, np.float32(np.nan), values)[None], rng)[0]
            self.items.append((seen, (target, weight * np.float32(len(crops) / count))))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, number):
        return self.items[number]


def crop_shape(patch_size, shapes, *, default, multiple=1):
    """Shape of the crops: as asked for, or the default and not more than the images have.

    Parameters
    ----------
    patch_size : int, tuple of int, "whole" or None
        In pixels; for all axes, or for each; or as much as the largest image has.
    shapes : list of tuple of int
        Spatial shapes of the images.
    default : int
        What None stands for.
    multiple : int, default=1
        Edges are rounded up to it; what is beyond the image is as if not measured.

    Returns
    -------
    tuple of int

    Raises
    ------
    ValueError
        If `patch_size` is no such thing, or larger than every image.
    """
    n_dims = len(shapes[0])
    largest = [max(sizes) for sizes in zip(*shapes, strict=True)]
    if patch_size is None:
        wanted = tuple(min(default, size) for size in largest)
    elif patch_size == "whole":
        wanted = tuple(largest)
    else:
        wanted = tuple(np.atleast_1d(np.asarray(patch_size, dtype=object)))
        wanted = wanted * n_dims if len(wanted) == 1 else wanted
        if len(wanted) != n_dims or not all(is_whole_number(n) and n > 0 for n in wanted):
            raise ValueError(
                f"Expected patch_size to be a positive integer, or one for each of the {n_dims} "
                f"spatial axes; got {patch_size!r}."
            )
        if not any(all(n <= size for n, size in zip(wanted, shape)) for shape in shapes):
            possible = max(min(shape) for shape in shapes)
            raise ValueError(
                f"patch_size={patch_size} is larger than every image; the largest possible is "
                f"{possible}, or use patch_size=None."
            )
    return tuple(-(-int(n) // multiple) * multiple for n in wanted)
