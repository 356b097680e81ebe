# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What people bring to `denoise`: thin axes, counts as integers, masks, what is no image."""

import warnings

import numpy as np
import pytest
from skimage.data import camera

import selfsupervised as ss
from cases import CLASSICAL_DENOISERS, smooth_image

FEW_COUNTS = "noise of this image of .* is less than about one unit"


@pytest.fixture(scope="module")
def noisy():
    clean = 100 * smooth_image((64, 72))
    return clean + np.random.default_rng(0).normal(0, 8, clean.shape)


# -- axes of length one ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "axes"),
    [("auto", [0]), ("nl_ridge", [2]), ("wavelet", [0, 1, 2, (0, 1)]), ("bilateral", [0])],
)
def test_thin_axes_do_not_count(noisy, method, axes):
    noisy = noisy[:40, :48]
    expected = ss.denoise(noisy, method)
    for axis in axes:
        thin = np.expand_dims(noisy, axis)
        out = ss.denoise(thin, method)
        assert out.shape == thin.shape
        np.testing.assert_array_equal(out.reshape(noisy.shape), expected)
    colours = np.stack([noisy, noisy[::-1]], axis=-1)
    thin = ss.denoise(colours[:, None], method, channel_axis=-1)
    np.testing.assert_array_equal(thin[:, 0], ss.denoise(colours, method, channel_axis=-1))


def test_thin_axes_cost_nothing(noisy, monkeypatch):
    """A denoiser never sees them, except one that has a strength for each axis: the control."""
    seen = []

    def denoise(self, image):
        seen.append(image.shape)
        return image

    monkeypatch.setattr(ss.NLRidgeDenoiser, "_denoise", denoise)
    ss.denoise(noisy[None], ss.NLRidgeDenoiser(8.0))
    ss.denoise(noisy[..., None], ss.NLRidgeDenoiser(8.0))
    monkeypatch.setattr(ss.GaussianDenoiser, "_denoise", denoise)
    ss.GaussianDenoiser((0.0, 1.0, 1.0)).transform(noisy[None, None])
    assert seen == 2 * [noisy.shape] + [(1, *noisy.shape)]


@pytest.mark.parametrize("denoiser", CLASSICAL_DENOISERS, ids=lambda d: type(d).__name__)
def test_thin_axes_of_estimators(denoiser, noisy):
    """As without them; the negative control is an axis with a strength of its own."""
    expected = denoiser.fit(noisy[None]).transform(noisy[None])[0]
    thin = noisy[None, None]
    np.testing.assert_allclose(denoiser.fit(thin).transform(thin)[0, 0], expected, rtol=1e-9)
    each = ss.GaussianDenoiser((5.0, 1.0, 2.0)).transform(thin)[0, 0]
    np.testing.assert_allclose(each, ss.GaussianDenoiser((1.0, 2.0)).transform(noisy[None])[0])


def test_lone_lines_keep_two_axes(rng):
    line = rng.normal(size=(1, 1, 40))
    assert ss.denoise(line, "gaussian").shape == line.shape


@pytest.mark.parametrize(
    ("shape", "axis"), [((32, 40, 3), -1), ((4, 32, 40), 0), ((1, 24, 20, 2), -1)]
)
def test_what_looks_like_channels(rng, shape, axis):
    image = rng.normal(size=shape)
    with pytest.warns(UserWarning, match=f"pass channel_axis={axis}") as caught:
        ss.denoise(image, "gaussian")
    assert caught[0].filename == __file__
    if len(shape) == 3:
        ss.denoise(image, "gaussian", channel_axis=axis)
    ss.denoise(rng.normal(size=(6, 32, 40)), "gaussian")  # a volume, without a warning


# -- integers ----------------------------------------------------------------------------------


def total_is_kept(out, counts):
    return abs(out.sum(dtype=float) - counts.sum(dtype=float)) < 3 * np.sqrt(counts.sum())


@pytest.mark.parametrize("method", ["gaussian", "median", "nl_ridge"])
def test_few_counts_are_not_rounded_away(method):
    clean = camera()[::4, ::4].astype(float)
    counts = np.random.default_rng(0).poisson(0.3 * clean / clean.mean()).astype(np.uint8)
    denoiser = {
        "gaussian": ss.GaussianDenoiser(2),
        "median": ss.VarianceStabilizer(ss.GaussianDenoiser(2), gain=1, variance=0),
        "nl_ridge": ss.VarianceStabilizer(ss.NLRidgeDenoiser(1), gain=1, variance=0),
    }[method]
    with pytest.warns(UserWarning, match=FEW_COUNTS):
        out = ss.denoise(counts, denoiser)
    assert out.dtype == np.float64
    expected = denoiser.fit(counts[None]).transform(counts[None])[0]
    np.testing.assert_array_equal(out, expected)
    if method == "gaussian":
        assert total_is_kept(out, counts)
    # The negative control: what rounding makes of it.
    integers = ss.denoise(counts, denoiser, dtype=np.uint8)
    assert integers.dtype == np.uint8 and not total_is_kept(integers, counts)


def test_flat_counts():
    counts = np.random.default_rng(1).poisson(0.2, (64, 64)).astype(np.uint16)
    with pytest.warns(UserWarning, match=FEW_COUNTS):
        out = ss.denoise(counts, "gaussian")
    assert total_is_kept(out, counts)


def test_dtype_may_be_asked_for(noisy):
    image = np.clip(noisy, 0, 255).astype(np.uint8)
    assert ss.denoise(image, "gaussian").dtype == np.uint8  # noise of many units
    wide = ss.denoise(image, "gaussian", dtype=np.float32)
    assert wide.dtype == np.float32 and (wide != np.rint(wide)).any()
    assert ss.denoise(noisy, "gaussian", dtype="uint16").dtype == np.uint16
    assert ss.denoise(noisy > 30, "gaussian").dtype == bool
    clean = np.kron(np.arange(64).reshape(8, 8) % 5, np.ones((8, 8), dtype=int))
    assert ss.denoise(clean, lambda x: x).dtype == clean.dtype  # no noise, and nothing lost
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ss.denoise(np.ones((9, 9), np.uint8), "gaussian", dtype=float).dtype == float
    with pytest.raises(ValueError, match="expected dtype to be of numbers, got complex"):
        ss.denoise(noisy, dtype=complex)


# -- what was not measured, and what is no image -----------------------------------------------


def test_pixels_missing_here_and_there_do_not_hide_the_noise(rng):
    """Each block holds some; before, no block was judged, and the image came back as it was."""
    clean = 60 * smooth_image((56, 56))
    noisy = clean + rng.normal(0, 5, clean.shape)
    noisy[rng.random(clean.shape) < 0.1] = np.nan
    assert ss.estimate_noise(noisy, "full").channels[0].level == pytest.approx(5, rel=0.25)
    error = ss.denoise(noisy) - clean
    assert np.sqrt(np.mean(error**2)) < 0.7 * np.nanstd(noisy - clean)


@pytest.mark.parametrize("channel_axis", [None, 0])
def test_missing_may_stay_missing(noisy, channel_axis):
    image = noisy if channel_axis is None else np.stack([noisy, noisy[::-1]])
    missing = np.zeros(image.shape, dtype=bool)
    missing[..., 10:14, 20:30] = True
    holes = np.where(missing, np.nan, image)
    options = {"method": "gaussian", "channel_axis": channel_axis}
    filled = ss.denoise(holes, **options)
    assert np.isfinite(filled).all()
    kept = ss.denoise(holes, keep_missing=True, **options)
    np.testing.assert_array_equal(kept, np.where(missing, np.nan, filled))
    masked = np.ma.array(np.rint(image).astype(np.int16), mask=missing)
    out = ss.denoise(masked, keep_missing=True, **options)
    assert isinstance(out, np.ma.MaskedArray) and out.dtype == np.int16
    np.testing.assert_array_equal(out.mask, missing)
    assert not np.ma.isMaskedArray(ss.denoise(masked, **options))
    with pytest.raises(ValueError, match="keep_missing=True expected a floating dtype for NaN"):
        ss.denoise(holes, keep_missing=True, dtype=np.uint8, **options)


def test_six_channels_bring_no_warning_of_others(rng):
    image = rng.normal(size=(24, 24, 6))
    assert ss.denoise(image, "bilateral", channel_axis=-1).shape == image.shape


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 1), r"expected more than one pixel, got shape \(1, 1\)"),
        ((1, 1, 1), r"expected more than one pixel, got shape \(1, 1, 1\)"),
        ((2, 3, 8, 8), "pass channel_axis. Denoise the images of a series one by one"),
        ((9,), "2 or 3 spatial axes, got 1"),
    ],
)
def test_what_is_no_image(shape, message):
    with pytest.raises(ValueError, match=message):
        ss.denoise(np.ones(shape))
