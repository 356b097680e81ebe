# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What tables and counts tell about the independence of their noise, before they are judged."""

import numpy as np
from scipy import sparse

from selfsupervised.evaluation.block_regression import FoldSums, block_losses, block_weights
from selfsupervised.partitions.features import FeatureBlocks

# A part of a large table is looked at, of neighbouring rows and columns.
MAX_ROWS, MAX_COLUMNS = 2048, 96
MIN_ROWS, MIN_COLUMNS = 50, 16  # below, nothing is said
BLOCK_COLUMNS, GAP_COLUMNS, N_FOLDS = 4, 4, 2
RELATIVE_ALPHAS = np.logspace(-4, 1, 4)

MIN_NEIGHBOR_CORRELATION = 0.17
LEAST_QUANTILE, LEAST_OF_MEDIAN = 0.2, 0.5
TIED_EIGENVALUE = 1e-10  # of the smallest, in units of a column's variance: rounding, no noise

RARE_GENE_SHARE = 0.1  # of the cells, in which a gene is found
MIN_RARE_ENTRIES = 200
MAX_RARE_MEAN = 2.0  # molecules where found; 1.06 to 1.22 in data with UMIs, 3 in reads

MIN_COPY_MOLECULES = 20  # of fewer, cells are equal by chance
MIN_COPIED_SHARE = 0.01

FEW_ENTRIES_SHARE, MAX_SHARE_OF_LOSS = 1e-3, 0.5


def neighbor_correlations(table):
    """Correlation of the noise of neighbouring columns, and of neighbouring rows.

    Each block of columns is predicted from columns farther off, by ridge regression learned on
    other rows. What is common to the whole table is predicted so; what is left is noise, whose
    correlation is measured.

    Parameters
    ----------
    table : ndarray of shape (n_samples, n_features)
        NaN means "not measured".

    Returns
    -------
    of_columns, of_rows : float
        Medians, over pairs of columns and over columns. Zero where a table is too small to tell, or
        where they are of some columns only.
    """
    part = _middle(table)
    if part.shape[0] < MIN_ROWS or part.shape[1] < MIN_COLUMNS:
        return 0.0, 0.0
    residual = _residual(part)
    residual -= residual.mean(axis=0)
    size = np.sqrt(np.square(residual).mean(axis=0))
    varies = size > 1e-9 * max(size.max(), np.finfo(float).tiny)
    residual = np.where(varies, residual / np.where(varies, size, 1), np.nan)
    both = varies[1:] & varies[:-1]
    if both.sum() < MIN_COLUMNS // 2:
        return 0.0, 0.0
    of_columns = np.mean(residual[:, 1:] * residual[:, :-1], axis=0)[both]
    of_rows = np.mean(residual[1:] * residual[:-1], axis=0)[varies]
    return _usual(of_columns), _usual(of_rows)


def _usual(correlations):
    """The median, if most are of its sign: noise has a width, a few alike columns have not."""
    middle, least = np.median(correlations), np.quantile(correlations, LEAST_QUANTILE)
    return float(middle if least > LEAST_OF_MEDIAN * middle else min(middle, 0.0))


def are_tied(table):
    """Whether some columns follow from the others to rounding, by arithmetic on all of them."""
    rows = table[~np.isnan(table).any(axis=1)][: MAX_ROWS * 4]
    if len(rows) < 2 * rows.shape[1] or rows.shape[1] > 4 * MAX_COLUMNS:
        return False
    rows = rows - rows.mean(axis=0, dtype=np.float64)
    size = np.sqrt(np.square(rows).mean(axis=0))
    rows = rows[:, size > 0] / size[size > 0]
    if rows.shape[1] < 2:
        return False
    precision = max(TIED_EIGENVALUE, 10 * np.finfo(table.dtype).eps ** 2 * rows.shape[1])
    return bool(np.linalg.eigvalsh(rows.T @ rows / len(rows))[0] < precision)


def as_counts(X):
    """Counts as a sorted CSR table without zeros; None for what are no counts."""
    half = X.dtype == np.float16  # which SciPy has no sparse tables of
    table = sparse.csr_array(X.astype(np.float32) if half else X)
    if not np.isfinite(table.data).all() or table.data.min(initial=0) < 0:
        return None
    if not (table.has_canonical_format and table.data.all()):
        table = table.copy()
        table.sum_duplicates()
        table.eliminate_zeros()
    return table


def mean_where_rare(counts):
    """Mean of what is found of genes that few cells show; about 1 if molecules are counted.

    Parameters
    ----------
    counts : csr_array of shape (n_samples, n_features)
        Without explicit zeros.

    Returns
    -------
    float
        NaN if too little is found to tell.
    """
    n_cells, n_genes = counts.shape
    found = np.bincount(counts.indices, minlength=n_genes)
    rare = (found > 0) & (found < RARE_GENE_SHARE * n_cells)
    n_found = found[rare].sum()
    if n_found < MIN_RARE_ENTRIES:
        return np.nan
    return float((counts.T @ np.ones(n_cells))[rare].sum() / n_found)


def n_copies(counts):
    """Number of rows of a table of counts that are like one before, chance left aside."""
    # Sums with random weights are the same, to the last bit, for rows that are the same.
    weights = np.random.default_rng(0).random(counts.shape[1])
    totals = counts @ np.ones(counts.shape[1])
    keys = (counts @ weights)[totals >= MIN_COPY_MOLECULES]
    return len(keys) - len(np.unique(keys))


def share_of_few(losses):
    """Share of the sum of losses that the largest thousandth of them makes."""
    losses = losses[~np.isnan(losses)]
    n_few = int(FEW_ENTRIES_SHARE * losses.size)
    total = losses.sum()
    if n_few < 1 or not total > 0:
        return 0.0
    return float(np.partition(losses, -n_few)[-n_few:].sum() / total)


def _middle(table):
    """Neighbouring rows and columns from the middle, without missing values."""
    if sparse.issparse(table):
        table = table.toarray()
    starts = [max(0, (n - most) // 2) for n, most in zip(table.shape, (MAX_ROWS, MAX_COLUMNS))]
    part = table[starts[0] : starts[0] + MAX_ROWS, starts[1] : starts[1] + MAX_COLUMNS]
    part = part.astype(np.float64)
    measured = ~np.isnan(part)
    part = part[:, measured.any(axis=0)]
    measured = ~np.isnan(part)
    means = np.where(measured, part, 0).sum(axis=0) / np.maximum(measured.sum(axis=0), 1)
    return np.where(measured, part, means) - means


def _residual(table):
    n_blocks = max(table.shape[1] // BLOCK_COLUMNS, 2)
    partition = FeatureBlocks(n_blocks, n_folds=N_FOLDS, contiguous=True, gap=GAP_COLUMNS)
    blocks = partition.blocks(table)
    # Which row is in which fold may be told by anything here: nothing is judged by it.
    fold_of = blocks[0].fold_of
    places = [np.flatnonzero(fold_of == fold) for fold in range(N_FOLDS)]
    out = np.zeros_like(table)
    if min(map(len, places)) < 2:
        return out
    sums = FoldSums.of([table[rows] for rows in places])
    columns = np.ones(table.shape[1], dtype=bool)
    for fold, rows in enumerate(places):
        alphas = RELATIVE_ALPHAS * np.square(table).sum() / table.shape[1]
        fits = [block_weights(sums, fold, alpha, blocks) for alpha in alphas]
        losses = [block_losses(sums, fold, fit, columns).sum() for fit in fits]
        _, mean, _ = sums.learned(fold)
        centred = table[rows] - mean
        out[rows] = centred - centred @ fits[int(np.argmin(losses))]
    return out
