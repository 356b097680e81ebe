# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What sub-images a denoiser is shown, and what that gains where neighbours share noise."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import selfsupervised as ss
from cases import Cropper, PatchMemory, smooth_image


@pytest.mark.parametrize(
    ("shape", "axis", "stride"),
    [((9, 10), None, 2), ((9, 10, 3), -1, (3, 1)), ((5, 6, 7), None, (1, 2, 3)), ((2, 2), None, 5)],
)
def test_each_pixel_is_shown_once(shape, axis, stride, rng):
    X = rng.normal(size=(2, *shape))
    shown = []

    def spy(image):
        shown.append(image.copy())
        return image

    out = ss.SubsampledDenoiser(spy, stride=stride, channel_axis=axis).transform(X)
    np.testing.assert_array_equal(out, X)
    values = np.sort(np.concatenate([part.ravel() for part in shown]))
    np.testing.assert_array_equal(values, np.sort(X.ravel()))


def test_pixels_of_a_sub_image_are_so_far_apart():
    X = np.indices((6, 6))[1][None].astype(float)
    shown = []
    ss.SubsampledDenoiser(lambda x: shown.append(x.copy()) or x, stride=(1, 3)).transform(X)
    assert [part.shape for part in shown] == [(6, 2)] * 3
    assert all((np.diff(part, axis=1) == 3).all() for part in shown)


def test_a_stride_of_one_is_the_denoiser(noisy):
    same = ss.SubsampledDenoiser(ss.GaussianDenoiser(1.0), stride=1, smoothing=0.7)
    np.testing.assert_array_equal(
        same.transform(noisy[None]), ss.GaussianDenoiser(1.0).transform(noisy[None])
    )


def test_it_gains_where_neighbours_share_noise_and_loses_elsewhere():
    clean = smooth_image()
    white = np.random.default_rng(1).normal(size=clean.shape)
    shared = gaussian_filter(white, 1.2)
    gains = []
    for noise in (shared / shared.std(), white):
        noisy = (clean + 0.15 * noise)[None]
        told = ss.NLRidgeDenoiser(0.15)
        apart = ss.SubsampledDenoiser(told, stride=3)
        errors = [np.mean((each.transform(noisy)[0] - clean) ** 2) for each in (told, apart)]
        gains.append(errors[0] / errors[1])
    assert gains[0] > 1.3
    assert gains[1] < 1


@pytest.mark.parametrize("stride", [(2,), (2, 2, 2), (0, 1), (1.5, 2)])
def test_strides_that_do_not_fit(stride):
    with pytest.raises(ValueError, match="expected stride to be an integer from 1 on, or one for"):
        ss.SubsampledDenoiser(ss.GaussianDenoiser(), stride=stride).transform(np.eye(8)[None])


def test_denoisers_that_do_not_fit():
    with pytest.raises(TypeError, match="expected a denoiser that learns nothing"):
        ss.SubsampledDenoiser(PatchMemory()).fit(np.eye(8)[None])
    with pytest.raises(TypeError, match="SubsampledDenoiser expected an estimator"):
        ss.SubsampledDenoiser(3).fit(np.eye(8)[None])
    with pytest.raises(ValueError, match="to return the shape it was given"):
        ss.SubsampledDenoiser(Cropper()).transform(np.eye(8)[None])
