# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The object that says what the noise is, and each of its parts."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from skimage import data
from skimage.draw import line
from skimage.transform import resize

import selfsupervised as ss
from cases import smooth_image
from selfsupervised.noise import counted, isolated
from selfsupervised.noise.cleaning import clean_plane
from selfsupervised.noise.counted import count_step
from selfsupervised.noise.directions import around_pairs, directions, pairs, squares_around
from selfsupervised.noise.drawn import constant_blocks, step_of
from selfsupervised.noise.isolated import isolated_pixels
from selfsupervised.noise.line_offsets import line_offsets
from selfsupervised.noise.measure import measure_noise
from selfsupervised.noise.one_direction import level_along
from selfsupervised.noise.similar_blocks import SimilarBlocks

RAMP = np.add.outer(np.linspace(2, 60, 128), np.linspace(2, 60, 128))


def full(image, **kwargs):
    return ss.estimate_noise(image, "full", **kwargs)


@pytest.mark.parametrize("sigma", [0.5, 4.0, 50.0])
def test_level_lies_in_its_interval(rng, sigma):
    (noise,) = full(RAMP + rng.normal(0, sigma, RAMP.shape)).channels
    assert noise.level == pytest.approx(sigma, rel=0.05)
    assert noise.low <= sigma <= noise.high
    assert not noise.grows


def test_no_noise_is_an_answer(rng):
    assert full(RAMP).none
    assert full(255 * (RAMP > 60)).none
    assert full(np.rint(RAMP)).none
    assert not full(RAMP + rng.normal(0, 1, RAMP.shape)).none
    assert "no noise" in full(RAMP).describe()


def test_growing_noise(rng):
    noise = full(2.5 * rng.poisson(RAMP) + 0.25)
    (channel,) = noise.channels
    assert channel.line.gain == pytest.approx(2.5, rel=0.15)
    assert "grows with the signal" in repr(noise)


def test_channels(rng):
    image = np.stack([RAMP, 10 * RAMP, np.ones_like(RAMP)], -1) + rng.normal(size=(128, 128, 3)) * [
        1,
        20,
        0,
    ]
    noise = full(image, channel_axis=-1)
    levels = [channel.level for channel in noise.channels]
    np.testing.assert_allclose(levels, [1, 20, 0], rtol=0.06)
    assert noise.describe().count("\n") == 2
    assert noise.std(image).shape == noise.sample(image, 0).shape == image.shape
    with pytest.raises(ValueError, match="3 channels got an image of 2"):
        noise.sample(image[..., :2])


def test_samples_are_of_that_noise(rng):
    white = full(RAMP + rng.normal(0, 3, RAMP.shape))
    drawn = white.sample(RAMP, 1)
    assert drawn.std() == pytest.approx(white.channels[0].level, rel=0.03)
    np.testing.assert_array_equal(drawn, white.sample(RAMP, 1))
    assert not np.array_equal(drawn, white.sample(RAMP, 2))
    line = ss.NoiseModel(2.0, 1.0)
    growing = ss.ImageNoise((ss.ChannelNoise(3.0, 2.9, 3.1, line=line),))
    drawn = growing.sample(RAMP, 1)
    assert drawn[:40, :40].std() < drawn[-40:, -40:].std() / 1.5
    shared = ss.ImageNoise((ss.ChannelNoise(2.0, 2.0, 2.0, correlation=(0.0, 0.6)),))
    lags = ss.noise_correlation(shared.sample(np.zeros((256, 256)), 1), max_lag=1)
    assert lags[1, 2] == pytest.approx(0.6, abs=0.05)
    assert abs(lags[2, 1]) < 0.05
    assert shared.sample(np.zeros((256, 256)), 1).std() == pytest.approx(2, rel=0.05)
    assert "share noise" in shared.describe()


def test_steps_and_counts(rng):
    assert step_of(np.array([0.0, 0.5, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0])) == 0.5
    assert step_of(rng.normal(size=100)) == 0
    assert step_of(np.ones(9)) == 0
    assert count_step(rng.poisson(RAMP / 10).astype(float)) == 1
    assert count_step(3.0 * rng.poisson(RAMP / 10)) == 3
    assert count_step(np.rint(RAMP + rng.normal(0, 7, RAMP.shape) + 50)) == 0
    assert count_step(rng.poisson(RAMP / 10) + 0.5) == 0
    assert count_step(np.zeros((3, 3))) == 0


def test_counts_of_what_has_much_structure(rng):
    """Pairs count where little varies around them; noise of one level is not as its mean is."""
    rate = 1 + 14 * resize(data.astronaut()[..., 1], (96, 96), anti_aliasing=True)
    assert count_step(rng.poisson(rate).astype(float)) == 1
    level = np.sqrt(rate.mean())
    assert count_step(np.rint(np.maximum(rate + rng.normal(0, level, rate.shape), 0))) == 0


def test_constant_blocks(rng):
    assert constant_blocks(255.0 * (RAMP > 60))[:2] == pytest.approx((0.95, 0), abs=0.05)
    assert constant_blocks(rng.normal(size=(64, 64))) == (0, 0, 0)
    assert constant_blocks(np.floor(RAMP / 30))[2] == 3


def test_isolated_pixels(rng):
    noisy = RAMP + rng.normal(0, 2, RAMP.shape)
    assert not isolated_pixels(noisy, 2.0).any()
    hot = rng.random(RAMP.shape) < 0.003
    found = isolated_pixels(noisy + 60 * hot, 2.0)
    assert found[hot].mean() > 0.9 and not found[~hot].any()
    assert isolated_pixels(noisy - 60 * hot, 2.0)[hot].mean() > 0.9
    stars = RAMP.copy()
    y, x = np.indices(RAMP.shape)
    for row, column in rng.integers(5, 120, (20, 2)):
        stars += 60 * np.exp(-((y - row) ** 2 + (x - column) ** 2) / 2)
    assert not isolated_pixels(stars + rng.normal(0, 2, RAMP.shape), 2.0).any()


def test_isolated_pixels_beside_an_edge_are_filled_from_their_side(rng):
    cut = np.where(np.arange(128) < 64, RAMP, -9999.0) + rng.normal(0, 2, RAMP.shape)
    cut[5:128:12, 62] += 60
    cleaned = clean_plane(cut)
    assert cleaned.isolated.any()
    assert np.abs(cleaned.plane - cut)[cleaned.isolated].max() < 80


@pytest.mark.parametrize("axis", [0, 1])
def test_line_offsets(rng, axis):
    noisy = RAMP + rng.normal(0, 3, RAMP.shape)
    assert not line_offsets(noisy, axis, 3.0).any()
    offsets = rng.normal(0, 5, 128)
    struck = noisy + np.expand_dims(offsets, 1 - axis)
    found = line_offsets(struck, axis, 3.0)
    assert np.corrcoef(found, offsets)[0, 1] > 0.9
    assert not line_offsets(struck, 1 - axis, 3.0).any()
    stairs = np.repeat(rng.uniform(0, 200, 16), 8)[:, None] + noisy
    assert not line_offsets(stairs, 0, 3.0).any()


def test_line_offsets_where_the_image_has_edges_along_lines(rng):
    """Where most of a line turns dark at once, that step does not count."""
    page = np.full((96, 128), 200.0)
    page[20:28, 10:120], page[60:61] = 30, 0
    page[::7, rng.random(128) < 0.5] = 90
    offsets = rng.normal(0, 5, 96)
    noisy = page + rng.normal(0, 5, page.shape)
    assert not line_offsets(noisy, 0, 5.0).any()
    found = line_offsets(noisy + offsets[:, None], 0, 5.0)
    assert np.std(found - offsets) < 0.4 * offsets.std()


def test_similar_blocks_tell_shared_noise(rng):
    white = rng.normal(0, 5, (160, 160))
    shared = (white[1:, 1:] + white[:-1, 1:] + white[1:, :-1] + white[:-1, :-1]) / 4
    scene = 50 * np.sin(np.arange(160) / 5)[:, None] * np.ones(160)
    assert np.abs(SimilarBlocks(scene + white).correlation).max() < 0.25
    assert SimilarBlocks(scene[1:, 1:] + shared).correlation.min() > 0.3
    assert np.isnan(SimilarBlocks(white[:20]).correlation).all()


@pytest.mark.parametrize("shape", [(1, 512), (20, 24, 28), (64, 64, 1)])
def test_shapes(rng, shape):
    noise = full(100 + rng.normal(0, 3, shape))
    assert noise.channels[0].level == pytest.approx(3, rel=0.35)
    assert isinstance(noise.describe(), str)
    holes = np.where(rng.random(shape) < 0.1, np.nan, 100 + rng.normal(0, 3, shape))
    assert full(holes).channels[0].level == pytest.approx(3, rel=0.35)


def test_missing_pixels_do_not_weaken_the_noise(rng):
    """What is filled in where nothing was measured is smoother than noise, and does not count."""
    noisy = smooth_image((96, 96)) + rng.normal(0, 0.1, (96, 96))
    whole = ss.estimate_noise(noisy, "full").channels[0].level
    missing = np.where(rng.random(noisy.shape) < 0.1, np.nan, noisy)
    assert ss.estimate_noise(missing, "full").channels[0].level == pytest.approx(whole, rel=0.04)
    # Negative control: filled, they do.
    filled = ss.estimate_noise(ss.fill_missing(missing[None])[0], "full").channels[0].level
    assert filled < 0.93 * whole


def bars():
    rng = np.random.default_rng(0)
    lines = np.repeat(rng.integers(0, 2, 96), rng.integers(1, 5, 96))[:96]
    return np.tile(3.0 + 27 * lines, (96, 1))


def spokes():
    rows, columns = np.indices((96, 96)) - 47.5
    return 16 + 14 * np.sign(np.sin(24 * np.arctan2(rows, columns)))


def fringes(slant):
    rows, columns = np.indices((96, 96))
    return 16 + 14 * np.sin(2 * np.pi * (columns + slant * rows) / 6)


@pytest.mark.parametrize(("image", "across"), [(bars(), 1.1), (bars().T, 1.1), (fringes(0.5), 1.5)])
def test_counts_are_told_along_bars_and_fringes(image, across):
    """Across them neighbours differ by more than counts do: the control."""
    counts = np.random.default_rng(0).poisson(image).astype(float)
    assert count_step(counts) == 1
    medians = [np.median(counted._ratios(counts, way)[0]) for way in directions(2)]
    assert min(medians) < 1.05 < across < max(medians)
    assert count_step(np.rint(3 * counts / 2)) == 0  # numbers whose variance is not their mean


def test_shared_noise_is_no_counts_though_neighbours_differ_as_those_do():
    """As white noise of that strength is taken for counts: the control."""
    brightness = 40 + 80 * smooth_image((128, 128))
    white = np.random.default_rng(0).normal(size=brightness.shape)
    shared = gaussian_filter(white, 0.8)
    for noise, expected in ((white, 1), (shared, 0)):
        differ = np.std(np.diff(noise, axis=0)) / np.sqrt(2)
        noisy = np.rint(brightness + np.sqrt(brightness) * noise / differ)
        assert count_step(noisy) == expected


def test_noise_by_its_autocovariance():
    covariance = 9 * np.exp(-np.square(np.indices((5, 5)) - 2).sum(axis=0) / 2)
    channel = ss.ChannelNoise.of_autocovariance(covariance, error_ratio=1.5, step=1.0)
    assert (channel.level, channel.low, channel.high, channel.step) == (3, 2, 4.5, 1)
    assert channel.correlation == pytest.approx(2 * (np.exp(-0.5),))
    assert channel.autocovariance is covariance
    none = ss.ChannelNoise.of_autocovariance(np.zeros((5, 5)))
    assert (none.level, none.correlation, none.autocovariance) == (0, (0, 0), None)
    with pytest.raises(ValueError, match=r"odd sizes, with lag 0 .*; got shape \(4, 5\)"):
        ss.ChannelNoise.of_autocovariance(np.ones((4, 5)))


def test_scaled_noise(rng):
    """As that of the image times the same factor; of shared noise the autocovariance, too."""
    noisy = RAMP + np.sqrt(RAMP) * rng.normal(size=RAMP.shape)
    (one,), (other,) = (measure_noise(k * noisy).channels for k in (1.0, 8.0))
    assert one.scaled(8.0) == other
    assert one.line is not None
    shared = ss.ChannelNoise.of_autocovariance(np.ones((3, 3))).scaled(3.0)
    assert (shared.level, shared.autocovariance[1, 1]) == (3, 9)


@pytest.mark.parametrize("way", directions(2))
def test_what_is_around_a_pair_has_no_part_in_it(rng, way):
    image = rng.normal(size=(16, 17))
    first, second = pairs(image, way)
    inner = (5, 6)
    at = np.add(inner, np.maximum(0, np.negative(way)))
    ends = np.array([at, np.add(at, way)])
    assert (first[inner], second[inner]) == (image[tuple(ends[0])], image[tuple(ends[1])])
    low, high = ends.min(axis=0) - 2, ends.max(axis=0) + 3
    total = image[low[0] : high[0], low[1] : high[1]].sum()
    expected = total - first[inner] - second[inner]
    assert around_pairs(image, way)[inner] == pytest.approx(expected)
    squares = np.square(first - second)
    for pixel in ends:
        other = image.copy()
        other[tuple(pixel)] += 9
        moved = np.square(np.subtract(*pairs(other, way)))
        around = squares_around(squares, way), squares_around(moved, way)
        assert around[0][inner] == pytest.approx(around[1][inner])
        assert np.abs(around[0] - around[1]).max() > 1


@pytest.mark.parametrize("slant", [0, 0.5, -1])
def test_white_noise_is_told_along_fringes(slant):
    noise = np.random.default_rng(0).normal(0, 4, (96, 96))
    found = level_along(5 * fringes(slant) + noise)
    assert found.level == pytest.approx(4, rel=0.04)
    assert found.share > 0.9
    channel = measure_noise(5 * fringes(slant) + noise).channels[0]
    assert channel.low < 4 < channel.high
    assert not any(channel.correlation)
    # Neither noise that neighbours share nor a picture without noise is white along any direction.
    shared = gaussian_filter1d(noise, 0.6, axis=0)
    for other in (shared, 5 * fringes(slant) + shared, 5 * fringes(slant)):
        assert level_along(other).share == 0


def test_hot_pixels_among_what_a_lens_has_spread(monkeypatch):
    rng, image = np.random.default_rng(2), np.zeros((96, 96))
    for _ in range(25):
        image[line(*rng.integers(0, 96, 4))] = rng.uniform(80, 250)
    image = 20 + 2.5 * gaussian_filter(image, 1.0)
    hot = rng.random(image.shape) < 0.003
    noisy = image + rng.normal(0, 10, image.shape) + 150 * hot
    found = isolated_pixels(noisy, 10.0)
    assert found[hot].mean() > 0.8
    assert not found[~hot].any()
    # The control: by how far they are off alone, lines are taken for structure of one pixel.
    monkeypatch.setattr(isolated, "MIN_NARROW_SHARE", -1.0)
    assert not isolated_pixels(noisy, 10.0).any()
