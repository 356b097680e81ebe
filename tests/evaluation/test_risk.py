# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The risk of what is applied is the true one, if the noise is as told; else it misleads."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

import selfsupervised as ss
from cases import smooth_image
from selfsupervised.evaluation.risk import split_noise, told_more

CLEAN = smooth_image((96, 96))
SIGMA = 0.15
NOISY = CLEAN + np.random.default_rng(1).normal(0, SIGMA, CLEAN.shape)


def noise_of(level):
    return ss.ImageNoise((ss.ChannelNoise(level, level, level),))


def true_error(denoiser, noisy=NOISY):
    return np.mean((denoiser.transform(noisy[None])[0] - CLEAN) ** 2)


def identity(image):
    return image


@pytest.mark.parametrize("denoiser", [ss.GaussianDenoiser(1), ss.GaussianDenoiser(0.4)])
def test_sure_is_the_true_error(denoiser):
    risk = ss.estimated_risk(denoiser, NOISY[None], noise=noise_of(SIGMA), method="sure")
    assert risk == pytest.approx(true_error(denoiser), abs=0.08 * SIGMA**2)


@pytest.mark.parametrize("denoiser", [ss.GaussianDenoiser(1), ss.NLRidgeDenoiser(SIGMA)])
def test_recorruption_is_the_error_at_a_little_more_noise(denoiser):
    risk = ss.estimated_risk(denoiser, NOISY[None], noise=noise_of(SIGMA), alpha=0.5)
    more = CLEAN + np.sqrt(1.25) * (NOISY - CLEAN)
    true = true_error(told_more(denoiser, np.sqrt(1.25)), more)
    assert risk == pytest.approx(true, abs=0.15 * SIGMA**2)


@pytest.mark.parametrize("method", ["recorruption", "sure"])
def test_identity_must_not_win(method):
    risk = {
        name: ss.estimated_risk(denoiser, NOISY[None], method=method)
        for name, denoiser in (("identity", identity), ("nl", ss.NLRidgeDenoiser(SIGMA)))
    }
    assert risk["nl"] < 0.5 * risk["identity"]
    # The negative control: what is told to be without noise is best left alone.
    told = {"noise": noise_of(0.01 * SIGMA), "method": method}
    alone = ss.estimated_risk(identity, NOISY[None], **told)
    assert alone < ss.estimated_risk(ss.GaussianDenoiser(2), NOISY[None], **told)


def test_a_wrong_level_misleads():
    sigmas = np.array([0.4, 0.6, 0.8, 1.0, 1.4, 2.0, 2.8, 4.0])
    true = sigmas[np.argmin([true_error(ss.GaussianDenoiser(s)) for s in sigmas])]

    def chosen(level):
        search = GridSearchCV(
            ss.GaussianDenoiser(),
            {"sigma": sigmas},
            scoring=ss.RiskScorer(noise=noise_of(level), method="sure"),
            cv=ss.SameSplit(),
        )
        return search.fit(NOISY[None]).best_params_["sigma"]

    assert chosen(SIGMA) == true
    assert chosen(3 * SIGMA) > true
    assert chosen(SIGMA / 4) < true


def test_counts_are_thinned():
    counts = np.random.default_rng(0).poisson(3, (64, 64)).astype(float)
    noise = ss.estimate_noise(counts, "full")
    seen, judged, variance = split_noise(counts, noise)
    assert abs(np.corrcoef(seen.ravel(), judged.ravel())[0, 1]) < 0.05
    assert seen.mean() == pytest.approx(3, rel=0.03)
    assert judged.var() == pytest.approx(variance.mean(), rel=0.1)
    # The negative control: a draw that is the noise itself is not independent of it.
    assert abs(np.corrcoef(counts.ravel(), seen.ravel())[0, 1]) > 0.5


def test_the_draws_are_no_seed_of_the_user():
    """Noise made with a seed must not be drawn once more."""
    noisy = CLEAN + np.random.default_rng(0).normal(0, SIGMA, CLEAN.shape)
    seen, _, _ = split_noise(noisy, noise_of(SIGMA), random_state=0)
    assert abs(np.corrcoef((seen - noisy).ravel(), (noisy - CLEAN).ravel())[0, 1]) < 0.05
    # The negative control: that is what the same seed gives.
    again = noise_of(SIGMA).sample(noisy, 0)
    assert np.corrcoef(again.ravel(), (noisy - CLEAN).ravel())[0, 1] > 0.99


def test_who_is_told_more():
    assert told_more(ss.NLRidgeDenoiser(2.0), 3.0).sigma == 6
    assert told_more(ss.NLRidgeDenoiser(), 3.0).sigma is None
    assert told_more(ss.GaussianDenoiser(2.0), 3.0).sigma == 2
    members = [("told", ss.NLRidgeDenoiser(2.0)), ("blur", ss.GaussianDenoiser(2.0))]
    stack = told_more(ss.StackingDenoiser(members), 3.0)
    assert [member.sigma for _, member in stack.estimators] == [6, 2]
    assert members[0][1].sigma == 2
    wrapped = told_more(ss.OutlierRemover(ss.TotalVariationDenoiser(1.0)), 3.0)
    assert wrapped.denoiser.weight == 3
    stable = ss.VarianceStabilizer(ss.NLRidgeDenoiser(1.0), gain=2.0, variance=1.0)
    raised = told_more(stable, 3.0)
    assert (raised.gain, raised.variance, raised.denoiser.sigma) == (18, 9, 1)


def test_missing_pixels_and_lists():
    holes = NOISY.copy()
    holes[3:6, 4:9] = np.nan
    images = [holes, NOISY[:50]]
    noise = [noise_of(SIGMA)] * 2
    for method in ("sure", "recorruption"):
        risk = ss.estimated_risk(ss.GaussianDenoiser(1), images, noise=noise, method=method)
        assert 0 < risk < SIGMA**2


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"method": "gcv"}, ValueError, "one of .*'sure'.* got 'gcv'"),
        ({"alpha": 0}, ValueError, "alpha to be a positive number; got 0"),
        ({"noise": [3.0]}, TypeError, "as estimate_noise.* gives it; got 3.0"),
    ],
)
def test_errors(kwargs, error, message):
    with pytest.raises(error, match=message):
        ss.estimated_risk(identity, NOISY[None], **kwargs)
