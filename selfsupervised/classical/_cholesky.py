# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Many small linear systems at once, mostly by matrix products."""

import numpy as np

# Up to this size LAPACK factors a block; below it, its calls cost more than they compute.
MAX_LEAF_SIZE = 7


def inverse_factors(matrices):
    """Inverses of the Cholesky factors of symmetric positive definite matrices, by blocks.

    With ``[[A, B^T], [B, D]] = L L^T`` in blocks, ``L = [[L1, 0], [L21, L2]]``, it is L1 of A,
    ``L21 = B L1^-T``, and L2 of ``D - L21 L21^T``; the inverse has ``-L2^-1 L21 L1^-1`` in the
    corner. Halving again and again leaves nearly all arithmetic to matrix products, which are
    several times as fast for small matrices as LAPACK's elimination. As it never forms the
    inverse of a block, it is as accurate as any Cholesky factor.

    Parameters
    ----------
    matrices : ndarray of shape (n, size, size)
        float32 or float64; only the lower triangles are read.

    Returns
    -------
    ndarray of shape (n, size, size)
        F, lower triangular up to rounding, with ``F^T F`` the inverse of each matrix.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a matrix is not positive definite, up to rounding.
    """
    size = matrices.shape[-1]
    if size <= MAX_LEAF_SIZE:
        return np.linalg.inv(np.linalg.cholesky(matrices))
    half = size // 2
    F1 = inverse_factors(matrices[:, :half, :half])
    L21 = matrices[:, half:, :half] @ np.swapaxes(F1, 1, 2)
    F2 = inverse_factors(matrices[:, half:, half:] - L21 @ np.swapaxes(L21, 1, 2))
    out = np.zeros_like(matrices)
    out[:, :half, :half] = F1
    out[:, half:, half:] = F2
    np.negative(F2 @ (L21 @ F1), out=out[:, half:, :half])
    return out
