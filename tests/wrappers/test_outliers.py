# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from sklearn.linear_model import Ridge

import selfsupervised as ss
from cases import PatchMemory, smooth_image
from selfsupervised.noise.outliers import outliers


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


@pytest.mark.parametrize("denoiser", [3, Ridge(), ss.PCARegression()])
def test_denoisers_that_do_not_fit(denoiser):
    with pytest.raises(TypeError, match="OutlierRemover expected"):
        ss.OutlierRemover(denoiser).fit(np.zeros((1, 8, 8)))


def test_a_learning_denoiser_is_refused():
    with pytest.raises(TypeError, match="that learns nothing, got .*after it in a pipeline"):
        ss.OutlierRemover(PatchMemory()).transform(np.zeros((1, 8, 8)))
