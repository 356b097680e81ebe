# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""All ranks of a table of counts that does not fit into memory, from one pass over its cells.

With the normalised halves A and B of the molecules, the ranks ask for no more than the sums over
cells ``G = A'A`` and ``H = A'B`` (genes x genes). The right singular vectors V of A and its
singular values s are the eigenvectors of G and the roots of its eigenvalues. With the rows w_j of
a decoder W, which is V' or made from V'H, the first k components predict B with the loss

    |B - A V W|^2 = tr B'B - 2 sum_j v_j'H w_j + sum_jl (v_j'G v_l) (w_j'w_l),    j, l <= k.

Sums over blocks of cells add up, whatever the blocks, so they can be read from a file one after
the other, or be summed by the workers of a cluster; and so do sums over folds of cells.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import csr_array

from selfsupervised.core.warning import warn_user
from selfsupervised.counts._choice import folds_of
from selfsupervised.counts._moments import Moments, Scan, gather, single_or_double
from selfsupervised.counts._ranks import make_decoder, regression_decoder, signs_of
from selfsupervised.counts._row_blocks import (
    block_slices,
    check_streamed,
    is_dask,
    map_over_blocks,
    read_rows,
)
from selfsupervised.counts.normalizer import CountNormalizer
from selfsupervised.counts.pca import check_rank
from selfsupervised.evaluation.independence import CorrelatedNoiseWarning, messages_of_counts
from selfsupervised.evaluation.table_independence import mean_where_rare, n_copies
from selfsupervised.partitions.thinning import check_counts

CALLER = "PCADenoiserCV"
N_ROWS_PEEKED = 64  # rows that are looked at before all
MIN_GENES_TO_WARN = 5000  # from which on a user should know what sums take
ROUNDING_TOLERANCE = 1e-3  # relative, of roots of sums of single-precision products


def fit_streamed(estimator, X, seed):
    """Choose the rank of a `PCADenoiserCV`, and find its components, for a table in blocks.

    Parameters
    ----------
    estimator : PCADenoiserCV
        With valid parameters.
    X : dask array, or array or sparse table in a file
        Counts of shape (n_samples, n_features).
    seed : int
        Seed of the splits and of the folds.

    Returns
    -------
    PCADenoiserCV
        The estimator, fitted.

    Raises
    ------
    ValueError
        Asked for what sums over cells cannot tell; what `fit` raises.

    Warns
    -----
    UserWarning
        So many genes that the sums take much memory.
    CorrelatedNoiseWarning
        Counts that look like reads, or copies of cells.
    """
    check_streamed(X, caller=CALLER)
    check_rank(estimator, X)
    _check_answerable(estimator)
    _check_first_rows(X)
    _warn_of_many(X.shape[1])
    sums = FoldedSums.of(estimator, X, seed)
    _warn_of_dependence(sums.moments)
    paths: list = []
    shrinkages: list = []
    for split in range(estimator.n_splits):
        for swapped in (False, True) if estimator.symmetric else (False,):
            losses, weights = zip(*sums.judge(estimator, split, swapped), strict=True)
            paths.append(np.mean(losses, axis=0) / X.shape[1])
            shrinkages += weights
    estimator._decide(np.array(paths), np.mean(shrinkages, axis=0), X.shape)
    estimator.loss_of_means_ = np.nan
    estimator._compare_with_means()
    dtype = single_or_double(X.dtype)
    components, strength = _leading(sums.moments.whole, estimator.n_components_)
    estimator.components_ = components.astype(dtype)
    estimator.singular_values_ = (strength * sums.factor(0)).astype(dtype)
    estimator.n_features_in_ = X.shape[1]
    vars(estimator).pop("feature_names_in_", None)
    normalizer = CountNormalizer(estimator.target_sum, estimator.transformation)
    estimator.normalizer_ = normalizer.fit(np.ones((1, X.shape[1])))
    estimator.normalizer_.target_sum_ = sums.target(0)
    regression = sums.regression(components) if estimator.form == "regression" else None
    return estimator._set_decoder(regression)


def scores_of_blocks(estimator, X):
    """Scores of a table in blocks; a dask array if `X` is one."""
    check_streamed(X, caller=CALLER)
    if X.shape[1] != estimator.n_features_in_:
        raise ValueError(
            f"X has {X.shape[1]} features, but {CALLER} is expecting {estimator.n_features_in_} "
            f"features as input."
        )
    dtype = single_or_double(X.dtype)

    def scores(block):
        return estimator.transform_factors(block.astype(dtype))[0]

    return map_over_blocks(scores, X, estimator.n_components_, dtype)


@dataclass(frozen=True)
class FoldedSums:
    """Moments, and what the tables that were summed must be scaled by afterwards.

    A factor of all totals is a factor of their square roots, too. So a table that shall have the
    median total, of all cells or of those in some folds, can be summed before that is known.

    Parameters
    ----------
    moments : Moments
        Sums for the targets of the scan.
    fold : ndarray of int of shape (n_samples,), or None
        Fold of every cell; None if all are learned from, and all are judged.
    target_sum : float or "median"
        As in `CountNormalizer`.
    power : float
        Tables are to be scaled by medians to this power; 0 if they need not.
    """

    moments: Moments
    fold: np.ndarray | None
    target_sum: float | str
    power: float

    @classmethod
    def of(cls, estimator, X, seed):
        """Read `X`: once, or twice for the logarithm of counts with a median total."""
        fold = _fold_numbers(estimator, X.shape[0], seed)
        seeds = tuple((seed, repeat) for repeat in range(estimator.n_splits))
        n_folds = 1 if fold is None else int(fold.max()) + 1
        target_sum, transformation = estimator.target_sum, estimator.transformation
        power = {"sqrt": 0.5, None: 1.0, "log1p": 0.0}[transformation]
        targets = np.ones(1 + 2 * len(seeds))
        if target_sum != "median":
            targets, power = targets * target_sum, 0.0
        scan = Scan(transformation, tuple(targets), seeds, n_folds)
        if target_sum == "median" and transformation == "log1p":
            _check_one_median(fold)
            (totals,) = gather(replace(scan, products=False), X).totals
            scan = replace(scan, targets=tuple(map(_median, totals)))
        return cls(gather(scan, X, fold), fold, target_sum, power)

    def target(self, table, cells=slice(None)):
        """Total that rows of a table (0: the whole, 1, 2 ...: its halves) are scaled to."""
        if self.target_sum != "median":
            return float(self.target_sum)
        return _median(self.moments.totals[0][table, cells])

    def factor(self, table, cells=slice(None)):
        """What normalised values of these cells must be multiplied by."""
        return self.target(table, cells) ** self.power if self.power else 1.0

    def judge(self, estimator, split, swapped):
        """Mean loss of all ranks and weights of all components, for every fold."""
        seen, judged = 2 * split + swapped, 2 * split + 1 - swapped
        cross = self.moments.crosses[split]
        cross = cross.transpose(0, 2, 1) if swapped else cross
        grams = self.moments.grams[seen], self.moments.grams[judged]
        for number in range(len(cross)):
            train, test = self._cells(number)
            learned = slice(None) if len(cross) == 1 else np.arange(len(cross)) != number
            components, strength = _leading(grams[0][learned].sum(axis=0), estimator.n_components)
            a, b = self.factor(1 + seen, train), self.factor(1 + judged, train)
            decoder, weights = make_decoder(
                components,
                strength * a,
                (components @ cross[learned].sum(axis=0)) * (a * b),
                rounding=ROUNDING_TOLERANCE,
                form=estimator.form,
                shrink=estimator.shrink,
            )
            a, b = self.factor(1 + seen, test), self.factor(1 + judged, test)
            losses = losses_of_sums(
                decoder,
                components @ grams[0][number] @ components.T * a**2,
                components @ cross[number] * (a * b),
                np.trace(grams[1][number]) * b**2,
            )
            yield losses / self.moments.totals[0][0, test].size, weights

    def regression(self, components):
        """The decoder by which each half of all cells predicts the other."""
        gram, cross = np.zeros((len(components),) * 2), np.zeros(components.shape)
        for split, product in enumerate(self.moments.crosses.sum(axis=1)):
            for side, half in enumerate((product, product.T)):
                seen, judged = 2 * split + side, 2 * split + 1 - side
                a, b = self.factor(1 + seen), self.factor(1 + judged)
                whole = self.moments.grams[seen].sum(axis=0)
                gram += components @ whole @ components.T * a**2
                cross += components @ half * (a * b)
        return regression_decoder(gram, cross, rounding=ROUNDING_TOLERANCE)

    def _cells(self, number):
        if self.fold is None:
            return slice(None), slice(None)
        return self.fold != number, self.fold == number


def losses_of_sums(decoder, gram, cross, size):
    """Sum of squared errors at every rank.

    Parameters
    ----------
    decoder : ndarray of shape (K, g)
        W.
    gram : ndarray of shape (K, K)
        V'G V, over the judged cells.
    cross : ndarray of shape (K, g)
        V'H, over the judged cells.
    size : float
        tr B'B.

    Returns
    -------
    ndarray of shape (K,)
    """
    products = gram * (decoder @ decoder.T)
    steps = np.diag(products) + 2 * np.tril(products, -1).sum(axis=1)
    return size + np.cumsum(steps - 2 * np.einsum("ij,ij->i", cross, decoder))


def _leading(gram, n_components):
    """Leading eigenvectors, as rows, and the roots of their eigenvalues."""
    n = len(gram)
    values, vectors = eigh(gram, subset_by_index=(n - n_components, n - 1))
    components = vectors[:, ::-1].T
    strength = np.sqrt(np.maximum(values[::-1], 0))
    return components * signs_of(components)[:, None], strength


def _median(totals):
    if not totals.any():
        raise ValueError(f"{CALLER} got a table without any molecule, which leaves nothing to see.")
    return float(np.median(totals[totals > 0]))


def _fold_numbers(estimator, n_samples, seed):
    """The fold in which each cell is judged; None if there are none."""
    folds = folds_of(estimator, n_samples, seed)
    if len(folds) == 1:
        return None
    number = np.full(n_samples, -1, dtype=np.int16)
    for i, (_, test) in enumerate(folds):
        number[test] = i
    whole = all(len(train) + len(test) == n_samples for train, test in folds)
    if not whole or (number < 0).any() or sum(len(test) for _, test in folds) != n_samples:
        raise ValueError(
            f"{CALLER} expected cv to judge each cell once, and to learn from all others, for a "
            f"table that is read by blocks; got {estimator.cv!r}: pass a number of folds."
        )
    return number


def _check_answerable(estimator):
    for wrong, what in (
        (estimator.loss != "mse", f"loss={estimator.loss!r}"),
        (estimator.one_standard_error, "one_standard_error=True"),
    ):
        if wrong:
            raise ValueError(
                f"{CALLER} reads sums over cells only from a table in blocks, which do not tell "
                f"what {what} asks for: leave that out, or pass counts in memory."
            )


def _warn_of_many(n_features):
    if n_features > MIN_GENES_TO_WARN:
        warn_user(
            f"{CALLER} keeps at least four tables of {n_features} x {n_features} genes, "
            f"{8e-9 * n_features**2:.1f} GB each, and more on a cluster: choose fewer genes, such "
            f"as highly variable ones (mask_var in pp.denoise_counts).",
        )


def _warn_of_dependence(moments):
    """What is said of counts in memory, too; here it is a by-product of the sums."""
    (keys,), (totals,) = moments.keys, moments.totals
    mean = mean_where_rare(moments.genes, len(keys))
    for message in messages_of_counts(mean, n_copies(keys, totals[0]), len(keys), CALLER):
        warn_user(message, CorrelatedNoiseWarning)


def _check_one_median(fold):
    if fold is not None:
        raise ValueError(
            f"{CALLER} cannot give every fold its own median total before the logarithm, from a "
            f"table in blocks: pass a number as target_sum, or transformation='sqrt'."
        )


def _check_first_rows(X):
    """Warn here, where the user is, of what look like no counts; workers would not be heard."""
    first = slice(0, min(N_ROWS_PEEKED, block_slices(X)[0].stop))
    rows = csr_array(X[first].compute()) if is_dask(X) else read_rows(X, first)
    if rows.count_nonzero():
        check_counts(rows, caller=CALLER)
