# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The baseline that every denoiser of counts must beat: the mean of each gene over all cells."""

import numpy as np
from scipy.special import xlogy
from sklearn.base import clone

from selfsupervised.core.sklearn_compat import plain_inside
from selfsupervised.counts._ranks import leading_axes
from selfsupervised.counts.normalizer import row_totals
from selfsupervised.evaluation.losses import SMALLEST_RATE
from selfsupervised.partitions import MoleculeSplit


@plain_inside
def loss_of_gene_means(counts, normalizer, loss, seed):
    """Mean loss of an entry on held-out molecules, if all cells were alike but for their totals.

    Parameters
    ----------
    counts : csr_array of shape (n, g)
        Whole numbers in a float dtype.
    normalizer : CountNormalizer
        Not fitted; each half is normalised by itself.
    loss : {"mse", "poisson"}
    seed : int
        Of the split.

    Returns
    -------
    float
    """
    seen, judged = _halves(counts, seed)
    if loss == "mse":
        seen, judged = (clone(normalizer).fit_transform(half) for half in (seen, judged))
        return float(_errors_of_means(seen, judged).sum() / np.prod(counts.shape))
    shares = row_totals(seen.T) / seen.sum()
    totals = row_totals(seen)
    table = judged.tocoo()
    rates = np.maximum(totals[table.row] * shares[table.col], SMALLEST_RATE)
    return float((totals.sum() - xlogy(table.data, rates).sum()) / np.prod(counts.shape))


@plain_inside
def r2_of_genes(counts, normalizer, n_components, seed):
    """How much better than its mean each gene's held-out molecules are predicted.

    Parameters
    ----------
    counts : csr_array of shape (n, g)
    normalizer : CountNormalizer
        Not fitted.
    n_components : int
        Number of principal components of one half that predict the other.
    seed : int
        Of the split.

    Returns
    -------
    ndarray of shape (g,)
        1 minus the ratio of the squared errors, in normalised units: 0 for the mean of the gene,
        less for worse. NaN for genes without molecules. The noise of the judged half counts as an
        error, so 1 is out of reach for genes of few molecules.
    """
    seen, judged = (clone(normalizer).fit_transform(half) for half in _halves(counts, seed))
    components, _, scores = leading_axes(seen, n_components, np.random.default_rng(seed))
    errors = _squares(judged) - 2 * np.sum((judged.T @ scores).T * components, axis=0)
    errors += np.sum((scores.T @ scores @ components) * components, axis=0)
    baseline = _errors_of_means(seen, judged)
    return 1 - np.divide(errors, baseline, where=baseline > 0, out=np.full(errors.shape, np.nan))


def _halves(counts, seed):
    (pair,) = MoleculeSplit(symmetric=False, random_state=seed).split(counts)
    return pair.seen, pair.judged


def _squares(table):
    return row_totals(table.multiply(table).T)


def _errors_of_means(seen, judged):
    """Squared errors of every gene, summed over cells."""
    n = seen.shape[0]
    means = row_totals(seen.T) / n
    return _squares(judged) - 2 * means * row_totals(judged.T) + n * np.square(means)
