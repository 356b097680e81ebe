# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import selfsupervised as ss
from cases import smooth_image
from selfsupervised.auto import blind, choose
from selfsupervised.auto.crops import sample
from selfsupervised.auto.families import FAMILIES
from selfsupervised.auto.look import mosaic
from selfsupervised.noise.correlation import CorrelationVerdict


def psnr(image, clean):
    return 10 * np.log10(1 / np.mean((np.asarray(image, float) - clean) ** 2))


def test_auto_denoises_and_tells(clean, noisy):
    out, search = ss.denoise(noisy, return_search=True)
    assert psnr(out, clean) > psnr(noisy, clean) + 5
    tried = {type(params["estimator"]) for params in search.cv_results_["params"]}
    kinds = {family for family, *_ in FAMILIES.values()} | {ss.FunctionDenoiser}
    assert tried == kinds
    assert search.best_score_ == search.cv_results_["mean_test_score"][search.best_index_]
    assert isinstance(search.denoiser_, ss.NLRidgeDenoiser)


@pytest.mark.parametrize("method", sorted(FAMILIES))
def test_one_family(clean, noisy, method):
    out, search = ss.denoise(noisy, method, return_search=True)
    assert psnr(out, clean) > psnr(noisy, clean) + 2
    assert {type(p["estimator"]) for p in search.cv_results_["params"]} == {FAMILIES[method][0]}


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int64, np.float32, np.float16])
def test_dtype_and_range(dtype):
    image = 100 * smooth_image((32, 32)) + np.random.default_rng(0).normal(0, 8, (32, 32))
    image = np.clip(image, 0, 127).astype(dtype)
    out = ss.denoise(image, "gaussian")
    assert out.dtype == dtype
    assert out.shape == image.shape
    assert abs(out.mean(dtype=float) - image.mean(dtype=float)) < 2


def test_integers_are_rounded_and_clipped():
    image = np.zeros((9, 9), dtype=np.uint8)
    assert_array_equal(ss.denoise(image, ss.FunctionDenoiser(lambda x: x + 300.0)), 255)
    assert_array_equal(ss.denoise(image, ss.FunctionDenoiser(lambda x: x - 3.0)), 0)
    assert_array_equal(ss.denoise(image, ss.FunctionDenoiser(lambda x: x + 2.6)), 3)
    huge = np.full((9, 9), np.iinfo(np.int64).max)
    assert (ss.denoise(huge, ss.FunctionDenoiser(lambda x: 2 * x)) > 9e18).all()
    assert ss.denoise(np.eye(9) > 0, "median").dtype == bool


@pytest.mark.parametrize("method", ["auto", *sorted(FAMILIES)])
def test_any_unit(noisy, method):
    """result(k x) = k result(x), for values so large or small that their squares are lost."""
    expected = ss.denoise(noisy[:40, :40], method)
    exact = (2.0**-99, np.float32), (2.0**99, np.float32)
    for scale, dtype in ((1e-30, np.float64), (1e30, np.float64), *exact):
        out = ss.denoise((noisy[:40, :40] * scale).astype(dtype), method)
        gap = np.abs(out.astype(float) / scale - expected).max()
        assert gap < 1e-3 * np.ptp(expected), (scale, dtype)


@pytest.mark.parametrize("slant", [0.0, 0.5])
def test_any_unit_of_fringes(rng, slant):
    rows, columns = np.indices((64, 64))
    noisy = 127 + 100 * np.sin((columns + slant * rows) / 1.3) + rng.normal(0, 4, (64, 64))
    expected = ss.denoise(noisy.astype(np.float32))
    for scale in (2.0**-99, 2.0**99):
        out = ss.denoise((noisy * scale).astype(np.float32))
        np.testing.assert_allclose(out / np.float32(scale), expected, rtol=1e-3)


def test_channels_anywhere(rng):
    image = smooth_image((24, 24))[..., None] + rng.normal(0, 0.1, (24, 24, 3))
    last = ss.denoise(image, "total_variation", channel_axis=-1)
    first = ss.denoise(np.moveaxis(image, -1, 0), "total_variation", channel_axis=0)
    assert_array_equal(np.moveaxis(first, 0, -1), last)
    assert last.shape == image.shape


def test_volumes(rng):
    volume = smooth_image((10, 12, 14)) + rng.normal(0, 0.1, (10, 12, 14))
    out, search = ss.denoise(volume, return_search=True)
    assert out.shape == volume.shape
    tried = {type(params["estimator"]) for params in search.cv_results_["params"]}
    assert ss.BilateralDenoiser not in tried


def test_missing_constant_and_robust(clean, noisy):
    holes = noisy.copy()
    holes[10:14, 20:30] = np.nan
    out = ss.denoise(holes, "gaussian")
    assert np.isfinite(out).all()
    assert_array_equal(ss.denoise(np.full((16, 16), 7)), 7)
    rng = np.random.default_rng(0)
    peppered = np.where(rng.random(clean.shape) < 0.1, 1.0, clean)
    out, search = ss.denoise(peppered, loss="mae", return_search=True)
    assert isinstance(search.denoiser_, ss.OutlierRemover)
    assert psnr(out, clean) > psnr(peppered, clean) + 5


def test_estimators(noisy):
    assert_array_equal(
        ss.denoise(noisy, ss.MedianDenoiser(2)), ss.MedianDenoiser(2).fit_transform(noisy[None])[0]
    )
    assert_array_equal(ss.denoise(noisy, lambda image: image / 2), noisy / 2)
    colour = np.stack([noisy] * 3)
    colour_median = ss.MedianDenoiser(2, channel_axis=-1)
    assert ss.denoise(colour, colour_median, channel_axis=0).shape == colour.shape
    wrapper = ss.JInvariantWrapper(ss.MedianDenoiser(2))
    out = ss.denoise(noisy, wrapper)
    assert not hasattr(wrapper, "estimators_")
    assert_array_equal(out, wrapper.fit_transform(noisy[None])[0])


@pytest.mark.parametrize(
    ("image", "kwargs", "error", "message"),
    [
        (np.ones(5), {}, ValueError, "2 or 3 spatial axes, got 1"),
        (np.ones((3, 3, 3, 3)), {}, ValueError, "pass channel_axis"),
        (np.ones((3, 3)), {"channel_axis": 2}, ValueError, r"channel_axis=2 .* axes are -2 to 1"),
        (np.ones((3, 3)), {"channel_axis": -1}, ValueError, "got 1 beside channel_axis=-1"),
        (np.ones((3, 3)), {"method": "bm4d"}, ValueError, "one of .*'median'.* got 'bm4d'"),
        (np.ones((3, 3)), {"method": 3}, TypeError, "or an estimator; got 3"),
        (np.ones((3, 3)), {"method": ss.MedianDenoiser}, TypeError, "or an estimator; got <class"),
        (np.ones((3, 3)), {"channel_axis": "last"}, TypeError, "channel_axis to be an integer"),
        (
            np.ones((3, 3, 3)),
            {"method": ss.MedianDenoiser(), "channel_axis": -1},
            ValueError,
            "an estimator with channel_axis=-1 for this image",
        ),
        ([np.ones((3, 3))], {}, TypeError, "one image, got a list of 1"),
        (np.full((3, 3), np.nan), {}, ValueError, "all NaN"),
        (np.ones((3, 3), complex), {}, ValueError, "Complex data"),
    ],
)
def test_errors(image, kwargs, error, message):
    with pytest.raises(error, match=message):
        ss.denoise(image, **kwargs)


def test_auto_finds_what_the_noise_is_like(clean, rng):
    clean = np.maximum(clean, 0.02)
    counts = rng.poisson(60 * clean).astype(float)
    out, search = ss.denoise(counts, return_search=True)
    assert isinstance(search.denoiser_, ss.VarianceStabilizer)
    white = ss.NLRidgeDenoiser().transform(counts[None])[0]
    assert psnr(out / 60, clean) > psnr(white / 60, clean) + 0.5


def test_auto_takes_another_kind_where_its_loss_is_clearly_lower():
    white = CorrelationVerdict(None, (False, False))
    shared = CorrelationVerdict(None, (True, True))

    def chosen(*losses, outliers=0.0, correlation=white):
        noise = blind.Noise(1.0, None, False, outliers, correlation)
        return blind._Preference(noise)({"mean_test_score": -np.array(losses)})

    assert chosen(1.0, 0.97, 0.96) == 0
    assert chosen(1.0, 0.97, 0.94) == 2
    assert chosen(1.0, np.nan, np.nan) == 0
    # With outliers the second, which removes them, stands for what fits the noise if it helps.
    assert chosen(1.0, 0.9, 0.87, outliers=0.1) == 1
    assert chosen(1.0, 0.9, 0.85, outliers=0.1) == 2
    assert chosen(1.0, 0.97, 0.96, outliers=0.1) == 0
    # Strengths are all of one kind.
    assert chosen(1.0, 0.99, 0.98, correlation=shared) == 2


def test_budget(noisy, capsys):
    _, search = ss.denoise(noisy, budget_s=0, return_search=True, verbose=1)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores[0]) and np.isnan(scores[1:]).all() and search.best_index_ == 0
    told = capsys.readouterr().out
    assert "chosen: NLRidgeDenoiser" in told and "made for this noise" in told
    _, two = ss.denoise(noisy, budget_s=0, return_search=True, n_jobs=2)
    assert_array_equal(two.cv_results_["mean_test_score"], scores)
    for bad in (-1, np.nan, "1"):
        with pytest.raises(ValueError, match="budget_s to be seconds or None"):
            ss.denoise(noisy, budget_s=bad)


@pytest.mark.parametrize(
    ("scores", "known", "chosen"),
    [
        # Gained where it is bright, far beyond the noise of a typical place.
        ((273.6, -0.5, 215.6, 279.3), 0.5, 0),
        ((273.6, -0.5, 215.6, 300.0), 0.5, 3),
        ((-10.0, -100.0, -4.0), 100.0, 2),
        ((-10.0, -100.0, -6.0), 100.0, 0),
    ],
)
def test_another_kind_must_gain_clearly_more(scores, known, chosen):
    noise = ss.ImageNoise((ss.ChannelNoise(1.0, 0.9, 1.1, 1.0),))
    preference = choose._Preference(noise, known)
    assert preference({"mean_test_score": np.array(scores)}) == chosen


def test_large_images_are_judged_on_crops(rng):
    clean = np.tile(smooth_image((64, 64)), (5, 6))
    noisy = clean + rng.normal(0, 0.1, clean.shape)
    noisy[:30, :40] = np.nan
    crops = sample(noisy, None)
    assert [crop.shape for crop in crops] == [(128, 128)] * 4
    # In the middle of each quarter.
    assert_array_equal(crops[0], noisy[16:144, 32:160])
    assert_array_equal(crops[3], noisy[176:304, 224:352])
    assert len(sample(np.where(np.arange(384) < 380, np.nan, noisy), None)) == 1
    out = ss.denoise(noisy, budget_s=0)
    measured = ~np.isnan(noisy)
    assert psnr(out[measured], clean[measured]) > psnr(noisy[measured], clean[measured]) + 8
    wide = np.tile(np.arange(2200.0), (3, 1))
    assert mosaic(wide, 2).shape == (3, 1024)


def test_shared_noise_is_warned_of_and_treated_gently(rng):
    clean = np.tile(smooth_image((64, 64)), (3, 3))
    noise = rng.normal(0, 0.2, (192, 194))
    noisy = clean + (noise[:, 2:] + noise[:, 1:-1] + noise[:, :-2]) / 3
    with pytest.warns(ss.CorrelatedNoiseWarning, match=r"footprint='horizontal'") as told:
        out, search = ss.denoise(noisy, return_search=True, verbose=1)
    assert len(told) == 1
    assert search.best_index_ > 0
    first = search.cv_results_["params"][0]["estimator"].fit_transform(noisy[None])[0]
    assert psnr(out, clean) > psnr(first, clean) > psnr(noisy, clean)


def test_networks_by_name(noisy, monkeypatch):
    """A name stands for the estimator with its defaults and the image's channels."""
    pytest.importorskip("torch")
    made = []

    class Quick(ss.Noise2SelfDenoiser):
        def __init__(self, channel_axis=None, random_state=0, verbose=0):
            super().__init__(
                channel_axis=channel_axis, random_state=random_state, verbose=verbose, max_steps=2
            )
            made.append(channel_axis)

    monkeypatch.setattr(ss, "Noise2SelfDenoiser", Quick, raising=False)
    out = ss.denoise(noisy[None], "noise2self", channel_axis=0)
    assert out.shape == (1, *noisy.shape) and made[0] == -1
    out, found = ss.denoise(noisy, "noise2self", return_search=True)
    assert_array_equal(found.transform(noisy[None])[0], out)
    assert found.search_ is None and len(found.denoiser_.loss_curve_)
    with pytest.raises(ValueError, match="one of .*'noise2self'.* or an estimator; got 'n2s'"):
        ss.denoise(noisy, "n2s")
