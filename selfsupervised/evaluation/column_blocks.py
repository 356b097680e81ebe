# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Regressors on the blocks of a table: learn from other rows, predict from other columns."""

import numpy as np
from sklearn.base import clone
from sklearn.multioutput import MultiOutputRegressor
from sklearn.utils import get_tags

from selfsupervised.core.validation import is_finite_number


def fit_block(estimator, pair, fill):
    """A clone of `estimator`, fitted to predict the columns of `pair` on its visible rows."""
    hidden, columns = pair.where.any(axis=1), pair.columns
    inputs, targets = pair.seen[~hidden][:, _beside(pair)], pair.seen[~hidden][:, columns]
    measured = ~np.isnan(targets).any(axis=1)  # what was not measured is no target
    if not measured.any():
        raise ValueError(
            f"JInvariantWrapper found no sample to learn from beside the hidden ones, with "
            f"n_samples={len(hidden)}; {type(estimator).__name__} needs more samples."
        )
    estimator = clone(estimator)
    if targets.shape[1] == 1:
        targets = targets[:, 0]
    elif not get_tags(estimator).target_tags.multi_output:
        estimator = MultiOutputRegressor(estimator)
    return estimator.fit(_filled(inputs[measured], fill), targets[measured])


def predict_block(estimator, pair, fill):
    """Predictions for the hidden entries of `pair`, in the order of ``X[where]``."""
    hidden = pair.where.any(axis=1)
    if not hidden.any():
        return pair.judged  # no row of this fold: nothing to predict
    inputs = pair.seen[hidden][:, _beside(pair)]
    return np.asarray(estimator.predict(_filled(inputs, fill))).reshape(-1)


def _beside(pair):
    """The columns that the block may be predicted from."""
    return ~pair.columns if pair.beside is None else pair.beside


def _filled(table, fill):
    """What a regressor sees: a number fills what was not measured, NaN stays otherwise."""
    if is_finite_number(fill):
        return np.where(np.isnan(table), table.dtype.type(fill), table)
    return table
