# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Expected counts that keep each cell's total and are no worse than the mean of each gene.

What components say of a cell with few molecules need not add up to its total, and says zero of
genes that are rare. So profiles are scaled to the total, and mixed with that of all cells, by the
weight that predicts held-out molecules best; with a weight of 1, cells are alike but for totals.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import xlogy
from sklearn.base import clone

from selfsupervised.counts._ranks import ENTRIES_PER_BLOCK, leading_axes
from selfsupervised.counts.normalizer import row_totals
from selfsupervised.evaluation.losses import SMALLEST_RATE
from selfsupervised.partitions import MoleculeSplit
from selfsupervised.partitions.thinning import are_fractional

MOLECULES_ENOUGH, MAX_SPLITS = 20_000, 10  # of fewer molecules, several splits are asked
MEAN_WEIGHTS = np.array([0, 0.01, 0.03, 0.1, 0.2, 0.5, 1])


@dataclass(frozen=True)
class ExpectedCounts:
    """From denoised normalised values, in two factors, to expected counts.

    Parameters
    ----------
    normalizer : CountNormalizer
        Fitted.
    shares : ndarray of shape (n_features,)
        Of the genes in all molecules.
    mean_weight : float
        Weight of these shares, from 0 to 1.
    """

    normalizer: Any
    shares: np.ndarray
    mean_weight: float

    def __call__(self, scores, decoder, totals, columns, out_totals=None):
        """Expected counts of some genes.

        Parameters
        ----------
        scores : ndarray of shape (n_cells, K)
        decoder : ndarray of shape (K, n_features)
            Of all genes: what others are expected tells what is left for these.
        totals : ndarray of shape (n_cells,)
            Molecules of the cells as they were measured.
        columns : ndarray of int or slice
            Which genes.
        out_totals : ndarray of shape (n_cells,), default=None
            Molecules of the cells that are asked for; `totals` by default. Cells without any
            molecule stay empty.

        Returns
        -------
        ndarray of shape (n_cells, n_columns)
        """
        out_totals = totals if out_totals is None else np.where(totals > 0, out_totals, 0)
        shares = self.shares[columns]
        out = np.empty((len(scores), len(shares)), dtype=scores.dtype)
        for part, profiles in self.profiles(scores, decoder, totals):
            mixed = self.mean_weight * shares + (1 - self.mean_weight) * profiles[:, columns]
            out[part] = mixed * out_totals[part, None]
        return out

    def profiles(self, scores, decoder, totals):
        """Yield slices of cells, and the shares of all genes in each, by components alone."""
        step = max(1, ENTRIES_PER_BLOCK // decoder.shape[1])
        for start in range(0, len(scores), step):
            part = slice(start, start + step)
            rates = self.normalizer.expected_counts(scores[part] @ decoder, totals[part])
            yield part, keeping_totals(rates, np.ones(len(rates)), self.shares)


def keeping_totals(rates, totals, shares):
    """Expected counts that add up to these totals; like those of all cells where nothing is."""
    sums = rates.sum(axis=1, dtype=np.float64)
    factors = totals / np.where(sums > 0, sums, 1)
    out = rates * factors[:, None].astype(rates.dtype)
    empty = sums <= 0
    out[empty] = totals[empty, None] * shares
    return out


def shares_of_genes(counts):
    """Share of each gene in all molecules."""
    molecules = row_totals(counts.T)
    return molecules / max(molecules.sum(), np.finfo(float).tiny)


def best_mean_weight(counts, normalizer, n_components, seed):
    """The weight of the mean profile by which one half of the molecules predicts the other best.

    Parameters
    ----------
    counts : ndarray or CSR table of shape (n, g)
        Of fractions, no molecules can be shared out: the weight is 0 then.
    normalizer : CountNormalizer
        Not fitted.
    n_components : int
    seed : int
        Of the halves.

    Returns
    -------
    float
        By Poisson likelihood; 1 unless components are better by a standard error, over cells.
    """
    if are_fractional(counts.data if sparse.issparse(counts) else counts):
        return 0.0
    n_splits = int(np.clip(MOLECULES_ENOUGH // max(counts.sum(), 1), 1, MAX_SPLITS))
    split = MoleculeSplit(n_splits=n_splits, symmetric=n_splits > 1, random_state=seed)
    gains = sum(_gains(pair, normalizer, n_components, seed) for pair in split.split(counts))
    best = int(gains.sum(axis=0).argmax())
    over_mean = gains[:, best] - gains[:, -1]
    error = over_mean.std() * np.sqrt(len(gains))
    return float(MEAN_WEIGHTS[best]) if over_mean.sum() > error else 1.0


def _gains(pair, normalizer, n_components, seed):
    """Log-likelihood of what is judged, for each cell and weight; all add up to the same totals."""
    totals = row_totals(pair.seen)
    gains = np.zeros((len(totals), len(MEAN_WEIGHTS)))
    if not totals.any():
        return gains
    fitted = clone(normalizer).fit(pair.seen)
    rng = np.random.default_rng(seed)
    components, _, scores = leading_axes(fitted.transform(pair.seen), n_components, rng)
    expected = ExpectedCounts(fitted, shares_of_genes(pair.seen), 0.0)
    for part, profiles in expected.profiles(scores, components, totals):
        block = sparse.csr_array(pair.judged[part]).tocoo()
        own = profiles[block.row, block.col].astype(np.float64)
        of_all, total = expected.shares[block.col], totals[part][block.row]
        for number, weight in enumerate(MEAN_WEIGHTS):
            rates = np.maximum(total * (weight * of_all + (1 - weight) * own), SMALLEST_RATE)
            of_cells = np.bincount(block.row, xlogy(block.data, rates), minlength=len(profiles))
            gains[part, number] = of_cells
    return gains
