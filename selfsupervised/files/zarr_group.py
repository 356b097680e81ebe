# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Arrays and groups of zarr, OME-Zarr among them, image by image.

A group is copied whole, and the values of the copy are replaced: attributes, compression, labels
and whatever else there is stay as they are.
"""

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from selfsupervised.core.optional import optional

MARKS = ("zarr.json", ".zarray", ".zgroup")
LABELS = "labels"
# Smaller copies are computed from pieces of the image, however large it is.
PIECE_EDGES_PIXELS = {2: 4096, 3: 256}
BY_N_AXES = {2: "YX"}  # what needs no name


@dataclass(frozen=True, eq=False)
class ZarrImage:
    """An array with images, and its smaller copies.

    Parameters
    ----------
    name : str
        Its path in the group; empty for an array that is no group.
    axes : str or None
        A letter for each axis, if the file says so.
    array : zarr.Array
    smaller : list of zarr.Array
        Copies of less resolution.
    """

    name: str
    axes: str | None
    array: Any
    smaller: list


def is_zarr(path):
    """Whether a folder is an array or a group of zarr."""
    return Path(path).is_dir() and any((Path(path) / mark).exists() for mark in MARKS)


def zarr_images(path, *, mode="r"):
    """The images of a zarr array or group.

    Parameters
    ----------
    path : Path
    mode : {"r", "r+"}, default="r"

    Returns
    -------
    list of ZarrImage
        Of an OME-Zarr group those of its multiscales, in all wells of a plate; of another group
        all arrays of two axes or more. Labels are no images.

    Raises
    ------
    ImportError
        If zarr is not installed.
    ValueError
        If there is no image.
    """
    zarr = optional("zarr", caller=f"Reading {path}", extra="lazy")
    try:
        root = zarr.open(str(path), mode=mode)
    except Exception as error:  # zarr raises whatever a damaged store leads to
        raise ValueError(f"Expected a zarr array or group at {path}: {error}") from error
    if not isinstance(root, zarr.Group):
        return [ZarrImage("", _named_axes(root), root, [])]
    groups = [("", root), *((name, node) for name, node in _nodes(root) if _is_group(zarr, node))]
    found = [image for name, group in groups for image in _of_multiscales(name, group)]
    if not found:
        arrays = [(name, node) for name, node in _nodes(root) if not _is_group(zarr, node)]
        found = [ZarrImage(n, _named_axes(a), a, []) for n, a in arrays if a.ndim >= 2]
    if not found:
        raise ValueError(f"Expected images in the zarr group {path}, found no array of two axes.")
    return found


def _is_group(zarr, node):
    return isinstance(node, zarr.Group)


def _nodes(root):
    """All groups and arrays below, by their paths, but for labels."""
    nodes = sorted(root.members(max_depth=None), key=lambda pair: pair[0])
    return [(name, node) for name, node in nodes if LABELS not in name.split("/")]


def _of_multiscales(name, group):
    attributes = dict(group.attrs)
    for scales in attributes.get("ome", attributes).get("multiscales", []):
        paths = [dataset["path"] for dataset in scales["datasets"]]
        first, *smaller = (group[path] for path in paths)
        axes = [a["name"] if isinstance(a, dict) else a for a in scales.get("axes", [])]
        letters = "".join(axes).upper() if axes else "TCZYX"[-first.ndim :]  # of versions to 0.2
        yield ZarrImage(f"{name}/{paths[0]}".strip("/"), letters, first, smaller)


def _named_axes(array):
    """Letters of the axes of an array, by its own names."""
    names = getattr(array.metadata, "dimension_names", None)
    names = names or dict(array.attrs).get("_ARRAY_DIMENSIONS")
    if names and all(name and len(name) == 1 for name in names):
        return "".join(names).upper()
    return BY_N_AXES.get(array.ndim)


def update_smaller(image, axes):
    """Make the smaller copies of an image anew, as means over its pixels.

    Parameters
    ----------
    image : ZarrImage
        Whose full array has been written.
    axes : Axes
    """
    for small in image.smaller:
        pairs = [(image.array.shape[axis], small.shape[axis]) for axis in axes.image_axes]
        factors, sizes = [max(round(n / m), 1) for n, m in pairs], [m for _, m in pairs]
        edge = max(PIECE_EDGES_PIXELS[min(len(axes.spatial), 3)] // max(factors), 1)
        starts = [range(0, sizes[n], edge) for n in range(len(axes.spatial))]
        for index in np.ndindex(*(small.shape[axis] for axis in axes.batch)):
            for corner in product(*starts):
                target = tuple(slice(a, min(a + edge, m)) for a, m in zip(corner, sizes))
                source = tuple(
                    slice(min(t.start * f, n - 1), t.stop * f)
                    for t, f, (n, _) in zip(target, factors, pairs)
                )
                piece = axes.image_at(image.array, index, source)
                shape = [t.stop - t.start for t in target] + sizes[len(target) :]
                mean = _block_means(piece, factors, shape)
                mean = np.rint(mean) if np.dtype(small.dtype).kind in "iu" else mean
                axes.put(small, index, mean.astype(small.dtype), target)


def _block_means(image, factors, shape):
    """Means over blocks; a block that the edge cuts is filled with what is at the edge."""
    widths = [(0, max(m * f - n, 0)) for n, f, m in zip(image.shape, factors, shape, strict=True)]
    padded = np.pad(image.astype(float), widths, mode="edge")
    padded = padded[tuple(slice(m * f) for m, f in zip(shape, factors, strict=True))]
    blocks = padded.reshape([part for m, f in zip(shape, factors, strict=True) for part in (m, f)])
    return blocks.mean(axis=tuple(range(1, blocks.ndim, 2)))
