# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Movies: what frames tell of each other is used, and what lasts for one frame stays."""

import numpy as np
import pytest

import selfsupervised as ss
from selfsupervised.classical.movie import news
from selfsupervised.wrappers.variance_stabilizer import VarianceStabilizer

FLASHES = {2: (12, 5), 6: (10, 10), 9: (5, 7)}  # where they are, by frame
SHAPE = (12, 24, 24)


def spot(y, x, width=1.5):
    rows, columns = np.mgrid[: SHAPE[1], : SHAPE[2]]
    return np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * width**2))


def movie():
    """Photons of a spot that moves a pixel a frame, and of flashes of one; their mean; without."""
    still = 6 + 4 * np.sin(np.arange(SHAPE[2]) / 2) * np.ones((SHAPE[1], 1))
    scene = np.stack([still + 20 * spot(5 + t, 17, 2) for t in range(SHAPE[0])])
    clean = scene.copy()
    for t, place in FLASHES.items():
        clean[t] += 25 * spot(*place)
    return np.random.default_rng(0).poisson(clean).astype(float), clean, scene


def quick(**settings):
    return ss.MovieDenoiser(ss.NLRidgeDenoiser(1.0, n_jobs=1), gain=1, variance=0, **settings)


def height(out, scene, later=0):
    """How much of the flashes there is, on average, so many frames later."""
    shapes = {t + later: 25 * spot(*place) for t, place in FLASHES.items()}
    return np.mean([((out - scene)[t] * f).sum() / (f * f).sum() for t, f in shapes.items()])


def error(out, clean):
    return np.mean((out - clean) ** 2)


@pytest.fixture(scope="module")
def denoised():
    noisy, _, _ = movie()
    both = (quick(), quick(threshold=np.inf))
    return [denoiser.fit_transform(noisy[None])[0] for denoiser in both]


def test_better_than_frame_by_frame(denoised):
    noisy, clean, _ = movie()
    single = ss.NLRidgeDenoiser(1.0, n_jobs=1)
    frames = VarianceStabilizer(single, gain=1, variance=0).transform(noisy)
    assert error(denoised[0], clean) < 0.7 * error(frames, clean)
    # Control: with frames in disorder, others tell nothing of a frame that moves.
    order = np.random.default_rng(1).permutation(len(noisy))
    shuffled = quick().transform(noisy[order][None])[0]
    assert error(shuffled, clean[order]) > 0.85 * error(frames, clean)


def test_a_flash_is_kept_and_stays_in_its_frame(denoised):
    _, _, scene = movie()
    assert 0.92 < height(denoised[0], scene) < 1.08
    assert max(abs(height(denoised[0], scene, later)) for later in (-1, 1)) < 0.05
    # Control: the volume alone takes much of them for noise.
    assert height(denoised[1], scene) < 0.85


def test_order_by_estimated_risk_is_the_order_by_true_error():
    """Of one that takes next to nothing for noise, one that is told it, and one that blurs."""
    noisy, clean, _ = movie()
    weak, blur = ss.NLRidgeDenoiser(0.2, n_jobs=1), ss.GaussianDenoiser(4.0)
    denoisers = [quick(), ss.MovieDenoiser(weak, gain=1, variance=0)]
    denoisers += [ss.MovieDenoiser(blur, gain=1, variance=0, threshold=np.inf)]
    light = ss.ChannelNoise(3.0, 3.0, 3.0, line=ss.NoiseModel(1.0, 0.0), correlation=(0.0,) * 3)
    noise = ss.ImageNoise((light,))
    outs = [denoiser.fit_transform(noisy[None])[0] for denoiser in denoisers]
    errors = [error(out, clean) for out in outs]
    risks = [ss.estimated_risk(each, noisy[None], noise=noise) for each in denoisers]
    assert errors[0] < 0.5 * min(errors[1:])
    np.testing.assert_array_equal(np.argsort(errors), np.argsort(risks))
    # Negative control: by what it saw, the one that does next to nothing looks best.
    assert np.argmin([error(out, noisy) for out in outs]) == 1


def test_no_news_in_noise_alone_and_some_where_there_is():
    noise = np.random.default_rng(0).normal(size=(6, 32, 32))
    still = np.zeros_like(noise)
    assert not news(noise, still, 5.0).any()
    noise[3, 20, 20] += 20
    found = news(noise, still, 5.0)
    assert found[3, 20, 20] and not found[[0, 1, 2, 4, 5]].any()
    assert not found[3, :12].any()


@pytest.mark.parametrize("n_frames", [1, 2])
def test_few_frames(n_frames):
    noisy = np.random.default_rng(0).poisson(5.0, (1, n_frames, 16, 16))
    out = ss.MovieDenoiser(ss.GaussianDenoiser(1)).fit_transform(noisy)
    assert np.abs(out - 5).mean() < np.abs(noisy - 5).mean() / 2


def test_without_noise_it_is_the_denoiser():
    movie = np.zeros((1, 4, 8, 8))
    movie[0, 2, 4, 4] = 1
    inner = ss.GaussianDenoiser(0.5)
    out = ss.MovieDenoiser(inner, gain=0, variance=0).transform(movie)
    np.testing.assert_allclose(out, inner.transform(movie))


def test_channels_keep_their_flashes():
    noisy, _, scene = movie()
    both = np.stack([noisy, noisy[::-1]], axis=-1)[None]
    denoiser = ss.MovieDenoiser(ss.GaussianDenoiser(1.5), gain=1, variance=0, channel_axis=-1)
    out = denoiser.fit_transform(both)[0]
    one = ss.MovieDenoiser(ss.GaussianDenoiser(1.5), gain=1, variance=0).transform(noisy[None])[0]
    np.testing.assert_allclose(out[..., 0], one)
    assert height(out[..., 0], scene) > 0.85


def test_a_stack_of_images_is_refused():
    with pytest.raises(ValueError, match=r"n_movies, n_frames.*\(8, 8\); pass movie\[None\]"):
        ss.MovieDenoiser().transform(np.zeros((5, 8, 8)))
