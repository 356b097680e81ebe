# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""A result does not depend on the unit: result(k x) = k result(x), from 1e-30 to 1e30."""

import numpy as np
import pytest
from sklearn.base import clone

import selfsupervised as ss
from cases import smooth_image
from selfsupervised.core.scale import image_unit

SCALES = (1e-30, 1e-17, 1e-10, 1e-4, 1e4, 1e10, 1e17, 1e30)
DENOISERS = [
    ss.BilateralDenoiser(),
    ss.GaussianDenoiser(),
    ss.MedianDenoiser(),
    ss.NLRidgeDenoiser(n_jobs=1),
    ss.NonLocalMeansDenoiser(patch_distance=3),
    ss.TotalVariationDenoiser(),
    ss.WaveletDenoiser(),
    ss.WaveletDenoiser(method="VisuShrink"),
    ss.OutlierRemover(ss.WaveletDenoiser()),
    ss.VarianceStabilizer(ss.WaveletDenoiser()),
    ss.JInvariantWrapper(ss.WaveletDenoiser(), mix="optimal"),
    ss.JInvariantWrapper(ss.WaveletDenoiser(), mix="local"),
]
IN_UNITS = [
    (ss.BilateralDenoiser(20.0), {"sigma_color": 1}),
    (ss.NLRidgeDenoiser(10.0, n_jobs=1), {"sigma": 1}),
    (ss.NonLocalMeansDenoiser(8.0, sigma=6.0, patch_distance=3), {"h": 1, "sigma": 1}),
    (ss.TotalVariationDenoiser(10.0), {"weight": 1}),
    (ss.WaveletDenoiser(10.0), {"sigma": 1}),
    (ss.OutlierRemover(ss.WaveletDenoiser(10.0)), {"denoiser__sigma": 1}),
    (
        ss.VarianceStabilizer(ss.WaveletDenoiser(1.0), gain=0.5, variance=40.0),
        {"gain": 1, "variance": 2},
    ),
]


@pytest.fixture(scope="module")
def noisy():
    clean = 200 * smooth_image((48, 56))
    return clean + np.random.default_rng(0).normal(0, 10, clean.shape)


def gap(out, expected, scale):
    """Largest difference in units of the range."""
    return np.abs(out.astype(float) / scale - expected).max() / np.ptp(expected)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("denoiser", DENOISERS, ids=lambda d: " ".join(str(d).split()))
def test_any_unit(denoiser, dtype, noisy):
    X = noisy[None].astype(dtype)
    expected = denoiser.fit(X).transform(X).astype(float)
    for scale in SCALES:
        # A power of two near the scale, as rounding may choose between patches alike.
        scale = dtype(2.0 ** np.round(np.log2(scale)))
        assert gap(denoiser.fit(X * scale).transform(X * scale), expected, scale) < 1e-3, scale


@pytest.mark.parametrize(("denoiser", "units"), IN_UNITS, ids=lambda d: " ".join(str(d).split()))
def test_parameters_in_units_of_the_image(denoiser, units, noisy):
    expected = denoiser.fit(noisy[None]).transform(noisy[None])
    for scale in SCALES:
        values = {name: denoiser.get_params()[name] * scale**n for name, n in units.items()}
        other = clone(denoiser).set_params(**values)
        assert (
            gap(other.fit(scale * noisy[None]).transform(scale * noisy[None]), expected, scale)
            < 1e-3
        )
    # The negative control: what is not in the unit of the image has another strength.
    assert gap(denoiser.transform(1e10 * noisy[None]), expected, 1e10) > 1e-2


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_noise_in_any_unit(dtype, noisy):
    X = noisy.astype(dtype)
    level, line = ss.estimate_noise(X), ss.estimate_noise(X, "poisson_gaussian")
    for scale in SCALES:
        scaled = X * dtype(scale)
        assert ss.estimate_noise(scaled) == pytest.approx(scale * level, rel=1e-4)
        gain, variance = ss.estimate_noise(scaled, "poisson_gaussian")
        assert gain == pytest.approx(scale * line.gain, rel=1e-3)
        assert variance == pytest.approx(scale**2 * line.variance, rel=1e-3)


@pytest.mark.parametrize("model", ["gaussian", "poisson_gaussian"])
def test_noise_beside_a_large_offset(model):
    """15 steps of rounding: noise of 0.12 above 1e5 in float32, where a step is 1 / 128."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        noisy = (1e5 + rng.normal(0, 0.12, (256, 256))).astype(np.float32)
        found = ss.estimate_noise(noisy, model)
        level = found if model == "gaussian" else float(found.std(1e5))
        assert level == pytest.approx(0.12, rel=0.05)
    # Without noise, rounding is none.
    ramp = (1e5 + np.add.outer(np.linspace(0, 3, 256), np.linspace(0, 3, 256))).astype(np.float32)
    assert ss.estimate_noise(ramp) == 0


def test_unit_is_a_power_of_two_and_one_for_ordinary_images(rng):
    image = rng.normal(size=(5, 5))
    for scale in (1e-3, 1, 255, 65535):
        assert image_unit(scale * image) == 1
    for scale in (1e-30, 1e30):
        unit = image_unit(scale * image)
        assert np.log2(unit) == np.round(np.log2(unit))
        assert 0.5 < np.abs(scale * image / unit).max() <= 2
    assert image_unit(np.zeros((3, 3))) == 1
    image[0] = np.nan
    assert image_unit(1e30 * image) > 1e29
