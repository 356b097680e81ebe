# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV

import selfsupervised as ss


def low_rank(n_samples, n_features, rank=4, offset=10.0):
    rng = np.random.default_rng(n_samples + n_features)
    clean = rng.normal(size=(n_samples, rank)) @ rng.normal(size=(rank, n_features)) + offset
    return clean, clean + rng.normal(size=clean.shape)


@pytest.mark.parametrize("alpha", [0, 5.0])
@pytest.mark.parametrize(
    ("shape", "partition"),
    [
        ((200, 9), None),
        ((200, 20), ss.FeatureBlocks(4, n_folds=3)),
        ((200, 20), ss.FeatureBlocks(10, contiguous=True, gap=1)),
        ((30, 40), ss.FeatureBlocks(10)),  # more columns than rows
    ],
)
def test_equals_the_wrapper(shape, partition, alpha):
    noisy = low_rank(*shape)[1]
    regressor = Ridge(alpha) if alpha else LinearRegression()
    same = partition or ss.FeatureBlocks(shape[1])
    slow = ss.JInvariantWrapper(regressor, partition=same).fit(noisy)
    fast = ss.LinearRegressionDenoiser(alpha, partition=partition).fit(noisy)
    assert_allclose(fast.transform(noisy), slow.transform(noisy), rtol=1e-8)
    assert_array_equal(fast.fit_transform(noisy), fast.transform(noisy))
    assert_allclose(fast.score(noisy), slow.score(noisy), rtol=1e-8)
    assert_allclose(-fast.loss_path_, slow.score(noisy), rtol=1e-8)
    assert_allclose(ss.self_supervised_loss(fast, noisy), -slow.score(noisy), rtol=1e-8)
    other = low_rank(50, shape[1])[1]
    assert_allclose(fast.transform(other), slow.transform(other), rtol=1e-8)


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.filterwarnings("ignore::selfsupervised.CorrelatedNoiseWarning")
def test_equals_the_wrapper_where_columns_are_tied(rng, constant):
    X = rng.normal(size=(200, 12))
    X -= X.mean(axis=1, keepdims=True)
    if constant:
        X[:, 3] = 1.5
    slow = ss.JInvariantWrapper(LinearRegression(), partition=ss.FeatureBlocks(12))
    assert_allclose(
        ss.LinearRegressionDenoiser(0).fit_transform(X), slow.fit_transform(X), atol=1e-10
    )


def test_output_never_saw_its_entry():
    noisy = low_rank(60, 12)[1]
    denoiser = ss.LinearRegressionDenoiser(1.0)
    out = denoiser.fit_transform(noisy)
    for row, column in [(0, 0), (7, 5), (59, 11)]:
        changed = noisy.copy()
        changed[row, column] += 100
        again = denoiser.fit_transform(changed)
        assert again[row, column] == pytest.approx(out[row, column], abs=1e-9)
        assert np.abs(again - out).max() > 0.1  # the control: other entries did see it


def test_alpha_by_the_loss_is_that_of_least_error():
    clean, noisy = low_rank(1000, 40)
    alphas = np.logspace(-2, 4, 7)
    denoiser = ss.LinearRegressionDenoiser(alphas).fit(noisy)
    errors = [
        np.mean((ss.LinearRegressionDenoiser(alpha).fit_transform(noisy) - clean) ** 2)
        for alpha in alphas
    ]
    assert alphas[np.argmin(errors)] == denoiser.alpha_
    noise = np.mean((noisy - clean) ** 2)
    assert_allclose(denoiser.loss_path_ - errors, noise, atol=0.02)
    search = GridSearchCV(ss.LinearRegressionDenoiser(), {"alpha": alphas}, cv=ss.SameSplit())
    assert search.fit(noisy).best_params_ == {"alpha": denoiser.alpha_}
    assert -search.best_score_ == pytest.approx(denoiser.loss_path_.min())
    auto = ss.LinearRegressionDenoiser().fit(noisy)
    assert auto.loss_path_.min() < 1.02 * denoiser.loss_path_.min()


@pytest.mark.parametrize(
    ("X", "params", "match"),
    [
        (np.full((9, 4), np.nan), {}, "contains NaN.*SimpleImputer"),
        (np.ones((9, 4)), {}, "all of n_samples=9 are in one fold"),
        (np.ones((9, 1)), {}, "at least two, got 1 feature"),
        (np.eye(9), {"alpha": [1, -1]}, "a number >= 0 or a list"),
        (np.eye(9), {"partition": ss.FeatureBlocks(2, gap=1)}, "0 unless contiguous=True"),
        (
            np.eye(9),
            {"partition": ss.FeatureBlocks(2, contiguous=True, gap=5)},
            "gap=5 leaves nothing to see of 9 features",
        ),
    ],
)
def test_messages(X, params, match):
    with pytest.raises(ValueError, match=match):
        ss.LinearRegressionDenoiser(**params).fit(X)


def test_volumes(rng):
    clean = rng.normal(size=(6, 7, 5, 3)) @ rng.normal(size=(3, 20)) + 50
    clean[0] = 0
    noisy = (clean + rng.normal(size=clean.shape) * (clean != 0)).astype(np.float32)
    groups = np.repeat([0, 1000, 3000], [1, 9, 10])
    out = ss.denoise_volumes(noisy, groups=groups)
    assert out.dtype == np.float32 and out.shape == noisy.shape
    assert_array_equal(out[..., 0], noisy[..., 0])  # alone in its group
    assert not out[0].any()
    table = noisy[1:].reshape(-1, 20)[:, 10:]
    expected = ss.LinearRegressionDenoiser().fit_transform(table)
    assert_array_equal(out[1:].reshape(-1, 20)[:, 10:], expected)
    error = np.mean((out[1:, ..., 1:] - clean[1:, ..., 1:]) ** 2)
    assert error < 0.7 < np.mean((noisy[1:] - clean[1:]) ** 2)
    mask = np.zeros(clean.shape[:-1], dtype=bool)
    mask[2:4] = True
    out = ss.denoise_volumes(noisy, ss.LinearRegressionDenoiser(1.0), mask=mask)
    assert_array_equal(out[~mask], noisy[~mask])
    assert (out[mask] != noisy[mask]).any(axis=0).all()


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"volumes": np.ones((4, 4))}, "3 or 4 axes"),
        ({"mask": np.ones((4, 4))}, "mask to be booleans of shape"),
        ({"mask": np.zeros((4, 4, 4), dtype=bool)}, "no voxel"),
        ({"groups": [1, 2]}, "label for each of 5 volumes"),
    ],
)
def test_messages_of_volumes(arguments, match):
    with pytest.raises(ValueError, match=match):
        ss.denoise_volumes(**{"volumes": np.ones((4, 4, 4, 5)), **arguments})
