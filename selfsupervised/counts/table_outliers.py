# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Entries of a table whose value tells nothing: spikes, saturation, slips of a decimal point."""

from numbers import Real
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from selfsupervised.core.sklearn_compat import Interval, validate_parameters
from selfsupervised.core.types import Table

OF_MEDIAN = 1.4826  # standard deviation of normal values over their median absolute deviation
OUTER_QUANTILE, OF_OUTER_QUANTILE = 0.95, 1 / 1.96
RELATIVE_PENALTY = 0.1  # of the regression, in units of a column's variance
SMALLEST_ERROR = 1e-6  # in the same units; below is rounding
FIRST_CLIP, LARGEST = 10.0, 1e9  # standard deviations, of the first look and of any
N_LOOKS = 2
MAX_SHARE_OF_ROW = 0.2  # with more outliers, a row is of a rare kind, and no measurement went wrong


class TableOutlierRemover(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Take outliers of a table as not measured: they become NaN, all else stays as it is.

    An outlier is far off what the other columns of its row say by linear regression, in units of
    what is usual in its column. A few of them can make most of a squared loss, which then chooses
    what follows outliers best. Put an imputer after it, as in the example.

    Parameters
    ----------
    threshold : float, default=8
        How many standard deviations an outlier is off, robustly estimated: from the median, or the
        95 % quantile if that says more, so that noise with long tails has no outliers.

    Attributes
    ----------
    center_ : ndarray of shape (n_features,)
        Median of each column.
    spread_ : ndarray of shape (n_features,)
        Its standard deviation, from the median absolute deviation.
    precision_ : ndarray of shape (n_features, n_features)
        Inverse of the penalised products of the scaled columns.
    error_ : ndarray of shape (n_features,)
        Standard deviation of what the other columns do not say, in units of `spread_`.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of str
        Names of the columns, for data frames.

    See Also
    --------
    OutlierRemover : For images.

    Notes
    -----
    A row with more than a fifth of outliers is left as it is: it is of a rare kind rather than
    wrong. Outliers in more than 5 % of the rows of a column are taken for its noise, and a column
    of which 95 % of the entries are alike has none. The penalty of the regression is a tenth of a
    column's variance, so more columns than rows do no harm.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.impute import SimpleImputer
    >>> from sklearn.pipeline import make_pipeline
    >>> from selfsupervised import JInvariantWrapper, PCARegression, TableOutlierRemover
    >>> rng = np.random.default_rng(0)
    >>> table = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 12)) + rng.normal(size=(200, 12))
    >>> table[3, 7] = 1000
    >>> regression = make_pipeline(SimpleImputer(), PCARegression(2))
    >>> denoiser = make_pipeline(TableOutlierRemover(), JInvariantWrapper(regression))
    >>> bool(np.abs(denoiser.fit_transform(table)).max() < 10)
    True
    """

    _parameter_constraints: dict = {"threshold": [Interval(Real, 0, None, closed="neither")]}

    def __init__(self, threshold: float = 8) -> None:
        self.threshold = threshold

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def fit(self, X: Table, y: Any = None) -> Self:
        """Learn what is usual.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A table of measurements of about equal noise in each column; NaN means "not measured".
        y : None
            Ignored.

        Returns
        -------
        self
        """
        validate_parameters(self)
        X = self._check(X, reset=True)
        measured = ~np.isnan(X)
        known = np.where(measured.any(axis=0), X, 0)
        self.center_ = np.nanmedian(known, axis=0).astype(np.float64)
        self.spread_ = _deviation(known - self.center_)
        scaled = self._scaled(X)
        table = np.clip(scaled, -FIRST_CLIP, FIRST_CLIP)
        for _ in range(N_LOOKS):
            scatter = table.T @ table / len(table)
            self.precision_ = np.linalg.inv(scatter + RELATIVE_PENALTY * np.eye(len(scatter)))
            errors = np.where(measured, self._errors(table), np.nan)
            errors[:, ~measured.any(axis=0)] = 0
            self.error_ = np.maximum(_deviation(errors), SMALLEST_ERROR)
            table = self._without_outliers(scaled)[0]
        return self

    def transform(self, X: Table) -> Any:
        """Put NaN in the place of outliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The table of `fit`, or others like it.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            A copy; the same float dtype, float64 for integers.
        """
        check_is_fitted(self)
        X = self._check(X)
        off = self._without_outliers(self._scaled(X))[1] & ~np.isnan(X)
        return np.where(off, X.dtype.type(np.nan), X)

    def _without_outliers(self, scaled):
        """The table with what other columns say in the place of outliers, and where these are.

        What an outlier says of the others in its row is not to be believed, so the worst of a row
        is replaced first, and then the others are looked at again.
        """
        errors = self._relative(self._errors(scaled))
        out, off = scaled.copy(), np.zeros(scaled.shape, dtype=bool)
        most = max(1, int(MAX_SHARE_OF_ROW * scaled.shape[1]))
        for number in np.flatnonzero((errors > self.threshold).any(axis=1)):
            row, hidden = scaled[number].copy(), off[number]
            left = errors[number]
            while left.max() > self.threshold and hidden.sum() <= most:
                hidden[left.argmax()] = True
                own = self.precision_[np.ix_(hidden, hidden)]
                row[hidden] = -np.linalg.solve(
                    own, self.precision_[hidden][:, ~hidden] @ row[~hidden]
                )
                left = np.where(hidden, 0, self._relative(self._errors(row)))
            if hidden.sum() > most:
                hidden[...] = False
            else:
                out[number] = row
        return out, off

    def _scaled(self, X):
        """In units of the spread, less the median, clipped; what is missing is as usual."""
        scaled = (X - self.center_) / np.where(self.spread_ > 0, self.spread_, 1)
        return np.clip(np.nan_to_num(scaled), -LARGEST, LARGEST)

    def _errors(self, scaled):
        """Entries less what the other columns say of them: by the inverse of a matrix in blocks."""
        return scaled @ self.precision_ / self.precision_.diagonal()

    def _relative(self, errors):
        """In units of what is usual; none in columns where nothing varies."""
        return np.where(self.spread_ > 0, np.abs(errors) / self.error_, 0)

    def _check(self, X, reset=False):
        return validate_data(
            self,
            X,
            reset=reset,
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan",
            ensure_min_samples=2 if reset else 1,
        )


def _deviation(values):
    """Standard deviation of each column about zero, whatever a few of its values are."""
    size = np.abs(values)
    median = np.nanmedian(size, axis=0) * OF_MEDIAN
    return np.maximum(median, np.nanquantile(size, OUTER_QUANTILE, axis=0) * OF_OUTER_QUANTILE)
