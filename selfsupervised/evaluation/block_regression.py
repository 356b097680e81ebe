# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""All regressions of blocks of columns on the other columns, from one matrix of products.

With S the products of the centred columns of the rows to learn from, and P the inverse of
``S + alpha I``, the ridge regression of the columns D on all others, B, has the weights

    W = (S_BB + alpha I)^-1 S_BD = -P_BD (P_DD)^-1,

by the inverse of a matrix in blocks: one inverse tells the weights of all blocks. Products of rows
add up, so those of the rows outside a fold are sums over the other folds; and so are losses.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack, lstsq

MIN_RECIPROCAL_CONDITION = 1e-8  # of S, below which the inverse has too few digits


@dataclass(frozen=True)
class FoldSums:
    """Sums over the rows of every fold.

    Parameters
    ----------
    folds : list of ndarray of shape (n_rows, n_features)
        The rows of each fold, less a constant near their mean.
    counts : ndarray of shape (n_folds,)
        Number of rows.
    sums : ndarray of shape (n_folds, n_features)
        Sums of rows.
    products : ndarray of shape (n_folds, n_features, n_features)
        Sums of products of columns.
    """

    folds: list
    counts: np.ndarray
    sums: np.ndarray
    products: np.ndarray

    @classmethod
    def of(cls, folds):
        """Sum the rows of each fold."""
        return cls(
            folds,
            np.array([len(rows) for rows in folds]),
            np.array([rows.sum(axis=0) for rows in folds]),
            np.array([rows.T @ rows for rows in folds]),
        )

    def learned(self, fold):
        """Number, mean, and products about the mean, of the rows outside a fold."""
        others = np.arange(len(self.counts)) != fold
        count = self.counts[others].sum()
        mean = self.sums[others].sum(axis=0) / count
        return count, mean, self.products[others].sum(axis=0) - count * np.outer(mean, mean)

    def judged(self, fold, mean):
        """Products of the rows of a fold, about the mean of others."""
        cross = np.outer(self.sums[fold], mean)
        about_zero = self.products[fold] + self.counts[fold] * np.outer(mean, mean)
        return about_zero - cross - cross.T


def block_weights(sums, fold, alpha, blocks):
    """Weights by which the columns of blocks are predicted, learned outside a fold.

    Parameters
    ----------
    sums : FoldSums
    fold : int
        The fold that is not learned from.
    alpha : float
        Strength of the penalty, as in `sklearn.linear_model.Ridge`.
    blocks : list of Block
        What is predicted from what.

    Returns
    -------
    ndarray of shape (n_features, n_features)
        A column of weights for each column that is predicted; zeros for the others.
    """
    count, mean, scatter = sums.learned(fold)
    penalized = scatter + alpha * np.eye(len(scatter))
    inverse, scale = _inverse(penalized)
    weights = np.zeros_like(scatter)
    triangle = None
    for block in blocks:
        hidden, beside = np.flatnonzero(~block.beside), np.flatnonzero(block.beside)
        targets = np.flatnonzero(block.columns)
        if inverse is not None:
            own = inverse[np.ix_(hidden, hidden)]
            of_hidden = -np.linalg.solve(own, inverse[np.ix_(hidden, beside)]).T
            found = of_hidden[:, block.columns[hidden]]
            found *= scale[targets] / scale[beside, None]
        else:
            if triangle is None:
                triangle = _triangle(sums, fold, mean, alpha)
            cutoff = max(count, len(beside)) * np.finfo(float).eps
            found = lstsq(triangle[:, beside], triangle[:, targets], cond=cutoff)[0]
        weights[np.ix_(beside, targets)] = found
    return weights


def block_losses(sums, fold, weights, columns):
    """Sums of squared errors of the rows of a fold, for each of these columns."""
    _, mean, _ = sums.learned(fold)
    errors = np.eye(len(weights))[:, columns] - weights[:, columns]
    losses = (errors * (sums.judged(fold, mean) @ errors)).sum(axis=0)
    return np.maximum(losses, 0)


def _inverse(matrix):
    """The inverse of the matrix scaled to ones on its diagonal, and the scale; or None."""
    diagonal = matrix.diagonal()
    if not (diagonal > 0).all():
        return None, None
    scale = np.sqrt(diagonal)
    scaled = matrix / np.outer(scale, scale)
    factor, failed = lapack.dpotrf(scaled, lower=1)
    if failed or lapack.dpocon(factor, np.abs(scaled).sum(axis=0).max(), uplo="L")[0] < (
        MIN_RECIPROCAL_CONDITION
    ):
        return None, None
    inverse = lapack.dpotri(factor, lower=1)[0]
    return np.tril(inverse) + np.tril(inverse, -1).T, scale


def _triangle(sums, fold, mean, alpha):
    """A small table that has the same least-squares solutions as the rows outside a fold."""
    others = [rows for number, rows in enumerate(sums.folds) if number != fold]
    rows = np.concatenate(others) - mean
    parts = [np.linalg.qr(rows, mode="r")]
    if alpha:
        parts.append(np.sqrt(alpha) * np.eye(rows.shape[1]))
    return np.concatenate(parts)
