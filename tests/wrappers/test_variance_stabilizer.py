# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Stabilised noise is equally strong everywhere, and the way back has no bias."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV
from sklearn.utils import get_tags

import selfsupervised as ss
from cases import PatchMemory
from selfsupervised.wrappers.variance_stabilizer import stabilize, unstabilize

MODELS = [(1.0, 0.0), (1.0, 4.0), (0.2, 0.05), (30.0, 5000.0), (1.0, -20.0)]
COUNTS = [0.05, 0.3, 1.0, 3.0, 10.0, 50.0, 500.0]


def draws(rng, model, counts, n=200_000):
    """The clean value at this mean count, and noisy ones, of a detector with this noise."""
    gain, variance = model
    read, pedestal = max(variance, 0.0), max(-variance / gain, 0.0)
    noise = rng.normal(0, np.sqrt(read), n) if read else 0.0
    return gain * counts + pedestal, gain * rng.poisson(counts, n) + pedestal + noise


def add_noise(rng, clean, gain=1.0, read=0.0):
    return gain * rng.poisson(clean / gain) + rng.normal(0, read, clean.shape)


@pytest.fixture
def photons():
    """Few photons in the dark, many in the light."""
    return np.add.outer(np.linspace(1, 60, 64), 20 * (1 + np.sin(np.arange(64) / 9)))


@pytest.mark.parametrize("model", MODELS)
def test_noise_is_one_everywhere(rng, model):
    bright = [count for count in COUNTS if count >= 10]
    spread = [
        stabilize(draws(rng, model, count)[1], ss.NoiseModel(*model)).std() for count in bright
    ]
    assert_allclose(spread, 1, atol=0.05)
    # The negative control: a root that knows neither the gain nor the read-out.
    plain = [np.sqrt(draws(rng, model, count)[1].clip(0)).std() for count in bright]
    if model[0] != 1.0 or model[1] < 0:
        assert np.max(np.abs(np.array(plain) * 2 - 1)) > 0.1


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("count", COUNTS)
def test_the_way_back_is_unbiased(rng, model, count):
    clean, noisy = draws(rng, model, count)
    back = unstabilize(stabilize(noisy, ss.NoiseModel(*model)).mean(), ss.NoiseModel(*model))
    assert back == pytest.approx(clean, abs=5 * noisy.std() / np.sqrt(noisy.size))


def test_the_algebraic_way_back_is_biased(rng):
    """The negative control."""
    clean, noisy = draws(rng, (1.0, 0.0), 1.0)
    algebraic = (stabilize(noisy, ss.NoiseModel(1.0, 0.0)).mean() / 2) ** 2 - 3 / 8
    assert algebraic < 0.9 * clean


def test_without_gain_it_is_a_division():
    image = np.linspace(-50, 50, 25)
    for gain in (0.0, 1e-300, 1e-12, 1e-7):
        model = ss.NoiseModel(gain, 9.0)
        assert_allclose(stabilize(image, model), image / 3, atol=1e-4)
        assert_allclose(unstabilize(image / 3, model), image, atol=1e-3)
    assert_array_equal(unstabilize(stabilize(image, ss.NoiseModel(0.0, 9.0)), (0.0, 9.0)), image)


def test_below_zero_counts():
    """Roots of negative numbers are 0, and nothing comes back from below the last count."""
    model = ss.NoiseModel(1.0, -10.0)
    stable = stabilize(np.array([-5.0, 0.0, 9.0, 9.7, 12.0]), model)
    assert_array_equal(stable[:3], 0)
    assert (np.diff(stable[2:]) > 0).all()
    assert_allclose(unstabilize(np.array([-3.0, 0.0, 1.0]), model), 10)


def test_the_way_back_is_monotone():
    for model in MODELS:
        values = unstabilize(np.linspace(-100, 100, 20_001), ss.NoiseModel(*model))
        assert (np.diff(values) >= -1e-9 * model[0]).all()


def test_denoises_better_than_without(rng):
    """With the best strength of either."""
    clean = np.outer(10 ** np.linspace(-0.5, 1.5, 64), 1.2 + np.sin(np.arange(64) / 9))
    noisy = rng.poisson(clean)[None]

    def least_error(strengths, **known):
        best = np.inf
        for weight in strengths:
            denoiser = ss.TotalVariationDenoiser(weight)
            if known:
                denoiser = ss.VarianceStabilizer(denoiser, **known)
            best = min(best, np.mean((denoiser.fit_transform(noisy)[0] - clean) ** 2))
        return best

    plain = least_error([2, 4, 8, 16])
    assert least_error([0.5, 1, 2, 4], gain=1, variance=0) < 0.8 * plain
    assert least_error([0.5, 1, 2, 4], gain=None) < 0.8 * plain  # estimated


def test_what_the_denoiser_sees(rng, photons):
    seen = []

    def spy(image):
        seen.append(image)
        return image

    noisy = add_noise(rng, 100 * photons, gain=100, read=100)[None]
    ss.VarianceStabilizer(spy).fit_transform(noisy)
    assert ss.estimate_noise(seen[0]) == pytest.approx(1, abs=0.1)
    assert ss.estimate_noise(noisy[0]) > 100  # the negative control


def test_missing_stays_missing(rng, photons):
    noisy = add_noise(rng, photons)[None]
    noisy[0, 5:9, 7] = np.nan
    seen = []

    class Spy(ss.MedianDenoiser):
        def transform(self, X):
            seen.append(X)
            return super().transform(X)

    out = ss.VarianceStabilizer(Spy()).fit_transform(noisy)
    assert_array_equal(np.isnan(seen[0]), np.isnan(noisy))
    assert np.isfinite(out).all()


@pytest.mark.parametrize("given", [{"gain": 1.0}, {"variance": 4.0}, {"gain": 0}])
def test_one_of_two_is_estimated(rng, photons, given):
    """So that the noise is right at the mean of the image."""
    noisy = add_noise(rng, photons, read=2)
    model = ss.VarianceStabilizer(ss.MedianDenoiser(), **given)._model(noisy)
    assert {name: getattr(model, name) for name in given} == given
    true = np.sqrt(noisy.mean() + 4)
    assert model.std(noisy.mean()) == pytest.approx(true, rel=0.1)


def test_gain_by_the_self_supervised_loss(rng, photons):
    """By composition: judged on the scale of the image, not on that of the stabilised one."""
    noisy = add_noise(rng, photons, gain=4)[None]
    stabilizer = ss.VarianceStabilizer(ss.GaussianDenoiser(), variance=0)
    search = GridSearchCV(
        ss.JInvariantWrapper(stabilizer),
        {"estimator__gain": [0.5, 4], "estimator__denoiser__sigma": [0.5, 2]},
        cv=ss.SameSplit(),
    ).fit(noisy)
    assert search.best_params_["estimator__denoiser__sigma"] == 2
    assert set(search.best_params_) == {"estimator__gain", "estimator__denoiser__sigma"}
    loss = -search.best_score_
    assert 4 * photons.mean() < loss < 6 * photons.mean()  # in squared units of the image

    thresholds = ss.JInvariantWrapper(
        ss.VarianceStabilizer(ss.TotalVariationDenoiser(1.0), variance=0)
    )
    gains = [0.04, 0.4, 4, 40, 400]
    search = GridSearchCV(thresholds, {"estimator__gain": gains}, cv=ss.SameSplit()).fit(noisy)
    assert search.best_params_["estimator__gain"] in gains[1:4]


def test_a_denoiser_that_learns(rng, photons):
    X = add_noise(rng, np.stack([photons, 2 * photons]))
    memory = PatchMemory()
    stabilizer = ss.VarianceStabilizer(memory, gain=1, variance=0)
    assert get_tags(stabilizer).requires_fit
    with pytest.raises(ValueError, match="not fitted yet"):
        stabilizer.transform(X)
    fitted = stabilizer.fit(X)
    assert not hasattr(memory, "memory_")
    model = ss.NoiseModel(1.0, 0.0)
    assert_allclose(fitted.denoiser_.memory_, [stabilize(image, model) for image in X])
    assert_allclose(fitted.transform(X[:1])[0], unstabilize(stabilize(X[0], model), model))
    # In the wrapper it is fitted for each pair, on what it may see.
    wrapper = ss.JInvariantWrapper(stabilizer, partition=ss.PixelGrid(2)).fit(X)
    assert len(wrapper.estimators_) == 4
    assert not get_tags(ss.VarianceStabilizer(ss.MedianDenoiser())).requires_fit
    with pytest.raises(ValueError, match="stays fitted|fitted anew"):
        ss.JInvariantWrapper(Frozen(fitted)).fit(X)


class Frozen(ss.VarianceStabilizer):
    """A stabilizer that stays fitted when cloned, as frozen parts do."""

    def __init__(self, inner):
        super().__init__(inner.denoiser)
        self.inner = inner

    def __sklearn_clone__(self):
        return self

    def __sklearn_is_fitted__(self):
        return True


def test_channels_are_handed_on(rng, photons):
    X = add_noise(rng, np.stack([photons, photons / 2, photons], axis=-1))[None]
    by_channel = ss.GaussianDenoiser(channel_axis=-1)
    expected = ss.VarianceStabilizer(by_channel, channel_axis=-1).fit_transform(X)
    handed = ss.VarianceStabilizer(ss.GaussianDenoiser(), channel_axis=-1).fit_transform(X)
    assert_array_equal(handed, expected)


def test_constants_and_integers(rng):
    for value in (0, 7):
        X = np.full((1, 9, 9), value)
        assert_array_equal(ss.VarianceStabilizer(ss.MedianDenoiser()).fit_transform(X), X)
    X = rng.poisson(20, (1, 32, 32)).astype(np.uint16)
    stabilizer = ss.VarianceStabilizer(ss.MedianDenoiser())
    assert_array_equal(stabilizer.fit_transform(X), stabilizer.fit_transform(X.astype(float)))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"gain": -1.0}, "'gain' parameter of VarianceStabilizer"),
        ({"gain": np.nan}, "'gain'"),
        ({"gain": np.inf}, "'gain'"),
        ({"gain": "much"}, "'gain'"),
        ({"variance": np.inf}, "'variance' parameter of VarianceStabilizer"),
        ({"variance": np.nan}, "'variance'"),
        ({"gain": 0, "variance": -1.0}, "variance >= 0 where gain is 0; got -1.0"),
    ],
)
def test_parameter_errors(parameters, message):
    with pytest.raises(ValueError, match=message):
        ss.VarianceStabilizer(ss.MedianDenoiser(), **parameters).fit(np.eye(8)[None])


@pytest.mark.parametrize("denoiser", ["median", 3, None, ss.MedianDenoiser])
def test_no_denoiser(denoiser):
    with pytest.raises(TypeError, match="VarianceStabilizer expected an estimator with fit and"):
        ss.VarianceStabilizer(denoiser).fit(np.eye(8)[None])


def test_other_shapes_are_refused():
    class Half(ss.MedianDenoiser):
        def transform(self, X):
            return np.asarray(X)[:, ::2]

    with pytest.raises(ValueError, match=r"Half to return .* \(1, 8, 8\); got \(1, 4, 8\)"):
        ss.VarianceStabilizer(Half()).fit_transform(np.eye(8)[None])
