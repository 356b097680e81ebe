# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline

import selfsupervised as ss


@pytest.mark.parametrize("n_targets", [None, 1, 3])
def test_equals_a_pipeline(rng, n_targets):
    X = rng.normal(size=(60, 8)) + 5
    y = rng.normal(size=60 if n_targets is None else (60, n_targets)) + 2
    for k in (1, 4, 8):
        expected = make_pipeline(PCA(k), LinearRegression()).fit(X, y).predict(X)
        estimator = ss.PCARegression(k).fit(X, y)
        assert estimator.predict(X).shape == expected.shape
        assert_allclose(estimator.predict(X), expected, rtol=1e-8)
        reference = LinearRegression().fit(X, y)
        assert estimator.coef_.shape == reference.coef_.shape
    assert_allclose(estimator.coef_, reference.coef_, rtol=1e-6)
    assert_allclose(estimator.intercept_, reference.intercept_, rtol=1e-6)


def test_void_components_get_no_weight(rng):
    X = rng.normal(size=(40, 2)) @ rng.normal(size=(2, 6))
    y = X[:, 0] + 0.1 * rng.normal(size=40)
    estimator = ss.PCARegression(5).fit(X, y)
    assert np.abs(estimator.coef_).max() < 10
    assert_allclose(estimator.predict(X), ss.PCARegression(2).fit(X, y).predict(X), rtol=1e-6)


@pytest.mark.parametrize("rank", [2, 5])
@pytest.mark.parametrize("cv", [ss.SameSplit(), KFold(2)], ids=["in sample", "held-out rows"])
def test_rank_by_bi_cross_validation(rank, cv):
    """Owen & Perry: the rank of least loss is the rank of the signal, and of least true error."""
    rng = np.random.default_rng(rank)
    clean = rng.normal(size=(300, rank)) @ rng.normal(size=(rank, 40))
    noisy = clean + rng.normal(0, 1, clean.shape)
    ranks = list(range(1, 9))
    search = GridSearchCV(
        ss.JInvariantWrapper(ss.PCARegression()),
        {"estimator__n_components": ranks},
        cv=cv,
        error_score="raise",
    ).fit(noisy)
    assert search.best_params_ == {"estimator__n_components": rank}
    errors = [
        np.mean((ss.JInvariantWrapper(ss.PCARegression(k)).fit_transform(noisy) - clean) ** 2)
        for k in ranks
    ]
    assert ranks[np.argmin(errors)] == rank
    if isinstance(cv, ss.SameSplit):
        losses = -search.cv_results_["mean_test_score"]
        assert_allclose(losses - errors, 1, atol=0.05)


def test_reconstruction_error_says_nothing():
    """The negative control: judged on what it was fitted to, more components always win."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 2)) @ rng.normal(size=(2, 10)) + rng.normal(size=(100, 10))
    scores = [
        ss.PCARegression(k).fit(X[:, :5], X[:, 5:]).score(X[:, :5], X[:, 5:]) for k in (1, 2, 5)
    ]
    assert np.argmax(scores) == 2


def test_errors(rng):
    with pytest.raises(ValueError, match=r"at most min\(n_samples, n_features\)=3, got 4"):
        ss.PCARegression(4).fit(rng.normal(size=(9, 3)), np.ones(9))
    with pytest.raises(ValueError, match="'n_components' parameter of PCARegression"):
        ss.PCARegression(0).fit(np.eye(3), np.ones(3))
