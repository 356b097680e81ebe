# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Recorrupted images: independent noise from noise that is known, white or shared."""

from copy import deepcopy
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from sklearn.base import clone  # noqa: E402
from skorch.callbacks import Callback  # noqa: E402

import selfsupervised as ss  # noqa: E402
from cases import TINY, smooth_image  # noqa: E402
from selfsupervised.images.recorrupted import RecorruptedLoss  # noqa: E402
from selfsupervised.networks import DnCNN, Noise2SelfUNet  # noqa: E402


def shared_noise(rng, shape):
    """Of unit variance, a half of it common to direct neighbours."""
    white = rng.normal(size=shape)
    return sum(np.roll(white, step, (-2, -1)) for step in ((0, 0), (0, 1), (1, 0), (1, 1))) / 2


def at_a_distance(a, b):
    """Mean products of two fields at the same pixel and at those next to it."""
    return np.array([np.mean(a * np.roll(b, n, -1)) for n in (0, 1)])


@pytest.mark.parametrize("correlation", [(0.0, 0.0), (0.5, 0.5)])
def test_input_and_target_have_independent_noise(correlation, rng):
    shape = (1, 96, 96)
    draw = shared_noise if any(correlation) else (lambda rng, shape: rng.normal(size=shape))
    kind = ss.ImageNoise((ss.ChannelNoise(3.0, 3.0, 3.0, correlation=correlation),))
    denoiser = ss.RecorruptedDenoiser(**TINY, noise=kind).fit(3 * draw(rng, shape))
    y = 3 * draw(rng, (40, *shape)).astype(np.float32) / denoiser.scale_
    seen, (judged, weight) = denoiser.scheme(y, rng, 0.5)
    assert (weight == 1).all()
    assert np.abs(at_a_distance(seen, judged)).max() < 0.06
    # Negative control: with too weak a draw they go together.
    denoiser.noise_ = kind.as_strong_as(1.5)
    seen, (judged, _) = denoiser.scheme(y, rng, 0.5)
    assert at_a_distance(seen, judged)[0] > 0.5


def test_what_is_missing_is_filled_and_not_judged(rng):
    denoiser = ss.RecorruptedDenoiser(**TINY, noise=0.1).fit(rng.normal(size=(1, 16, 16)))
    y = rng.normal(size=(2, 1, 16, 16)).astype(np.float32)
    y[0, 0, 3, 4] = np.nan
    seen, (judged, weight) = denoiser.scheme(y, rng, 0)
    assert np.isfinite(seen).all() and np.isfinite(judged).all()
    assert weight.size - weight.sum() == 1 and weight[0, 0, 3, 4] == 0


def test_loss():
    f, judged = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.0, 5.0, 5.0])
    weight = torch.tensor([1.0, 0.0, 1.0])
    assert RecorruptedLoss().loss((f,), (judged, weight)).item() == (1 + 4) / 2


def test_noise_is_measured_or_told(clean, rng, tmp_path):
    X = (clean + rng.normal(0, 0.2, clean.shape))[None]
    measured = ss.RecorruptedDenoiser(**TINY).fit(X)
    assert measured.noise_.channels[0].level == pytest.approx(0.2, rel=0.15)
    in_other_units = ss.RecorruptedDenoiser(**TINY).fit(1000 * X)
    assert in_other_units.noise_.channels[0].level == pytest.approx(200, rel=0.15)
    told = ss.RecorruptedDenoiser(**TINY, noise=0.3, channel_axis=-1).fit(X[..., None])
    assert told.noise_.channels[0].level == 0.3 and told.noise_.channel_axis == -1
    kind = ss.ImageNoise((ss.ChannelNoise(0.2, 0.1, 0.3, line=ss.NoiseModel(0.1, 0.02)),))
    told = ss.RecorruptedDenoiser(**TINY, noise=kind).fit(X)
    assert told.noise_ == kind
    for fitted in (measured, told):  # both can be stored
        fitted.save(tmp_path / "fitted.safetensors")
        loaded = ss.load(tmp_path / "fitted.safetensors", module=TINY["module"])
        assert loaded.noise_ == fitted.noise_ and loaded.noise == fitted.noise
        np.testing.assert_array_equal(loaded.transform(X), fitted.transform(X))
    with pytest.raises(ValueError, match="noise"):
        ss.RecorruptedDenoiser(**TINY, noise="white").fit(X)
    bad = ss.ImageNoise(kind.channels, channel_axis=-1)
    with pytest.raises(ValueError, match="1 channels got an image of 2"):
        ss.RecorruptedDenoiser(**TINY, noise=bad, channel_axis=-1).fit(np.stack([X, X], -1))


def test_shared_noise_is_measured(rng):
    clean = smooth_image((192, 192))
    kind = ss.ImageNoise((ss.ChannelNoise(0.2, 0.2, 0.2, correlation=(0.1, 0.4)),))
    X = clean + kind.sample(clean, rng)
    (found,) = ss.RecorruptedDenoiser(**TINY).fit(X[None]).noise_.channels
    assert found.level == pytest.approx(0.2, rel=0.1)
    assert found.correlation == pytest.approx((0.1, 0.4), abs=0.07)
    colours = np.stack([X, 2 * X], axis=-1)
    found = ss.RecorruptedDenoiser(**TINY, channel_axis=-1).fit(colours[None]).noise_.channels
    assert found[1].level == pytest.approx(2 * found[0].level)
    # Negative control: white noise is told to be white.
    X = clean + rng.normal(0, 0.2, clean.shape)
    (found,) = ss.RecorruptedDenoiser(**TINY).fit(X[None]).noise_.channels
    assert found.correlation == (0, 0)


def test_measured_noise_reaches_no_farther_than_it_does(rng):
    """Beyond direct neighbours, which share a half of it, there is nothing in common."""
    noise = 3 * shared_noise(rng, (12, 128, 128))
    denoiser = ss.RecorruptedDenoiser(**TINY).fit(noise[:1])
    y = noise.astype(np.float32)[:, None] / denoiser.scale_

    def together():
        seen, (judged, _) = denoiser.scheme(y, rng, 0.5)
        return abs(np.mean(seen * np.roll(judged, 2, -1)))

    assert together() < 0.05
    # Negative control: by the neighbours alone, noise that reaches farther is drawn.
    (kind,) = denoiser.noise_.channels
    denoiser.noise_ = ss.ImageNoise((replace(kind, autocovariance=None),))
    assert together() > 0.15


def test_shared_noise_is_removed_and_decides_nothing(clean, rng):
    X = clean + 0.15 * shared_noise(rng, (1, *clean.shape))
    kind = ss.ImageNoise((ss.ChannelNoise(0.15, 0.15, 0.15, correlation=(0.5, 0.5)),))
    small = {
        "module": partial(Noise2SelfUNet, width=4, depth=2, residual=True),
        "max_steps": 60,
        "batch_size": 2,
        "test_time_augmentation": False,
    }
    told = ss.RecorruptedDenoiser(**small, noise=kind).fit(X)
    assert np.isnan(told.held_out_loss_)
    # Negative control: taken for white, it is told from the neighbours and stays.
    white = ss.RecorruptedDenoiser(**small, noise=0.15).fit(X)
    assert np.isfinite(white.held_out_loss_)
    errors = [np.mean((fitted.transform(X) - clean) ** 2) for fitted in (told, white)]
    assert errors[0] < 0.85 * errors[1]


class LastState(Callback):
    """Keeps the state of the end, which is not the one that the estimator keeps."""

    def on_epoch_end(self, net, **kwargs):
        self.state = {name: x.clone() for name, x in net.module_.state_dict().items()}
        self.losses = net.history[:, "train_loss"]


def test_order_by_score_is_the_order_by_true_error(clean):
    """Of a network with too little training, with enough, and one that learned the noise."""
    clean = clean[::3, ::3]
    X = (clean + np.random.default_rng(1).normal(0, 0.15, clean.shape))[None]
    last = LastState()
    # The noise is told too weak, so that long training learns what is left of it in the targets.
    denoiser = ss.RecorruptedDenoiser(
        partial(DnCNN, width=32, depth=5),
        noise=0.01,
        lr=5e-3,
        batch_size=1,
        augment=False,
        callbacks=[last],
    )
    under = clone(denoiser).set_params(max_steps=1).fit(X)
    well = ss.RecorruptedDenoiser(
        partial(Noise2SelfUNet, width=4, depth=2, residual=True), noise=0.15, max_steps=100
    ).fit(X)
    over = clone(denoiser).set_params(max_steps=100, callbacks=[last]).fit(X)
    over = deepcopy(over)
    over.net_.module_.load_state_dict(last.state)
    fitted = [under, well, over]
    errors = [np.mean((f.transform(X) - clean) ** 2) for f in fitted]
    losses = [-f.score(X) for f in fitted]
    assert errors[1] < 0.7 * min(errors[0], errors[2])
    np.testing.assert_array_equal(np.argsort(errors), np.argsort(losses))
    # Negative control: by the pixels that it learned from, the last state looks better.
    assert last.losses[-1] < min(last.losses[:10])
