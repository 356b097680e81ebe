# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Transformers that learn to predict one half of the molecules from the other.

They may be judged on other samples only: on those they learned from, they know the answer.
"""

import numpy as np
from sklearn.base import clone, is_regressor
from sklearn.utils import get_tags

from selfsupervised.partitions.thinning import check_counts, row_keys


def learns_from_judged(estimator):
    """Whether a transformer is fitted to a second measurement, ``fit(seen, judged)``."""
    return not is_regressor(estimator) and get_tags(estimator).target_tags.required


def fit_on(estimator, seen, judged):
    """A clone of `estimator`, fitted on `seen`, and on `judged` if that is what it learns from."""
    second = (judged,) if learns_from_judged(estimator) else ()
    return clone(estimator).fit(seen, *second)


def learned_rows(estimator, X):
    """Keys of the samples whose judged half `estimator` learns from; None if it does not."""
    return _keys(X) if learns_from_judged(estimator) else None


def check_other_rows(known, X):
    """Raise if most samples of `X` are those of `known`, from `learned_rows`.

    A few may be equal by chance, where there are few molecules.
    """
    if known is not None and np.isin(_keys(X), known).mean() > 0.5:
        raise ValueError(
            "Expected other samples than the estimator learned from: it was fitted to the very "
            "molecules it is to be judged on. Split the samples too, for example by cv=5 in "
            "GridSearchCV, instead of SameSplit()."
        )


def _keys(X):
    return row_keys(check_counts(X, caller="JInvariantWrapper"), ())
