# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Arrays of many images, by the names of their axes."""

import numpy as np
import pytest

import selfsupervised as ss
from cases import smooth_image
from selfsupervised.auto import series

CLEAN = np.clip(200 * smooth_image((48, 56)), 5, None)
BLUR = ss.GaussianDenoiser(1.0)


def noisy(*shape, level=10.0, seed=0):
    clean = np.broadcast_to(CLEAN, (*shape, *CLEAN.shape))
    return clean + np.random.default_rng(seed).normal(0, level, clean.shape)


def psnr(image):
    return 10 * np.log10(200**2 / np.mean(np.square(image - CLEAN)))


@pytest.mark.filterwarnings("ignore:An image of shape:UserWarning")  # the bare arrays
def test_each_image_by_itself():
    """By every way through the grammar the images are those that one would cut by hand."""
    array = noisy(2, 3)
    out = ss.denoise(array, BLUR, axes="TCYX")
    for t in range(2):
        for c in range(3):
            np.testing.assert_allclose(out[t, c], ss.denoise(array[t, c], BLUR))
    volume = ss.denoise(array, BLUR, axes="TZYX")
    np.testing.assert_allclose(volume[1], ss.denoise(array[1], BLUR, channel_axis=None))
    film = ss.denoise(array, BLUR, axes="TCYX", over="TYX")
    np.testing.assert_allclose(film[:, 1], ss.denoise(np.ascontiguousarray(array[:, 1]), BLUR))
    coloured = ss.GaussianDenoiser(1.0, channel_axis=-1)
    for axes, over in (("TSYX", None), ("TCYX", "CYX")):
        out = ss.denoise(array, coloured, axes=axes, over=over)
        np.testing.assert_allclose(out[1], ss.denoise(array[1], coloured, channel_axis=0))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_frames_that_agree_are_searched_once(monkeypatch, capsys, dtype):
    array = np.clip(np.rint(noisy(6)), 0, 255).astype(dtype)
    calls = []
    fit = ss.AutoDenoiser.fit_transform
    monkeypatch.setattr(
        ss.AutoDenoiser, "fit_transform", lambda self, X: (calls.append(1), fit(self, X))[1]
    )
    out, found = ss.denoise(array, "gaussian", axes="TYX", return_search=True, verbose=1)
    assert len(calls) == len(found) == 1
    assert out.dtype == dtype
    assert out.shape == array.shape
    assert "noise of the 6 images agrees" in capsys.readouterr().out
    assert all(psnr(o.astype(float)) > psnr(a.astype(float)) + 2 for o, a in zip(out, array))


def test_frames_that_differ_are_not(capsys):
    array = np.concatenate([noisy(2), noisy(1, level=20.0)])
    _, found = ss.denoise(array, "gaussian", axes="TYX", return_search=True, verbose=1)
    assert len(found) == 3
    assert "noise of the 3 images differs" in capsys.readouterr().out


def test_photon_noise_of_a_fading_film_agrees():
    rng = np.random.default_rng(0)
    fading = np.stack([rng.poisson(CLEAN * f) for f in (1.0, 0.8, 0.6)]).astype(float)
    looks = [series.look_at(frame, None) for frame in fading]
    assert series._agreeing(looks) is not None
    other = series.look_at(rng.poisson(CLEAN * 0.25) * 4.0, None)  # another gain
    assert series._agreeing([looks[0], other]) is None


def test_channels_are_chosen_one_by_one():
    array = np.stack([noisy(2), noisy(2, level=30.0, seed=1)], axis=1)
    out, found = ss.denoise(array, "gaussian", axes="TCYX", return_search=True)
    assert [f.denoiser_.sigma for f in found] == [
        ss.denoise(array[1, c], "gaussian", return_search=True)[1].denoiser_.sigma for c in (0, 1)
    ]
    assert out.shape == array.shape


def test_what_was_not_measured(capsys):
    array = noisy(3)
    array[1] = np.nan  # a lost frame
    array[2, 5:9, 5:9] = np.nan
    out = ss.denoise(array, BLUR, axes="TYX")
    assert np.isnan(out[1]).all()
    assert not np.isnan(out[[0, 2]]).any()
    masked = np.ma.masked_invalid(array)
    kept = ss.denoise(masked, BLUR, axes="TYX", keep_missing=True)
    np.testing.assert_array_equal(np.ma.getmaskarray(kept), np.isnan(array))


def test_one_choice_for_the_next_film():
    first, found = ss.denoise(noisy(3), "gaussian", axes="TYX", return_search=True)
    again = ss.denoise(noisy(3), found[0], axes="TYX")
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"over": "YX"}, "got over='YX' without axes; name them"),
        ({"axes": "TYX", "channel_axis": 0}, "name colours S in axes, and leave out channel_axis"),
        ({"axes": "YX"}, r"axes='YX', which are 2, for an image of shape \(2, 48, 56\)"),
        ({"axes": "TYX", "over": "ZYX"}, "names Z, which axes='TYX' have not"),
    ],
)
def test_messages(options, message):
    with pytest.raises(ValueError, match=message):
        ss.denoise(noisy(2), **options)
