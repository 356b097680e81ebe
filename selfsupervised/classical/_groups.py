# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Groups of similar patches: finding them, and adding patches back into an image.

Patches lie in a matrix, a row for each position of the image or volume in reading order, so
that a group is a set of rows. Distances to all candidates are one matrix product, and adding
groups up is one product with a sparse matrix.
"""

from functools import reduce
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import sparse

# References along each axis whose distances are computed in one matrix product.
REFERENCES_PER_BLOCK = 8

# Keeps identical patches from making a singular matrix, as a share of the noise variance.
DIAGONAL_NOISE_SHARE = 1e-3

# Variance of the noise in a group, at most, in units of the variance between its patches; which is
# about 0.75 for white noise, as like patches were chosen. It matters where noise is weaker than
# assumed, which would turn the signs of weights: where few photons were counted, for instance.
MAX_GROUP_VARIANCE_RATIO = 1.25


def patch_matrix(image, patch):
    """All patches of a 2-D or 3-D image, one a row: (n_positions, n_pixels)."""
    windows = np.ascontiguousarray(sliding_window_view(image, patch))
    return windows.reshape(-1, int(np.prod(patch)))


def similar_patches(rows, positions, references, n_similar, window):
    """Rows of the `n_similar` patches most like each reference, itself among them.

    Parameters
    ----------
    rows : ndarray of shape (n_positions, n_pixels)
        Patches, see `patch_matrix`.
    positions : tuple of int
        Shape of the positions.
    references : list of ndarray
        Coordinates of the reference patches along each axis; their product is meant.
    n_similar : int
        At most the number of positions in a window.
    window : tuple of int
        Edges of the box around a reference that holds its candidates; at the border, the
        nearest box inside. At most `positions`.

    Returns
    -------
    ndarray of shape (n_references, n_similar)
        References in reading order.
    """
    grid, numbers = rows.reshape(*positions, -1), np.arange(len(rows)).reshape(positions)
    norms = np.einsum("ij,ij->i", rows, rows).reshape(positions)
    first = [
        np.clip(axis - edge // 2, 0, size - edge)
        for axis, edge, size in zip(references, window, positions, strict=True)
    ]
    found = np.empty((*map(len, references), n_similar), dtype=np.intp)
    for block in product(*(range(0, len(axis), REFERENCES_PER_BLOCK) for axis in references)):
        into = tuple(slice(start, start + REFERENCES_PER_BLOCK) for start in block)
        at = [axis[part] for axis, part in zip(references, into, strict=True)]
        begin = [axis[part] for axis, part in zip(first, into, strict=True)]
        area = tuple(slice(b[0], b[-1] + edge) for b, edge in zip(begin, window, strict=True))
        shape = norms[area].shape
        place_of_reference = _flat([a - s.start for a, s in zip(at, area, strict=True)], shape)
        corner = _flat([b - s.start for b, s in zip(begin, area, strict=True)], shape)
        inside = corner[:, None] + _flat([np.arange(edge) for edge in window], shape)
        reference_patches = grid[np.ix_(*at)].reshape(len(place_of_reference), -1)
        distance = reference_patches @ grid[area].reshape(-1, rows.shape[1]).T
        distance *= -2
        distance += norms[area].reshape(-1)
        distance[
            np.arange(len(place_of_reference)), place_of_reference
        ] = -np.inf  # rounding must not lose the reference
        near = np.take_along_axis(distance, inside, axis=1)
        near = np.argpartition(near, n_similar - 1, axis=1)[:, :n_similar]
        near = np.take_along_axis(inside, near, axis=1)
        found[into] = numbers[area].reshape(-1)[near].reshape(*map(len, at), n_similar)
    return found.reshape(-1, n_similar)


def _flat(coordinates, shape):
    """Flat indices of the product of coordinates along each axis of an array of `shape`."""
    strides = np.cumprod((1, *shape[:0:-1]))[::-1]
    steps = [at * stride for at, stride in zip(coordinates, strides, strict=True)]
    return reduce(np.add.outer, steps).reshape(-1)


def combine_groups(noisy, known, noise, exact):
    """Replace each patch of a group by its best combination of all of them.

    Parameters
    ----------
    noisy : ndarray of shape (n_groups, n_similar, n_pixels)
        Patches with unit noise variance times whatever `noise` says.
    known : ndarray of the same shape
        What the weights are computed from: a pilot estimate of the patches, or `noisy` itself.
    noise : float
        Variance of the noise of `noisy`; without `exact`, at most this.
    exact : bool
        Whether `known` is free of noise, so that weights are those of ridge regression;
        otherwise they minimise Stein's unbiased risk estimate.

    Returns
    -------
    combined : ndarray of shape (n_groups, n_similar, n_pixels)
    precision : ndarray of shape (n_groups, n_similar)
        Inverse of the squared norm of each patch's weights.
    """
    n_similar, n_pixels = noisy.shape[1:]
    # Weights that sum to one are blind to what all patches share; without it, numbers are small.
    known = known - known.mean(axis=1, keepdims=True)
    gram = known @ np.swapaxes(known, 1, 2)
    noise = np.full((len(gram), 1, 1), noise, dtype=gram.dtype)
    if not exact:
        # Noise is no stronger than what varies in a group, but for the choice of like patches.
        varies = np.einsum("gii->g", gram) / (n_pixels * max(n_similar - 1, 1))
        noise = np.minimum(noise, MAX_GROUP_VARIANCE_RATIO * varies[:, None, None])
    gram += n_pixels  # stands for what they share, which the constraint makes any number do for
    gram.reshape(len(gram), -1)[:, :: n_similar + 1] += n_pixels * (
        noise[:, 0] if exact else DIAGONAL_NOISE_SHARE
    )
    weights = np.linalg.inv(gram)
    sums = weights.sum(axis=2, keepdims=True)
    weights -= sums * (np.swapaxes(sums, 1, 2) / sums.sum(axis=1, keepdims=True))
    weights *= -n_pixels * noise
    weights.reshape(len(weights), -1)[:, :: n_similar + 1] += 1
    mean = noisy.mean(axis=1, keepdims=True)
    combined = weights @ (noisy - mean)
    combined += mean
    return combined, 1 / np.einsum("gij,gij->gi", weights, weights)


def add_patches(groups, patches, precision, positions, patch):
    """Weighted sum of patches at their places, and the sum of their weights.

    Parameters
    ----------
    groups : ndarray of shape (n_groups, n_similar)
        Rows of `patch_matrix` that the patches belong to.
    patches : ndarray of shape (n_groups, n_similar, n_pixels)
    precision : ndarray of shape (n_groups, n_similar)
        Weight of each patch.
    positions, patch : tuple of int
        Shape of the positions, and of one patch.

    Returns
    -------
    ndarray of shape (2, *spatial)
    """
    n_rows, n_pixels = int(np.prod(positions)), patches.shape[-1]
    place = sparse.csc_matrix(
        (precision.reshape(-1), groups.reshape(-1), np.arange(groups.size + 1)),
        shape=(n_rows, groups.size),
    )
    rows = (place @ patches.reshape(-1, n_pixels)).reshape(*positions, *patch)
    weight = np.bincount(groups.reshape(-1), precision.reshape(-1), n_rows).reshape(positions)
    spatial = tuple(size + edge - 1 for size, edge in zip(positions, patch, strict=True))
    total = np.zeros((2, *spatial), dtype=patches.dtype)
    for offset in np.ndindex(*patch):
        at = tuple(slice(o, o + size) for o, size in zip(offset, positions, strict=True))
        total[0][at] += rows[(..., *offset)]
        total[1][at] += weight
    return total
