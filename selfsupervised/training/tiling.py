# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Prediction for images of any size, tile by tile."""

import weakref
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise, product
from math import prod

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from selfsupervised.core.progress import part
from selfsupervised.networks.padding import margins
from selfsupervised.networks.probing import probe

# What convolutions need beside the tensors that can be counted: 1.3 to 1.8 times as much memory
# in all was measured for the networks of this library on a CPU.
SCRATCH_FACTOR = 2


def predict_tiles(predict, image, *, tile, radius, multiple=1, overlap=None, out=None):
    """Predict an image of any size from tiles of a limited size.

    The image is mirrored at its borders as `padded` does, so that edges are divisible by
    `multiple`, and tiles start at multiples of it: what a network halves together in the whole
    image, it halves together in a tile. Neighbouring tiles overlap by twice the receptive
    radius and are cut in the middle of that, where neither sees its own border. So the result
    is that of the whole image, up to rounding.

    Parameters
    ----------
    predict : callable
        Maps a float32 array of shape (channels, *spatial), with edges divisible by `multiple`,
        to one of the same shape.
    image : array-like of shape (channels, *spatial)
        A NumPy array or memory map, read tile by tile; or a dask or zarr array, for which
        nothing is computed yet.
    tile : int
        Largest edge of a tile, in pixels; it is rounded down to a multiple. Shorter axes of
        the image are taken whole.
    radius : int or None
        How far the network sees, in pixels, see `receptive_radius`. None if it is not local.
    multiple : int, default=1
        What edges must be divisible by.
    overlap : int, default=None
        What neighbouring tiles share, in pixels; it is rounded up to a multiple. By default
        twice the radius, or a quarter of the tile if `radius` is None. With less than twice
        the radius the result depends on the tiles, and they fade into each other within the
        middle half of what they share (those of lazy arrays are cut).
    out : array of shape (channels, *spatial), default=None
        Where to put the result, such as a memory map; a new array by default.

    Returns
    -------
    ndarray or dask array of shape (channels, *spatial)
        The prediction, float32; or `out`. For a dask or zarr array a dask array whose chunks
        are predicted when they are asked for, one at a time.

    Raises
    ------
    ValueError
        If tiles are too small to overlap as they should, or `predict` changes the shape.
    ImportError
        For a zarr array without dask.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised.training.tiling import predict_tiles
    >>> image = np.arange(100, dtype=np.float32).reshape(1, 10, 10)
    >>> shifted = predict_tiles(lambda x: np.roll(x, -1, axis=2), image, tile=4, radius=1)
    >>> np.array_equal(shifted[..., :-1], image[..., 1:])
    True
    """
    tile = max(tile // multiple, 1) * multiple
    if overlap is None:
        overlap = tile // 4 if radius is None else 2 * radius
    overlap = -(-overlap // multiple) * multiple
    local = radius is not None and overlap >= 2 * radius
    lazy = as_dask(image)
    image = image if lazy is None else lazy
    edges = [size + sum(margins(size, multiple)[:2]) for size in image.shape[1:]]
    if max(edges) > tile and overlap >= tile:
        raise ValueError(
            f"Tiles of {tile} pixels cannot share {overlap} with the next one: use "
            f"tile={overlap + multiple} or more (better twice that), or a smaller overlap, which "
            f"is approximate if less than twice the radius, {radius}."
        )
    fade = not local and lazy is None
    spans = [_spans(size, tile, overlap, multiple, fade) for size in image.shape[1:]]
    if lazy is not None:
        return _predict_lazily(predict, lazy, spans)
    if out is None:
        out = np.empty(image.shape, dtype=np.float32)
    out[...] = 0
    places = list(product(*spans))
    for number, place in enumerate(places):
        with part(number, len(places)):
            tile_out = _predict_tile(predict, image[_index(place, "source")], place)
        out[_index(place, "target")] += tile_out
    return out


@dataclass
class _Span:
    """One axis of a tile."""

    source: slice  # what to read of the image
    mirror: np.ndarray  # which pixels of that the tile consists of
    inside: slice  # which pixels of the tile are used
    target: slice  # where they are in the image
    weight: np.ndarray  # what they count, next to those of other tiles


def _spans(size, tile, overlap, multiple, fade):
    """The tiles along an axis; at each pixel of the image, their weights sum to one."""
    before, after, mode = margins(size, multiple)
    pixels = np.pad(np.arange(size), (before, after), mode=mode)
    tile = min(tile, len(pixels))
    starts = [*range(0, len(pixels) - tile, max(tile - overlap, 1)), len(pixels) - tile]
    weights = np.zeros((len(starts), len(pixels)), dtype=np.float32)
    # Tiles are cut in the middle of what they share.
    cuts = [0, *((a + tile + b) // 2 for a, b in pairwise(starts)), len(pixels)]
    for weight, start, cut in zip(weights, starts, pairwise(cuts), strict=True):
        weight[slice(*cut)] = 1
        if fade:
            weight[start : start + tile] = _faded(tile, overlap, start > 0, cut[1] < len(pixels))
    weights /= weights.sum(axis=0)
    weights = weights[:, before : before + size]
    spans = []
    for weight, start in zip(weights, starts, strict=True):
        read = pixels[start : start + tile]
        used = np.flatnonzero(weight)
        target = slice(int(used[0]), int(used[-1]) + 1)
        offset = before - start
        inside = slice(target.start + offset, target.stop + offset)
        source = slice(int(read.min()), int(read.max()) + 1)
        spans.append(_Span(source, read - source.start, inside, target, weight[target]))
    return spans


def _faded(tile, overlap, before, after):
    """Weights along a tile with neighbours before and after: zero near them, then rising."""
    none = overlap // 4
    rise = (np.arange(tile) - none + 1) / (overlap - 2 * none + 1)
    weight = np.ones(tile)
    if before:
        weight = np.minimum(weight, rise)
    if after:
        weight = np.minimum(weight, rise[::-1])
    return np.maximum(weight, 0)


def _index(place, name):
    return (slice(None), *(getattr(span, name) for span in place))


def _predict_tile(predict, part, place):
    """What a tile adds to the image, from the part of the image that it covers."""
    part = np.asarray(part, dtype=np.float32)
    for axis, span in enumerate(place, start=1):
        part = part.take(span.mirror, axis=axis)
    predicted = np.asarray(predict(part), dtype=np.float32)
    if predicted.shape != part.shape:
        raise ValueError(
            f"Expected the prediction for a tile of shape {part.shape} to have the same shape; "
            f"got {predicted.shape}."
        )
    predicted = predicted[_index(place, "inside")]
    for axis, span in enumerate(reversed(place)):
        predicted = predicted * span.weight.reshape(-1, *[1] * axis)
    return predicted


def as_dask(image):
    """A dask or zarr array as a dask array, None for any other.

    Raises
    ------
    ImportError
        For a zarr array without dask.
    """
    package = type(image).__module__.partition(".")[0]
    if package not in ("dask", "zarr"):
        return None
    try:
        import dask.array
    except ImportError as error:
        raise ImportError(
            "A zarr array is predicted lazily by dask, which is not installed: "
            "`pip install dask`, or pass a NumPy array."
        ) from error
    return dask.array.from_zarr(image) if package == "zarr" else image


def _predict_lazily(predict, image, spans):
    import dask.array
    from dask.utils import SerializableLock

    lock = SerializableLock()  # tiles in turn: memory is that of one, whatever the scheduler

    def run(part, place):
        with lock:
            return _predict_tile(predict, part, place)

    run = dask.delayed(run, pure=False)

    def blocks(place):
        if len(place) < len(spans):
            return [blocks((*place, span)) for span in spans[len(place)]]
        target = _index(place, "target")
        shape = (len(image), *(span.stop - span.start for span in target[1:]))
        part = image[_index(place, "source")]
        return dask.array.from_delayed(run(part, place), shape, dtype=np.float32)

    return dask.array.block(blocks(()))


def tile_for_memory(module, budget, shape, *, in_channels=1, multiple=1):
    """Largest tile whose prediction, in float32, stays within a number of bytes.

    Parameters
    ----------
    module : torch.nn.Module
        Maps a batch of shape (n, in_channels, *spatial) to (n, any number, *spatial).
    budget : int
        In bytes.
    shape : tuple of int
        Spatial shape of the image, in pixels: where an axis is short, others can be longer.
    in_channels : int, default=1
        Channels of the input.
    multiple : int, default=1
        What edges must be divisible by.

    Returns
    -------
    tile : int
        Edge in pixels, a multiple of `multiple`, for `predict_tiles`.
    needed : int
        Bytes that such a tile takes, by `tile_memory`.

    Raises
    ------
    MemoryError
        If the smallest tile takes more; the message says how much.
    """
    memory = tile_memory(module, in_channels, len(shape), multiple)
    tiles = range(multiple, max(shape) + multiple, multiple)

    def needed(tile):
        return memory([min(tile, size + -size % multiple) for size in shape])

    n_fitting = bisect_right(tiles, budget, key=needed)
    if n_fitting == 0:
        raise MemoryError(
            f"{type(module).__name__} takes {needed(multiple):.3g} bytes for a tile of {multiple} "
            f"pixels, the smallest; got a budget of {budget:.3g}. Use a smaller network."
        )
    return tiles[n_fitting - 1], needed(tiles[n_fitting - 1])


@torch.random.fork_rng(devices=[])  # a network may draw random numbers
def tile_memory(module, in_channels=1, n_dims=2, multiple=1):
    """Function that tells how many bytes a prediction takes, counted on a small tile.

    Parameters
    ----------
    module : torch.nn.Module
        Maps a batch of shape (n, in_channels, *spatial) to (n, any number, *spatial).
    in_channels : int, default=1
        Channels of the input.
    n_dims : {2, 3}, default=2
        Number of spatial axes.
    multiple : int, default=1
        What edges must be divisible by.

    Returns
    -------
    callable
        Maps the spatial shape of a tile to bytes in float32: the weights, and
        `SCRATCH_FACTOR` times all tensors that are alive at the moment when there are most.
    """
    network = probe(module)
    weights = [*network.parameters(), *network.buffers()]
    edge = -(-32 // multiple) * multiple
    with torch.no_grad(), _Alive(weights) as alive:
        network(torch.zeros(1, in_channels, *[edge] * n_dims))
    fixed = sum(weight.nbytes for weight in weights)
    return lambda shape: fixed + int(SCRATCH_FACTOR * alive.peak * prod(shape) / edge**n_dims)


class _Alive(TorchFunctionMode):
    """Counts the bytes of new tensors, until they are freed; `peak` is the most at once."""

    def __init__(self, known):
        super().__init__()
        self.bytes = self.peak = 0
        self.seen = {id(tensor.untyped_storage()) for tensor in known}
        self.known = known  # so that their ids stay theirs

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(tensor, torch.Tensor):
                self._add(tensor.untyped_storage())
        self.peak = max(self.peak, self.bytes)
        return result

    def _add(self, storage):
        if id(storage) not in self.seen:
            self.seen.add(id(storage))
            self.bytes += storage.nbytes()
            weakref.finalize(storage, self._freed, id(storage), storage.nbytes())

    def _freed(self, key, n_bytes):
        self.seen.discard(key)
        self.bytes -= n_bytes
