# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Denoising by principal components (Noise2Self, Section 3.2)."""

from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.utils.validation import validate_data

from selfsupervised.core.seeds import as_seed
from selfsupervised.core.sklearn_compat import (
    HasMethods,
    Interval,
    StrOptions,
    plain_inside,
    validate_parameters,
)
from selfsupervised.core.types import Array, RandomState, Table
from selfsupervised.core.validation import without_duplicates
from selfsupervised.counts._expected import ExpectedCounts, best_mean_weight, shares_of_genes
from selfsupervised.counts._ranks import FORMS, fit_decoder, leading_axes
from selfsupervised.counts._tables import TransformsGenes
from selfsupervised.counts.normalizer import row_totals


class PCADenoiser(TransformsGenes, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Keep what the leading principal components of a table tell, in the units of the table.

    Components are not centred, so that sparse tables stay sparse. How many to keep is what
    the self-supervised loss tells: see `PCADenoiserCV` for counts, which tries all at once. The
    output is dense, in the same float dtype, float64 for integers.

    Parameters
    ----------
    n_components : int, default=10
        Rank.
    form : {"reconstruction", "regression"}, default="reconstruction"
        "reconstruction" projects samples onto the components. "regression" predicts a second,
        independent measurement `y` of the samples by least squares on the components of `X`;
        it learns from `y`, and must be judged on other samples.
    shrink : bool, default=False
        Whether each component of the reconstruction is weakened by as much as it agrees less
        with the second measurement `y` than with `X`. Judged on other samples, too.
    normalizer : CountNormalizer or None, default=None
        For raw counts: components are those of normalised counts, and the output is expected
        counts, which add up to the total of each cell. None takes the table as it is.
    mean_weight : float or "auto", default="auto"
        Weight of the mean of all cells in expected counts, from 0 to 1, so that a gene that
        components leave out is rare, not impossible. "auto" is what predicts one half of the
        molecules from the other best, which makes them no worse than the mean of each gene; 0 for
        what learns from `y`.
    random_state : int, RandomState, Generator or None, default=0
        Start of the iteration by which components of tables larger than 500 x 500 are found.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Orthonormal.
    singular_values_ : ndarray of shape (n_components,)
        Of the (normalised) table.
    decoder_ : ndarray of shape (n_components, n_features)
        What each component stands for in the output, ``X @ components_.T @ decoder_``.
    shrinkage_ : ndarray of shape (n_components,)
        Factors in [0, 1 and a little more]; ones unless `shrink`.
    normalizer_ : CountNormalizer or None
        The fitted normalizer.
    mean_weight_ : float
        The weight in use; 0 without a normalizer.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, for data frames.

    See Also
    --------
    PCADenoiserCV : Chooses the number of components for raw counts.

    References
    ----------
    Batson & Royer, "Noise2Self: Blind Denoising by Self-Supervision", ICML 2019, Section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import GridSearchCV
    >>> from selfsupervised import (
    ...     CountNormalizer, JInvariantWrapper, MoleculeSplit, PCADenoiser, SameSplit)
    >>> rng = np.random.default_rng(0)
    >>> rate = rng.gamma(1, 1, (200, 3)) @ rng.gamma(1, 1, (3, 50))
    >>> counts = rng.poisson(rate)
    >>> halves = MoleculeSplit(normalizer=CountNormalizer())
    >>> search = GridSearchCV(
    ...     JInvariantWrapper(PCADenoiser(), partition=halves),
    ...     {"estimator__n_components": [1, 2, 3, 4, 5]},
    ...     cv=SameSplit(),
    ... )
    >>> search.fit(counts).best_params_
    {'estimator__n_components': 3}
    """

    components_: Array
    singular_values_: Array
    decoder_: Array
    shrinkage_: Array
    normalizer_: Any
    n_features_in_: int
    feature_names_in_: Array

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "form": [StrOptions(FORMS)],
        "shrink": ["boolean"],
        "normalizer": [HasMethods(["fit", "transform", "expected_counts"]), None],
        "mean_weight": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="both")],
        "random_state": ["random_state", np.random.Generator],
    }

    def __init__(
        self,
        n_components: int = 10,
        *,
        form: Literal["reconstruction", "regression"] = "reconstruction",
        shrink: bool = False,
        normalizer: Any = None,
        mean_weight: float | Literal["auto"] = "auto",
        random_state: RandomState = 0,
    ) -> None:
        self.n_components = n_components
        self.form = form
        self.shrink = shrink
        self.normalizer = normalizer
        self.mean_weight = mean_weight
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = self.normalizer is not None
        tags.target_tags.required = self.form == "regression" or self.shrink
        return tags

    @plain_inside
    def fit(self, X: Table, y: Any = None) -> Self:
        """Find the components.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The table.
        y : array-like or sparse matrix of shape (n_samples, n_features), default=None
            A second, independent measurement of the same samples, such as the other half of
            their molecules. For ``form="regression"`` and ``shrink=True`` only.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If there are fewer samples or features than components, or `y` is missing.
        """
        validate_parameters(self)
        check_form(self)
        X = self._check(X, reset=True)
        check_rank(self, X)
        judged = self._second(X, y) if self.form == "regression" or self.shrink else None
        self.normalizer_, self.mean_weight_ = None, 0.0
        self._expected: ExpectedCounts | None = None
        if self.normalizer is not None:
            self.normalizer_ = clone(self.normalizer).fit(X)
            self.mean_weight_ = self._best_mean_weight(X)
            shares = shares_of_genes(X)
            self._expected = ExpectedCounts(self.normalizer_, shares, self.mean_weight_)
            X = self.normalizer_.transform(X)
            judged = None if judged is None else clone(self.normalizer).fit_transform(judged)
        rng = np.random.default_rng(as_seed(self.random_state))
        axes = leading_axes(X, self.n_components, rng)
        self.components_, self.singular_values_, _ = axes
        self.decoder_, self.shrinkage_ = fit_decoder(
            axes, judged, form=self.form, shrink=self.shrink
        )
        return self

    def _denoised(self, X, columns):
        X = self._check(X)
        if self.normalizer_ is None or self._expected is None:
            return (X @ self.components_.T) @ self.decoder_[:, columns]
        scores = self.normalizer_.transform(X) @ self.components_.T
        return self._expected(scores, self.decoder_, row_totals(X), columns)

    def _best_mean_weight(self, X):
        if self.mean_weight != "auto":
            return float(self.mean_weight)
        if self.form == "regression" or self.shrink:
            return 0.0
        seed = as_seed(self.random_state)
        return best_mean_weight(X, self.normalizer, self.n_components, seed)

    def _check(self, X, reset=False):
        X = validate_data(
            self,
            X,
            reset=reset,
            accept_sparse="csr",
            order="C",
            dtype=[np.float64, np.float32],
            ensure_min_samples=2 if reset else 1,
        )
        return without_duplicates(X)

    def _second(self, X, y):
        if y is None:
            raise ValueError(
                "PCADenoiser with form='regression' or shrink=True expected a second measurement "
                "y of the samples in X, got y=None; wrap it in JInvariantWrapper with "
                "MoleculeSplit, which makes both, or use PCADenoiserCV."
            )
        y = self._check(y)
        if y.shape != X.shape:
            raise ValueError(
                f"PCADenoiser expected a second measurement y of the shape of X, {X.shape}; got "
                f"{y.shape}."
            )
        return y


def check_form(estimator):
    """Raise if `estimator` shall shrink a regression, which has its weights already."""
    if estimator.shrink and estimator.form == "regression":
        raise ValueError(
            f"{type(estimator).__name__} takes shrink=True with form='reconstruction' only: a "
            f"regression has found its weights already; got form='regression'."
        )


def check_rank(estimator, X):
    """Raise unless `X` has as many samples and features as `estimator` wants components."""
    if estimator.n_components > min(X.shape):
        raise ValueError(
            f"{type(estimator).__name__} expected n_components to be at most "
            f"min(n_samples, n_features)={min(X.shape)}, got {estimator.n_components} for "
            f"n_samples = {X.shape[0]} and n_features = {X.shape[1]}; lower n_components."
        )
