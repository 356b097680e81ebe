# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Weights for groups of patches whose noise is correlated, since neighbouring pixels share it.

The white case is `combine_groups`. Its noise has the Gram matrix ``n sigma^2 I`` for patches of n
pixels; that of correlated noise is ``n sigma^2 D``, where D_ij is the correlation of the noise at
the distance between patches i and j (docs/coloured_nl_ridge.md has the derivation).
"""

import numpy as np

from selfsupervised.classical._cholesky import inverse_factors
from selfsupervised.classical._groups import (
    DIAGONAL_NOISE_SHARE,
    MAX_GROUP_VARIANCE_RATIO,
    add_to_diagonal,
    mean_patch,
)


def valid_correlation(correlation, reach):
    """The nearest correlation that noise can have, at all lags up to `reach`.

    An estimate that is cut off at some lag may have a negative spectrum somewhere, which no
    noise has: that is set to zero.

    Parameters
    ----------
    correlation : ndarray of odd sizes
        Correlation at each lag, with the centre for lag 0; zero beyond.
    reach : tuple of int
        Largest lag along each axis, in pixels.

    Returns
    -------
    ndarray of float32 of shape (2 * reach + 1), ...
        1 at the centre.
    """
    half = [size // 2 for size in correlation.shape]
    shape = [2 * (far + near) + 1 for far, near in zip(reach, half, strict=True)]
    circle = np.zeros(shape)
    circle[tuple(slice(2 * near + 1) for near in half)] = correlation
    circle = np.roll(circle, [-near for near in half], axis=range(circle.ndim))
    spectrum = np.maximum(np.fft.fftn(circle).real, 0)
    circle = np.fft.ifftn(spectrum).real
    table = np.roll(circle / circle.flat[0], reach, axis=range(circle.ndim))
    return table[tuple(slice(2 * far + 1) for far in reach)].astype(np.float32)


def noise_gram(group, positions, table):
    """D: correlation of the noise of each two patches of a group, (n_groups, n_similar, n_similar).

    Parameters
    ----------
    group : ndarray of int of shape (n_groups, n_similar)
        Rows of `patch_matrix`.
    positions : tuple of int
        Shape of the positions.
    table : ndarray
        From `valid_correlation`, with a reach of the largest distance in a group.
    """
    # A lag is a step through the table in reading order, as a place is one through the positions.
    strides = np.cumprod((1, *table.shape[:0:-1]))[::-1]
    place = sum(axis * stride for axis, stride in zip(np.unravel_index(group, positions), strides))
    lags = place[:, :, None] - place[:, None, :] + table.size // 2
    return table.reshape(-1)[lags]


def combine_coloured_groups(noisy, known, noise, exact, D):
    """`combine_groups` for correlated noise.

    The weights of patch i minimise ``|theta^T X - X_i|^2 + n noise theta^T D theta`` (or Stein's
    estimate of the risk, without `exact`) where they sum to one: they are row i of
    ``I - n noise D P``, with ``P = A^-1 - A^-1 1 1^T A^-1 / (1^T A^-1 1)`` and
    ``A = X X^T + n noise D`` (``Y Y^T``).

    Parameters
    ----------
    noisy, known, noise, exact
        See `combine_groups`.
    D : ndarray of shape (n_groups, n_similar, n_similar)
        From `noise_gram`.

    Returns
    -------
    combined : ndarray of shape (n_groups, n_similar, n_pixels)
    precision : ndarray of shape (n_groups, n_similar)
        Inverse of the variance of the noise that is left in each patch, ``theta^T D theta``.
    """
    n_similar, n_pixels = noisy.shape[1:]
    known = known - mean_patch(known)
    gram = known @ np.swapaxes(known, 1, 2)
    noise = np.full((len(gram), 1, 1), noise, dtype=gram.dtype)
    if not exact:
        varies = np.einsum("gii->g", gram) / (n_pixels * max(n_similar - 1, 1))
        noise = np.minimum(noise, MAX_GROUP_VARIANCE_RATIO * varies[:, None, None])
    gram_of_noise = n_pixels * noise * D
    if exact:
        gram += gram_of_noise
    gram += n_pixels
    add_to_diagonal(gram, n_pixels * DIAGONAL_NOISE_SHARE)
    factors = inverse_factors(gram)
    P = np.swapaxes(factors, 1, 2) @ factors
    sums = P.sum(axis=2, keepdims=True)
    P -= sums * (np.swapaxes(sums, 1, 2) / sums.sum(axis=1, keepdims=True))
    weights = gram_of_noise @ P
    np.negative(weights, out=weights)
    weights.reshape(len(weights), -1)[:, :: n_similar + 1] += 1
    mean = mean_patch(noisy)
    combined = weights @ (noisy - mean)
    combined += mean
    left = np.einsum("gij,gij->gi", weights @ D, weights)
    return combined, 1 / np.maximum(left, np.finfo(left.dtype).eps)
