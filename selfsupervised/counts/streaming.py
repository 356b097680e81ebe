# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""All ranks of a table of counts that does not fit into memory, from one pass over its cells.

With the normalised halves A and B of the molecules, the ranks ask for no more than the sums over
cells ``G = A'A`` and ``H = A'B`` (genes x genes). The right singular vectors V of A and its
singular values s are the eigenvectors of G and the roots of its eigenvalues, and for a decoder W,
which is V' or made from V'H, the first k components predict B with the loss

    |B - A V W|^2 = tr B'B - 2 sum_j v_j' H w_j + sum_jl (v_j' G v_l) (w_j' w_l)

Sums over blocks of cells add up, whatever the blocks, so they can be read from a file one after
the other, or be summed by the workers of a cluster; and so do those over folds of cells.
"""

from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np
from scipy.linalg import eigh

from selfsupervised._molecules import check_counts, content_keys, thin_counts, turns
from selfsupervised.counts._row_blocks import row_slices, sum_over_blocks
from selfsupervised.counts.normalizer import CountNormalizer, row_totals


@dataclass
class Moments:
    """Sums over the cells of every fold, of tables that are normalised to `targets`.

    Parameters
    ----------
    whole : ndarray of shape (n_features, n_features)
        Z'Z of all molecules, over all folds.
    grams : ndarray of shape (2 * n_splits, n_folds, n_features, n_features)
        A'A and B'B of every split.
    crosses : ndarray of shape (n_splits, n_folds, n_features, n_features)
        A'B.
    totals : list of ndarray of shape (1 + 2 * n_splits, n_samples)
        Molecules in each row, of the whole and of all halves; one array a block.
    keys : list of ndarray of shape (n_samples,)
        Equal for equal rows; one array a block.
    """

    whole: np.ndarray
    grams: np.ndarray
    crosses: np.ndarray
    totals: list
    keys: list

    def copy(self):
        """A copy that can be added to."""
        sums = self.whole.copy(), self.grams.copy(), self.crosses.copy()
        return Moments(*sums, [*self.totals], [*self.keys])

    def __iadd__(self, other):
        self.totals += other.totals
        self.keys += other.keys
        return self.add_products(other)

    def add_products(self, other, sign=1):
        """Add, or with ``sign=-1`` take away, the products of genes only."""
        for mine, others in (
            (self.whole, other.whole),
            (self.grams, other.grams),
            (self.crosses, other.crosses),
        ):
            mine += others if sign > 0 else -others
        return self


@dataclass(frozen=True)
class Scan:
    """What is made of a block of raw counts.

    Parameters
    ----------
    transformation : {"sqrt", "log1p", None}
        As in `CountNormalizer`.
    targets : ndarray of shape (1 + 2 * n_splits,)
        Totals to which rows of the whole and of all halves are scaled.
    seeds : list of tuple of int
        One for each split.
    n_folds : int, default=1
        Number of folds of cells.
    products : bool, default=True
        Whether to multiply at all, or to count molecules only.
    """

    transformation: str | None
    targets: np.ndarray
    seeds: list
    n_folds: int = 1
    products: bool = True

    def __call__(self, block, fold=None, turn=None):
        """Moments of a CSR block.

        Parameters
        ----------
        block : csr_array of shape (n_samples, n_features)
            Raw counts.
        fold : ndarray of int of shape (n_samples,), default=None
            Which fold each row is in.
        turn : ndarray of int of shape (n_samples,), default=None
            How many rows like it stand before each row in the whole table; by default, in the
            block.
        """
        tables, keys = self._thinned(block, turn)
        n_splits, n_features = len(self.seeds), block.shape[1]
        shape = (self.n_folds, n_features, n_features) if self.products else (1, 1, 1)
        out = Moments(
            np.zeros(shape[1:]),
            np.zeros((2 * n_splits, *shape)),
            np.zeros((n_splits, *shape)),
            [np.stack([row_totals(table) for table in tables])],
            [keys],
        )
        if self.products:
            for number in range(self.n_folds):
                inside = slice(None) if fold is None else np.flatnonzero(fold == number)
                self._multiply([table[inside] for table in tables], number, out)
        return out

    def _thinned(self, block, turn):
        """The block and all its halves, and the keys of its rows."""
        if block.count_nonzero() == 0:
            return [block] * len(self.targets), np.zeros(block.shape[0], dtype=np.uint64)
        # Fractions were warned of where the user sees it, at the first block.
        table = check_counts(np.rint(block), caller="PCADenoiserCV")
        keys = content_keys(table, self.seeds[0])
        splits = [thin_counts(table, 0.5, seed=seed, turn=turn) for seed in self.seeds]
        return [table, *(half for half, _ in chain.from_iterable(splits))], keys

    def _multiply(self, tables, fold, out):
        dtype = np.float32 if block_is_single(tables[0]) else np.float64
        for rows in row_slices(tables[0].shape, dtype):
            whole, *halves = (
                self._normalized(table[rows].astype(dtype), target).toarray()
                for table, target in zip(tables, self.targets, strict=True)
            )
            out.whole += whole.T @ whole
            for side, half in enumerate(halves):
                out.grams[side, fold] += half.T @ half
            for split in range(len(self.seeds)):
                first, second = halves[2 * split : 2 * split + 2]
                out.crosses[split, fold] += first.T @ second

    def _normalized(self, table, target):
        return CountNormalizer(target, self.transformation).fit_transform(table)
