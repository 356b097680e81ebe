# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Self2Self and Self2Self+: samples, many predictions, inpainting, schedules, image quality."""

import sys
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from sklearn.base import clone  # noqa: E402

import selfsupervised as ss  # noqa: E402
from cases import TINY, smooth_image  # noqa: E402
from selfsupervised.images._sampled import DroppedLoss  # noqa: E402
from selfsupervised.images.self2self_plus import QualityLoss, named_metric  # noqa: E402
from selfsupervised.networks import (  # noqa: E402
    DnCNN,
    FilledUNet,
    Noise2SelfUNet,
    Self2SelfPlusUNet,
    Self2SelfUNet,
    receptive_radius,
)
from selfsupervised.networks.filled import fill_by_mean, local_mean  # noqa: E402

SMALL = {"module": partial(FilledUNet, width=4, depth=1), "n_predictions": 4, "batch_size": 2}
pytestmark = pytest.mark.usefixtures("bfloat16")
both = pytest.mark.parametrize(
    "denoiser", [ss.Self2SelfDenoiser(), ss.Self2SelfPlusDenoiser()], ids=["S2S", "S2S+"]
)


@pytest.fixture(scope="module")
def picture():
    return 100 * smooth_image((40, 48))


@pytest.fixture(scope="module")
def noisy(picture):
    return picture + np.random.default_rng(0).normal(0, 10, picture.shape)


# -- samples ---------------------------------------------------------------------------------


@both
def test_what_is_dropped_is_judged_and_nothing_else(denoiser):
    x = np.random.default_rng(0).normal(size=(3, 2, 40, 40)).astype(np.float32)
    x[0, 0, 5:9] = np.nan
    seen, (target, weight) = denoiser.scheme(x, np.random.default_rng(1), 0.5)
    dropped = np.isnan(seen)
    np.testing.assert_array_equal(seen[~dropped], x[~dropped])
    np.testing.assert_array_equal(weight, dropped & ~np.isnan(x))
    np.testing.assert_array_equal(target[weight == 1], x[weight == 1])
    share = dropped[1:].mean()
    assert share == pytest.approx(denoiser.drop_probability, abs=4 * (0.25 / 6400) ** 0.5)
    assert (dropped[1, 0] != dropped[1, 1]).any()  # each channel for itself


@pytest.mark.parametrize(("augment", "n_views"), [("flips", 4), (True, 8), (False, 1)])
def test_predictions_are_of_the_views_that_were_learned(augment, n_views, noisy, monkeypatch):
    denoiser = ss.Self2SelfDenoiser(
        **{**TINY, **SMALL, "n_predictions": 80}, augment=augment, sampling=False
    ).fit(noisy[None, :40, :40])
    views = []
    monkeypatch.setattr("selfsupervised.images._sampled.PIXELS_AT_ONCE", 1)
    monkeypatch.setattr(denoiser, "_outputs", lambda x: views.append(x[0, 0]) or x)
    plane = noisy[:40, :40].astype(np.float32)
    out = denoiser.predict(plane[None])
    np.testing.assert_allclose(out[0], plane, rtol=1e-4)  # whatever was turned was turned back
    assert len({view.tobytes() for view in views}) == n_views
    flips = {form.tobytes() for form in (plane, plane[::-1], plane[:, ::-1], plane[::-1, ::-1])}
    if augment == "flips":
        assert {view.tobytes() for view in views} == flips


@both
def test_output_does_not_depend_on_what_is_dropped(denoiser, noisy):
    """Proposition 1's condition, by perturbation."""
    x = noisy[None, None].astype(np.float32)
    network = FilledUNet(width=4, depth=1)
    torch.nn.init.normal_(network.head.weight)

    def output(x, **kwargs):
        denoiser.set_params(**kwargs)
        seen, (_, weight) = denoiser.scheme(x, np.random.default_rng(1), 0.5)
        with torch.no_grad():
            return network(torch.from_numpy(seen)).numpy(), weight

    expected, weight = output(x, sampling=True)
    changed = np.where(weight == 1, np.float32(1e6), x)
    np.testing.assert_array_equal(output(changed, sampling=True)[0], expected)
    # Negative control: without samples, the same elements matter.
    assert np.abs(output(changed, sampling=False)[0] - output(x, sampling=False)[0]).max() > 1
    denoiser.set_params(sampling=True)


@pytest.mark.parametrize(("norm", "power"), [("mse", 2), ("mae", 1)])
def test_loss(norm, power):
    rng = np.random.default_rng(0)
    output, target = torch.from_numpy(rng.normal(size=(2, 2, 1, 5, 6)))
    dropped = torch.from_numpy(rng.random((2, 1, 5, 6)) < 0.3).double()
    expected = np.mean(
        [
            abs(o - t) ** power
            for o, t, d in zip(output.ravel(), target.ravel(), dropped.ravel())
            if d
        ]
    )
    assert DroppedLoss(norm).loss((output,), (target, dropped)) == pytest.approx(expected)


# -- predictions -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted(noisy, bfloat16):
    return ss.Self2SelfDenoiser(**SMALL, max_steps=30).fit(noisy[None])


def test_mean_of_predictions_converges(fitted, noisy):
    """As the inverse root of their number; `return_std` says what the constant is."""
    few = clone(fitted)
    few.__dict__.update(fitted.__dict__)

    def scatter(n_predictions):
        outs = []
        for seed in range(12):
            few.seed_ = seed
            outs.append(few.set_params(n_predictions=n_predictions).transform(noisy[None]))
        return np.sqrt(np.mean(np.var(outs, axis=0, ddof=1)))

    by_four, by_64 = scatter(4), scatter(64)
    assert by_four / by_64 == pytest.approx(4, rel=0.15)
    _, std = few.transform(noisy[None], return_std=True)
    assert np.sqrt(np.mean(std**2)) / 8 == pytest.approx(by_64, rel=0.15)


def test_standard_deviation_of_predictions(fitted, noisy):
    mean, std = fitted.transform(noisy[None], return_std=True)
    np.testing.assert_array_equal(mean, fitted.transform(noisy[None]))
    assert std.shape == mean.shape and (std > 0).all()
    scaled = clone(fitted).set_params(max_steps=30).fit(1000 * noisy[None])
    np.testing.assert_allclose(
        scaled.transform(1000 * noisy[None], return_std=True)[1], 1000 * std, rtol=0.05
    )
    listed = fitted.transform([noisy, noisy[:20]], return_std=True)
    np.testing.assert_array_equal(listed[1][0], std[0])
    assert listed[0][1].shape == (20, 48)


def test_dropout_makes_predictions_differ(noisy):
    """Even without samples; without either they are all the same."""
    stds = []
    for dropout in (0.3, 0.0):
        module = partial(FilledUNet, width=4, depth=1, dropout=dropout)
        denoiser = ss.Self2SelfDenoiser(
            module, sampling=False, n_predictions=3, max_steps=5, augment=False
        )
        stds.append(denoiser.fit(noisy[None]).transform(noisy[None], return_std=True)[1].max())
    assert stds[0] > 0 and stds[1] < 1e-4


def test_tiles(noisy, fitted):
    """Other samples than of the whole image, and no seams: the scatter explains the difference."""
    tiled = clone(fitted).set_params(tile=24)
    tiled.__dict__.update(fitted.__dict__ | {"tile": 24, "n_predictions": 64})
    mean, std = tiled.transform(noisy[None], return_std=True)
    whole = tiled.set_params(tile=None).transform(noisy[None])
    assert np.abs(mean - whole).max() < 8 * (std.max() * (2 / 64) ** 0.5)
    assert np.sqrt(np.mean((mean - whole) ** 2)) < 1.5 * np.sqrt(np.mean(std**2) * 2 / 64)


# -- missing pixels --------------------------------------------------------------------------


@both
def test_masked_pixels_are_never_seen(denoiser, noisy):
    mask = np.random.default_rng(3).random(noisy.shape) < 0.2
    mask[5:11, 8:14] = True
    denoiser = clone(denoiser).set_params(**SMALL, max_steps=3)
    outs = [
        clone(denoiser).fit(X, mask=m).transform(X, mask=m)
        for X, m in [
            (noisy[None], mask[None]),
            (np.where(mask, 1e6, noisy)[None], mask[None]),
            (np.where(mask, np.nan, noisy)[None], None),
        ]
    ]
    np.testing.assert_array_equal(outs[0], outs[1])
    np.testing.assert_array_equal(outs[0], outs[2])
    assert np.isfinite(outs[0]).all()
    np.testing.assert_array_equal(
        clone(denoiser).fit_transform(noisy[None], mask=mask[None]), outs[0]
    )


def test_inpainting_keeps_what_is_known(picture):
    mask = np.random.default_rng(3).random(picture.shape) < 0.7
    denoiser = ss.Self2SelfDenoiser(**SMALL, keep_known=True, max_steps=60)
    out = denoiser.fit_transform(picture[None], mask=mask[None])[0]
    np.testing.assert_array_equal(out[~mask], picture[~mask])
    assert np.sqrt(np.mean((out - picture)[mask] ** 2)) < 0.4 * picture.std()
    mean, std = denoiser.transform(picture[None], mask=mask[None], return_std=True)
    np.testing.assert_array_equal(mean[0], out)
    assert (std[0][~mask] == 0).all() and (std[0][mask] > 0).all()


def test_salt_and_pepper(picture):
    """Impulses are found by their value and hidden; the rest of the picture brings them back."""
    rng = np.random.default_rng(0)
    hit = rng.random(picture.shape) < 0.3
    noisy = np.where(hit, rng.choice([-100.0, 300.0], picture.shape), picture)
    out = ss.Self2SelfPlusDenoiser(**SMALL, max_steps=60).fit_transform(noisy[None], mask=hit[None])
    assert np.mean((out[0] - picture) ** 2) < 0.01 * np.mean((noisy - picture) ** 2)


def test_colour_masks_and_lists(noisy):
    X = np.stack([noisy, noisy[:, ::-1], noisy[::-1]], axis=-1)[None]
    mask = np.zeros(X.shape[:-1], dtype=bool)
    mask[0, 3:6, 3:9] = True
    denoiser = ss.Self2SelfDenoiser(**SMALL, channel_axis=-1, max_steps=2)
    out = denoiser.fit_transform(X, mask=mask)
    full = np.repeat(mask[..., None], 3, axis=-1)
    np.testing.assert_array_equal(out, clone(denoiser).fit_transform(X, mask=full))
    listed = clone(denoiser).fit_transform([X[0], X[0, :30]], mask=[mask[0], mask[0, :30]])
    assert listed[1].shape == (30, 48, 3)


def test_several_images_are_learned_together(noisy):
    stack = np.stack([noisy, noisy[::-1]])
    fitted = ss.Self2SelfDenoiser(**SMALL, max_steps=4).fit(stack)
    out = fitted.transform(stack)
    np.testing.assert_array_equal(out[1], fitted.transform(stack[1:])[0])


# -- training --------------------------------------------------------------------------------


def test_it_denoises(noisy, picture):
    out = ss.Self2SelfDenoiser(**SMALL | {"n_predictions": 16}, max_steps=150).fit_transform(
        noisy[None]
    )
    assert np.mean((out[0] - picture) ** 2) < 0.3 * np.mean((noisy - picture) ** 2)


@pytest.mark.parametrize(
    ("denoiser", "network", "values"),
    [
        (ss.Self2SelfDenoiser(), FilledUNet, {"dropout": 0.15}),
        (ss.Self2SelfDenoiser(dropout=0.2), FilledUNet, {"dropout": 0.2}),
        (ss.Self2SelfDenoiser(partial(FilledUNet, dropout=0.1)), FilledUNet, {"dropout": 0.1}),
        (ss.Self2SelfDenoiser(partial(Self2SelfUNet, partial=False)), Self2SelfUNet, {}),
        (ss.Self2SelfPlusDenoiser(), FilledUNet, {"gated": True}),
        (ss.Self2SelfPlusDenoiser(gated=False), FilledUNet, {"gated": False}),
        (ss.Self2SelfPlusDenoiser(Self2SelfPlusUNet), Self2SelfPlusUNet, {"gated": True}),
    ],
)
def test_network_by_parameter(denoiser, network, values, noisy):
    fitted = clone(denoiser).set_params(max_steps=1, n_predictions=1).fit(noisy[None])
    made = fitted.net_.module_.network
    assert type(made) is network and values.items() <= made.arguments.items()


def test_warm_start_from_a_similar_image(noisy):
    first = ss.Self2SelfDenoiser(**SMALL, max_steps=3, warm_start=True).fit(noisy[None])
    weights = [p.detach().clone() for p in first.net_.module_.parameters()]
    first.set_params(lr=1e-9).fit(noisy[None, ::-1])
    assert first.n_steps_ == 6
    for old, new in zip(weights, first.net_.module_.parameters(), strict=True):
        torch.testing.assert_close(old, new)


def test_any_module_sees_filled_images(noisy):
    X = noisy[None].copy()
    X[0, 4:20, 4:20] = np.nan
    out = ss.Self2SelfDenoiser(partial(DnCNN, width=4), n_predictions=2, max_steps=2).fit_transform(
        X
    )
    assert np.isfinite(out).all()


# -- image quality ---------------------------------------------------------------------------


def smoothness(images):
    return 100 - 1e4 * images.diff(dim=-1).square().mean()


def test_quality_term(noisy):
    rng = np.random.default_rng(0)
    output, target = torch.from_numpy(rng.normal(size=(2, 1, 1, 5, 6)))
    output.requires_grad_()
    dropped = torch.ones_like(target)
    plain = DroppedLoss("mae").loss((output,), (target, dropped))
    loss = QualityLoss("mae", lambda x: x.mean(), 0.1, 100, (-2, 3)).loss(
        (output,), (target, dropped)
    )
    score = (output.mean() + 2) / 5
    torch.testing.assert_close(loss, plain + 0.1 * 5 * (100 - score) ** 2)
    squared = DroppedLoss("mse").loss((output,), (target, dropped))
    loss = QualityLoss("mse", lambda x: x.mean(), 0.1, 100, (-2, 3)).loss(
        (output,), (target, dropped)
    )
    torch.testing.assert_close(loss, squared + 0.1 * 25 * (100 - score) ** 2)

    weights = []
    for weight in (0.0, 1.0):
        denoiser = ss.Self2SelfPlusDenoiser(**SMALL, max_steps=5, iqa=smoothness, iqa_weight=weight)
        weights.append(denoiser.fit(noisy[None]).net_.module_.network.head.weight)
    assert not torch.equal(*weights)


@pytest.mark.parametrize("metric", [lambda x: x.detach().mean(), lambda x: 3.0])
def test_metric_without_gradient(metric, noisy):
    with pytest.raises(ValueError, match="iqa to return a tensor through which gradients flow"):
        ss.Self2SelfPlusDenoiser(**SMALL, max_steps=1, iqa=metric).fit(noisy[None])


def test_weight_of_the_quality_goes_with_the_loss(noisy):
    """The paper's weight is for absolute errors, and is not used with squared ones unasked."""
    denoiser = ss.Self2SelfPlusDenoiser(**SMALL, max_steps=1, iqa=smoothness)
    assert denoiser.fit(noisy[None]).criterion().weight == 2e-8
    with pytest.raises(ValueError, match="iqa_weight to be given with iqa and loss='mse'"):
        denoiser.set_params(loss="mse").fit(noisy[None])
    assert denoiser.set_params(iqa_weight=1e-9).fit(noisy[None]).criterion().weight == 1e-9
    ss.Self2SelfPlusDenoiser(**SMALL, max_steps=1, loss="mse").fit(noisy[None])  # no metric


def test_metric_by_name(monkeypatch, noisy, tmp_path):
    seen = []

    def create_metric(name, as_loss, device):
        assert (name, as_loss) == ("paq2piq", True)
        return lambda images: seen.append(images.shape) or images.mean()

    monkeypatch.setitem(sys.modules, "pyiqa", SimpleNamespace(create_metric=create_metric))
    named = ss.Self2SelfPlusDenoiser(**SMALL, max_steps=1, iqa="paq2piq", patch_size=16)
    fitted = named.fit(noisy[None])
    assert seen == [(2, 3, 16, 16)]
    fitted.save(tmp_path / "fitted.safetensors")
    monkeypatch.setitem(sys.modules, "pyiqa", None)  # only training needs it
    loaded = ss.load(tmp_path / "fitted.safetensors")
    assert loaded.iqa == "paq2piq" and loaded.data_range_ == fitted.data_range_
    np.testing.assert_array_equal(loaded.transform(noisy[None]), fitted.transform(noisy[None]))

    def no_weights(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setitem(sys.modules, "pyiqa", SimpleNamespace(create_metric=no_weights))
    with pytest.raises(OSError, match="weights of iqa='paq2piq' are not there"):
        named_metric("paq2piq", torch.device("cpu"))
    monkeypatch.setitem(sys.modules, "pyiqa", None)
    with pytest.raises(ImportError, match=r"needs pyiqa.*selfsupervised\[iqa\]"):
        named_metric("paq2piq", torch.device("cpu"))


# -- bad input -------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"drop_probability": 0.0}, "drop_probability"),
        ({"drop_probability": 1.0}, "drop_probability"),
        ({"drop_probability": 1.3}, "drop_probability"),
        ({"dropout": 1.0}, "dropout"),
        ({"n_predictions": 0}, "n_predictions"),
        ({"averaging": 1.0}, "averaging"),
        ({"loss": "huber"}, "loss"),
        ({"max_steps": 0}, "max_steps"),
    ],
)
def test_bad_parameters(denoiser, params, match, noisy):
    with pytest.raises(ValueError, match=match):
        clone(denoiser).set_params(**params).fit(noisy[None])


def test_bad_masks_and_images(noisy, fitted, tmp_path):
    denoiser, X = ss.Self2SelfDenoiser(**TINY), noisy[None]
    with pytest.raises(ValueError, match="without any measured pixel"):
        denoiser.fit(X, mask=np.ones(X.shape, dtype=bool))
    with pytest.raises(ValueError, match="without any measured pixel"):
        denoiser.fit(np.stack([noisy, np.full_like(noisy, np.nan)]))
    with pytest.raises(ValueError, match=r"mask to be boolean.*got float64 of shape \(1, 40, 48\)"):
        denoiser.fit(X, mask=np.zeros(X.shape))
    with pytest.raises(ValueError, match=r"got bool of shape \(40, 48\)"):
        denoiser.fit(X, mask=np.zeros(noisy.shape, dtype=bool))
    with pytest.raises(ValueError, match="a mask for each of the 2 images, got 1"):
        denoiser.fit([noisy, noisy[:30]], mask=[np.zeros(noisy.shape, dtype=bool)])
    np.save(tmp_path / "x.npy", X)
    lazy = np.load(tmp_path / "x.npy", mmap_mode="r")
    with pytest.raises(ValueError, match="in memory with mask="):
        denoiser.fit(lazy, mask=np.zeros(X.shape, dtype=bool))
    with pytest.raises(ValueError, match="in memory for return_std=True"):
        fitted.transform(lazy, return_std=True)
    np.testing.assert_allclose(fitted.transform(lazy), fitted.transform(X), atol=1e-3)
    fitted.set_params(keep_known=True)
    np.testing.assert_array_equal(fitted.transform(lazy), X)
    fitted.set_params(keep_known=False)


# -- the filled network ----------------------------------------------------------------------


def test_local_mean():
    rng = np.random.default_rng(0)
    x, there = rng.normal(size=(9, 10)), rng.random((9, 10)) < 0.6
    window = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])
    expected = np.zeros_like(x)
    for i, j in np.ndindex(x.shape):
        total = weight = 0.0
        for a, b in np.ndindex(window.shape):
            row, column = i + a - 2, j + b - 2
            if 0 <= row < 9 and 0 <= column < 10 and there[row, column]:
                total += window[a, b] * x[row, column]
                weight += window[a, b]
        expected[i, j] = total / weight
    out = local_mean(*(torch.from_numpy(a * 1.0)[None, None] for a in (x, there)))
    np.testing.assert_allclose(out[0, 0], expected, rtol=1e-10)


@pytest.mark.parametrize("shape", [(32, 40), (16, 24, 16)])
def test_fill_by_mean(shape):
    x = torch.full((2, 1, *shape), 3.0)
    hole = (..., *[slice(4, 14)] * len(shape))
    x[hole] = torch.nan
    image, there = fill_by_mean(x, depth=3)
    torch.testing.assert_close(image, torch.full_like(x, 3.0), rtol=1e-3, atol=0)
    assert (there[hole] == 0).all() and there.sum() == (~x.isnan()).sum()
    assert torch.equal(fill_by_mean(torch.full_like(x, torch.nan), 3)[0], torch.zeros_like(x))


def test_filled_network_starts_from_the_local_mean(noisy):
    x = torch.from_numpy(noisy[None, None].astype(np.float32))
    torch.testing.assert_close(FilledUNet(width=4)(x), local_mean(x, torch.ones_like(x)))
    with pytest.raises(ValueError, match="out_channels to be in_channels=3"):
        FilledUNet(3, 1)
    gated, plain = (FilledUNet(width=4, depth=1, gated=gated) for gated in (True, False))
    assert sum(p.numel() for p in gated.parameters()) > sum(p.numel() for p in plain.parameters())


def test_receptive_radius_of_the_filled_network():
    """That of the U-Net, as the filling sees less far where pixels are dropped one by one."""
    plain = receptive_radius(Noise2SelfUNet(width=2, depth=2))
    assert receptive_radius(FilledUNet(width=2, depth=2)) == plain > 10
