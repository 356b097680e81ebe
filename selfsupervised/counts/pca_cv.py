# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Principal components whose number the molecules choose (Noise2Self, Section 3.2)."""

from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from scipy import linalg, sparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from selfsupervised.core.seeds import as_seed
from selfsupervised.core.sklearn_compat import (
    HasMethods,
    Interval,
    StrOptions,
    plain_inside,
    validate_parameters,
)
from selfsupervised.core.types import Array, RandomState, Table
from selfsupervised.core.warning import warn_user
from selfsupervised.counts._choice import judge_ranks, learn_regression, simplest
from selfsupervised.counts._gene_means import loss_of_gene_means
from selfsupervised.counts._ranks import FORMS, leading_axes, signs_of
from selfsupervised.counts._row_blocks import is_streamed
from selfsupervised.counts._tables import TransformsGenes
from selfsupervised.counts.normalizer import CountNormalizer
from selfsupervised.counts.pca import check_form, check_rank
from selfsupervised.counts.streaming import fit_streamed, scores_of_blocks
from selfsupervised.evaluation.independence import warn_of_counts
from selfsupervised.partitions.thinning import check_counts, refuse_missing, refuse_negative


class PCADenoiserCV(TransformsGenes, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Denoise raw counts by as many principal components as predict held-out molecules best.

    The molecules of every cell are shared out into two halves, each half is normalised by
    itself, and every rank is judged by how well components of one half predict the other. All
    ranks are judged from one decomposition, and nothing dense of the size of the table is ever
    made. The components in `components_` are then those of all molecules; a regression on them
    is learned from both halves of the molecules of all cells.

    `transform` gives normalised, transformed values, as of a cell with a total of
    ``normalizer_.target_sum_``; float32, or float64 if the counts are.

    Parameters
    ----------
    n_components : int, default=50
        The largest rank to consider.
    form : {"reconstruction", "regression"}, default="reconstruction"
        How one half predicts the other, see `PCADenoiser`. "regression", the paper's form, is
        judged on cells that it did not learn from. It sees more components, since regression
        needs no component at its full size.
    shrink : bool, default=False
        Whether kept components are weakened by what the halves disagree about. Judged on cells
        that it did not learn from.
    target_sum : "median" or float, default="median"
        Total of every cell, see `CountNormalizer`.
    transformation : {"sqrt", "log1p", None}, default="sqrt"
        What is applied to normalised counts, see `CountNormalizer`.
    loss : {"mse", "poisson"}, default="mse"
        "mse" compares transformed values, "poisson" expected with measured counts; it follows the
        error of expected counts, which squared errors of logarithms do not, and costs a dense
        computation for each rank, in blocks of cells.
    n_splits : int, default=1
        Number of independent splits of the molecules, over which the loss is averaged.
    symmetric : bool, default=False
        Whether each split is used in both directions, at twice the cost.
    cv : int or cross-validation splitter, default=4
        Folds of cells, for ``form="regression"`` and ``shrink=True`` only. An integer means so
        many random folds.
    one_standard_error : bool, default=False
        Whether to take the smallest rank whose loss exceeds the least one by at most one
        standard error of their difference, over cells.
    random_state : int, RandomState, Generator or None, default=0
        Seed of the splits, of the folds, and of the start of the iteration for components.

    Attributes
    ----------
    n_components_ : int
        The chosen rank.
    loss_path_ : ndarray of shape (n_components,)
        Mean loss of ranks 1, 2, ... for an entry of the table; in squared transformed units of
        a half, or of Poisson counts of a half.
    loss_of_means_ : float
        The same of the baseline, the mean of each gene over all cells; NaN for tables in blocks.
    loss_path_splits_ : ndarray of shape (n_pairs, n_components)
        The same for every split, or every direction of every split.
    components_ : ndarray of shape (n_components_, n_features)
        Orthonormal principal axes of all molecules, not centred.
    singular_values_ : ndarray of shape (n_components_,)
        Of the normalised table.
    shrinkage_ : ndarray of shape (n_components_,)
        Weights of the components, ones unless `shrink`.
    decoder_ : ndarray of shape (n_components_, n_features)
        What each component stands for in the output: itself, times `shrinkage_`, or for
        ``form="regression"`` by how much it predicts each feature in the other half.
    normalizer_ : CountNormalizer
        Fitted to all molecules.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, for data frames.

    See Also
    --------
    PCADenoiser : One rank, for `JInvariantWrapper` and `GridSearchCV`, with the same losses.

    References
    ----------
    Batson & Royer, "Noise2Self: Blind Denoising by Self-Supervision", ICML 2019, Section 3.2.
    Batson, Royer & Webber, "Molecular cross-validation for single-cell RNA-seq" (2019).

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import PCADenoiserCV
    >>> rng = np.random.default_rng(0)
    >>> rate = rng.gamma(1, 1, (200, 3)) @ rng.gamma(1, 1, (3, 50))
    >>> counts = rng.poisson(rate)
    >>> denoiser = PCADenoiserCV(n_components=10).fit(counts)
    >>> denoiser.n_components_
    3
    >>> denoiser.transform(counts, genes=[0, 7]).shape
    (200, 2)
    """

    n_components_: int
    loss_path_: Array
    loss_of_means_: float
    loss_path_splits_: Array
    components_: Array
    singular_values_: Array
    shrinkage_: Array
    decoder_: Array
    normalizer_: Any
    n_features_in_: int
    feature_names_in_: Array

    _gives_normalized = True
    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "form": [StrOptions(FORMS)],
        "shrink": ["boolean"],
        "target_sum": [StrOptions({"median"}), Interval(Real, 0, None, closed="neither")],
        "transformation": [StrOptions({"sqrt", "log1p"}), None],
        "loss": [StrOptions({"mse", "poisson"})],
        "n_splits": [Interval(Integral, 1, None, closed="left")],
        "symmetric": ["boolean"],
        "cv": [Interval(Integral, 2, None, closed="left"), HasMethods(["split"])],
        "one_standard_error": ["boolean"],
        "random_state": ["random_state", np.random.Generator],
    }

    def __init__(
        self,
        n_components: int = 50,
        *,
        form: Literal["reconstruction", "regression"] = "reconstruction",
        shrink: bool = False,
        target_sum: Literal["median"] | float = "median",
        transformation: Literal["log1p", "sqrt"] | None = "sqrt",
        loss: Literal["mse", "poisson"] = "mse",
        n_splits: int = 1,
        symmetric: bool = False,
        cv: Any = 4,
        one_standard_error: bool = False,
        random_state: RandomState = 0,
    ) -> None:
        self.n_components = n_components
        self.form = form
        self.shrink = shrink
        self.target_sum = target_sum
        self.transformation = transformation
        self.loss = loss
        self.n_splits = n_splits
        self.symmetric = symmetric
        self.cv = cv
        self.one_standard_error = one_standard_error
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        return tags

    @plain_inside
    def fit(self, X: Table, y: Any = None) -> Self:
        """Choose the rank, and find so many components of all molecules.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Raw counts. A dask array, or an array or sparse table in a file (as of a backed
            AnnData), is read by blocks of cells: only sums of products of genes are kept, so
            for up to some thousands of genes.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            Negative, missing or no counts; fewer samples or features than components.

        Warns
        -----
        UserWarning
            Fractional values, which are rounded; a chosen rank that is the largest considered; gene
        means that predict as well as components.
        """
        validate_parameters(self)
        check_form(self)
        seed = as_seed(self.random_state)
        if is_streamed(X):
            return fit_streamed(self, X, seed)
        counts = whole_counts(self._check(X, reset=True))
        check_rank(self, counts)
        warn_of_counts(counts, caller="PCADenoiserCV")
        normalizer = CountNormalizer(self.target_sum, self.transformation)
        paths, by_sample, shrinkage = judge_ranks(self, counts, normalizer, seed)
        self._decide(paths, shrinkage, counts.shape, by_sample)
        self.loss_of_means_ = loss_of_gene_means(counts, normalizer, self.loss, seed)
        self._compare_with_means()
        self.normalizer_ = normalizer.fit(counts)
        self.components_, self.singular_values_, _ = leading_axes(
            self.normalizer_.transform(counts), self.n_components_, np.random.default_rng(seed)
        )
        regression = None
        if self.form == "regression":
            regression = learn_regression(self, counts, normalizer, self.components_, seed)
        return self._set_decoder(regression)

    @plain_inside
    def transform_factors(self, X: Table) -> Any:
        """Denoised values as a product of two small matrices.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Raw counts, of the cells that were fitted or of others.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_components_)
            Normalised counts on the components, times `shrinkage_`; for ``form="regression"``
            the place of the denoised values in the space that `decoder_` spans. Distances
            between rows are those between denoised samples. A dask array, which computes when it
            is asked to, if `X` is one.
        components : ndarray of shape (n_components_, n_features)
            Orthonormal: `components_`, or an orthonormal basis of `decoder_`. ``scores @
            components`` is what `transform` returns.
        """
        check_is_fitted(self)
        weights, components = self._factors
        if is_streamed(X):
            return scores_of_blocks(self, X), components
        Z = self.normalizer_.transform(_as_float(self._check(X)))
        dtype = Z.dtype
        scores = np.asarray(Z @ self.components_.T.astype(dtype))
        weights = weights.astype(dtype)
        scores = scores * weights if weights.ndim == 1 else scores @ weights
        return scores, components.astype(dtype, copy=False)

    def _set_decoder(self, regression=None):
        """Keep the decoder, and as two factors of which the second is orthonormal."""
        if regression is None:
            self.decoder_ = self.shrinkage_[:, None].astype(self.components_.dtype)
            self.decoder_ = self.decoder_ * self.components_
            self._factors = self.shrinkage_, self.components_
            return self
        self.decoder_ = regression.astype(self.components_.dtype, copy=False)
        turn, strength, basis = linalg.svd(self.decoder_, full_matrices=False)
        signs = signs_of(basis)
        self._factors = turn * (strength * signs), basis * signs[:, None]
        return self

    def _denoised(self, X, columns):
        scores, components = self.transform_factors(X)
        return scores @ components[:, columns]

    def _decide(self, paths, shrinkage, shape, by_sample=None):
        """Set the losses, the rank, and the weights of its components."""
        self.loss_path_splits_ = paths
        self.loss_path_ = paths.mean(axis=0)
        self.n_components_ = self._best(by_sample, min(shape)) + 1
        # A component is twice as strong beside its noise in all molecules as in half of them.
        self.shrinkage_ = (2 * shrinkage / (1 + shrinkage))[: self.n_components_]

    def _best(self, by_sample, largest):
        """The rank to take, counted from 0."""
        best = int(np.argmin(self.loss_path_))
        if self.one_standard_error:
            best = simplest(by_sample, best)
        # More components that are shrunk do no harm.
        if best + 1 == self.n_components < largest and not self.shrink:
            warn_user(
                f"PCADenoiserCV chose the largest rank it was to consider, "
                f"n_components={self.n_components}; a larger one may be better.",
            )
        return best

    def _compare_with_means(self):
        best = self.loss_path_.min()
        # Folds of cells are scaled to medians of their own, so their losses are in other units.
        in_folds = self.form == "regression" or self.shrink
        if (best >= self.loss_of_means_ and not in_folds) or (
            self.loss_path_[0] == best and self.n_components > 1
        ):
            means = self.loss_of_means_
            beside = "" if np.isnan(means) else f"; of gene means {means:.4g}"
            warn_user(
                f"PCADenoiserCV found no structure: no more than one component, which is about the "
                f"mean of each gene, predicts held-out molecules (loss {best:.4g}{beside}). More "
                f"molecules or cells, or genes that vary more, may show some."
            )

    def _check(self, X, reset=False):
        X = validate_data(
            self,
            X,
            reset=reset,
            accept_sparse="csr",
            order="C",
            dtype="numeric",
            ensure_all_finite=False,
            ensure_min_samples=2 if reset else 1,
        )
        refuse_missing(X, caller="PCADenoiserCV")
        refuse_negative(X, caller="PCADenoiserCV")
        return X


def _as_float(X):
    """float64 as it is, everything else as float32."""
    double = X.dtype.kind == "f" and X.dtype.itemsize > 4
    return X.astype(np.float64 if double else np.float32, copy=False)


def whole_counts(X):
    """A clean CSR table of whole numbers in a float dtype."""
    X = _as_float(X)
    counts = check_counts(X, caller="PCADenoiserCV")
    entries = (counts.data.astype(X.dtype), counts.indices, counts.indptr)
    return sparse.csr_array(entries, shape=counts.shape)
