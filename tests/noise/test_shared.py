# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Noise that neighbours share is found, denoised, and not seen in texture, text or white noise."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data

import selfsupervised as ss
from cases import smooth_image
from selfsupervised.auto.shared import (
    PRIOR_IF_BLURRED,
    for_shared_noise,
    is_blurred,
    shared_in_words,
)
from selfsupervised.noise import shared
from selfsupervised.noise.measure import measure_noise

EDGE = 256


def camera(edge=384):
    return data.camera()[100 : 100 + edge, 100 : 100 + edge].astype(float)


def blurred(widths, level, shape=(384, 384), seed=1):
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=shape), widths)
    return level * noise / noise.std()


def mse(a, b):
    return float(np.mean(np.square(a - b)))


@pytest.fixture(scope="module")
def found():
    """What is found of noise of 20, blurred by 1.2 pixels."""
    return measure_noise(camera() + blurred(1.2, 20))


@pytest.mark.parametrize("width", [0.7, 1.2])
def test_shared_noise_is_found(width, found):
    noise = found if width == 1.2 else measure_noise(camera() + blurred(width, 20))
    (channel,) = noise.channels
    assert channel.autocovariance is not None
    assert channel.level == pytest.approx(20, rel=0.25)
    assert channel.low < 20 < channel.high
    assert min(channel.correlation) > 0.3
    assert "share noise" in channel.describe()


def test_noise_that_is_steady_needs_less_of_the_other_signs(monkeypatch):
    """As strong at all brightnesses, as texture is not; the control does not look at that."""
    noisy = camera(256) + blurred(1.2, 20, (256, 256))
    (channel,) = measure_noise(noisy).channels
    assert channel.autocovariance is not None
    assert channel.steady
    monkeypatch.setattr(shared, "is_steady", lambda powers: False)
    assert measure_noise(noisy).channels[0].autocovariance is None


@pytest.mark.parametrize("sigma", [0.0, 4.0])
def test_a_rough_surface_is_no_noise(sigma):
    """As it is most of the image, and shared far; on a photograph it is noise: the control."""
    surface = blurred(1.5, 28, (EDGE, EDGE))
    white = np.random.default_rng(0).normal(0, sigma, surface.shape)
    assert measure_noise(128 + surface + white).channels[0].autocovariance is None
    (channel,) = measure_noise(camera(EDGE) + surface + white).channels
    assert channel.autocovariance is not None or sigma == 0


def test_a_texture_with_white_noise_is_no_shared_noise(monkeypatch):
    """A blur that correlates neighbours so much would leave less in the highest frequencies."""
    noisy = blurred(1.5, 28, (256, 256)) + np.random.default_rng(9).normal(0, 15, (256, 256))
    (channel,) = measure_noise(noisy).channels
    assert channel.autocovariance is None
    assert channel.level == pytest.approx(15, rel=0.05)
    monkeypatch.setattr(shared, "MIDDLE_TO_HIGHEST", (0.0,) * len(shared.CORRELATIONS))
    assert measure_noise(noisy).channels[0].autocovariance is not None  # the control


@pytest.mark.parametrize("sigma", [0.0, 15.0])
@pytest.mark.parametrize("edge", [96, 256])
def test_a_code_is_no_shared_noise(monkeypatch, edge, sigma):
    """Squares of two pixels are as even as noise, but of two values."""
    rng = np.random.default_rng(4)
    code = 20 + 215.0 * np.kron(rng.integers(0, 2, (edge // 2, edge // 2)), np.ones((2, 2)))
    noisy = code + rng.normal(0, sigma, code.shape)
    (channel,) = measure_noise(noisy).channels
    assert not any(channel.correlation)
    assert channel.level == pytest.approx(sigma, rel=0.05)
    monkeypatch.setattr(shared, "MIN_KURTOSIS", 0.0)
    if edge == 256 and sigma:
        assert any(measure_noise(noisy).channels[0].correlation)  # the control


@pytest.mark.parametrize("period", [3.1, 8.0])
def test_fringes_without_noise_are_no_noise(period):
    fringes = 127 + 100 * np.sin(2 * np.pi * np.arange(EDGE) / period) * np.ones((EDGE, 1))
    assert measure_noise(fringes).channels[0].level == 0


def test_noise_that_grows_with_the_signal_is_not_steady():
    clean = 60 * smooth_image((EDGE, EDGE))
    noise = blurred(1.0, 20, clean.shape)
    steady, grown = (
        measure_noise(clean + noise * strength).channels[0]
        for strength in (1.0, 0.5 + np.clip((clean - clean.min()) / np.ptp(clean), 0, 1))
    )
    assert steady.steady
    assert "as strong everywhere" in steady.describe()
    assert not grown.steady
    assert "not as strong at all brightnesses" in grown.describe()


def test_along_which_axis():
    clean = 60 * smooth_image((EDGE, EDGE))
    (channel,) = measure_noise(clean + blurred((0, 1), 20, clean.shape)).channels
    along_columns, along_rows = channel.correlation
    assert along_columns < 0.1
    assert along_rows > 0.5


@pytest.mark.parametrize("level", [0, 4, 15])
@pytest.mark.parametrize("name", ["camera", "grass", "gravel", "brick", "text", "page", "coins"])
def test_no_such_noise_in_pictures_with_white_noise(name, level):
    clean = getattr(data, name)()[-EDGE:, :EDGE].astype(float)
    noisy = clean + np.random.default_rng(0).normal(size=clean.shape) * level
    (channel,) = measure_noise(noisy).channels
    assert channel.autocovariance is None


def test_noise_along_rows_is_no_offset_of_rows():
    """Rows of true offsets have them in both halves; the control has them beside such noise."""
    clean = 60 * smooth_image((EDGE, EDGE))
    noisy = clean + blurred((0, 1), 20, clean.shape)
    assert measure_noise(noisy).channels[0].line_offsets == (0.0, 0.0)
    offsets = np.random.default_rng(5).normal(0, 20, (EDGE, 1))
    found = measure_noise(noisy + offsets).channels[0].line_offsets
    assert found[0] == pytest.approx(20, rel=0.3)
    assert found[1] == 0


def test_samples_are_correlated_as_the_noise_is(found):
    noise, (channel,) = found, found.channels
    drawn = noise.sample(np.zeros((256, 256)), random_state=0)
    assert drawn.std() == pytest.approx(channel.level, rel=0.05)
    lags = ss.noise_correlation(drawn, max_lag=1)
    assert lags[1, 2] == pytest.approx(channel.correlation[1], abs=0.05)
    stronger = noise.as_strong_as(2 * channel.level)
    assert stronger.sample(np.zeros((256, 256)), 0).std() == pytest.approx(2 * drawn.std())


def test_denoise_removes_it_and_says_so():
    clean = 60 * smooth_image((EDGE, EDGE))
    noisy = clean + blurred(1.0, 20, clean.shape)
    out, search = ss.denoise(noisy, return_search=True)
    assert isinstance(search.denoiser_, ss.StackingDenoiser)
    assert "neighbours share, combined" in search.why_
    # The control is told the level, and takes the noise to be white.
    white = ss.NLRidgeDenoiser(20.0).transform(noisy[None])[0]
    assert mse(out, clean) < 0.7 * mse(white, clean)
    assert mse(out, clean) < 0.3 * mse(noisy, clean)


def test_channels_share_the_verdict():
    """A sensor is the same for all; one that cannot tell by itself is told by the others."""
    shape = (EDGE, EDGE)
    planes = [camera(EDGE) + blurred(1.2, 20, shape, seed) for seed in (1, 2)]
    unsure = data.gravel()[:EDGE, :EDGE] + blurred(1.0, 4, shape, 3)
    assert measure_noise(unsure).channels[0].autocovariance is None
    noise = measure_noise(np.stack([*planes, unsure], axis=-1), -1)
    assert all(channel.autocovariance is not None for channel in noise.channels)


def test_noise_of_light_over_a_dark_background_is_found():
    """Flat places are dark and hold next to no noise; what is bright holds much."""
    rng = np.random.default_rng(0)
    bright = gaussian_filter(rng.random((256, 256)), 6)
    clean = np.where(bright > np.median(bright), 200 * (bright - bright.min()), 0.02)
    noisy = np.clip(np.rint(12.0 * rng.poisson(clean) + rng.normal(5, 0.7, clean.shape)), 0, 255)
    (channel,) = measure_noise(noisy).channels
    assert channel.level > 5


def test_two_noises_are_equal_whatever_their_shape(found):
    (channel,) = found.channels
    assert channel == replace(channel, autocovariance=None)


def test_weights_of_cameras_are_for_noise_that_is_blurred_along_both_axes():
    def noise(*lags):
        return ss.ImageNoise(tuple(ss.ChannelNoise(2.0, 2.0, 2.0, correlation=lag) for lag in lags))

    assert is_blurred(noise((0.6, 0.5)))
    assert is_blurred(noise((0.3, 0.3), (0.5, 0.5)))  # what one channel went through, all did
    assert not is_blurred(noise((0.0, 0.7)))
    assert not is_blurred(noise((0.3, 0.3)))


def test_weights_of_steady_noise_are_learned_alone():
    """Half of them are those that are known from other images, where it is not steady: the control.

    A very smooth image is best taken from pixels that lie apart.
    """
    clean = 60 * smooth_image((EDGE, EDGE))
    (channel,) = measure_noise(clean + blurred(1.0, 20, clean.shape)).channels
    weights = []
    for steady in (True, False):
        noise = ss.ImageNoise((replace(channel, steady=steady),))
        noisy = (clean + blurred(1.0, 20, clean.shape))[:128, :128]
        stack, share = for_shared_noise(noisy, noise.channels[0], noise, 0)
        assert share == 1
        weights.append(stack.weights_)
    assert weights[1] == pytest.approx(
        0.5 * weights[0] + 0.5 * np.array(PRIOR_IF_BLURRED), abs=0.02
    )


@pytest.mark.parametrize(
    ("size", "steady", "expected"), [(600, False, 0.8), (600, True, 1.0), (60, False, 1.0)]
)
def test_of_weak_noise_a_part_is_left(size, steady, expected):
    """Which may be texture; not of strong noise, or such as is steady: the controls."""
    noisy = size * smooth_image((96, 96)) + blurred(1.0, 6, (96, 96))
    covariance = 36 * np.exp(-np.square(np.indices((9, 9)) - 4).sum(axis=0) / 4)
    channel = ss.ChannelNoise.of_autocovariance(covariance, error_ratio=1.25, steady=steady)
    noise = ss.ImageNoise((channel,))
    stack, share = for_shared_noise(noisy, channel, noise, 0)
    assert share == pytest.approx(expected)
    assert ("may be texture" in shared_in_words(channel, stack, share)) == (share < 1)
