# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What is done differently in a search: its errors name the cure, and Ctrl-C ends it."""

import numpy as np
import pytest
from sklearn.ensemble import BaggingRegressor
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    cross_val_score,
    learning_curve,
    validation_curve,
)
from sklearn.pipeline import make_pipeline

import selfsupervised as ss
from cases import HAS_NETWORKS
from selfsupervised.core import callers

MEDIANS = {"radius": [1, 2]}
WRAPPED = {"estimator__radius": [1, 2]}


def searches(X, cv):
    """All ways to split images."""
    median, wrapped = ss.MedianDenoiser(), ss.JInvariantWrapper(ss.MedianDenoiser())
    yield lambda: GridSearchCV(median, MEDIANS, cv=cv).fit(X)
    yield lambda: GridSearchCV(wrapped, WRAPPED, cv=cv).fit(X)
    yield lambda: RandomizedSearchCV(median, MEDIANS, n_iter=2, cv=cv).fit(X)
    yield lambda: cross_val_score(wrapped, X, cv=cv)
    yield lambda: validation_curve(
        median, X, None, param_name="radius", param_range=[1, 2], cv=cv, error_score="raise"
    )
    yield lambda: learning_curve(median, X, None, cv=cv, train_sizes=[1.0])


@pytest.mark.parametrize("number", range(6))
def test_one_image_names_the_cure(noisy, number):
    for cv, X in ((None, noisy[None]), (3, [noisy]), (5, np.stack([noisy] * 2))):
        with pytest.raises(ValueError, match=r"cv=.* would split in \d: pass cv=SameSplit\(\)"):
            list(searches(X, cv))[number]()
    small = noisy[None, :24, :24]
    list(searches(small, ss.SameSplit()))[number]()  # the cure
    list(searches(np.concatenate([small] * 2), 2))[number]()  # enough images are split


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_a_bare_image_names_the_cure(noisy):
    cure = r"X\[None\], in a search with cv=SameSplit\(\), or selfsupervised.denoise"
    for cv in (None, ss.SameSplit()):
        for make in list(searches(noisy, cv))[:2]:
            with pytest.raises(ValueError, match=cure):
                make()


def test_a_search_may_be_used_on_one_image(noisy):
    search = GridSearchCV(ss.MedianDenoiser(), MEDIANS, cv=2).fit(np.stack([noisy] * 2))
    assert search.transform(noisy[None]).shape == (1, *noisy.shape)
    assert search.score(noisy[None]) < 0
    search = GridSearchCV(ss.JInvariantWrapper(ss.MedianDenoiser()), WRAPPED, cv=2)
    assert search.fit(np.stack([noisy] * 2)).score(noisy[None]) < 0


def test_rows_of_tables_are_not_images(rng):
    search = GridSearchCV(
        ss.JInvariantWrapper(ss.PCADenoiser(1)), {"estimator__n_components": [1]}, cv=5
    )
    with pytest.raises(ValueError, match="n_splits=5 greater than the number of samples"):
        search.fit(rng.poisson(5, size=(1, 4)))


class Asks(ss.MedianDenoiser):
    """Notes how it is fitted."""

    answers: list = []

    def fit(self, X, y=None):
        self.answers.append(callers.is_one_of_many())
        return super().fit(X)


def test_who_is_one_of_many(noisy):
    X = noisy[None, :24, :24]

    def answers(action):
        Asks.answers.clear()
        action()
        return set(Asks.answers)

    assert answers(lambda: Asks().fit(X)) == {False}
    assert answers(lambda: Asks().fit_transform(X)) == {False}
    assert answers(lambda: make_pipeline(Asks()).fit(X)) == {False}
    assert answers(lambda: ss.denoise(X[0], Asks())) == {False}
    assert answers(lambda: GridSearchCV(Asks(), MEDIANS, cv=ss.SameSplit()).fit(X)) == {True}

    class AsksAsRegressor(BaggingRegressor):
        def fit(self, X, y):
            Asks.answers.append(callers.is_one_of_many())
            return super().fit(X, y)

    table, y = np.arange(20.0).reshape(10, 2), np.arange(10.0)
    assert True in answers(lambda: BaggingRegressor(AsksAsRegressor(n_estimators=1)).fit(table, y))


@pytest.mark.skipif(not HAS_NETWORKS, reason="networks are not installed")
def test_ctrl_c_ends_a_search(noisy):
    """In `fit` alone, the negative control, it keeps the best state so far."""
    from skorch.callbacks import Callback

    from cases import TINY

    fits = []

    class CtrlC(Callback):
        def on_train_begin(self, net, **kwargs):
            fits.append(net)

        def on_batch_end(self, net, training, **kwargs):
            if training and len(net.history) == 2:
                raise KeyboardInterrupt

    X = noisy[None]
    network = ss.Noise2SelfDenoiser(**{**TINY, "max_steps": 6}, callbacks=[CtrlC()])
    with pytest.warns(UserWarning, match="was interrupted after . of 6 steps; the best state so"):
        assert network.fit(X).transform(X).shape == X.shape
    fits.clear()
    search = GridSearchCV(network, {"lr": [1e-3, 1e-2]}, cv=ss.SameSplit())
    with pytest.raises(KeyboardInterrupt):
        search.fit(X)
    assert len(fits) == 1 and not hasattr(search, "best_params_")
    fits.clear()
    with pytest.raises(KeyboardInterrupt):
        ss.JInvariantWrapper(network, partition=ss.PixelGrid(2)).fit(X)
    assert len(fits) == 1
