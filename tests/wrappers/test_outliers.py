# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from skimage.data import camera
from sklearn.linear_model import Ridge

import selfsupervised as ss
from cases import PatchMemory, smooth_image
from selfsupervised.noise.outliers import outliers, unusual_pixels


@pytest.fixture
def peppered(rng):
    clean = smooth_image((64, 64))
    noisy = clean + rng.normal(0, 0.02, clean.shape)
    hit = rng.random(clean.shape) < 0.1
    return clean, np.where(hit, rng.choice([-2.0, 3.0], clean.shape), noisy), hit


def test_finds_what_was_hit(peppered):
    _, noisy, hit = peppered
    found = outliers(noisy)
    assert found[hit].mean() > 0.98
    assert found[~hit].mean() < 0.03
    assert not outliers(np.ones((9, 9))).any()


def test_outliers_are_not_seen_by_the_denoiser(peppered):
    clean, noisy, _ = peppered
    denoiser = ss.GaussianDenoiser(0.7)
    error = [
        np.abs(d.fit_transform(noisy[None])[0] - clean).mean()
        for d in (ss.OutlierRemover(denoiser), denoiser)
    ]
    assert error[0] < 0.1 * error[1]


def test_missing_and_channels(peppered):
    clean, noisy, _ = peppered
    holes = np.stack([noisy, clean], axis=-1)
    holes[:5, :5] = np.nan
    out = ss.OutlierRemover(ss.MedianDenoiser(1, channel_axis=-1), channel_axis=-1).transform(
        holes[None]
    )[0]
    assert np.isfinite(out).all()
    assert np.abs(out[..., 0] - clean).max() < 0.8


# -- isolated pixels, and what is none -------------------------------------------------------


def stars(rng, shape=(128, 128), fwhm=2.35):
    """Stars of 30 to 3000 above a ground of 100, as a lens draws them."""
    at, image = np.indices(shape), np.full(shape, 100.0)
    for _ in range(75):
        centre = rng.uniform(3, np.array(shape) - 4)
        square = ((at - centre[:, None, None]) ** 2).sum(axis=0)
        height = np.exp(rng.uniform(np.log(30), np.log(3000)))
        image += height * np.exp(-square / (2 * (fwhm / 2.355) ** 2))
    return image


def edges(rng, size=128):
    """A photograph at less than its size: sharp edges and fine structure."""
    return camera().reshape(size, 512 // size, size, 512 // size).mean(axis=(1, 3))


def psnr(out, clean):
    return 10 * np.log10(np.ptp(clean) ** 2 / np.mean((out - clean) ** 2))


@pytest.mark.parametrize("picture", [stars, edges])
@pytest.mark.parametrize("sigma", [2.0, 5.0, 10.0])
def test_it_does_no_harm_where_there_are_no_outliers(rng, picture, sigma):
    clean = picture(rng)
    noisy = clean + rng.normal(0, sigma, clean.shape)
    denoiser = ss.NLRidgeDenoiser(sigma)
    alone, removed = (d.transform(noisy[None])[0] for d in (denoiser, ss.OutlierRemover(denoiser)))
    assert psnr(removed, clean) > psnr(alone, clean) - 0.3
    if picture is stars:
        peaks = clean > 200
        assert np.abs(removed - alone)[peaks].max() < 3 * sigma
    # The negative control: all that is unusual, as it was before.
    unusual = np.where(unusual_pixels(noisy), np.nan, noisy)
    before = denoiser.transform(unusual[None])[0]
    if sigma < 10:
        assert psnr(before, clean) < psnr(alone, clean) - 1


@pytest.mark.parametrize(("share", "height"), [(0.0006, 150.0), (0.003, -150.0), (0.006, 150.0)])
@pytest.mark.parametrize("picture", [stars, edges])
def test_isolated_pixels_are_found(rng, picture, share, height):
    clean = picture(rng) if picture is stars else edges(rng, 256)
    noisy = clean + rng.normal(0, 10, clean.shape)
    hit = rng.random(clean.shape) < share
    struck = np.where(hit, noisy + height, noisy)
    found = outliers(struck)
    assert found[hit].mean() > 0.9
    assert found[~hit].mean() < 0.001
    denoiser = ss.NLRidgeDenoiser(10.0)
    out = ss.OutlierRemover(denoiser).transform(struck[None])[0]
    assert np.median(np.abs(out - clean)[hit]) < 10  # of 150, in noise of 10
    assert np.quantile(np.abs(out - clean)[hit], 0.9) < 30
    if picture is edges:
        assert psnr(out, clean) > psnr(denoiser.transform(noisy[None])[0], clean) - 0.5


def test_a_lone_hot_pixel_and_its_neighbour(rng):
    noisy = 100 + rng.normal(0, 5, (64, 64))
    noisy[20, 30] += 200
    noisy[40, 10:12] += 200  # two side by side
    assert set(map(tuple, np.argwhere(outliers(noisy)))) == {(20, 30), (40, 10), (40, 11)}
    line = noisy.copy()
    line[10] += 200  # a line is none, nor are its ends
    assert not outliers(line)[10].any()


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
def test_salt_and_pepper(rng, share):
    clean = edges(rng)
    noisy = np.clip(clean + rng.normal(0, 10, clean.shape), 0, 255)
    hit = rng.random(clean.shape) < share
    salted = np.where(hit, rng.choice([0.0, 255.0], clean.shape), noisy)
    off = hit & (np.abs(salted - clean) > 60)
    # As many as by the median alone.
    assert outliers(salted)[off].mean() >= 0.97 * unusual_pixels(salted)[off].mean()


def test_outliers_in_volumes(rng):
    volume = rng.normal(0, 1, (16, 24, 24))
    volume[4::6, 3::7, 5::9] += 30
    found = outliers(volume)
    assert found[4::6, 3::7, 5::9].all() and found.mean() < 0.01
    at = np.indices(volume.shape) - np.array([8, 12, 12]).reshape(3, 1, 1, 1)
    ball = 500 * np.exp(-(at**2).sum(axis=0) / 2)
    assert not outliers(rng.normal(0, 1, volume.shape) + ball).any()


@pytest.mark.parametrize("denoiser", [3, Ridge(), ss.PCARegression()])
def test_denoisers_that_do_not_fit(denoiser):
    with pytest.raises(TypeError, match="OutlierRemover expected"):
        ss.OutlierRemover(denoiser).fit(np.zeros((1, 8, 8)))


def test_a_learning_denoiser_is_refused():
    with pytest.raises(TypeError, match="that learns nothing, got .*after it in a pipeline"):
        ss.OutlierRemover(PatchMemory()).transform(np.zeros((1, 8, 8)))
