# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Weights of combined denoisers: the least error, never negative, of one at most."""

import numpy as np
import pytest
from sklearn.base import clone

import selfsupervised as ss
from cases import PatchMemory, smooth_image
from selfsupervised.wrappers.stacking import _shrunk, _simplex_weights

LEVEL = 0.15
MEMBERS = [("narrow", ss.GaussianDenoiser(0.7)), ("wide", ss.GaussianDenoiser(2.0))]


@pytest.fixture
def clean():
    return smooth_image()


@pytest.fixture
def image(clean):
    return clean + np.random.default_rng(3).normal(0, LEVEL, clean.shape)


def mse(a, b):
    return float(np.mean(np.square(a - b)))


def test_the_stack_is_as_good_as_the_best_and_better_than_the_others(image, clean):
    stack = ss.StackingDenoiser(MEMBERS).fit(image[None])
    errors = [mse(member.transform(image[None])[0], clean) for _, member in MEMBERS]
    reached = mse(stack.transform(image[None])[0], clean)
    assert reached < 1.05 * min(errors)
    assert reached < 0.8 * max(errors)
    assert reached < 0.3 * LEVEL**2


def test_estimated_errors_are_near_the_true_ones(image, clean):
    stack = ss.StackingDenoiser(MEMBERS).fit(image[None])
    seen = clean + np.random.default_rng(4).normal(0, LEVEL * np.sqrt(1.25), clean.shape)
    for (_, member), risk in zip(MEMBERS, stack.risks_, strict=False):
        assert abs(risk - mse(member.transform(seen[None])[0], clean)) < 0.25 * LEVEL**2
    assert stack.risks_[-1] == pytest.approx(1.25 * LEVEL**2, rel=0.2)
    assert stack.risks_[2] <= min(stack.risks_[:2]) + 1e-12


def test_what_is_missing_to_one_is_the_noisy_image(image):
    stack = ss.StackingDenoiser(MEMBERS, weights=[0.2, 0.5]).fit(image[None])
    outs = [member.transform(image[None]) for _, member in MEMBERS]
    expected = 0.2 * outs[0] + 0.5 * outs[1] + 0.3 * image[None]
    np.testing.assert_allclose(stack.transform(image[None]), expected)


def test_a_useless_member_gets_nothing(image):
    useless = ss.FunctionDenoiser(np.zeros_like)
    stack = ss.StackingDenoiser([*MEMBERS, ("useless", useless)]).fit(image[None])
    assert stack.weights_[2] < 0.02
    assert stack.weights_.sum() > 0.9
    only = ss.StackingDenoiser([("useless", useless)]).fit(image[None])
    assert only.weights_[0] < 0.2  # the noisy image is better


@pytest.mark.parametrize("seed", range(5))
def test_weights_are_the_best_of_all_that_sum_to_one(seed):
    errors = np.random.default_rng(seed).normal(size=(3, 40)) + 0.3
    gram = errors @ errors.T
    weights = _simplex_weights(gram)
    assert weights.sum() == pytest.approx(1) and (weights >= 0).all()
    others = np.random.default_rng(0).dirichlet(np.ones(3), 2000)
    least = np.einsum("ij,jk,ik->i", others, gram, others).min()
    assert weights @ gram @ weights <= least + 1e-9


def test_members_that_learn_are_judged_on_pixels_they_never_saw(image):
    """A member that remembers what it was shown would win otherwise."""
    memory = ("memory", PatchMemory())
    stack = ss.StackingDenoiser([memory, ("wide", ss.GaussianDenoiser(1.4))]).fit(image[None])
    assert stack.weights_.sum() == pytest.approx(1)
    assert stack.weights_[1] > 0.3
    assert mse(PatchMemory().fit(image[None]).transform(image[None])[0], image) < 0.2 * LEVEL**2


def test_shrinkage_is_among_members_that_count():
    weights = np.array([0.7, 0.2, 0.05])
    np.testing.assert_allclose(_shrunk(weights, 0.0, None), weights)
    np.testing.assert_allclose(_shrunk(weights, 1.0, None), [0.475, 0.475, 0.0])
    np.testing.assert_allclose(_shrunk(np.array([0.05]), 1.0, None), [0.05])


def test_shrinkage_draws_to_a_prior():
    weights = np.array([0.8, 0.0])
    np.testing.assert_allclose(_shrunk(weights, 0.5, [0.25, 0.75]), [0.5, 0.3])
    np.testing.assert_allclose(_shrunk(np.zeros(2), 0.5, [0.25, 0.75]), [0.0, 0.0])


def test_without_passthrough_weights_sum_to_one(image):
    """Where the noise is stronger than members were told, some of the image would be kept."""
    few = [("narrow", ss.GaussianDenoiser(0.4)), ("other", ss.GaussianDenoiser(0.5))]
    options = {"noise": ss.ImageNoise((ss.ChannelNoise(0.3 * LEVEL, 0.2 * LEVEL, LEVEL),))}
    with_image = ss.StackingDenoiser(few, **options).fit(image[None])
    alone = ss.StackingDenoiser(few, passthrough=False, **options).fit(image[None])
    assert with_image.weights_.sum() < 0.9
    assert alone.weights_.sum() == pytest.approx(1)


def test_missing_pixels_colour_and_seeds(image):
    colour = np.stack([image, 2 * image, image + 1], axis=-1)[:48, :48]
    colour[5:9, 5:9] = np.nan
    stack = ss.StackingDenoiser(MEMBERS, channel_axis=-1).fit(colour[None])
    out = stack.transform(colour[None])
    assert out.shape == (1, 48, 48, 3) and np.isfinite(out).all()
    again = clone(stack).fit(colour[None])
    np.testing.assert_array_equal(again.weights_, stack.weights_)
    other = clone(stack).set_params(random_state=1).fit(colour[None])
    assert (other.weights_ != stack.weights_).any()


def test_parameters_of_members():
    stack = ss.StackingDenoiser(MEMBERS)
    assert stack.get_params()["wide__sigma"] == 2.0
    stack.set_params(wide__sigma=3.0, narrow=ss.MedianDenoiser())
    assert stack.estimators[1][1].sigma == 3.0
    assert isinstance(stack.estimators[0][1], ss.MedianDenoiser)
    stack.set_params(wide__sigma=2.0)


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"estimators": []}, ValueError, "list of .name, estimator."),
        ({"estimators": [ss.MedianDenoiser()]}, ValueError, "list of .name, estimator."),
        ({"estimators": [("a", 3)]}, TypeError, "StackingDenoiser expected an estimator"),
        ({"estimators": 2 * MEMBERS}, ValueError, "not unique"),
        ({"weights": [0.5]}, ValueError, "expected 2 weights"),
        ({"weights": [0.9, 0.9]}, ValueError, "sum to 1 or less"),
        ({"weights": [-0.1, 0.9]}, ValueError, "not negative"),
        ({"noise": [3]}, TypeError, "Expected noise as estimate_noise"),
        ({"shrinkage": 2}, ValueError, "shrinkage"),
        ({"prior": [1.0]}, ValueError, "expected 2 prior"),
        ({"prior": [-0.5, 1.0]}, ValueError, "not negative"),
        ({"prior": [0.5, 0.2]}, ValueError, "2 prior weights .* and sum to 1; got"),
    ],
)
def test_what_does_not_fit(params, error, message, image):
    with pytest.raises(error, match=message):
        ss.StackingDenoiser(**{"estimators": MEMBERS, **params}).fit(image[None])


def test_not_fitted(image):
    with pytest.raises(Exception, match="not fitted yet"):
        ss.StackingDenoiser(MEMBERS).transform(image[None])


def test_the_noise_may_be_given(image):
    """Told of stronger noise, it takes more of the member that smooths more."""
    wide, noise = [], []
    for level in (0.2 * LEVEL, LEVEL, 5 * LEVEL):
        noise.append(ss.ImageNoise((ss.ChannelNoise(level, level, level),)))
        wide.append(ss.StackingDenoiser(MEMBERS, noise=noise[-1]).fit(image[None]).weights_[1])
    assert wide[0] < wide[1] < wide[2]
    measured = ss.StackingDenoiser(MEMBERS).fit(image[None]).weights_
    assert abs(wide[1] - measured[1]) < 0.1
    each = ss.StackingDenoiser(MEMBERS, noise=noise[:2]).fit(np.stack([image, image])).weights_
    assert wide[0] < each[1] < wide[1]
