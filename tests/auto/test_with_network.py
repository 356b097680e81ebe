# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import selfsupervised as ss
from cases import smooth_image
from selfsupervised.auto import decide, with_network
from selfsupervised.auto.candidates import candidates
from selfsupervised.auto.leaves import dead_leaves
from selfsupervised.auto.with_network import NOT_FOR_OTHER_NOISE, USUAL, WithNetwork, weight_of

LEVEL = 0.1


@pytest.fixture
def noisy(rng):
    return smooth_image((64, 64)) + rng.normal(0, LEVEL, (64, 64))


@pytest.fixture
def noise():
    return ss.ImageNoise((ss.ChannelNoise(LEVEL, LEVEL, LEVEL),))


@pytest.fixture
def few_steps(monkeypatch):
    """A clock that does not go on, and so few steps that a test may take them."""
    pytest.importorskip("torch")
    small = {"MIN_STEPS": 2, "MAX_STEPS": 2, "PATCH_EDGE": 16, "PAIRS_SHARE": 0.5}
    for name, value in small.items():
        monkeypatch.setattr(with_network, name, value)
    monkeypatch.setattr(with_network, "TRIAL_STEPS", 1)


def test_the_weight_is_that_of_least_error(rng):
    clean, judged = np.zeros((2, 200, 200))
    judged = judged + rng.normal(0, 2, judged.shape)
    one, other = (clean + rng.normal(0, s, clean.shape) for s in (1.0, 1.0))
    assert_allclose(weight_of(one, other, judged, *USUAL), 0.5, atol=0.03)
    # Nearly nothing of one that is bad, and nothing where it is not worth it.
    assert weight_of(clean + 10 * rng.normal(size=clean.shape), other, judged, *USUAL) == 0
    assert weight_of(2 - other, other - 5.0, judged + 5.0, *USUAL) == 1
    assert weight_of(other, other, judged, *USUAL) == 0
    judged[:100] = np.nan
    assert_allclose(weight_of(one, other, judged, *USUAL), 0.5, atol=0.05)
    # Where little is known, the usual.
    few = np.s_[150:156, :6]
    unsure = weight_of(one[few], 1.001 * one[few], judged[few], *USUAL)
    assert abs(unsure - USUAL[0]) < 0.05


def test_a_network_is_trained_weighed_and_told_of(noisy, few_steps, monkeypatch):
    monkeypatch.setattr(with_network, "weight_of", lambda *outs: 0.25)
    monkeypatch.setattr(decide, "candidates", lambda *known: candidates(*known)[:2])
    out, found = ss.denoise(noisy, budget_s=60, return_search=True)
    mixed = found.denoiser_
    assert "network: 25% of a network that learned for" in found.why_
    assert "75% of the denoiser" in found.why_
    assert isinstance(mixed.denoiser_, ss.NLRidgeDenoiser) and mixed.n_steps_ == 4
    assert out.shape == noisy.shape
    assert not np.array_equal(out, mixed.denoiser_.transform(noisy[None])[0])
    # The image itself is not kept with it.
    again = pickle.loads(pickle.dumps(mixed))
    assert mixed._known is not None and again._known is None
    # Goes on to others like it, with what was learned.
    steps = mixed.network_.n_steps_
    assert found.transform(noisy[None, ::-1]).shape == (1, 64, 64)
    assert mixed.network_.n_steps_ == steps


def test_a_bad_network_has_no_weight(noisy, noise, few_steps, monkeypatch):
    really = with_network._applied

    def spoilt(denoiser, image):
        out = really(denoiser, image)
        return out + hasattr(denoiser, "net_") * np.random.default_rng(1).normal(size=out.shape)

    monkeypatch.setattr(with_network, "_applied", spoilt)
    monkeypatch.setattr(WithNetwork, "_taught", lambda self, network, *options: network)
    before = ss.NLRidgeDenoiser(LEVEL)
    both, why = with_network.beside(before, noisy, noise, 60, 0, 0, True)
    assert both.weight_ == 0 and both.network_ is None
    assert "it was not sure to improve the result" in why
    slow = ss.NLRidgeDenoiser(LEVEL, step=2, window=61)
    alone = slow.transform(noisy[None])[0]
    alone = alone + both.pass_weight_ * (slow.led_by(noisy, alone) - alone)
    assert_array_equal(both.transform(noisy[None])[0], alone)
    denoiser, why = with_network.beside(before, noisy, noise, 60, 0, 0, False)
    assert denoiser is before and "network: not used" in why


@pytest.mark.parametrize("budget_s", [None, 0])
def test_other_noise_has_no_network_and_says_so(rng, budget_s):
    salted = np.where(rng.random((32, 32)) < 0.1, 9.0, rng.normal(0, LEVEL, (32, 32)))
    _, found = ss.denoise(salted, loss="mae", budget_s=budget_s, return_search=True)
    assert found.why_.endswith(NOT_FOR_OTHER_NOISE) == (budget_s is not None)
    shared = decide._without_network(decide.Decision(*5 * [None], why="combined"), budget_s)
    assert shared.why == ("combined" if budget_s is None else f"combined\n{NOT_FOR_OTHER_NOISE}")


@pytest.mark.parametrize(
    ("shape", "seconds", "why"),
    [
        ((64, 64), 0.0, "there is time for 0 steps"),
        ((32, 32), 60.0, "an edge of the image is shorter"),
        ((8, 16, 16), 60.0, "in volumes"),
    ],
)
def test_where_it_does_not_pay(rng, noise, few_steps, shape, seconds, why):
    image = rng.normal(0, LEVEL, (1, *shape))
    denoiser = ss.NLRidgeDenoiser(LEVEL)
    both = WithNetwork(denoiser, noise=noise, seconds=seconds).fit(image)
    assert why in both.why_ and both.weight_ == 0
    assert_array_equal(both.transform(image), denoiser.transform(image))


def test_without_torch(rng, noise, monkeypatch):
    def missing(package, *, caller, extra):
        raise ImportError(f"{caller} needs {package}: `pip install selfsupervised[{extra}]`.")

    monkeypatch.setattr(with_network, "optional", missing)
    image = rng.normal(0, LEVEL, (1, 64, 64))
    both = WithNetwork(ss.NLRidgeDenoiser(LEVEL), noise=noise, seconds=60).fit(image)
    assert both.why_ == (
        "network: not used, as it needs torch: `pip install selfsupervised[networks]`"
    )


def test_a_pass_that_is_led_by_a_better_estimate_is_better(noisy):
    clean, denoiser = smooth_image((64, 64)), ss.NLRidgeDenoiser(LEVEL)
    error = {
        name: np.mean((denoiser.led_by(noisy, pilot) - clean) ** 2)
        for name, pilot in {"clean": clean, "own": denoiser.transform(noisy[None])[0]}.items()
    }
    error["noisy"] = np.mean((denoiser.led_by(noisy, noisy) - clean) ** 2)
    assert error["clean"] < error["own"] < error["noisy"]
    holes = noisy.copy()
    holes[3, 4:9] = np.nan
    assert np.isfinite(denoiser.led_by(holes, clean)).all()
    for wrong, pilot in ((ss.NLRidgeDenoiser(), clean), (denoiser, clean[1:])):
        with pytest.raises(ValueError, match="led_by expected sigma to be given, and a pilot"):
            wrong.led_by(noisy, pilot)


@pytest.mark.parametrize("textured", [False, True])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_leaves_cover_an_image_in_its_colours(rng, channels, textured):
    image = rng.choice([10.0, 200.0], size=(20, 30, *channels))
    leaves = dead_leaves(image, 48, rng, textured)
    assert leaves.shape == (48, 48, *channels) and np.isfinite(leaves).all()
    near = np.minimum(abs(leaves - 10), abs(leaves - 200))
    assert leaves.std() > 30 and np.median(near) < 20
    # Piecewise smooth: neighbours are mostly alike, but for textures.
    if not textured:
        assert np.median(np.abs(np.diff(leaves, axis=0))) < 5
