# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Sums over cells of products of genes, of raw counts that are halved and normalised on the way."""

from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal

import numpy as np

from selfsupervised.counts._row_blocks import block_slices, row_slices, sum_over_blocks
from selfsupervised.counts.normalizer import CountNormalizer, row_totals
from selfsupervised.evaluation.table_independence import sums_of_genes
from selfsupervised.partitions.thinning import check_counts, content_keys, thin_counts, turns


@dataclass
class Moments:
    """Sums over the cells of every fold; moments of blocks add up.

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
        The same for equal rows; one array a block.
    genes : ndarray of shape (2, n_features)
        In how many cells each gene is found, and its molecules.
    """

    whole: np.ndarray
    grams: np.ndarray
    crosses: np.ndarray
    totals: list
    keys: list
    genes: np.ndarray

    @classmethod
    def zeros(cls, n_splits, n_folds, n_features):
        """Of no cells."""
        square = (n_features, n_features)
        return cls(
            np.zeros(square),
            np.zeros((2 * n_splits, n_folds, *square)),
            np.zeros((n_splits, n_folds, *square)),
            [],
            [],
            np.zeros((2, n_features)),
        )

    @property
    def _products(self):
        return self.whole, self.grams, self.crosses

    def copy(self):
        """A copy that can be added to."""
        whole, grams, crosses = (product.copy() for product in self._products)
        return Moments(whole, grams, crosses, [*self.totals], [*self.keys], self.genes.copy())

    def __iadd__(self, other):
        self.totals += other.totals
        self.keys += other.keys
        self.genes += other.genes
        return self.add_products(other)

    def add_products(self, other, sign=1):
        """Add (``sign=1``) or take away (-1) products only."""
        for mine, others in zip(self._products, other._products, strict=True):
            mine += sign * others if sign != 1 else others
        return self


@dataclass(frozen=True)
class Scan:
    """What is made of a block of raw counts: its moments.

    Parameters
    ----------
    transformation : {"sqrt", "log1p", None}
        As in `CountNormalizer`.
    targets : tuple of float of length 1 + 2 * n_splits
        To which totals the rows of the whole and of all halves are scaled.
    seeds : tuple of tuple of int
        One for each split.
    n_folds : int, default=1
        Number of folds of cells.
    products : bool, default=True
        Whether to multiply at all, or to count molecules only.
    """

    transformation: Literal["sqrt", "log1p"] | None
    targets: tuple
    seeds: tuple
    n_folds: int = 1
    products: bool = True

    def __call__(self, block, fold, turn=None):
        """Moments of a CSR block.

        Parameters
        ----------
        block : csr_array of shape (n_samples, n_features)
            Raw counts.
        fold : ndarray of int of shape (n_samples,)
            Which fold each row is in.
        turn : ndarray of int of shape (n_samples,), default=None
            How many rows like it stand before each row in the whole table; by default, in the
            block.
        """
        tables, keys = self._thinned(block, turn)
        n_features = block.shape[1] if self.products else 0
        out = Moments.zeros(len(self.seeds), self.n_folds, n_features)
        out.totals.append(np.stack([row_totals(table) for table in tables]))
        out.keys.append(keys)
        if self.products and keys.any():  # some molecule
            out.genes[:] = sums_of_genes(tables[0])
        for number in range(self.n_folds if self.products else 0):
            inside = fold == number
            parts = tables if inside.all() else [table[inside] for table in tables]
            self._multiply(parts, number, out)
        return out

    def _thinned(self, block, turn):
        """The block and all its halves, and the keys of its rows."""
        if block.count_nonzero() == 0:
            return [block] * len(self.targets), np.zeros(block.shape[0], dtype=np.uint64)
        # Fractions were warned of where the user sees it, at the first rows.
        block = block.astype(single_or_double(block.dtype))
        block.data = np.rint(block.data)
        counts = check_counts(block, caller="PCADenoiserCV")
        keys = content_keys(counts, self.seeds[0])
        table = counts.astype(block.dtype)
        splits = [thin_counts(table, 0.5, seed=seed, turn=turn) for seed in self.seeds]
        return [table, *(half for half, _ in chain.from_iterable(splits))], keys

    def _multiply(self, tables, fold, out):
        for rows in row_slices(tables[0].shape, tables[0].dtype):
            whole, *halves = (
                CountNormalizer(target, self.transformation).fit_transform(table[rows]).toarray()
                for table, target in zip(tables, self.targets, strict=True)
            )
            out.whole += whole.T @ whole
            for side, half in enumerate(halves):
                out.grams[side, fold] += half.T @ half
            for split in range(len(self.seeds)):
                out.crosses[split, fold] += halves[2 * split].T @ halves[2 * split + 1]


def gather(scan, X, fold=None):
    """Moments of a whole table, the same in whatever blocks it comes.

    The molecules of a cell are shared out by its own counts, and those of equal cells also by the
    order of the cells. A block cannot know how many cells like its own stand in others: blocks
    that hold such cells are looked at once more.

    Parameters
    ----------
    scan : Scan
        What to sum.
    X : dask array, or array or sparse table in a file
        Counts of shape (n_samples, n_features).
    fold : ndarray of int of shape (n_samples,), default=None
        Which fold each row is in.

    Returns
    -------
    Moments
        `totals` and `keys` in one array.
    """
    slices = block_slices(X)
    fold = np.zeros(X.shape[0], dtype=np.int16) if fold is None else fold
    moments = sum_over_blocks(scan, X, {i: (fold[rows],) for i, rows in enumerate(slices)})
    drawn = np.concatenate([turns(keys) for keys in moments.keys])
    keys = np.concatenate(moments.keys)
    turn = turns(keys)
    totals = np.concatenate(moments.totals, axis=1)
    wrong = (turn != drawn) & (totals[0] > 0)
    again = {}
    for number, here in enumerate(slices):
        rows = np.flatnonzero(wrong[here])
        if rows.size:
            again[number] = (rows, fold[here][rows], drawn[here][rows], turn[here][rows])
    if again:
        change = sum_over_blocks(_Redraw(scan), X, again)
        moments.add_products(change)
        totals[:, wrong] = np.concatenate(change.totals, axis=1)
    return replace(moments, totals=[totals], keys=[keys])


@dataclass(frozen=True)
class _Redraw:
    """What the right draws for some rows add to the draws that were made."""

    scan: Scan

    def __call__(self, block, rows, fold, drawn, turn):
        right = self.scan(block[rows], fold, turn)
        return right.add_products(self.scan(block[rows], fold, drawn), sign=-1)


def single_or_double(dtype):
    """float64 for itself, float32 for all else, as of counts in memory."""
    return np.dtype(np.float64 if dtype == np.float64 else np.float32)
