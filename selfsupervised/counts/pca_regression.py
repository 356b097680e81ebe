# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Principal component regression (Noise2Self, Section 3.2)."""

from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_is_fitted, validate_data

from selfsupervised.core.sklearn_compat import Interval, StrOptions, validate_parameters
from selfsupervised.core.types import Array, RandomState, Table


class PCARegression(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Least squares on the first principal components of the inputs.

    Inside `JInvariantWrapper`, with cross-validation over samples, the rank of least loss is
    the rank of the signal in a noisy table (Owen & Perry's bi-cross-validation).

    Parameters
    ----------
    n_components : int, default=2
        Number of principal components.
    svd_solver : {"auto", "full", "covariance_eigh", "arpack", "randomized"}, default="auto"
        How `sklearn.decomposition.PCA` computes them.
    random_state : int, RandomState or None, default=0
        Seed of the randomised solvers.

    Attributes
    ----------
    coef_ : ndarray of shape (n_targets, n_features) or (n_features,)
        Coefficients.
    intercept_ : ndarray of shape (n_targets,) or float
        Prediction for an input of zeros.
    pca_ : PCA
        The decomposition of the inputs.
    n_features_in_ : int
        Number of inputs.
    feature_names_in_ : ndarray of str
        Names of the inputs, for data frames.

    See Also
    --------
    JInvariantWrapper : Denoises a table by it.
    PCADenoiser : Keeps components of the table itself.

    References
    ----------
    Owen & Perry, "Bi-cross-validation of the SVD and the nonnegative matrix factorization",
    Annals of Applied Statistics 3 (2009).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import GridSearchCV
    >>> from selfsupervised import JInvariantWrapper, PCARegression, SameSplit
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 40)) + rng.normal(size=(200, 40))
    >>> GridSearchCV(
    ...     JInvariantWrapper(PCARegression()),
    ...     {"estimator__n_components": [1, 2, 3, 4, 5]},
    ...     cv=SameSplit(),
    ... ).fit(X).best_params_
    {'estimator__n_components': 3}
    """

    coef_: Any
    intercept_: Any
    pca_: Any
    n_features_in_: int
    feature_names_in_: Array

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "svd_solver": [StrOptions({"auto", "full", "covariance_eigh", "arpack", "randomized"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components: int = 2,
        *,
        svd_solver: Literal["arpack", "auto", "covariance_eigh", "full", "randomized"] = "auto",
        random_state: RandomState = 0,
    ) -> None:
        self.n_components = n_components
        self.svd_solver = svd_solver
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # few components are meant to miss much
        return tags

    def fit(self, X: Table, y: Any) -> Self:
        """Fit.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If there are fewer samples or features than components.
        """
        validate_parameters(self)
        X, y = validate_data(
            self,
            X,
            y,
            dtype=[np.float64, np.float32],
            multi_output=True,
            y_numeric=True,
            ensure_min_samples=2,
        )
        if self.n_components > min(X.shape):
            raise ValueError(
                f"PCARegression expected n_components to be at most min(n_samples, n_features)="
                f"{min(X.shape)}, got {self.n_components} for n_samples = {X.shape[0]} and "
                f"n_features = {X.shape[1]}; lower n_components."
            )
        self.pca_ = PCA(
            self.n_components, svd_solver=self.svd_solver, random_state=self.random_state
        )
        scores = self.pca_.fit_transform(X)
        # Scores are orthogonal, so least squares is one division; void components get nothing.
        strength = np.square(self.pca_.singular_values_)
        void = strength <= np.finfo(X.dtype).eps * max(X.shape) * strength.max()
        inverse = np.where(void, 0, 1 / np.where(void, 1, strength))
        centre = y.mean(axis=0)
        slopes = inverse[:, None] * (scores.T @ (y - centre).reshape(len(y), -1))
        coef = self.pca_.components_.T @ slopes
        self.coef_ = coef[:, 0] if y.ndim == 1 else coef.T
        self.intercept_ = centre - self.pca_.mean_ @ (coef[:, 0] if y.ndim == 1 else coef)
        return self

    def predict(self, X: Table) -> Any:
        """Predict the targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        return X @ self.coef_.T + self.intercept_
