# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the whitener shows a denoiser, what it makes of that, and what it gains."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import selfsupervised as ss
from cases import Cropper, PatchMemory, smooth_image
from selfsupervised.noise import spectrum


def blurred(shape, blur, std, seed=0):
    """Noise that neighbours share."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=shape), blur, mode="wrap")
    return std * noise / noise.std()


def covariance_of(blur, std, ndim=2, max_lag=4):
    shape = {2: (600, 600), 3: (90, 90, 90)}[ndim]
    return std**2 * ss.noise_correlation(blurred(shape, blur, 1, seed=9), max_lag=max_lag)


@pytest.mark.parametrize(
    ("shape", "axis"), [((40, 51), None), ((9, 20, 3), -1), ((9, 12, 11), None)]
)
@pytest.mark.parametrize("floor", [0.001, 0.1, 1])
def test_back_and_forth_is_the_identity(shape, axis, floor, rng):
    X = rng.normal(50, 9, size=(2, *shape))
    covariance = covariance_of(0.8, 2.0, ndim=len(shape) - (axis is not None))
    whitener = ss.NoiseWhitener(
        lambda image: image, autocovariance=covariance, floor=floor, channel_axis=axis
    )
    np.testing.assert_allclose(whitener.transform(X), X, rtol=1e-10)


def shown(noisy, **options):
    """What the denoiser sees, without the border."""
    seen = []
    ss.NoiseWhitener(lambda image: seen.append(image.copy()) or image, **options).transform(
        noisy[None]
    )
    return seen[0][16:-16, 16:-16]


@pytest.mark.parametrize("blur", [(0.5, 0.5), (0, 0.6)])
def test_the_denoiser_sees_white_noise_of_unit_strength(blur):
    noise = blurred((300, 300), blur, 7.0)
    white = shown(noise, autocovariance=covariance_of(blur, 7.0), floor=1e-3)
    assert white.std() == pytest.approx(1, abs=0.03)
    correlation = ss.noise_correlation(white, max_lag=2)
    correlation[2, 2] = 0
    assert np.abs(correlation).max() < 0.05
    assert np.abs(ss.noise_correlation(noise, max_lag=1)[1, 0]) > 0.2  # it was not so before


@pytest.mark.parametrize(("shape", "edge"), [((300, 290), 100), ((75, 40, 41), 30)])
def test_tiles_make_no_difference(monkeypatch, rng, shape, edge):
    """But without what is around them they do: the control."""
    image = rng.normal(50, 9, size=shape)
    covariance = covariance_of(0.6, 2.0, ndim=len(shape))
    whitener = ss.NoiseWhitener(np.tanh, autocovariance=covariance)
    whole = whitener.transform(image[None])[0]
    monkeypatch.setitem(spectrum.TILE_EDGE_PIXELS, image.ndim, edge)
    tiled = whitener.transform(image[None])[0]
    assert 0 < np.abs(tiled - whole).max() < 1e-3 * whole.std()
    monkeypatch.setitem(spectrum.TILE_MARGIN_PIXELS, image.ndim, 1)
    assert np.abs(whitener.transform(image[None])[0] - whole).max() > 1e-2 * whole.std()


def test_blind():
    """The estimate, from an image with structure, whitens most of it."""
    noisy = 100 * smooth_image((256, 256)) + blurred((256, 256), 0.6, 10.0)
    found, known = ss.noise_autocovariance(noisy), covariance_of(0.6, 10.0, max_lag=8)
    assert found.shape == known.shape == (17, 17)
    assert found[8, 8] == pytest.approx(known[8, 8], rel=0.25)
    assert found[8, 9] / found[8, 8] == pytest.approx(known[8, 9] / known[8, 8], abs=0.1)
    assert found[10, 9] / found[8, 8] == pytest.approx(known[10, 9] / known[8, 8], abs=0.1)
    white = ss.noise_autocovariance(100 * smooth_image((256, 256)) + blurred((256, 256), 0, 10.0))
    assert abs(white[8, 9] / white[8, 8]) < 0.1


def test_volumes_and_channels_have_noise_of_their_own():
    noise = np.stack([blurred((64, 64), 0, 1.0), blurred((64, 64), 0.8, 5.0, seed=1)], axis=-1)
    found = ss.noise_autocovariance(noise, channel_axis=-1)
    assert found.shape == (17, 17, 2)
    np.testing.assert_array_equal(found[..., 1], ss.noise_autocovariance(noise[..., 1]))
    assert found[8, 8, 1] > 10 * found[8, 8, 0]
    assert found[8, 9, 1] / found[8, 8, 1] > 0.4 > abs(found[8, 9, 0] / found[8, 8, 0])
    assert ss.noise_autocovariance(blurred((16, 20, 24), 0.5, 1.0)).shape == (9, 9, 9)
    whitener = ss.NoiseWhitener(lambda image: image, autocovariance=found, channel_axis=-1)
    np.testing.assert_allclose(whitener.transform(noise[None])[0], noise, atol=1e-9)


@pytest.mark.parametrize("known", [True, False])
def test_it_beats_the_same_denoiser_without(known):
    clean = 100 * smooth_image((128, 128))
    noisy = clean + blurred((128, 128), 0.8, 12.0)
    covariance = covariance_of(0.8, 12.0) if known else None
    whitened = ss.NoiseWhitener(ss.NLRidgeDenoiser(1.0), autocovariance=covariance)
    errors = [
        np.mean((denoiser.transform(noisy[None])[0] - clean) ** 2)
        for denoiser in (whitened, ss.NLRidgeDenoiser(12.0))
    ]
    assert errors[0] < 0.6 * errors[1]


def test_stabilised_first():
    rng = np.random.default_rng(0)
    noisy = gaussian_filter(rng.poisson(50 * (1 + smooth_image((64, 64)))).astype(float), 0.6)
    denoiser = ss.VarianceStabilizer(
        ss.NoiseWhitener(ss.NLRidgeDenoiser(1.0)), gain=0.4, variance=0
    )
    out = denoiser.fit_transform(noisy[None])
    assert out.shape == (1, 64, 64) and abs(out.mean() - noisy.mean()) < 1


def test_without_noise_nothing_happens():
    X = np.full((1, 40, 40), 3.0)
    np.testing.assert_array_equal(ss.NoiseWhitener(ss.GaussianDenoiser()).transform(X), X)
    X = smooth_image((40, 40))[None]
    zero = ss.NoiseWhitener(ss.GaussianDenoiser(), autocovariance=np.zeros((3, 3)))
    np.testing.assert_array_equal(zero.transform(X), X)


@pytest.mark.parametrize(
    "bad",
    [np.ones((2, 3)), np.ones(3), np.ones((3, 3, 2)), np.full((3, 3), np.nan), -np.ones((1, 1))],
)
def test_bad_autocovariances(bad):
    whitener = ss.NoiseWhitener(ss.GaussianDenoiser(), autocovariance=bad)
    with pytest.raises(ValueError, match="autocovariance to be finite, of 2 axes of odd sizes"):
        whitener.transform(np.eye(8)[None])


def test_bad_denoisers_and_images():
    with pytest.raises(TypeError, match="learns nothing, got PatchMemory"):
        ss.NoiseWhitener(PatchMemory()).fit(np.eye(8)[None])
    with pytest.raises(TypeError, match="NoiseWhitener expected an estimator"):
        ss.NoiseWhitener(3).fit(np.eye(8)[None])
    with pytest.raises(ValueError, match="return the shape it was given"):
        ss.NoiseWhitener(Cropper()).transform(np.eye(40)[None])
    with pytest.raises(ValueError, match="32 pixels or more"):
        ss.noise_autocovariance(np.eye(20))
    image = np.eye(64)
    image[::8, ::8] = np.nan
    with pytest.raises(ValueError, match="no block of 16 pixels without missing"):
        ss.noise_autocovariance(image)
