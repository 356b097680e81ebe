# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The score: equal to the true error plus the noise variance, and impossible to fool."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeRegressor

import selfsupervised as ss
from cases import PatchMemory, smooth_image
from selfsupervised.evaluation.losses import get_loss, mean_loss, poisson_loss

SIGMA = 0.15


def identity(image):
    return image


@pytest.fixture(scope="module")
def big():
    clean = smooth_image((256, 256))
    return clean, clean + np.random.default_rng(1).normal(0, SIGMA, clean.shape)


FAMILIES = [
    (ss.MedianDenoiser(), "radius", [1, 2, 3, 5, 8]),
    (ss.GaussianDenoiser(), "sigma", [0.5, 1, 2, 4, 8]),
    (ss.TotalVariationDenoiser(max_num_iter=50), "weight", [0.05, 0.1, 0.2, 0.4, 0.8]),
    (ss.WaveletDenoiser(mode="hard"), "sigma", [0.05, 0.1, 0.15, 0.25, 0.5]),
    (ss.BilateralDenoiser(sigma_spatial=1, bins=500), "sigma_color", [0.2, 0.5, 1]),
]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: type(f[0]).__name__)
def test_loss_is_error_plus_noise_variance_and_picks_the_best(big, family):
    """Proposition 1, and what it is for: the best of each family without the truth."""
    clean, noisy = big
    estimator, name, values = family
    losses, errors = [], []
    for value in values:
        wrapper = ss.JInvariantWrapper(clone(estimator).set_params(**{name: value}))
        output = wrapper.fit_transform(noisy[None])[0]
        losses.append(ss.self_supervised_loss(wrapper, noisy[None]))
        errors.append(np.mean((output - clean) ** 2))
    noise_variance = np.mean((noisy - clean) ** 2)
    assert_allclose(np.subtract(losses, errors), noise_variance, rtol=0.02)
    assert np.argmin(losses) == np.argmin(errors)


def test_without_hiding_the_loss_says_nothing(big):
    """The negative control: judged on what it saw, the weakest filter looks best."""
    _, noisy = big
    seen = [
        np.mean((ss.GaussianDenoiser(sigma).transform(noisy[None])[0] - noisy) ** 2)
        for sigma in (0.3, 1, 2)
    ]
    assert np.argmin(seen) == 0


@pytest.mark.parametrize("cheat", [identity, PatchMemory()], ids=["identity", "memory"])
def test_cheats_lose(big, cheat):
    """Bare or wrapped, returning the input or a memory of it scores below any denoiser."""
    _, noisy = big
    X = noisy[None]
    scorer = ss.SelfSupervisedScorer()
    sensible = [
        ss.MedianDenoiser(2),
        ss.GaussianDenoiser(1),
        ss.WaveletDenoiser(),
        ss.TotalVariationDenoiser(),
    ]
    worst = min(scorer(estimator.fit(X), X) for estimator in sensible)
    fitted = ss.FunctionDenoiser(cheat).fit(X) if callable(cheat) else clone(cheat).fit(X)
    assert scorer(fitted, X) < worst
    assert scorer(ss.JInvariantWrapper(fitted), X) < worst
    assert scorer(ss.JInvariantWrapper(fitted, partition=ss.RandomPixels(9)).fit(X), X) < worst


def test_a_cheat_with_a_false_tag_loses(big):
    """Whatever it says of itself: what need not be fitted is never shown the data."""

    class FalseTag(PatchMemory):
        def __sklearn_tags__(self):
            tags = super().__sklearn_tags__()
            tags.requires_fit = False
            return tags

        def transform(self, X):
            return getattr(self, "memory_", np.zeros((1, 256, 256)))

    X = big[1][None]
    assert ss.SelfSupervisedScorer()(FalseTag().fit(X), X) < -0.1


class LastInput(ss.FunctionDenoiser):
    """Returns what it was shown before; its tags say that it computes."""

    def __init__(self, func=None, kw_args=None, *, channel_axis=None):
        super().__init__(func, kw_args, channel_axis=channel_axis)

    def transform(self, X):
        before = getattr(self, "before", np.zeros_like(X))
        self.before = X.copy()
        return before


class LastImage:
    """The same as a stateful function."""

    def __call__(self, image):
        before = getattr(self, "before", np.zeros_like(image))
        self.before = image.copy()
        return before


def test_memory_between_pairs_is_useless(rng):
    """Each pair gets a copy of its own, which was shown nothing before."""
    X = rng.normal(size=(1, 32, 32))
    for cheat in (LastInput(), LastImage()):
        assert ss.self_supervised_loss(cheat, X) == pytest.approx(np.mean(X**2))
    fitted = PatchMemory().fit(X[:, ::-1])
    assert ss.self_supervised_loss(fitted, X, refit=False) > 1


def test_what_stays_fitted_is_refused(rng):
    X = rng.normal(size=(1, 32, 32))

    class Frozen(PatchMemory):
        def __sklearn_clone__(self):
            return self

    frozen = Frozen().fit(X)
    for cheat in (frozen, make_pipeline(frozen), make_pipeline(frozen, ss.GaussianDenoiser())):
        with pytest.raises(ValueError, match="Frozen that stays fitted when cloned.*refit=False"):
            ss.self_supervised_loss(cheat, X)


def test_a_subclass_does_not_inherit_the_one_pass_form(noisy):
    class Identity(ss.MedianDenoiser):
        def transform(self, X):
            return X

    class Sharper(ss.GaussianDenoiser):
        def _denoise(self, image):
            return 2 * image - super()._denoise(image)

    X = noisy[None]
    for cls in (Identity, Sharper):
        assert isinstance(ss.JInvariantWrapper(cls()).fit(X).partition_, ss.PixelGrid)
    assert ss.self_supervised_loss(Identity(), X) == ss.self_supervised_loss(identity, X)


def test_pipelines_by_the_scorer_not_by_their_own_score(noisy):
    """What a pipeline's last step is handed was smoothed before; the scorer sees the whole."""
    X = noisy[None]
    pipeline = make_pipeline(ss.GaussianDenoiser(), ss.WaveletDenoiser())
    grid = {"gaussiandenoiser__sigma": [0.5, 1.5, 30]}
    scorer = ss.SelfSupervisedScorer(n_subsets=2)
    search = GridSearchCV(pipeline, grid, scoring=scorer, cv=ss.SameSplit(), error_score="raise")
    assert search.fit(X).best_params_ == {"gaussiandenoiser__sigma": 1.5}
    with pytest.warns(ss.CorrelatedNoiseWarning):  # smoothed noise is correlated noise
        fooled = GridSearchCV(pipeline, grid, cv=ss.SameSplit(), error_score="raise").fit(X)
    assert fooled.best_params_ == {"gaussiandenoiser__sigma": 30}


def test_refit_false_trusts_the_caller(big):
    X = big[1][None]
    other = big[0][None] + np.random.default_rng(7).normal(0, SIGMA, X.shape)
    elsewhere = PatchMemory().fit(
        other
    )  # another exposure: as good as noise-free averaging of none
    trusted = ss.self_supervised_loss(elsewhere, X, refit=False)
    assert trusted == pytest.approx(2 * SIGMA**2, rel=0.03)
    with pytest.raises(ValueError, match="must be fitted for each"):
        ss.self_supervised_loss(
            DecisionTreeRegressor().fit(np.eye(4), np.eye(4)), np.eye(4), refit=False
        )
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        ss.self_supervised_loss(PatchMemory(), X, refit=False)


def test_memorising_regressors_lose(rng):
    """A tree that learns its targets by heart loses to a rank that is right."""
    X = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 10)) + rng.normal(size=(200, 10))
    right = ss.self_supervised_loss(ss.PCARegression(2), X)
    assert right < ss.self_supervised_loss(DecisionTreeRegressor(random_state=0), X)
    forest = RandomForestRegressor(5, random_state=0)
    assert ss.self_supervised_loss(forest, X) > 1  # never below the noise variance


def test_searches(noisy):
    X = np.stack([noisy, noisy[::-1], noisy.T, noisy[:, ::-1]])
    grid = {"estimator__sigma": [0.3, 2.0, 30.0]}
    wrapper = ss.JInvariantWrapper(ss.GaussianDenoiser())
    scorer = ss.SelfSupervisedScorer(loss="mae", n_subsets=3)
    plain = GridSearchCV(wrapper, grid, cv=ss.SameSplit(), error_score="raise").fit(X)
    scored = GridSearchCV(wrapper, grid, scoring=scorer, cv=2, error_score="raise").fit(X)
    halving = HalvingGridSearchCV(
        wrapper, grid, scoring=scorer, cv=ss.SameSplit(), min_resources=1, error_score="raise"
    ).fit(X)
    for search in (plain, scored, halving):
        assert search.best_params_ == {"estimator__sigma": 2.0}
    assert len(cross_val_score(wrapper, X, cv=2)) == 2
    assert pickle.loads(pickle.dumps(scorer))(wrapper, X) == scorer(wrapper, X)
    assert "n_subsets=3" in repr(scorer)


def test_families_in_one_grid_and_processes(noisy):
    X = noisy[None]
    grid = [
        {"estimator": [ss.MedianDenoiser()], "estimator__radius": [1, 3]},
        {"estimator": [ss.GaussianDenoiser()], "estimator__sigma": [0.5, 2.0]},
        {"estimator": [identity]},
    ]
    search = GridSearchCV(
        ss.JInvariantWrapper(identity), grid, cv=ss.SameSplit(), error_score="raise", n_jobs=2
    ).fit(X)
    assert search.best_params_["estimator__sigma"] == 2.0
    with pytest.raises(ValueError, match="Invalid parameter 'radius'"):
        GridSearchCV(
            ss.JInvariantWrapper(ss.GaussianDenoiser()),
            {"estimator__radius": [1]},
            cv=ss.SameSplit(),
            error_score="raise",
        ).fit(X)


def test_lists_of_images_in_a_search(noisy):
    images = [noisy[:40], noisy[:, :30], noisy[10:], noisy]
    search = GridSearchCV(
        ss.JInvariantWrapper(ss.TotalVariationDenoiser(max_num_iter=20)),
        {"estimator__weight": [0.01, 0.2]},
        cv=2,
        error_score="raise",
    ).fit(images)
    assert search.best_params_ == {"estimator__weight": 0.2}


def test_own_partition_of_the_scorer(noisy):
    """Given a partition, the scorer judges by it, wrappers included."""
    X = noisy[None]
    scorer = ss.SelfSupervisedScorer(partition=ss.RandomPixels(8), fill="uniform")
    wrapper = ss.JInvariantWrapper(ss.TotalVariationDenoiser(max_num_iter=20))
    assert scorer(ss.JInvariantWrapper(identity), X) < scorer(wrapper, X) < -(SIGMA**2)


def test_subsets(noisy):
    X = noisy[None]
    wrapper = ss.JInvariantWrapper(ss.TotalVariationDenoiser(max_num_iter=20)).fit(X)
    assert len(list(wrapper.judge(X, 3))) == 3
    assert len(list(wrapper.judge(X, 99))) == 16
    all_of_them = ss.self_supervised_loss(wrapper, X)
    assert ss.self_supervised_loss(wrapper, X, n_subsets=16) == all_of_them
    few = ss.self_supervised_loss(wrapper, X, n_subsets=4)
    assert few != all_of_them
    assert few == pytest.approx(all_of_them, rel=0.2)
    for bad in (0, 2.5, True):
        with pytest.raises(ValueError, match="n_subsets to be a positive integer"):
            ss.self_supervised_loss(wrapper, X, n_subsets=bad)


def test_one_pass_and_grid_are_judged_on_the_same_pixels(rng, noisy):
    """Otherwise the luck of the pixels, not the denoiser, would decide between families."""
    for X in (noisy[None], [noisy[:21], noisy[:, :30]]):
        grid = ss.JInvariantWrapper(ss.TotalVariationDenoiser(max_num_iter=5)).fit(X)
        one_pass = ss.JInvariantWrapper(ss.MedianDenoiser()).fit(X)
        for ours, theirs in zip(one_pass.judge(X, 3), grid.judge(X, 3), strict=True):
            np.testing.assert_array_equal(ours[0], theirs[0])
    # And predicted as in the one-pass output.
    full = ss.JInvariantWrapper(ss.MedianDenoiser()).fit_transform(noisy[None])
    one_pass = ss.JInvariantWrapper(ss.MedianDenoiser()).fit(noisy[None])
    few = np.concatenate([predicted for _, predicted in one_pass.judge(noisy[None], 16)])
    np.testing.assert_array_equal(np.sort(few), np.sort(full.ravel()))


def test_missing_is_never_judged(noisy):
    X = noisy[None].copy()
    X[0, ::7, ::5] = np.nan
    loss = ss.self_supervised_loss(ss.GaussianDenoiser(2), X)
    assert loss == pytest.approx(
        ss.self_supervised_loss(ss.GaussianDenoiser(2), noisy[None]), rel=0.1
    )


def test_losses(rng):
    judged, predicted = rng.poisson(3.0, 1000), np.full(1000, 3.0)
    pair = [(judged, predicted)]
    assert mean_loss(pair, "mse") == pytest.approx(np.mean((judged - 3.0) ** 2))
    assert mean_loss(pair, "mae") == pytest.approx(np.mean(abs(judged - 3.0)))
    rates = np.linspace(1, 6, 51)
    poisson = [mean_loss([(judged, np.full(1000, rate))], "poisson") for rate in rates]
    assert rates[np.argmin(poisson)] == pytest.approx(judged.mean(), abs=0.1)
    assert np.isfinite(poisson_loss(np.array([0, 2]), np.array([-1.0, 0.0]))).all()

    def mean_only(judged, predicted):
        return np.mean((judged - predicted) ** 2)

    assert mean_loss(pair, mean_only) == pytest.approx(mean_loss(pair))
    split = [(judged[:300], predicted[:300]), (judged[300:], predicted[300:])]
    assert mean_loss(split, mean_only) == pytest.approx(mean_loss(pair))
    with pytest.raises(ValueError, match=r"'mae', 'mse', 'poisson'.* got 'huber'"):
        get_loss("huber")
    with pytest.raises(ValueError, match="finite predictions, got NaN"):
        mean_loss([(judged, np.full(1000, np.nan))])
    with pytest.raises(ValueError, match="expected counts, got negative"):
        poisson_loss(np.array([-1.0]), np.array([1.0]))
    with pytest.raises(ValueError, match="Expected a finite loss, got nan"):
        mean_loss(pair, lambda judged, predicted: np.nan)
    with pytest.raises(ValueError, match="at least one measured entry"):
        mean_loss([(np.array([np.nan]), np.array([1.0]))])


def test_molecules(rng):
    """On counts the right amount of pooling wins, by both losses, dense and sparse."""
    from scipy import sparse

    rate = np.repeat(rng.gamma(2, 2, (2, 20)), 50, axis=0)
    X = rng.poisson(rate)

    def pooled(X, share=1.0):
        X = np.asarray(X.todense()) if sparse.issparse(X) else X
        halves = [np.broadcast_to(half.mean(axis=0), half.shape) for half in (X[:50], X[50:])]
        return share * np.concatenate(halves) + (1 - share) * X

    for loss in ("mse", "poisson"):
        for table in (X, sparse.csr_array(X)):
            losses = [
                ss.self_supervised_loss(
                    FunctionTransformer(pooled, kw_args={"share": s}, accept_sparse=True),
                    table,
                    partition=ss.MoleculeSplit(),
                    loss=loss,
                )
                for s in (0.0, 0.5, 1.0)
            ]
            assert np.argmin(losses) == 2


def test_estimated_psnr(big):
    clean, noisy = big
    wrapper = ss.JInvariantWrapper(ss.GaussianDenoiser(1.5))
    error = np.mean((wrapper.fit_transform(noisy[None])[0] - clean) ** 2)
    true = 10 * np.log10(1 / error)
    known = ss.estimated_psnr(wrapper, noisy[None], data_range=1, noise_variance=SIGMA**2)
    estimated = ss.estimated_psnr(wrapper, noisy[None], data_range=1)
    assert known == pytest.approx(true, abs=0.6)
    assert estimated == pytest.approx(true, abs=1.5)
    with pytest.warns(UserWarning, match="does not exceed the noise variance"):
        assert ss.estimated_psnr(wrapper, noisy[None], data_range=1, noise_variance=1.0) == np.inf
    for bad in (0, None, "1"):
        with pytest.raises(ValueError, match="data_range to be a positive number"):
            ss.estimated_psnr(wrapper, noisy[None], data_range=bad)
    with pytest.raises(ValueError, match="takes no loss"):
        ss.estimated_psnr(wrapper, noisy[None], data_range=1, loss="mae")
    for bad in (-1, "robust"):
        with pytest.raises(ValueError, match="noise_variance to be a finite number"):
            ss.estimated_psnr(wrapper, noisy[None], data_range=1, noise_variance=bad)


def test_estimated_psnr_of_channels(big, rng):
    """The estimated noise variance is the mean of the channels' variances."""
    clean = np.stack([big[0], big[0]], axis=-1)
    noisy = clean + rng.normal(0, SIGMA, clean.shape) * (1, 5)
    blur = ss.GaussianDenoiser(1.5, channel_axis=-1)
    error = np.mean((ss.JInvariantWrapper(blur).fit_transform(noisy[None])[0] - clean) ** 2)
    estimated = ss.estimated_psnr(blur, noisy[None], data_range=1)
    assert estimated == pytest.approx(10 * np.log10(1 / error), abs=1.5)


def test_in_sample():
    splitter = ss.SameSplit()
    assert splitter.get_n_splits() == 1
    assert repr(splitter) == "SameSplit()"
    (train, test), *rest = splitter.split(np.zeros((3, 4, 4)))
    assert not rest
    assert list(train) == list(test) == [0, 1, 2]


def test_wrapper_with_a_partition_can_be_wrapped_again(big):
    """A partition has parameters, but is nothing that could be fitted."""
    _, noisy = big
    inner = ss.JInvariantWrapper(ss.MedianDenoiser(), partition=ss.PixelGrid(3))
    outer = ss.JInvariantWrapper(inner, partition=ss.PixelGrid(4))
    assert np.isfinite(ss.self_supervised_loss(outer, noisy[None]))
