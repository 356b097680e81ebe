# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Counts on a common scale (Noise2Self, Section 3.2 and Supplement 6)."""

from numbers import Real
from typing import Any, Literal, Self

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.sparsefuncs import inplace_row_scale
from sklearn.utils.validation import check_is_fitted, validate_data

from selfsupervised.core.sklearn_compat import Interval, StrOptions, validate_parameters
from selfsupervised.core.types import Array, Table
from selfsupervised.core.validation import without_duplicates
from selfsupervised.counts._expectation import FORWARD, INVERSE, expected_counts
from selfsupervised.partitions.thinning import refuse_negative


class CountNormalizer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Bring every sample to the same total, and counts to about the same noise.

    ``transformation(X / total of the row * target_sum)``. The square root of Poisson counts
    has nearly the same variance whatever their mean, unless that is small. A row without any
    count stays zero.

    Parameters
    ----------
    target_sum : "median" or float, default="median"
        The total of every row before the transformation. "median" is the median of the
        totals, over the rows that have any, in `fit`.
    transformation : {"sqrt", "log1p", None}, default="sqrt"
        What is applied to every entry; zero stays zero, so sparse tables stay sparse.

    Attributes
    ----------
    target_sum_ : float
        The total in use.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, for data frames.

    See Also
    --------
    NormalizedSquaredError : Normalises within the loss.
    MoleculeSplit : Takes it as `normalizer`, to judge in its units.

    Examples
    --------
    >>> from selfsupervised import CountNormalizer
    >>> CountNormalizer(transformation=None).fit_transform([[1, 3], [2, 6], [0, 0]])
    array([[1.5, 4.5],
           [1.5, 4.5],
           [0. , 0. ]])
    """

    target_sum_: float
    n_features_in_: int
    feature_names_in_: Array

    _gives_normalized = True
    _parameter_constraints: dict = {
        "target_sum": [StrOptions({"median"}), Interval(Real, 0, None, closed="neither")],
        "transformation": [StrOptions({"sqrt", "log1p"}), None],
    }

    def __init__(
        self,
        target_sum: Literal["median"] | float = "median",
        transformation: Literal["log1p", "sqrt"] | None = "sqrt",
    ) -> None:
        self.target_sum = target_sum
        self.transformation = transformation

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        return tags

    def fit(self, X: Table, y: Any = None) -> Self:
        """Find the total.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Counts, or anything that is not negative.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If there is a negative value, or no count at all to take the median of.
        """
        validate_parameters(self)
        X = self._check(X, reset=True)
        if self.target_sum != "median":
            self.target_sum_ = float(self.target_sum)
            return self
        totals = row_totals(X)
        if not totals.any():
            raise ValueError(
                "CountNormalizer got a table without any molecule, which has no median total; "
                "pass counts, or a number as target_sum."
            )
        self.target_sum_ = float(np.median(totals[totals > 0]))
        return self

    def transform(self, X: Table) -> Any:
        """Normalise.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Counts.

        Returns
        -------
        ndarray or CSR matrix of shape (n_samples, n_features)
            Sparse if `X` is, of the same sparse interface; the same float dtype, float64 for
            integers.
        """
        check_is_fitted(self)
        X = self._check(X)
        out = _scaled(X, self._factors(row_totals(X)).astype(X.dtype))
        if self.transformation is not None:
            values = out.data if sparse.issparse(out) else out
            FORWARD[self.transformation](values, out=values)
        return out

    def inverse_transform(self, X: Table, totals: Any = None) -> Any:
        """Undo `transform`; for denoised values see `expected_counts`.

        Parameters
        ----------
        X : ndarray or sparse matrix of shape (n_samples, n_features)
            Normalised values. Negative ones, which denoising may leave, become zero.
        totals : array-like of shape (n_samples,), default=None
            Totals of the rows as they were; None leaves all at `target_sum_`.

        Returns
        -------
        ndarray or CSR matrix of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        X = validate_data(
            self, X, reset=False, accept_sparse="csr", dtype=[np.float64, np.float32], copy=True
        )
        values = X.data if sparse.issparse(X) else X
        np.maximum(values, 0, out=values)
        if self.transformation is not None:
            INVERSE[self.transformation](values, out=values)
        if totals is None:
            return X
        return _scaled(X, (np.asarray(totals) / self.target_sum_).astype(X.dtype), copy=False)

    def expected_counts(self, X: Table, totals: Any) -> Array:
        """Expected counts, where `X` holds expectations of normalised counts.

        For Poisson counts, exact: the mean of square roots is less than the square root of
        the mean, much less for small means, and so is what a denoiser makes of them.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Denoised normalised values. Negative ones become zero.
        totals : array-like of shape (n_samples,)
            Totals of the cells whose counts are expected.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        totals = np.asarray(totals, dtype=float)
        return expected_counts(X, self._factors(totals), self.transformation)

    def _factors(self, totals):
        """What brings rows of these totals to `target_sum_`; zero leaves an empty row as it is."""
        return np.divide(self.target_sum_, totals, where=totals > 0, out=np.zeros_like(totals))

    def _check(self, X, reset=False):
        X = validate_data(
            self,
            X,
            reset=reset,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
        )
        refuse_negative(X, caller="CountNormalizer")
        return without_duplicates(X)


def row_totals(X):
    """Sum of every row as float64, of an array or a sparse table."""
    return np.asarray(X.sum(axis=1, dtype=np.float64)).ravel()


def _scaled(X, scale, copy=True):
    """Rows of `X` times `scale`."""
    if not sparse.issparse(X):
        return X * scale[:, None] if copy else np.multiply(X, scale[:, None], out=X)
    X = X.copy() if copy else X
    inplace_row_scale(X, scale)
    return X
