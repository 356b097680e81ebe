# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Images that networks learn from, read crop by crop."""

from math import prod

import numpy as np

from selfsupervised.core.measurement import Measurement
from selfsupervised.core.validation import is_lazy, is_ragged
from selfsupervised.partitions.held_out import held_out

# A lazily read source is normalised by the mean and scale of so many crops.
N_SAMPLED_CROPS = 64
SAMPLED_EDGE_PIXELS = 128


class Source:
    """Normalised images with NaN at what is held out or not measured.

    Parameters
    ----------
    X : array-like of shape (n_images, *spatial) or (n_images, *spatial, n_channels), or list
        Images as floats, or lazy ones, of which only
        ``X[index, slices]`` is ever asked for.
    channel_axis : {None, -1}
        Whether the last axis holds channels.
    fraction : float
        Share of the pixels to hold out, the same as those of `HeldOutPixels`.
    seed : int
        Its seed.
    normalization : (float, float), default=None
        Mean and scale, in units of `X`; by default those of the pixels that are not held out.

    Attributes
    ----------
    shapes : list of tuple of int
        Spatial shape of each image, in pixels.
    n_channels : int
        1 for images without channels.
    mean, scale : float
        What is subtracted, and what the rest is divided by. The scale of a constant is 0, and
        it is divided by 1.
    """

    def __init__(self, X, *, channel_axis, fraction, seed, normalization=None):
        self.X = X
        self.channel_axis = channel_axis
        self.fraction, self.seed = fraction, seed
        shapes = [x.shape for x in X] if is_ragged(X) else [tuple(X.shape[1:])] * X.shape[0]
        n_channels = {1 if channel_axis is None else shape[-1] for shape in shapes}
        if len(n_channels) > 1:
            raise ValueError(
                f"Expected images of one number of channels, got {sorted(n_channels)} channels; "
                f"fit one estimator for each."
            )
        (self.n_channels,) = n_channels
        self.shapes = [shape if channel_axis is None else shape[:-1] for shape in shapes]
        self.mean, self.scale = normalization or self._moments()
        self._cache = (
            None
            if is_lazy(X)
            else [self._load(number, whole(shape)) for number, shape in enumerate(self.shapes)]
        )

    def crop(self, number, start, shape):
        """A crop of an image, and which of its pixels are held out.

        Parameters
        ----------
        number : int
            Of the image.
        start, shape : tuple of int
            Its first pixel, and its size. What is beyond the image is NaN.

        Returns
        -------
        values : ndarray of float32 of shape (n_channels, *shape)
            Normalised; NaN where nothing was measured.
        hidden : ndarray of bool of shape `shape`
            Which pixels are held out.
        """
        sizes = self.shapes[number]
        slices = tuple(slice(a, min(a + n, size)) for a, n, size in zip(start, shape, sizes))
        if self._cache is None:
            values, hidden = self._load(number, slices)
        else:
            values, hidden = (part[(..., *slices)] for part in self._cache[number])
        beyond = [(0, n - size) for n, size in zip(shape, hidden.shape, strict=True)]
        if any(after for _, after in beyond):
            values = np.pad(values, [(0, 0), *beyond], constant_values=np.nan)
            hidden = np.pad(hidden, beyond)
        return values, hidden

    def sample(self, n_crops):
        """As many random crops, (n_channels, *spatial), with NaN at what is held out."""
        rng = np.random.default_rng(self.seed)
        crops = []
        for _ in range(min(n_crops, N_SAMPLED_CROPS)):
            number, start = random_place(
                self.shapes, (SAMPLED_EDGE_PIXELS,) * len(self.shapes[0]), rng
            )
            size = [min(SAMPLED_EDGE_PIXELS, n) for n in self.shapes[number]]
            values, hidden = self.crop(number, start, size)
            crops.append(np.where(hidden, np.float32(np.nan), values))
        return crops

    def _load(self, number, slices):
        values = (self._read(number, slices) - self.mean) / (self.scale or 1.0)
        return values.astype(np.float32), self._held_out(slices)

    def _read(self, number, slices):
        """Part of an image as float64, (n_channels, *spatial), in units of `X`."""
        part = self.X[number][slices] if is_ragged(self.X) else self.X[(number, *slices)]
        read = Measurement.of_array(np.asarray(part), caller=f"image {number} of X")
        part = read.data.astype(np.float64)
        part = part[None] if self.channel_axis is None else np.moveaxis(part, -1, 0)
        return np.ascontiguousarray(part)

    def _held_out(self, slices):
        start = [s.start for s in slices]
        shape = [s.stop - first for s, first in zip(slices, start, strict=True)]
        return held_out(shape, self.fraction, self.seed, start)

    def _moments(self):
        """Mean and standard deviation of what is not held out."""
        count, total, squares = 0, 0.0, 0.0
        for number, slices in self._sample():
            part = self._read(number, slices)
            part = part[~np.isnan(part) & ~self._held_out(slices)]
            if part.size:
                # Pooled from the parts' own moments, which loses no digits to a large mean.
                mean = part.mean()
                gap = mean - total / count if count else 0.0
                squares += np.square(part - mean).sum()
                squares += gap**2 * count * part.size / (count + part.size)
                count, total = count + part.size, total + mean * part.size
        if not count:
            raise ValueError(
                "Expected measured pixels beside the held-out ones, got none: there is nothing to "
                "see. Use larger images."
            )
        return float(total / count), float(np.sqrt(squares / count))

    def _sample(self):
        if not is_lazy(self.X):
            for number, shape in enumerate(self.shapes):
                yield number, whole(shape)
            return
        rng = np.random.default_rng(0)
        for _ in range(N_SAMPLED_CROPS):
            number, start = random_place(
                self.shapes, (SAMPLED_EDGE_PIXELS,) * len(self.shapes[0]), rng
            )
            size = zip(start, self.shapes[number], strict=True)
            yield number, tuple(slice(a, min(a + SAMPLED_EDGE_PIXELS, n)) for a, n in size)


def whole(shape):
    """Slices of all of an image."""
    return tuple(slice(0, size) for size in shape)


def random_place(shapes, shape, rng):
    """A random image, in proportion to its pixels, and the first pixel of a random crop of it."""
    sizes = np.cumsum([prod(spatial) for spatial in shapes])
    number = int(np.searchsorted(sizes, rng.integers(sizes[-1]), side="right"))
    start = [int(rng.integers(max(a - b, 0) + 1)) for a, b in zip(shapes[number], shape)]
    return number, tuple(start)
