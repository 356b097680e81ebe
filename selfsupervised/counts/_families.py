# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Families of denoisers of counts, judged by one split of the molecules."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone

from selfsupervised.counts._expected import shares_of_genes
from selfsupervised.counts._tables import CELLS_PER_BLOCK
from selfsupervised.counts.normalizer import row_totals
from selfsupervised.evaluation.losses import poisson_loss
from selfsupervised.partitions import MoleculeSplit

SEEN = 0.9  # of the molecules, nearly as many as the result is made of
AS_IT_IS, GENE_MEANS = "as it is", "gene means"


@dataclass(frozen=True)
class Judged:
    """What was lost on molecules that were held out.

    Parameters
    ----------
    of_cells : ndarray of shape (n_cells,)
        Mean Poisson loss of each cell.
    of_genes : ndarray of shape (n_genes,)
        Sum of the squared errors of each gene, in molecules.
    """

    of_cells: np.ndarray
    of_genes: np.ndarray

    @property
    def loss(self):
        """Mean loss of an entry."""
        return float(self.of_cells.mean())


def judge(counts, candidates, seed, batches=None):
    """Judge baselines and candidates on the same molecules.

    Parameters
    ----------
    counts : CSR table of shape (n_cells, n_genes)
        Whole numbers.
    candidates : dict of str to estimator
        Denoisers that give expected counts; clones of them are fitted to what is seen.
    seed : int
        Of the split.
    batches : ndarray of int of shape (n_cells,), default=None
        Batch of each cell; the means of genes are then also those of its own batch.

    Returns
    -------
    dict of str to Judged
        With "as it is" and "gene means", and with batches "gene means of the batch".
    """
    (pair,) = MoleculeSplit(SEEN, symmetric=False, random_state=seed).split(counts)
    seen = sparse.csr_array(pair.seen)
    totals, shares = row_totals(seen), shares_of_genes(seen)
    methods: dict[str, Any] = {
        AS_IT_IS: lambda part: seen[part].toarray(),
        GENE_MEANS: lambda part: totals[part, None] * shares,
    }
    if batches is not None:
        of_batches = np.array([shares_of_genes(seen[batches == b]) for b in np.unique(batches)])
        number = np.unique(batches, return_inverse=True)[1]
        methods[f"{GENE_MEANS} of the batch"] = lambda part: (
            totals[part, None] * of_batches[number[part]]
        )
    results = {name: _judged(pair, method) for name, method in methods.items()}
    for name, candidate in candidates.items():
        fitted = clone(candidate).fit(seen)
        results[name] = _judged(pair, lambda part, fitted=fitted: fitted.transform(seen[part]))
    return results


def _judged(pair, predict):
    judged = sparse.csr_array(pair.judged)
    of_cells, of_genes = np.empty(judged.shape[0]), np.zeros(judged.shape[1])
    for start in range(0, judged.shape[0], CELLS_PER_BLOCK):
        part = slice(start, start + CELLS_PER_BLOCK)
        found, predicted = judged[part].toarray(), pair.select(predict(part))
        of_cells[part] = poisson_loss(found, predicted).mean(axis=1)
        of_genes += np.square(found - predicted, dtype=np.float64).sum(axis=0)
    return Judged(of_cells, of_genes)


def r2(judged, baseline):
    """1 minus the ratio of squared errors, for each gene; NaN where nothing was found."""
    errors, of_means = judged.of_genes, baseline.of_genes
    return 1 - np.divide(errors, of_means, where=of_means > 0, out=np.full(len(errors), np.nan))
