# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What tables and counts tell about the independence of their noise, before they are judged."""

import numpy as np
from scipy import sparse

# A part of a large table is looked at, of neighbouring rows and columns.
MAX_ROWS, MAX_COLUMNS = 1024, 64
MIN_ROWS, MIN_COLUMNS = 50, 16  # below, nothing is said
WINDOW_COLUMNS, GAP_COLUMNS = 4, 4  # predicted together, and left out on each side of these
RELATIVE_ALPHAS = np.logspace(-4, 1, 4)

MIN_NEIGHBOR_CORRELATION = 0.17
LEAST_QUANTILE, LEAST_OF_MEDIAN = 0.2, 0.5

MAX_TIED_COLUMNS = 384
MIN_TIED_ROWS = 512
MIN_VARYING_SHARE = 0.1  # of the rows, in which a column is not as in most
TIED_EIGENVALUE = 1e-10  # of the smallest, in units of a column's variance: rounding, no noise
TIED_GAP = 1e4  # to the next eigenvalue; filters leave a slope instead

RARE_GENE_SHARE = 0.1  # of the cells, in which a gene is found
MIN_RARE_ENTRIES = 200
MAX_RARE_MEAN = 2.0  # molecules where found; 1.06 to 1.22 in data with UMIs, 3 in reads

MIN_COPY_MOLECULES = 20  # of fewer, cells are equal by chance
MIN_COPIED_SHARE = 0.01

FEW_ENTRIES_SHARE, MAX_SHARE_OF_LOSS = 1e-3, 0.5


def neighbor_correlations(table):
    """Correlation of the noise of neighbouring columns, and of neighbouring rows.

    Each window of columns is predicted from columns farther off, by ridge regression learned on
    the other half of the rows. What is common to the whole table is predicted so; what is left is
    noise, whose correlation is measured. With S the products of the scaled columns of one half,
    and P the inverse of ``S + alpha I``, what is left of the columns H, of a window and the gap
    around it, is ``X P_:H (P_HH)^-1``, by the inverse of a matrix in blocks; and products of what
    is left follow from products of columns, so no residual is computed.

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
    part = _scaled_middle(table)
    if min(len(part) / MIN_ROWS, part.shape[1] / MIN_COLUMNS) < 1:
        return 0.0, 0.0
    halves = np.array_split(part, 2)
    products = [half.T @ half for half in halves]
    of_columns, of_rows = np.zeros_like(products[0]), np.zeros(part.shape[1])
    for half, own, other in zip(halves, products, products[::-1], strict=True):
        left = _what_is_left(other, own)
        of_columns += left.T @ own @ left
        of_rows += np.einsum("ij,ij->j", left, half[1:].T @ half[:-1] @ left)
    size = of_columns.diagonal()
    varies = size > 1e-18 * max(size.max(), np.finfo(float).tiny)
    both = varies[1:] & varies[:-1]
    if both.sum() < MIN_COLUMNS // 2:
        return 0.0, 0.0
    root = np.sqrt(np.where(varies, size, 1))
    lagged = (of_columns / np.outer(root, root)).diagonal(1)[both]
    return _usual(lagged), _usual((of_rows / root**2)[varies])


def _usual(correlations):
    """The median, if most are of its sign: noise has a width, a few alike columns have not."""
    middle, least = np.median(correlations), np.quantile(correlations, LEAST_QUANTILE)
    return float(middle if least > LEAST_OF_MEDIAN * middle else min(middle, 0.0))


def _scaled_middle(table):
    """Neighbouring rows and columns from the middle, centred, scaled and without missing values."""
    starts = [max(0, (n - most) // 2) for n, most in zip(table.shape, (MAX_ROWS, MAX_COLUMNS))]
    part = table[starts[0] : starts[0] + MAX_ROWS, starts[1] : starts[1] + MAX_COLUMNS]
    if sparse.issparse(part):
        part = part.toarray()
    part = part.astype(np.float64)
    missing = np.isnan(part)
    if missing.any():
        part = part[:, ~missing.all(axis=0)]
        missing = np.isnan(part)
        part = np.where(missing, np.nanmean(part, axis=0), part)
    part -= part.mean(axis=0)
    size = np.sqrt(np.square(part).mean(axis=0))
    return part / np.where(size > 0, size, 1)


def _what_is_left(products, judged):
    """The matrix by which scaled columns are turned into what distant columns leave of them.

    Learned from the products of some rows; the penalty is that which leaves least of `judged`.
    """
    n = len(products)
    starts = np.arange(0, n - WINDOW_COLUMNS + 1, WINDOW_COLUMNS)
    if starts[-1] + WINDOW_COLUMNS < n:
        starts = np.append(starts, n - WINDOW_COLUMNS)
    width = WINDOW_COLUMNS + 2 * GAP_COLUMNS
    hidden = np.clip(starts - GAP_COLUMNS, 0, n - width)[:, None] + np.arange(width)
    own = (starts[:, None] + np.arange(WINDOW_COLUMNS))[:, None, :] == hidden[:, :, None]
    values, vectors = np.linalg.eigh(products)
    best, least = np.empty(0), np.inf
    for alpha in RELATIVE_ALPHAS * values.sum() / n:
        inverse = (vectors / (np.maximum(values, 0) + alpha)) @ vectors.T
        inner = np.linalg.solve(inverse[hidden[:, :, None], hidden[:, None, :]], own.astype(float))
        left = np.zeros_like(products)
        left[:, starts[:, None] + np.arange(WINDOW_COLUMNS)] = np.moveaxis(
            np.moveaxis(inverse[:, hidden], 0, 1) @ inner, 0, 1
        )
        loss = np.einsum("ij,ij->", left, judged @ left)
        if loss < least:
            best, least = left, loss
    return best


def are_tied(table):
    """Whether some columns follow from the others to rounding, by arithmetic on all of them."""
    n_rows, n_columns = table.shape
    if n_rows < 2 * n_columns or not 2 <= n_columns <= MAX_TIED_COLUMNS:
        return False
    rows = table[:: max(1, n_rows // max(4 * n_columns, MIN_TIED_ROWS))]
    rows = rows[~np.isnan(rows).any(axis=1)]
    if len(rows) < 2 * n_columns:
        return False
    # Few rows in which something happens at all are soon tied by chance.
    often = np.mean(rows != np.median(rows, axis=0), axis=0) > MIN_VARYING_SHARE
    rows = rows[:, often].astype(np.float64)
    if rows.shape[1] < 2:
        return False
    rows -= rows.mean(axis=0)
    rows /= np.sqrt(np.square(rows).mean(axis=0))
    values = np.linalg.eigvalsh(rows.T @ rows / len(rows))
    precision = max(TIED_EIGENVALUE, 10 * np.finfo(table.dtype).eps ** 2 * rows.shape[1])
    n_tied = int(np.sum(values < precision))
    return n_tied > 0 and bool(values[n_tied] > TIED_GAP * precision)


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


def mean_where_rare(genes, n_cells):
    """Mean of what is found of genes that few cells show; about 1 if molecules are counted.

    Parameters
    ----------
    genes : ndarray of shape (2, n_features)
        In how many cells each gene is found, and its molecules.
    n_cells : int
        Number of all cells.

    Returns
    -------
    float
        NaN if too little is found to tell.
    """
    found, molecules = genes
    rare = (found > 0) & (found < RARE_GENE_SHARE * n_cells)
    n_found = found[rare].sum()
    return float(molecules[rare].sum() / n_found) if n_found >= MIN_RARE_ENTRIES else np.nan


def sums_of_genes(counts):
    """In how many cells each gene is found, and its molecules, of a CSR table without zeros."""
    n_cells, n_genes = counts.shape
    found = np.bincount(counts.indices, minlength=n_genes)
    return np.stack([found, counts.T @ np.ones(n_cells)])


def n_copies(keys, totals):
    """Number of rows that are like one before, chance left aside.

    Parameters
    ----------
    keys : ndarray of shape (n_cells,)
        The same for equal rows.
    totals : ndarray of shape (n_cells,)
        Their molecules.
    """
    keys = keys[totals >= MIN_COPY_MOLECULES]
    return len(keys) - len(np.unique(keys))


def keys_of_rows(counts):
    """Sums with random weights: the same, to the last bit, for rows that are the same."""
    return counts @ np.random.default_rng(0).random(counts.shape[1])


def share_of_few(losses):
    """Share of the sum of losses that the largest thousandth of them makes."""
    losses = losses[~np.isnan(losses)]
    n_few = int(FEW_ENTRIES_SHARE * losses.size)
    total = losses.sum()
    if n_few < 1 or not total > 0:
        return 0.0
    return float(np.partition(losses, -n_few)[-n_few:].sum() / total)
