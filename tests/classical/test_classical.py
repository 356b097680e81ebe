# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage, sparse
from skimage import restoration

import selfsupervised as ss
from cases import CLASSICAL_DENOISERS
from selfsupervised.classical.median import neighbours
from selfsupervised.noise.level import noise_level

NAN = np.nan


@pytest.mark.parametrize("estimator", CLASSICAL_DENOISERS, ids=repr)
@pytest.mark.parametrize("shape", [(24, 24), (8, 9, 10)])
def test_denoises(estimator, shape):
    """Less error than the noisy image has, in 2-D and 3-D."""
    if len(shape) == 3 and isinstance(estimator, ss.BilateralDenoiser):
        pytest.skip("two spatial axes only")
    if isinstance(estimator, ss.FunctionDenoiser):
        pytest.skip("no denoiser, but a method that looks everywhere")
    rng = np.random.default_rng(0)
    clean = np.add.outer(*[np.sin(np.arange(n) / 6) for n in shape[:2]])
    clean = clean if len(shape) == 2 else np.repeat(clean[..., None], shape[2], axis=2)
    noisy = clean + rng.normal(0, 0.3, shape)
    out = estimator.fit_transform(noisy[None])[0]
    assert np.mean((out - clean) ** 2) < 0.95 * np.mean((noisy - clean) ** 2)


def test_through_scikit_image(noisy):
    """Inside, each method is what SciPy and scikit-image compute."""
    X = noisy[None]
    inner = np.s_[12:-12, 12:-12]
    pairs = [
        (ss.MedianDenoiser(2), ndimage.median_filter(noisy, footprint=_disk(2))),
        (ss.GaussianDenoiser(1.5), ndimage.gaussian_filter(noisy, 1.5)),
        (
            ss.GaussianDenoiser((1.5, 0.7), truncate=3),
            ndimage.gaussian_filter(noisy, (1.5, 0.7), truncate=3),
        ),
        (
            ss.BilateralDenoiser(0.3, 1.0),
            restoration.denoise_bilateral(noisy - noisy.min(), sigma_color=0.3, sigma_spatial=1.0)
            + noisy.min(),
        ),
        (ss.WaveletDenoiser(0.1), restoration.denoise_wavelet(noisy, sigma=0.1)),
        (ss.TotalVariationDenoiser(0.2), restoration.denoise_tv_chambolle(noisy, weight=0.2)),
        (
            ss.NonLocalMeansDenoiser(0.1),
            restoration.denoise_nl_means(noisy, h=0.1, patch_size=5, patch_distance=6),
        ),
    ]
    for estimator, expected in pairs:
        assert_allclose(
            estimator.transform(X)[0][inner], expected[inner], rtol=1e-9, err_msg=repr(estimator)
        )


def _disk(radius):
    footprint = np.zeros((2 * radius + 1,) * 2, dtype=bool)
    footprint[tuple((neighbours(radius, 2) + radius).T)] = True
    return footprint


def slow_median(image, steps):
    out = np.full(image.shape, NAN)
    for at in np.ndindex(image.shape):
        to = np.array(at) + steps
        to = to[((to >= 0) & (to < image.shape)).all(axis=1)]
        values = image[tuple(to.T)]
        values = values[~np.isnan(values)]
        if values.size:
            out[at] = np.median(values)
    return out


@pytest.mark.parametrize("shape", [(9, 11), (4, 5, 6)])
@pytest.mark.parametrize("radius", [1, 2])
@pytest.mark.parametrize("donut", [False, True])
def test_median_equals_a_loop(rng, monkeypatch, shape, radius, donut):
    monkeypatch.setattr("selfsupervised.classical.median.VALUES_PER_BLOCK", 400)  # several blocks
    image = rng.normal(size=shape)
    image[rng.random(shape) < 0.1] = NAN
    estimator = ss.MedianDenoiser(radius)
    method = estimator.transform_donut if donut else estimator.transform
    expected = slow_median(image, neighbours(radius, image.ndim, donut=donut))
    reached = ~np.isnan(expected)
    assert_allclose(method(image[None])[0][reached], expected[reached], rtol=1e-12)


def test_ball_counts():
    assert [len(neighbours(r, 2)) for r in range(1, 7)] == [5, 13, 29, 49, 81, 113]
    assert len(neighbours(1, 3)) == 7
    assert len(neighbours(3, 2, donut=True)) == 28


@pytest.mark.parametrize("estimator", [ss.MedianDenoiser(1), ss.GaussianDenoiser(0.4)])
def test_far_from_anything_measured(estimator):
    """Beyond reach the nearest results stand in, and no pixel sees itself through them."""
    X = np.full((1, 15, 15), NAN)
    X[0, 2, 3], X[0, 11, 12], X[0, 11, 2] = 1.0, 5.0, 9.0
    assert np.isfinite(estimator.transform(X)).all()
    donut = estimator.transform_donut(X)
    assert np.isfinite(donut).all()
    for at in ((2, 3), (11, 12), (11, 2)):
        changed = X.copy()
        changed[(0, *at)] += 1e6
        assert estimator.transform_donut(changed)[(0, *at)] == donut[(0, *at)]
    alone = np.full((1, 5, 5), NAN)
    alone[0, 2, 2] = 1.0
    with pytest.raises(ValueError, match="nothing to see beside the only measured"):
        estimator.transform_donut(alone)


def test_strengths_follow_the_noise(clean):
    """Default strengths are in units of the data, so scaling the data changes nothing."""
    noisy = clean + np.random.default_rng(0).normal(0, 0.1, clean.shape)
    for estimator in CLASSICAL_DENOISERS:
        out = estimator.transform(noisy[None])
        scaled = estimator.transform(1000 * noisy[None])
        assert_allclose(scaled, 1000 * out, rtol=1e-3, atol=3)


def test_median_of_huge_values():
    X = np.full((1, 5, 5), 3e38, dtype=np.float32)
    assert_array_equal(ss.MedianDenoiser().transform(X), X)
    assert_array_equal(ss.MedianDenoiser().transform_donut(X), X)


def test_lists_of_other_arrays(noisy):
    pandas = pytest.importorskip("pandas")
    (out,) = ss.MedianDenoiser().transform([pandas.DataFrame(noisy)])
    assert_array_equal(out, ss.MedianDenoiser().transform(noisy[None])[0])


def test_outliers_and_median():
    X = np.full((1, 9, 9), 3.0)
    X[0, 4, 4] = 1000
    assert_array_equal(ss.MedianDenoiser().transform(X), 3.0)


def test_two_and_many_channels(rng):
    for n_channels in (2, 4):
        X = rng.normal(size=(1, 9, 9, n_channels))
        out = ss.BilateralDenoiser(channel_axis=-1).transform(X)
        assert out.shape == X.shape


def test_no_noise_no_change():
    X = np.kron([[0.0, 1.0], [2.0, 3.0]], np.ones((8, 8)))[None]
    for estimator in CLASSICAL_DENOISERS[4:]:
        # Around a filter of fixed strength, which knows of no noise.
        if isinstance(estimator, ss.OutlierRemover | ss.SubsampledDenoiser):
            continue
        assert_array_equal(estimator.transform(X), X)
    assert_array_equal(ss.BilateralDenoiser().transform(X), X)


def test_noise_level(rng):
    noise = rng.normal(0, 3, (200, 200))
    assert noise_level(noise) == pytest.approx(3, rel=0.03)
    ramp = np.add.outer(np.arange(200.0), np.arange(200.0))
    assert noise_level(noise + ramp) == pytest.approx(3, rel=0.03)
    colour = np.stack([noise, 2 * noise], axis=-1)
    assert noise_level(colour, channel_axis=-1) == pytest.approx(4.5, rel=0.03)
    noise[::7] = NAN
    assert noise_level(noise) == pytest.approx(3, rel=0.3)
    assert noise_level(np.ones((5, 5))) == 0
    assert noise_level(np.ones((1, 1))) == 0
    assert noise_level(np.kron([[0.0, 1.0]], np.ones((16, 16)))) == 0


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (ss.MedianDenoiser(0), "'radius' parameter of MedianDenoiser must be an int"),
        (ss.MedianDenoiser(1.5), "'radius'"),
        (ss.GaussianDenoiser(0), "'sigma' parameter of GaussianDenoiser must be a positive number"),
        (ss.GaussianDenoiser((1, 2, 3)), "2 of them, one for each spatial axis"),
        (ss.GaussianDenoiser("wide"), "positive number.* Got 'wide'"),
        (ss.GaussianDenoiser(truncate=-1), "'truncate'"),
        (ss.GaussianDenoiser(np.nan), "'sigma'"),
        (ss.BilateralDenoiser(-1), "'sigma_color'"),
        (ss.WaveletDenoiser(wavelet="haarr"), "'wavelet'"),
        (ss.WaveletDenoiser(mode="medium"), "'mode' parameter .*soft"),
        (ss.TotalVariationDenoiser(0), "'weight'"),
        (ss.NonLocalMeansDenoiser(patch_size=0), "'patch_size'"),
        (ss.FunctionDenoiser("median"), "'func' .* callable"),
        (ss.FunctionDenoiser(lambda image: image[0]), r"shape \(8, 8\), got \(8,\)"),
    ],
)
def test_parameter_errors(estimator, message):
    with pytest.raises(ValueError, match=message):
        estimator.fit_transform(np.eye(8)[None])


def test_bilateral_refuses_volumes():
    with pytest.raises(ValueError, match="two spatial axes, got 3; for volumes use"):
        ss.BilateralDenoiser().transform(np.ones((1, 4, 4, 4)))


def test_function_arguments(noisy):
    estimator = ss.FunctionDenoiser(ndimage.uniform_filter, {"size": 5})
    assert_array_equal(estimator.transform(noisy[None])[0], ndimage.uniform_filter(noisy, 5))


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.ones((5, 5)), ValueError, r"X\[None\], .*or selfsupervised.denoise\(image\)"),
        (np.ones((2, 3, 4, 5, 6)), ValueError, "If the last axis holds channels"),
        (np.ones((2, 3, 3), complex), ValueError, "Complex data not supported"),
        (np.ones((2, 3, 3), object), TypeError, "dtype object; convert"),
        (np.full((2, 3, 3), "a"), TypeError, "expected numbers"),
        (np.full((2, 3, 3), np.inf), ValueError, "contains infinity; replace .* NaN"),
        (np.full((2, 3, 3), NAN), ValueError, "all NaN.*image 0; leave it out"),
        (np.ones((0, 3, 3)), ValueError, r"empty array of shape \(0, 3, 3\)"),
        ([[[1, 2], [3]]], ValueError, "nested sequences of unequal length"),
        ([np.ones((4, 4)), np.ones(4)], ValueError, "image 1 of the list"),
        ([np.ones((4, 4)), np.ones((4, 4, 4))], ValueError, "one dimensionality"),
        ([np.ones((4, 4)), np.full((4, 4), NAN)], ValueError, "image 1 of the list.*all NaN"),
    ],
)
def test_bad_images(X, error, message):
    with pytest.raises(error, match=message):
        ss.MedianDenoiser().fit(X)


def test_sparse_is_refused():
    with pytest.raises(TypeError, match="sparse matrix: pass X.toarray"):
        ss.MedianDenoiser().fit(sparse.csr_array(np.eye(5)))
