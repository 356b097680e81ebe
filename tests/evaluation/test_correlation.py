# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Noise that neighbouring pixels share: measured, told from structure, and hidden from."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import correlate1d, gaussian_filter
from sklearn.model_selection import GridSearchCV

import selfsupervised as ss
from cases import smooth_image
from selfsupervised.evaluation.independence import _known, warn_if_correlated
from selfsupervised.noise.correlation import correlated_noise

KERNEL = np.array([0.3, 1.0, 0.3])  # correlates neighbours by 0.51, pixels two apart by 0.08


def blurred(noise, *axes):
    for axis in axes:
        noise = correlate1d(noise, KERNEL / np.linalg.norm(KERNEL), axis=axis, mode="wrap")
    return noise


def textured(shape, seed=0):
    """Edges, slopes and fine texture in a part of the picture, values about 0 to 1."""
    rng = np.random.default_rng(seed)
    texture = gaussian_filter(rng.normal(size=shape), 1.5)
    image = smooth_image(shape, seed)
    image[..., shape[-1] // 2 :] += 0.2 * (texture / texture.std())[..., shape[-1] // 2 :]
    return image


@pytest.fixture(scope="module")
def picture():
    return textured((256, 256))


def test_autocorrelation(rng):
    noise = blurred(rng.normal(size=(300, 300)), 1)
    measured = ss.noise_correlation(noise)
    assert measured.shape == (5, 5)
    assert measured[2, 2] == 1
    assert_array_equal(measured, measured[::-1, ::-1])
    side = KERNEL[0] * 2 / (KERNEL @ KERNEL)
    assert_allclose(measured[2, 3], side, atol=0.02)
    assert_allclose(measured[1, 2:4], 0, atol=0.02)
    assert_allclose(ss.noise_correlation(5 * noise.T + 3), measured.T, atol=1e-9)


def test_autocorrelation_of_what_was_measured(rng):
    noise = blurred(rng.normal(size=(300, 300)), 1)
    gaps = np.where(rng.random(noise.shape) < 0.3, np.nan, noise)
    assert_allclose(ss.noise_correlation(gaps), ss.noise_correlation(noise), atol=0.02)
    masked = np.ma.masked_invalid(gaps)
    assert_array_equal(ss.noise_correlation(masked), ss.noise_correlation(gaps))
    columns = np.where(np.arange(300) % 2, np.nan, noise)
    assert np.isnan(ss.noise_correlation(columns)[2, [1, 3]]).all()


def test_autocorrelation_of_channels_and_volumes(rng):
    noise = blurred(rng.normal(size=(60, 60, 3)), 0)
    each = [ss.noise_correlation(noise[..., c]) for c in range(3)]
    shifted = noise + [0, 10, 20]  # channels have means of their own
    assert_allclose(ss.noise_correlation(shifted, channel_axis=-1), np.mean(each, axis=0))
    volume = ss.noise_correlation(blurred(rng.normal(size=(30, 40, 50)), 0), max_lag=1)
    assert volume.shape == (3, 3, 3)
    assert volume[2, 1, 1] > 0.45
    assert abs(volume[1, 2, 1]) < 0.03


@pytest.mark.parametrize(
    ("residual", "kwargs", "message"),
    [
        (np.ones((8, 8)), {}, "constant"),
        (np.full((8, 8), np.nan), {}, "not measured"),
        (np.ones(8), {}, "2 or 3 spatial axes, got shape"),
        (np.ones((8, 8, 8, 8)), {}, "2 or 3 spatial axes, got shape"),
        (np.ones((8, 2)), {}, "more than 2 pixels along each axis"),
        (np.ones((8, 8)), {"max_lag": 0}, "positive integer; got 0"),
        (np.ones((8, 8)), {"max_lag": 1.5}, "positive integer; got 1.5"),
        (np.ones((8, 8, 3)), {"channel_axis": 0}, "channel_axis=None"),
    ],
)
def test_autocorrelation_errors(residual, kwargs, message):
    with pytest.raises(ValueError, match=message):
        ss.noise_correlation(residual, **kwargs)


def salt_and_pepper(rng, image):
    draws = rng.random(image.shape)
    return np.where(draws < 0.05, 0, np.where(draws > 0.95, 1, image))


WHITE = {
    "weak": lambda rng, image: image + rng.normal(0, 0.04, image.shape),
    "strong": lambda rng, image: image + rng.normal(0, 0.2, image.shape),
    "clipped": lambda rng, image: np.clip(image + rng.normal(0, 0.2, image.shape), 0, 1),
    "poisson": lambda rng, image: rng.poisson(10 * image.clip(0)) / 10,
    "salt and pepper": salt_and_pepper,
    "missing": lambda rng, image: np.where(
        rng.random(image.shape) < 0.2, np.nan, image + rng.normal(0, 0.1, image.shape)
    ),
    "none, and drawn": lambda rng, image: np.round(smooth_image(image.shape)),
    "none, and smooth": lambda rng, image: np.outer(*[np.sin(np.arange(256) / 40)] * 2),
}


@pytest.mark.parametrize("name", WHITE)
def test_structure_does_not_pass_for_correlated_noise(rng, picture, name):
    verdict = correlated_noise(WHITE[name](rng, picture)[None])
    assert verdict.footprint is None
    assert verdict.lags.shape == (2, 3)
    assert (np.abs(verdict.lags[:, 0]) < 0.15).all()


@pytest.mark.parametrize("scale", [0.04, 0.2])
@pytest.mark.parametrize(
    ("axes", "footprint"), [((1,), "horizontal"), ((0,), "vertical"), ((0, 1), "disk")]
)
def test_correlated_noise_is_found(rng, picture, scale, axes, footprint):
    noisy = picture + scale * blurred(rng.normal(size=picture.shape), *axes)
    verdict = correlated_noise(noisy[None])
    assert verdict.footprint == footprint
    assert_allclose(verdict.lags[list(axes), 0], 0.5, atol=0.1)
    color = np.stack([noisy, noisy[::-1], noisy[:, ::-1]], axis=-1)
    assert correlated_noise(color[None], channel_axis=-1).footprint == footprint
    assert correlated_noise([noisy, noisy[:100]]).footprint == footprint
    gaps = np.where(rng.random(noisy.shape) < 0.05, np.nan, noisy)
    assert correlated_noise(gaps[None]).footprint == footprint


def test_stripes_are_found(rng, picture):
    white, stripes = rng.normal(size=picture.shape), rng.normal(size=(256, 1))
    noisy = picture + 0.2 * (0.8 * white + 0.6 * stripes)
    assert correlated_noise(noisy[None]).footprint == "horizontal"
    assert correlated_noise(noisy.T[None]).footprint == "vertical"


def test_volumes(rng):
    clean, noise = smooth_image((24, 64, 64)), rng.normal(size=(24, 64, 64))
    for axes, footprint in [((), None), ((2,), "horizontal"), ((1,), "vertical"), ((0,), "disk")]:
        verdict = correlated_noise((clean + 0.2 * blurred(noise, *axes))[None])
        assert verdict.footprint == footprint
    flat = (clean + noise)[None, :1]
    assert correlated_noise(flat).lags.shape == (3, 3)


def test_small_pictures_are_given_the_benefit_of_the_doubt(rng):
    for number in range(10):
        image = textured((48, 48), number) + rng.normal(0, 0.1, (48, 48))
        assert correlated_noise(image[None]).footprint is None
    assert correlated_noise(np.ones((1, 1, 1))).footprint is None
    assert correlated_noise(rng.normal(size=(1, 2, 200))).footprint is None


def test_large_pictures_cost_no_more(rng):
    large = np.broadcast_to(rng.normal(size=(1, 400)), (40000, 400))[None]  # a view of one row
    assert correlated_noise(large.astype(np.float32)).lags.shape == (2, 3)


def test_warning_says_what_to_pass(rng, picture):
    X = (picture + 0.2 * blurred(rng.normal(size=picture.shape), 0, 1))[None]
    message = r"0\.[45]\d along rows, 0\.[45]\d along columns.*PixelGrid\(footprint='disk'\)"
    for partition in (None, ss.PixelGrid(), ss.SinglePixels(), ss.RandomPixels(footprint=[[1]])):
        with pytest.warns(ss.CorrelatedNoiseWarning, match=message):
            warn_if_correlated(X, partition)
    with pytest.warns(ss.CorrelatedNoiseWarning, match=r"\(0\.[45]\d along columns\)"):
        warn_if_correlated(X, ss.PixelGrid(footprint="horizontal"))
    for partition in (ss.PixelGrid(footprint="disk"), ss.Repeats(), ss.FeatureBlocks()):
        warn_if_correlated(X, partition)
    color = np.repeat(X[..., None], 3, axis=-1)
    warn_if_correlated(color, ss.PixelGrid(footprint="disk", per_channel=True), channel_axis=-1)


def search(X, partition="auto", scoring=True):
    return GridSearchCV(
        ss.JInvariantWrapper(ss.GaussianDenoiser(), partition=partition),
        {"estimator__sigma": [0.5, 1, 2]},
        scoring=ss.SelfSupervisedScorer() if scoring else None,
        cv=ss.SameSplit(),
        error_score="raise",
    ).fit(X)


@pytest.mark.parametrize("scoring", [True, False])
def test_a_search_warns_once_and_measures_once(rng, picture, scoring):
    X = (picture + 0.2 * blurred(rng.normal(size=picture.shape), 1))[None]
    _known.clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search(X, scoring=scoring)
    assert [w.category for w in caught] == [ss.CorrelatedNoiseWarning]
    assert len(_known) == 1
    search(X, ss.PixelGrid(footprint="horizontal"))  # warns of nothing
    search((picture + 0.2 * rng.normal(size=picture.shape))[None])
    for _ in range(20):
        warn_if_correlated(rng.normal(size=(1, 9, 9)))
    assert len(_known) <= 16
    with pytest.warns(ss.CorrelatedNoiseWarning):
        ss.self_supervised_loss(ss.GaussianDenoiser(), list(X))
    ss.self_supervised_loss(ss.GaussianDenoiser(), list(X))  # said before
    with pytest.warns(ss.CorrelatedNoiseWarning):
        warn_if_correlated(list(X))


@pytest.mark.parametrize(
    ("denoiser", "grid"),
    [
        (ss.GaussianDenoiser(), {"sigma": [0.5, 0.7, 1, 1.4, 2, 2.8]}),
        (ss.MedianDenoiser(), {"radius": [1, 2, 3, 4, 5]}),
    ],
    ids=["gaussian", "median"],
)
@pytest.mark.filterwarnings("ignore::selfsupervised.CorrelatedNoiseWarning")
def test_footprint_finds_the_strength_of_least_error(rng, denoiser, grid):
    """Shared noise lets weak denoisers look good, but not when the neighbours are hidden too."""
    clean = smooth_image((128, 128))
    X = (clean + 0.2 * blurred(rng.normal(size=clean.shape), 1))[None]
    (name, values), errors, losses = *grid.items(), [], {None: [], "horizontal": []}
    for value in values:
        denoiser.set_params(**{name: value})
        errors.append(np.mean((denoiser.transform(X) - clean) ** 2))
        for footprint, found in losses.items():
            partition = ss.PixelGrid(6, footprint=footprint)
            found.append(ss.self_supervised_loss(denoiser, X, partition=partition, n_subsets=8))
    best, plain, chosen = map(int, map(np.argmin, (errors, losses[None], losses["horizontal"])))
    assert plain < best
    assert abs(chosen - best) <= 1 and chosen > plain
    assert errors[chosen] < 1.1 * errors[best] < 0.8 * errors[plain]
