# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Every column by linear regression on the others, all in closed form (Patch2Self)."""

from collections.abc import Iterator
from numbers import Real
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from selfsupervised.core.seeds import as_seed
from selfsupervised.core.sklearn_compat import HasMethods, Interval, StrOptions, validate_parameters
from selfsupervised.core.types import Array, ArrayLike, Table
from selfsupervised.evaluation.block_regression import FoldSums, block_losses, block_weights
from selfsupervised.evaluation.independence import warn_of_table
from selfsupervised.evaluation.losses import mean_loss
from selfsupervised.partitions import FeatureBlocks

# Candidates for alpha, in units of the mean scatter of a column: from none to nothing but means.
RELATIVE_ALPHAS = np.logspace(-8, 2, 21)


class LinearRegressionDenoiser(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Predict each column of a table from the others, by ridge regression in closed form.

    It is what `JInvariantWrapper` makes of `sklearn.linear_model.Ridge`, to rounding, from one
    matrix of products of columns instead of a regression for each block and fold. For tables whose
    columns see the same things with independent noise: directions of a diffusion series,
    channels, bands. The output at an entry never saw that entry.

    Parameters
    ----------
    alpha : float, "auto" or array-like of float, default="auto"
        Strength of the penalty on squared weights, as in `sklearn.linear_model.Ridge`; in squared
        units of the table. 0 is least squares without one. "auto" takes, of a wide range, the one
        with the least self-supervised loss; of an array-like, the best of it.
    partition : FeatureBlocks, default=None
        Which columns are predicted together, and in how many folds of rows. None predicts every
        column from all others, in two folds.

    Attributes
    ----------
    alpha_ : float
        The penalty in use.
    alphas_ : ndarray of shape (n_alphas,)
        Those that were tried.
    loss_path_ : ndarray of shape (n_alphas,)
        Their self-supervised losses: mean squared error plus noise variance, in squared units of
        the table (Noise2Self, Proposition 1).
    coef_ : ndarray of shape (n_folds, n_features, n_features)
        Weights for the rows of each fold; one column for each column that is predicted, with
        zeros for itself and what is hidden beside it.
    intercept_ : ndarray of shape (n_folds, n_features)
        A row x of fold k is predicted by ``(x - center_) @ coef_[k] + intercept_[k]``.
    center_ : ndarray of shape (n_features,)
        Mean of the table.
    partition_ : FeatureBlocks
        The partition in use, its seed fixed.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of str
        Names of the columns, for data frames.

    See Also
    --------
    denoise_volumes : The same for a series of volumes.
    JInvariantWrapper : Any other regressor, and tables with missing values.

    References
    ----------
    Fadnavis, Batson & Garyfallidis, "Patch2Self: Denoising Diffusion MRI with Self-Supervised
    Learning", NeurIPS 2020; Batson & Royer, "Noise2Self", ICML 2019, Section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import LinearRegressionDenoiser
    >>> rng = np.random.default_rng(0)
    >>> clean = rng.normal(size=(500, 3)) @ rng.normal(size=(3, 40))
    >>> noisy = clean + rng.normal(size=clean.shape)
    >>> denoiser = LinearRegressionDenoiser().fit(noisy)
    >>> bool(np.mean((denoiser.transform(noisy) - clean) ** 2) < 0.2)
    True
    >>> error = np.mean((denoiser.transform(noisy) - clean) ** 2)
    >>> float(round(denoiser.loss_path_.min() - error, 1))
    1.0
    """

    alpha_: float
    alphas_: Array
    loss_path_: Array
    coef_: Array
    intercept_: Array
    center_: Array
    partition_: Any
    n_features_in_: int
    feature_names_in_: Array

    _parameter_constraints: dict = {
        "alpha": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left"), "array-like"],
        "partition": [HasMethods(["split", "blocks"]), None],
    }

    def __init__(
        self, alpha: Literal["auto"] | float | ArrayLike = "auto", *, partition: Any = None
    ) -> None:
        self.alpha = alpha
        self.partition = partition

    def fit(self, X: Table, y: Any = None) -> Self:
        """Learn the weights of all blocks and folds.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A noisy table.
        y : None
            Ignored: the other columns are the target.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            Values that are missing or infinite, fewer columns than blocks, or rows so much alike
            that there are no others to learn from.
        """
        self._learn(self._check(X, reset=True))
        return self

    def transform(self, X: Table) -> Array:
        """Predict each column from the others, each row by weights that others taught.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The table that was fitted, or another.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            In the units of `X`; the same float dtype, float64 for integers.
        """
        check_is_fitted(self)
        X = self._check(X)
        return self._predicted(X, self._taken_apart(X))

    def fit_transform(self, X: Table, y: Any = None) -> Array:
        """`fit` and `transform` of the same table, which is taken apart once.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A noisy table.
        y : None
            Ignored.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
        """
        X = self._check(X, reset=True)
        return self._predicted(X, self._learn(X))

    def judge(self, X: Table, n_subsets: int | None = None) -> Iterator[Any]:
        """Yield (measured, predicted from the rest); all at once, whatever `n_subsets`."""
        X = self._check(X)
        yield X, self.transform(X)

    def score(self, X: Table, y: Any = None) -> float:
        """Score by minus the mean squared self-supervised loss: higher is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A noisy table.
        y : None
            Ignored.

        Returns
        -------
        float
        """
        return -mean_loss(self.judge(X))

    # -- inside ----------------------------------------------------------------------------

    def _learn(self, X):
        """Set the weights; return how the table was taken apart."""
        if X.shape[1] < 2:
            raise ValueError(
                "LinearRegressionDenoiser predicts columns from others and expected at least two, "
                "got 1 feature(s), which leaves nothing to see."
            )
        partition = FeatureBlocks(X.shape[1]) if self.partition is None else clone(self.partition)
        self.partition_ = partition.set_params(random_state=as_seed(partition.random_state))
        warn_of_table(X, self.partition_)
        self.center_ = X.mean(axis=0, dtype=np.float64)
        taken_apart = list(self._taken_apart(X))
        sums = [FoldSums.of(folds) for _, _, folds in taken_apart]
        for some in sums:
            if (some.counts == len(X)).any():
                raise ValueError(
                    f"LinearRegressionDenoiser found no other rows to learn from: all of "
                    f"n_samples={len(X)} are in one fold; pass more rows that differ."
                )
        parts = [
            (some, group, fold)
            for some, (group, _, _) in zip(sums, taken_apart, strict=True)
            for fold in range(self.partition_.n_folds)
            if some.counts[fold]
        ]
        self.alphas_ = self._candidates(_scatter(sums[0]) / X.shape[1])
        fits = [[block_weights(s, fold, a, g) for s, g, fold in parts] for a in self.alphas_]
        losses = [
            sum(
                block_losses(some, fold, weights, _columns(group)).sum()
                for (some, group, fold), weights in zip(parts, fit, strict=True)
            )
            for fit in fits
        ]
        self.loss_path_ = np.array(losses) / X.size
        best = int(np.argmin(self.loss_path_))
        self.alpha_ = float(self.alphas_[best])
        self._keep(parts, fits[best])
        return taken_apart

    def _keep(self, parts, fit):
        shape = self.partition_.n_folds, len(self.center_), len(self.center_)
        self.coef_, self.intercept_ = np.zeros(shape), np.zeros(shape[:2])
        for (sums, group, fold), weights in zip(parts, fit, strict=True):
            columns = _columns(group)
            _, mean, _ = sums.learned(fold)
            self.coef_[fold][:, columns] = weights[:, columns]
            at_mean = mean[columns] - mean @ weights[:, columns]
            self.intercept_[fold, columns] = self.center_[columns] + at_mean

    def _candidates(self, scatter):
        if isinstance(self.alpha, str):
            return RELATIVE_ALPHAS * (scatter if scatter > 0 else 1.0)
        alphas = np.atleast_1d(np.asarray(self.alpha, dtype=float))
        if alphas.ndim != 1 or not alphas.size or not (alphas >= 0).all():
            raise ValueError(
                f"LinearRegressionDenoiser expected alpha to be 'auto', a number >= 0 or a list "
                f"of such; got {self.alpha!r}."
            )
        return alphas

    def _taken_apart(self, X):
        """For blocks that share their folds: the blocks, the places of rows, and the rows."""
        table = X - self.center_
        shared: dict = {}
        for block in self.partition_.blocks(X):
            shared.setdefault(id(block.fold_of), []).append(block)
        for group in shared.values():
            numbers = range(self.partition_.n_folds)
            places = [np.flatnonzero(group[0].fold_of == number) for number in numbers]
            yield group, places, [table.take(rows, axis=0) for rows in places]

    def _predicted(self, X, taken_apart):
        out = np.empty_like(X)
        for group, places, folds in taken_apart:
            columns = np.flatnonzero(_columns(group))
            values = np.empty((len(X), columns.size))
            for number, (rows, table) in enumerate(zip(places, folds, strict=True)):
                weighted = table @ self.coef_[number][:, columns]
                values[rows] = np.add(weighted, self.intercept_[number, columns], out=weighted)
            out[:, columns] = values
        return out

    def _check(self, X, reset=False):
        if reset:
            validate_parameters(self)
        X = validate_data(
            self,
            X,
            reset=reset,
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan",
            ensure_min_samples=2 if reset else 1,
        )
        if np.isnan(X).any():
            raise ValueError(
                "Input X contains NaN, and LinearRegressionDenoiser needs every entry: put an "
                "imputer before the regressor, as in JInvariantWrapper(make_pipeline("
                "SimpleImputer(), Ridge()))."
            )
        return X


def _columns(group):
    """All columns that some blocks predict."""
    return np.any([block.columns for block in group], axis=0)


def _scatter(sums):
    """Sum of squares of all columns about the centre."""
    return sums.products.diagonal(axis1=1, axis2=2).sum()
