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

from selfsupervised.classical._cholesky import inverse_factors

# References along each axis whose distances are computed in one matrix product.
REFERENCES_PER_BLOCK = 8

# Keeps identical patches from making a singular matrix, as a share of the noise variance.
DIAGONAL_NOISE_SHARE = 1e-3

# The least ridge, as a share of the sum of a matrix's eigenvalues: float32 tells smaller ones from
# zero no more. Signal that it takes away is thousands of times weaker than the rest of its group.
MIN_RIDGE_SHARE = 1e-5

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
        n_references = len(place_of_reference)
        reference_patches = grid[np.ix_(*at)].reshape(n_references, -1)
        distance = reference_patches @ grid[area].reshape(-1, rows.shape[1]).T
        distance *= -2
        distance += norms[area].reshape(-1)
        # Rounding must not lose the reference itself.
        distance[np.arange(n_references), place_of_reference] = -np.inf
        corners = [b - s.start for b, s in zip(begin, area, strict=True)]
        near = _smallest(_in_windows(distance, shape, corners, window), n_similar)
        near = _flat([np.arange(edge) for edge in window], shape)[near]
        near += _flat(corners, shape)[:, None]
        found[into] = numbers[area].reshape(-1)[near].reshape(*map(len, at), n_similar)
    return found.reshape(-1, n_similar)


def _in_windows(distance, shape, corners, window):
    """Distances of each reference to the candidates in its window, (n_references, n_candidates).

    `distance` has those to all of an area of `shape`; windows begin at `corners`, along each axis.
    """
    n_axes, counts = len(shape), [len(corner) for corner in corners]
    of_area = sliding_window_view(
        distance.reshape(*counts, *shape), window, axis=tuple(range(n_axes, 2 * n_axes))
    )
    each = np.ix_(*(np.arange(count) for count in counts))
    return of_area[(*each, *np.ix_(*corners))].reshape(len(distance), -1)


def _smallest(values, n):
    """Places of the `n` smallest values in each row, in no order, (n_rows, n).

    The n-th smallest is found by a partial sort of the values, which takes half as long as one of
    their places.
    """
    limit = np.partition(values, n - 1, axis=1)[:, n - 1, None]
    places = np.flatnonzero(values <= limit)
    if len(places) != n * len(values):  # some are equal
        return np.argpartition(values, n - 1, axis=1)[:, :n]
    return (places % values.shape[1]).reshape(-1, n)


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
    # Weights that sum to one are blind to what all patches share; without it, numbers are small.
    known = known - mean_patch(known)
    if exact and known.shape[2] < known.shape[1]:
        return _combine_by_pixels(noisy, known, noise)
    return _combine_by_patches(noisy, known, noise, exact)


def add_to_diagonal(gram, ridge):
    """Add to the diagonals, in place, and not less than keeps Cholesky's factor real.

    Returns what was added, (n_groups, 1).
    """
    diagonals = gram.reshape(len(gram), -1)[:, :: gram.shape[1] + 1]
    least = MIN_RIDGE_SHARE * diagonals.sum(axis=1, keepdims=True)
    added = np.maximum(np.reshape(ridge, (-1, 1)), least).astype(gram.dtype)
    diagonals += added
    return added


def mean_patch(groups):
    """Mean over each group, (n_groups, 1, n_pixels); a product is several times as fast as mean."""
    n_similar = groups.shape[1]
    return np.full((1, n_similar), 1 / n_similar, dtype=groups.dtype) @ groups


def _combine_by_patches(noisy, known, noise, exact):
    """`combine_groups` by matrices of patches by patches."""
    n_similar, n_pixels = noisy.shape[1:]
    gram = known @ np.swapaxes(known, 1, 2)
    noise = np.full((len(gram), 1, 1), noise, dtype=gram.dtype)
    if not exact:
        # Noise is no stronger than what varies in a group, but for the choice of like patches.
        varies = np.einsum("gii->g", gram) / (n_pixels * max(n_similar - 1, 1))
        noise = np.minimum(noise, MAX_GROUP_VARIANCE_RATIO * varies[:, None, None])
    gram += n_pixels  # stands for what they share, which the constraint makes any number do for
    add_to_diagonal(gram, n_pixels * (noise[:, 0, 0] if exact else DIAGONAL_NOISE_SHARE))
    factors = inverse_factors(gram)
    weights = np.swapaxes(factors, 1, 2) @ factors
    sums = weights.sum(axis=2, keepdims=True)
    weights -= sums * (np.swapaxes(sums, 1, 2) / sums.sum(axis=1, keepdims=True))
    weights *= -n_pixels * noise
    weights.reshape(len(weights), -1)[:, :: n_similar + 1] += 1
    mean = mean_patch(noisy)
    combined = weights @ (noisy - mean)
    combined += mean
    return combined, 1 / np.einsum("gij,gij->gi", weights, weights)


def _combine_by_pixels(noisy, known, noise):
    """The same by the smaller matrices of pixels by pixels, for weights of ridge regression.

    With c = n_pixels * noise, and X for `known`, whose columns sum to zero, the weights are
    ``I - c P = X M X^T + 1 1^T / n_similar`` with ``M = (X^T X + c I)^-1 = F^T F``, and the
    squared norms of their rows the diagonal of ``X (M - c M^2) X^T + 1 1^T / n_similar``.
    """
    n_similar, n_pixels = noisy.shape[1:]
    transposed = np.swapaxes(known, 1, 2)
    gram = transposed @ known
    c = add_to_diagonal(gram, n_pixels * noise)
    F = inverse_factors(gram)
    XF = known @ np.swapaxes(F, 1, 2)
    combined = XF @ (np.swapaxes(XF, 1, 2) @ noisy)
    combined += mean_patch(noisy)
    XM = XF @ F
    squares = np.einsum("gij,gij->gi", XF, XF)
    squares -= c * np.einsum("gij,gij->gi", XM, XM)
    return combined, 1 / (squares + 1 / n_similar)


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
    rows = place @ patches.reshape(-1, n_pixels)
    layers = np.ascontiguousarray(rows.T).reshape(-1, *positions)  # one for each pixel of a patch
    weight = np.bincount(groups.reshape(-1), precision.reshape(-1), n_rows).reshape(positions)
    spatial = tuple(size + edge - 1 for size, edge in zip(positions, patch, strict=True))
    total = np.zeros((2, *spatial), dtype=patches.dtype)
    for layer, offset in zip(layers, np.ndindex(*patch), strict=True):
        at = tuple(slice(o, o + size) for o, size in zip(offset, positions, strict=True))
        total[0][at] += layer
        total[1][at] += weight
    return total
