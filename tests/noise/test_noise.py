# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What `estimate_noise` says of noise that was added to known images."""

import numpy as np
import pytest
from skimage.restoration import estimate_sigma

import selfsupervised as ss
from selfsupervised.noise.level import noise_level, noise_variance

RAMP = np.add.outer(np.linspace(2, 60, 256), np.linspace(2, 60, 256))


def textured(shape=(256, 256)):
    """Texture as fine as a pixel in half of the image, a slope in the other."""
    image = np.random.default_rng(9).normal(100, 20, shape)
    image[: shape[0] // 2] = np.linspace(50, 150, shape[1])
    return image


@pytest.mark.parametrize("sigma", [0.01, 3.0, 50.0])
def test_level(rng, sigma):
    noisy = RAMP + rng.normal(0, sigma, RAMP.shape)
    assert ss.estimate_noise(noisy) == pytest.approx(sigma, rel=0.03)
    volume = np.linspace(0, 50, 40)[:, None, None] + rng.normal(0, sigma, (40, 40, 40))
    assert ss.estimate_noise(volume) == pytest.approx(sigma, rel=0.05)
    assert ss.estimate_noise(np.stack([noisy, 2 * noisy], axis=-1), channel_axis=-1) == (
        pytest.approx(1.5 * sigma, rel=0.03)
    )


def test_variance_of_channels(rng):
    """The variance of an image with channels is the mean of theirs, not the mean level squared."""
    noise = rng.normal(0, 1, (128, 128, 2)) * (1, 3)
    assert noise_variance(noise, channel_axis=-1) == pytest.approx(5, rel=0.05)
    # The negative control: what stood in its place.
    assert noise_level(noise, channel_axis=-1) ** 2 == pytest.approx(4, rel=0.05)
    assert noise_variance(noise[..., 1]) == pytest.approx(noise_level(noise[..., 1]) ** 2)
    flat = np.ones((8, 8, 2))
    assert noise_variance(flat, channel_axis=-1) == 0


def test_texture_is_not_noise(rng):
    noisy = textured() + rng.normal(0, 2, (256, 256))
    assert ss.estimate_noise(noisy) == pytest.approx(2, rel=0.1)
    # The negative control: the median over all places is that of the texture.
    assert estimate_sigma(noisy) > 4


def test_outliers_do_not_count(rng):
    noisy = np.clip(4 * RAMP, 0, 255) + rng.normal(0, 10, RAMP.shape)
    struck = rng.random(noisy.shape) < 0.1
    salted = np.where(struck, rng.choice([0.0, 255.0], noisy.shape), np.clip(noisy, 0, 255))
    assert ss.estimate_noise(salted) == pytest.approx(10, rel=0.1)
    assert estimate_sigma(salted) > 15  # the negative control
    hot = noisy + 1000 * (rng.random(noisy.shape) < 0.01)
    assert ss.estimate_noise(hot) == pytest.approx(10, rel=0.05)


def test_bright_photon_noise_is_no_outlier(rng):
    """Of noise that grows with the signal, one level is still about what it is on average."""
    clean = np.full((256, 256), 1.0)
    clean[:, 160:] = 400
    level = ss.estimate_noise(rng.poisson(clean))
    assert 1 < level < 20
    clean[:, 32:] = 400
    assert ss.estimate_noise(rng.poisson(clean)) > 10


def test_saturated_pixels_do_not_count(rng):
    clipped = np.clip(3 * RAMP + rng.normal(0, 20, RAMP.shape), 100, 220)
    assert ss.estimate_noise(clipped) == pytest.approx(20, rel=0.1)
    assert estimate_sigma(clipped) < 17  # the negative control


def test_missing_pixels_do_not_count(rng):
    noisy = RAMP + rng.normal(0, 3, RAMP.shape)
    noisy[rng.random(noisy.shape) < 0.1] = np.nan
    assert ss.estimate_noise(noisy) == pytest.approx(3, rel=0.05)
    assert ss.estimate_noise(np.ma.masked_invalid(noisy)) == ss.estimate_noise(noisy)


def test_level_in_units_of_the_image(rng):
    noisy = rng.normal(0, 1, (64, 64))
    level = ss.estimate_noise(noisy)
    assert ss.estimate_noise(1000 * noisy + 5) == pytest.approx(1000 * level)
    assert ss.estimate_noise(noisy.astype(np.float32)) == pytest.approx(level, rel=1e-4)
    counts = rng.poisson(9, (64, 64)).astype(np.uint8)
    assert ss.estimate_noise(counts) == ss.estimate_noise(counts.astype(float))


@pytest.mark.parametrize("gain", [0.2, 1.0, 30.0])
@pytest.mark.parametrize("read", [0.0, 4.0])
def test_gain(rng, gain, read):
    """Also in three dimensions, and where a pedestal makes the variance at zero negative."""
    noisy = rng.poisson(RAMP) + rng.normal(0, read, RAMP.shape)
    model = ss.estimate_noise(gain * (noisy + 50), "poisson_gaussian")
    assert model.gain == pytest.approx(gain, rel=0.15)
    signal = gain * (np.array([20, 60, 110]) + 50)
    true = gain * np.sqrt(np.array([20, 60, 110]) + read**2)
    np.testing.assert_allclose(model.std(signal), true, rtol=0.05)


def test_gain_of_volumes_and_channels(rng):
    clean = np.linspace(2, 100, 48)[:, None, None] * np.ones((48, 48, 48))
    assert ss.estimate_noise(rng.poisson(clean), "poisson_gaussian").gain == (
        pytest.approx(1, rel=0.15)
    )
    # One line for all channels, which differ in brightness.
    colours = rng.poisson(np.stack([np.full((128, 128), level) for level in (5, 50, 90)], -1))
    model = ss.estimate_noise(colours, "poisson_gaussian", channel_axis=-1)
    assert model.gain == pytest.approx(1, rel=0.1)
    assert model.variance == pytest.approx(0, abs=1)


def test_gain_of_few_photons(rng):
    """Where most pixels are 0, and the median of anything is of no use."""
    model = ss.estimate_noise(rng.poisson(RAMP / 40), "poisson_gaussian")
    assert model.gain == pytest.approx(1, rel=0.1)
    assert model.variance == pytest.approx(0, abs=0.1)


def test_no_gain(rng):
    """Noise of one strength, on an image of many brightnesses and on one of one."""
    noisy = RAMP + rng.normal(0, 5, RAMP.shape)
    model = ss.estimate_noise(noisy, "poisson_gaussian")
    assert model.gain < 0.05
    np.testing.assert_allclose(model.std([5, 60, 110]), 5, rtol=0.05)
    model = ss.estimate_noise(rng.normal(100, 5, (64, 64)), "poisson_gaussian")
    assert model.gain == 0
    assert model.variance == pytest.approx(25, rel=0.15)


@pytest.mark.parametrize("image", [np.ones((1, 1)), np.zeros((9, 9)), np.full((5, 6, 7), 3.0)])
def test_nothing_to_see(image):
    assert ss.estimate_noise(image) == 0
    assert ss.estimate_noise(image, "poisson_gaussian") == (0, 0)


@pytest.mark.parametrize("shape", [(1, 2), (7, 1), (2, 2), (3, 5), (5, 31), (2, 3, 4)])
def test_small(rng, shape):
    image = rng.normal(10, 1, shape)
    assert 0 < ss.estimate_noise(image) < 10
    model = ss.estimate_noise(image, "poisson_gaussian")
    assert np.isfinite(model).all() and model.std(10) > 0


def test_edges_are_not_noise():
    stairs = np.kron([[0.0, 1.0], [2.0, 3.0]], np.ones((16, 16)))
    assert ss.estimate_noise(stairs) == 0
    assert ss.estimate_noise(stairs, "poisson_gaussian") == (0, 0)


def test_std():
    model = ss.NoiseModel(2.0, -8.0)
    np.testing.assert_allclose(model.std([0, 4, 12]), [0, 0, 4])
    assert model.std(12) == 4


@pytest.mark.parametrize(
    ("image", "model", "error", "message"),
    [
        (RAMP, "poisson", ValueError, "'poisson_gaussian'.*; got 'poisson'"),
        (np.full((4, 4), np.nan), "gaussian", ValueError, "nothing to see"),
        (np.full((4, 4), "a"), "gaussian", TypeError, "expected numbers"),
        (np.full((4, 4), np.inf), "gaussian", ValueError, "infinity"),
        (np.ones(5), "gaussian", ValueError, "two or three spatial axes"),
    ],
)
def test_errors(image, model, error, message):
    with pytest.raises(error, match=message):
        ss.estimate_noise(image, model)


def test_wrong_channel_axis():
    with pytest.raises(ValueError, match="np.moveaxis"):
        ss.estimate_noise(np.ones((3, 9, 9)), channel_axis=0)
