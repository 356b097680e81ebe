# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The spectrum of noise that neighbours share, where the image has texture or smooth structure."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data

import selfsupervised as ss
from selfsupervised.noise import shared, spectrum
from selfsupervised.noise.measure import measure_noise

LEVEL, EDGE = 20.0, 256


def blurred(width, seed=0, edge=EDGE):
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(edge, edge)), width)
    return LEVEL * noise / noise.std()


def levels(image, share=spectrum.FLAT_BLOCK_SHARE):
    """By the flattest blocks, and by the quietest."""
    cosines = spectrum.cosines_by_brightness(image, 16)
    flattest = [spectrum.power_of_flattest(part) for part in cosines]
    pairs = zip(cosines, flattest, strict=True)
    quietest = [spectrum.power_of_quietest(part, power, share) for part, power in pairs]
    return [np.sqrt(spectrum.autocovariance_of(each).max()) for each in (flattest, quietest)]


def test_fine_texture_in_many_blocks_is_not_taken_for_noise():
    """It shows at other frequencies of a block; the control looks at the lowest ones only."""
    row, column = np.indices((EDGE, EDGE))
    texture = 40 * np.sin(2 * np.pi * row / 5.3) * np.sin(2 * np.pi * column / 4.7)
    image = np.where(row < 0.7 * EDGE, texture, 0.0) + blurred(0.5)
    flattest, quietest = levels(image)
    assert quietest == pytest.approx(LEVEL, rel=0.03)
    assert flattest > 1.1 * LEVEL
    found = ss.noise_autocovariance(image)
    assert np.sqrt(found.max()) == pytest.approx(LEVEL, rel=0.03)


def test_noise_that_is_not_steady_is_measured_in_the_flattest_blocks():
    """Its quietest blocks have less than others."""
    rng = np.random.default_rng(0)
    strength = np.kron(rng.uniform(0.3, 1.7, (16, 16)), np.ones((16, 16)))
    brightness = 3 * np.arange(EDGE)[:, None]
    image = brightness + (0.5 + brightness / 600) * strength * blurred(0.8)
    flattest, quietest = levels(image)
    assert quietest < 0.95 * flattest
    assert np.sqrt(ss.noise_autocovariance(image).max()) == pytest.approx(flattest)
    even = brightness + blurred(0.8)
    assert np.sqrt(ss.noise_autocovariance(even).max()) == pytest.approx(levels(even)[1])


def test_larger_blocks_are_believed_where_their_low_frequencies_are_even(monkeypatch):
    """As those of noise are; what is smooth in a photograph is not, and the control takes it."""

    def found(image):
        autocovariance, steady = shared.shared_noise(image, None, None, sure=True)
        assert steady
        return len(autocovariance), np.sqrt(autocovariance.max())

    camera = data.camera()[100:356, 100:356] + blurred(0.7)
    low = 0.8 * blurred(0.7) + 0.6 * blurred(3.0, seed=1) + np.arange(EDGE)
    assert found(camera) == (17, pytest.approx(LEVEL, rel=0.05))
    assert found(low) == (33, pytest.approx(LEVEL, rel=0.1))
    monkeypatch.setattr(shared, "LARGE_EVENNESS", (0.0, 0.01))
    assert found(camera)[1] > 1.1 * LEVEL
    monkeypatch.setattr(shared, "LARGE_EVENNESS", (2.0, 3.0))
    assert found(low)[1] < 0.9 * LEVEL


def test_an_autocovariance_fades_beyond_a_quarter_of_its_lags():
    kept = spectrum.faded(np.ones((9, 17)))
    np.testing.assert_allclose(kept[3:6, 6:11], 1.0)
    assert 0 < kept[4, 0] < 0.06 and (np.diff(kept[4, :9]) >= 0).all()


@pytest.mark.parametrize("even", [True, False])
def test_texture_is_weaker_in_the_quietest_few_blocks(even):
    """Noise is as strong there as in all quiet ones."""
    row, column = np.indices((EDGE, EDGE))
    strength = 1.0 if even else 0.3 + 4 * column / EDGE
    image = 3 * row + strength * blurred(0.8)
    few, more = levels(image, shared.QUIETEST_SHARE)[1], levels(image)[1]
    assert (few > shared.MIN_QUIETEST_RATIO * more) == even


def test_waves_are_no_noise(monkeypatch):
    """Their texture is weak where little is reflected; the control does not look at that."""
    rng = np.random.default_rng(0)
    height = gaussian_filter(rng.normal(size=(EDGE, EDGE)), 24)
    height = (height - height.min()) / np.ptp(height)
    image = 200 * height + blurred(0.8, seed=1) * (0.02 + 0.98 * height)
    assert measure_noise(image).channels[0].autocovariance is None
    monkeypatch.setattr(shared, "MAX_STRONG_STRENGTH_RATIO", 100.0)
    assert measure_noise(image).channels[0].autocovariance is not None


@pytest.mark.parametrize(
    ("changed", "noise"),
    [
        ({}, True),
        ({"quietest_ratio": 0.95}, False),
        ({"strength_ratio": 2.5}, False),
        ({"evenness": 0.72}, False),
        ({"low": 4.0}, False),
    ],
)
def test_even_blocks_outweigh_low_frequencies(changed, noise):
    """As strong in the quietest few blocks, and nearly so at all brightnesses; or it is texture."""
    signs = shared._Signs(
        level=20.0,
        white_level=3.0,
        lags=np.array([0.64, 0.62]),
        similar=np.array([0.45, 0.55]),
        evenness=0.83,
        least_evenness=0.57,
        low=2.7,
        middle=1.0,
        highest=0.05,
        steady=False,
        quietest_ratio=1.0,
        strength_ratio=1.3,
    )
    assert signs._replace(**changed).tell_strong_noise == noise
