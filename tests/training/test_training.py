# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The bridge to skorch: crops, what is held out, passes, and the ways in which training ends."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from skorch.callbacks import Callback  # noqa: E402
from torch import nn  # noqa: E402

from cases import TinyNet  # noqa: E402
from selfsupervised.networks import ensemble  # noqa: E402
from selfsupervised.partitions.fill import fill_missing  # noqa: E402
from selfsupervised.partitions.held_out import held_out  # noqa: E402
from selfsupervised.training import data  # noqa: E402
from selfsupervised.training.data import Crops, HeldOut, crop_shape, fill_crops, target_of  # noqa: E402
from selfsupervised.training.net import halved, new_net, seeded, train  # noqa: E402
from selfsupervised.training.passes import (  # noqa: E402
    Passes,
    WeightedMSE,
    bfloat16_is_faster,
    choose_device,
    in_precision,
)
from selfsupervised.training.source import Source, is_lazy, random_place  # noqa: E402
from selfsupervised.training.windows import root_mean_square  # noqa: E402

CPU = torch.device("cpu")


def source_of(X, channel_axis=None, seed=0, fraction=1 / 16):
    return Source(X, channel_axis=channel_axis, fraction=fraction, seed=seed)


def as_target(x, rng, progress):
    """The simplest scheme: learn the identity."""
    return fill_crops(x), target_of(x)


def crops_of(source, scheme=as_target, **kwargs):
    kwargs = {
        "shape": (8, 8),
        "n_batches": 2,
        "batch_size": 3,
        "max_steps": 6,
        "turn": False,
        "seed": 0,
        **kwargs,
    }
    return Crops(source, scheme, **kwargs)


class MeanSquare(WeightedMSE):
    def loss(self, outputs, targets):
        target, weight = targets
        return (weight * (outputs[0] - target).square()).mean()


def net_for(source, network=None, **kwargs):
    return new_net(
        Passes(network or TinyNet(source.n_channels)),
        MeanSquare(),
        device=CPU,
        valid=HeldOut(source, seed=0),
        **kwargs,
    )


# -- source --------------------------------------------------------------------------------


def test_source_normalises_by_what_is_not_held_out(rng):
    X = rng.normal(50, 7, (2, 20, 24, 3))
    X[0, 3, 4, 1] = np.nan
    hidden = held_out((20, 24), 1 / 16, 0)
    learned = X[:, ~hidden]
    source = source_of(X, -1)
    assert source.mean == pytest.approx(np.nanmean(learned))
    assert source.scale == pytest.approx(np.nanstd(learned))
    values, where = source.crop(0, (2, 3), (8, 9))
    np.testing.assert_array_equal(where, hidden[2:10, 3:12])
    expected = np.moveaxis((X[0, 2:10, 3:12] - source.mean) / source.scale, -1, 0)
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)


def test_source_of_constant_has_scale_zero():
    source = source_of(np.full((1, 8, 8), 7.0))
    assert (source.mean, source.scale) == (7, 0)
    assert (source.crop(0, (0, 0), (8, 8))[0] == 0).all()


def test_beyond_the_image_nothing_was_measured(rng):
    values, hidden = source_of(rng.normal(size=(1, 5, 7))).crop(0, (0, 0), (8, 6))
    assert values.shape == (1, 8, 6) and hidden.shape == (8, 6)
    assert np.isnan(values[:, 5:]).all() and not np.isnan(values[:, :5]).any()
    assert not hidden[5:].any()


class Watched:
    """An array in chunks, on a disk far away: notes what is read of it."""

    chunks = (1, 8, 8)

    def __init__(self, array):
        self.array, self.read = array, 0
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, index):
        part = self.array[index]
        self.read = max(self.read, part.size)
        return part


def test_lazy_sources_read_crops_only(rng, tmp_path):
    X = rng.normal(10, 2, (3, 150, 170)).astype(np.float32)
    watched = Watched(X)
    assert is_lazy(watched) and is_lazy([watched.array, watched]) and not is_lazy(X)
    lazy, plain = source_of(watched), source_of(X)
    assert watched.read == 128 * 128
    assert lazy.mean == pytest.approx(plain.mean, abs=0.1)
    watched.read = 0
    lazy.mean, lazy.scale = plain.mean, plain.scale
    for number, start in ((0, (0, 0)), (2, (140, 100))):
        values, hidden = lazy.crop(number, start, (16, 16))
        expected, where = plain.crop(number, start, (16, 16))
        np.testing.assert_array_equal(values, expected)
        np.testing.assert_array_equal(hidden, where)
    assert watched.read == 16 * 16
    path = tmp_path / "stack.npy"
    np.save(path, X)
    assert is_lazy(np.load(path, mmap_mode="r"))


def test_images_are_drawn_by_their_pixels(rng):
    shapes = [(10, 10), (30, 10), (4, 4)]
    drawn = [random_place(shapes, (6, 6), rng) for _ in range(4000)]
    counts = np.bincount([number for number, _ in drawn]) / 4000
    np.testing.assert_allclose(counts, np.array([100, 300, 16]) / 416, atol=0.03)
    assert {start for number, start in drawn if number == 2} == {(0, 0)}
    rows = [start[0] for number, start in drawn if number == 1]
    assert min(rows) == 0 and max(rows) == 24


# -- crops ---------------------------------------------------------------------------------


def test_what_is_held_out_is_no_target_and_no_input(rng):
    X = rng.normal(size=(1, 32, 32))
    X[:, held_out((32, 32), 1 / 16, 0)] = 1e6
    inputs, (target, weight) = crops_of(source_of(X)).__getitems__(range(40))
    assert np.abs(inputs).max() < 10 and np.abs(target).max() < 10
    assert weight.mean() == pytest.approx(15 / 16, abs=0.02)
    # Negative control: other held-out pixels, and the large values come through.
    inputs, _ = crops_of(source_of(X, seed=1)).__getitems__(range(40))
    assert np.abs(inputs).max() > 2


def test_turned_crops_are_crops(rng):
    X = np.arange(64.0).reshape(1, 8, 8)
    source = source_of(X, fraction=1e-9)
    x, _ = crops_of(source, turn=True, shape=(8, 8)).__getitems__(range(200))
    kinds = np.unique(x.reshape(200, -1), axis=0)
    assert len(kinds) == 8
    np.testing.assert_allclose(np.sort(kinds, axis=1), np.sort(kinds[:1], axis=1).repeat(8, 0))
    x, _ = crops_of(source, turn=True, shape=(8, 4)).__getitems__(range(200))
    assert x.shape[1:] == (1, 8, 4)


def test_turning_back(rng):
    x = rng.normal(size=(2, 3, 4, 5))
    for _ in range(10):
        turn = data.draw_turn(rng)
        np.testing.assert_array_equal(ensemble.turned_back(ensemble.turned(x, *turn), *turn), x)
    assert {data.draw_turn(rng, square=False)[1] for _ in range(50)} == {0, 2}


def test_flips_only(rng):
    x = rng.normal(size=(1, 8, 8)).astype(np.float32)
    crops = crops_of(source_of(x), turn="flips", batch_size=40)
    hidden = held_out((8, 8), 1 / 16, 0)
    source = crops.source
    plane = np.where(hidden, np.nan, (x[0] - source.mean) / source.scale)
    forms = [plane, plane[::-1], plane[:, ::-1], plane[::-1, ::-1]]
    crops.scheme = lambda x, rng, progress: x
    seen = {
        next(i for i, form in enumerate(forms) if np.allclose(crop[0], form, equal_nan=True))
        for crop in crops.__getitems__(range(40))
    }
    assert seen == {0, 1, 2, 3}


def test_blank_planes_are_filled_by_the_mean(rng):
    x = rng.normal(size=(2, 2, 6, 6)).astype(np.float32)
    x[1, 0] = np.nan
    x[0, 0, 2, 2] = np.nan
    filled = fill_crops(x)
    assert (filled[1, 0] == 0).all() and np.isnan(x[1, 0]).all()
    np.testing.assert_array_equal(filled[0, 0], fill_missing(x[0, :1])[0])


def test_random_fills_repeat_nowhere(rng):
    """Each channel of each crop has draws of its own, unlike the images of a public stack."""
    crop = rng.normal(size=(1, 1, 12, 12)).astype(np.float32)
    crop[0, 0, ::2, ::2] = np.nan
    x = np.repeat(np.repeat(crop, 3, axis=0), 2, axis=1)
    hidden = np.isnan(crop[0, 0])
    for fill in ("uniform", "random_neighbor"):
        filled = fill_crops(x, fill, seed=5)[:, :, hidden].reshape(6, -1)
        assert len(np.unique(filled, axis=0)) == 6
        np.testing.assert_array_equal(
            filled, fill_crops(x, fill, seed=5)[:, :, hidden].reshape(6, -1)
        )
        stack = fill_missing(x[:, 0], fill)[:, hidden]  # the negative control
        np.testing.assert_array_equal(stack[0], stack[2])


def test_held_out_loss_is_the_mean_over_all_entries(rng):
    X = [rng.normal(size=shape) for shape in ((20, 30), (9, 14), (1, 2))]
    source = source_of(X)
    net = net_for(source)
    net.set_params(max_epochs=1, batch_size=2)
    net.partial_fit(crops_of(source), y=None)
    total = count = 0
    for number, shape in enumerate(source.shapes):
        values, hidden = source.crop(number, (0, 0), shape)
        seen = fill_crops(np.where(hidden, np.float32(np.nan), values)[None])
        with torch.no_grad():
            f = net.module_.eval()(torch.from_numpy(seen))[0].numpy()[0]
        total += np.square(f - values)[:, hidden].sum()
        count += hidden.sum()
    assert net.history[-1]["valid_loss"] == pytest.approx(total / count, rel=1e-5)


def test_validation_of_large_images_is_bounded(rng, monkeypatch):
    monkeypatch.setattr(data, "VALIDATION_PIXELS", 900)
    monkeypatch.setattr(data, "VALIDATION_EDGE", {2: 10})
    items = HeldOut(source_of(rng.normal(size=(2, 40, 50))), seed=0)
    assert len(items) == 9
    assert items[0][0].shape == (1, 10, 10)
    again = HeldOut(source_of(rng.normal(size=(2, 40, 50))), seed=0)
    np.testing.assert_array_equal(items[3][1][1] > 0, again[3][1][1] > 0)


@pytest.mark.parametrize(
    ("asked", "shapes", "multiple", "got"),
    [
        (None, [(100, 50), (20, 70)], 1, (64, 64)),
        (None, [(9, 13)], 2, (10, 14)),
        (16, [(20, 20), (4, 90)], 1, (16, 16)),
        ((4, 8, 9), [(5, 9, 9)], 2, (4, 8, 10)),
    ],
)
def test_crop_shape(asked, shapes, multiple, got):
    assert crop_shape(asked, shapes, default=64, multiple=multiple) == got


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        (33, "patch_size=33 is larger than every image; the largest possible is 32"),
        ((16, 41), "larger than every image"),
        ((8, 8, 8), "one for each of the 2 spatial axes; got .8, 8, 8."),
        (0, "positive integer"),
        (2.5, "positive integer"),
    ],
)
def test_bad_crop_shape(asked, match):
    with pytest.raises(ValueError, match=match):
        crop_shape(asked, [(32, 40), (10, 10)], default=64)


# -- passes --------------------------------------------------------------------------------


def test_passes():
    network = TinyNet()
    passes = Passes(network, multiple=4)
    x, also, still = (torch.randn(2, 1, 7, 9) for _ in range(3))
    outputs = passes(x, second=also, without_gradient=still)
    assert [o.requires_grad for o in outputs] == [True, True, False]
    assert all(o.shape == x.shape for o in outputs)
    torch.testing.assert_close(passes(x, without_gradient=still)[1], outputs[2])


@pytest.mark.parametrize(("n_dims", "shape"), [(2, (2, 3, 9, 8)), (3, (1, 2, 5, 6, 7))])
def test_bfloat16_is_close_and_comes_back_as_float32(n_dims, shape):
    network = TinyNet(shape[1], n_dims)
    x = torch.randn(shape)
    exact = in_precision(network, 1, "float32", CPU, n_dims)(x)[0]
    passes = in_precision(network, 1, "bfloat16", CPU, n_dims)
    rough = passes(x)[0]
    assert rough.dtype == torch.float32 and not torch.equal(rough, exact)
    torch.testing.assert_close(rough, exact, atol=0.02, rtol=0.02)
    assert passes.layout != torch.contiguous_format


def test_auto_precision_follows_the_hardware(monkeypatch):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False, raising=False)
    assert bfloat16_is_faster(CPU) is False
    # Instructions without tile units are not enough.
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    assert bfloat16_is_faster(CPU) is False
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True, raising=False)
    assert bfloat16_is_faster(CPU) is True
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported")  # as before torch 2.6
    assert bfloat16_is_faster(CPU) is False
    for capability, faster in {(7, 5): False, (8, 0): True}.items():
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _, c=capability: c)
        assert bfloat16_is_faster(torch.device("cuda")) is faster
    assert bfloat16_is_faster(torch.device("mps")) is False


def test_auto_precision_is_the_faster_one(bfloat16):
    passes = in_precision(TinyNet(), 1, "auto", CPU, 2)
    assert passes.in_bfloat16 is bfloat16
    assert (passes.layout != torch.contiguous_format) is bfloat16
    assert in_precision(TinyNet(), 1, "bfloat16", CPU, 2).in_bfloat16
    assert not in_precision(TinyNet(), 1, "float32", CPU, 2).in_bfloat16


def test_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == CPU == choose_device(CPU)
    for absent in ("cuda", "cuda:1", "mps", "gpu"):
        with pytest.raises(ValueError, match=f"one that is there .cpu.; got '{absent}'"):
            choose_device(absent)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("auto").type == "cuda"
    with pytest.raises(ValueError, match="cuda, cuda:0, cpu.; got 'cuda:1'"):
        choose_device("cuda:1")


# -- training ------------------------------------------------------------------------------


def test_steps_and_schedule(rng):
    source = source_of(rng.normal(size=(1, 20, 20)))
    net = net_for(source, max_steps=7, lr=0.1, optimizer="SGD", halvings=(0.5,))
    progress = []

    def scheme(x, rng, share):
        progress.append(share)
        return as_target(x, rng, share)

    assert train(net, crops_of(source, scheme, max_steps=7)) == 7
    np.testing.assert_allclose(progress, np.arange(1, 8) / 7)
    assert net.history[:, "train_batch_count"] == [2, 2, 2, 1]
    assert net.optimizer_.param_groups[0]["lr"] == pytest.approx(0.05)
    rates = [halved(step, at=(0.2, 0.4), max_steps=10) for step in range(6)]
    assert rates == [1, 1, 0.5, 0.5, 0.25, 0.25]


class Worsening(nn.Module):
    """Its output is how often it was trained, starting at -2: best after two steps."""

    def __init__(self):
        super().__init__()
        self.level = nn.Parameter(torch.tensor(-2.0))

    def forward(self, x):
        return 0 * x + self.level


class Rising(WeightedMSE):
    """With a learning rate of one, SGD raises the level by one a step."""

    def loss(self, outputs, targets):
        return -outputs[0].mean()


def worsening_net(source, **kwargs):
    settings = {"max_steps": 6, "lr": 1.0, "optimizer": "SGD", "valid": HeldOut(source, seed=0)}
    return new_net(Passes(Worsening()), Rising(), device=CPU, **{**settings, **kwargs})


def test_best_state_is_kept(rng):
    source = source_of(rng.normal(size=(1, 20, 20)))
    net = worsening_net(source)
    assert train(net, crops_of(source, n_batches=1)) == 6
    level = net.module_.network.level.item()
    losses = net.history[:, "valid_loss"]
    assert level == np.argmin(losses) - 1
    assert np.argmin(losses) in (0, 1, 2)  # the mean is 0, and held-out pixels are few


@pytest.mark.parametrize(("step", "stays"), [(0.01, True), (0.1, False)])
def test_the_last_state_stays_where_the_best_is_so_by_chance(step, stays, rng):
    """States that differ at random, and drift from the best at 0: by 0.2 at last, or by 2."""
    source = source_of(rng.normal(size=(1, 40, 40)))

    class Drifting(Worsening):
        def forward(self, x):
            generator = torch.Generator().manual_seed(int(self.level.item()) + 10)
            return step * super().forward(x) + 0.3 * torch.randn(x.shape, generator=generator)

    settings = {"max_steps": 20, "lr": 1 / step, "optimizer": "SGD"}
    valid = HeldOut(source, seed=0)
    net = new_net(Passes(Drifting()), Rising(), device=CPU, valid=valid, **settings)
    train(net, crops_of(source, n_batches=5, max_steps=20))
    losses, best = net.history[:, "valid_loss"], dict(net.callbacks_)["best"]
    assert best.best_loss_ == min(losses) < losses[-1]
    assert best.loss_ == (losses[-1] if stays else min(losses))
    kept = net.module_.network.level.item()
    assert kept == pytest.approx(18 if stays else 5 * np.argmin(losses) + 3)


def test_patience(rng):
    source = source_of(rng.normal(size=(1, 20, 20)))
    net = worsening_net(source, patience=2, max_steps=50)
    assert 3 <= train(net, crops_of(source, n_batches=1, max_steps=50)) <= 5


def test_interruption_keeps_the_best_state(rng):
    source = source_of(rng.normal(size=(1, 20, 20)))

    def interrupted(x, rng, progress):
        if progress > 0.8:
            raise KeyboardInterrupt
        return as_target(x, rng, progress)

    net = worsening_net(source)
    with pytest.warns(UserWarning, match="interrupted after 4 of 6 steps; the best state"):
        assert train(net, crops_of(source, interrupted, n_batches=1)) == 4
    assert net.module_.network.level.item() <= 1


class Weights(Callback):
    """The first weights after each step, and those that a validation sees."""

    def on_train_begin(self, net, **kwargs):
        self.steps, self.judged = [self.first(net.module_.network)], []

    def on_batch_end(self, net, training, **kwargs):
        if training:
            self.steps.append(self.first(net.module_.network))
        else:
            judged = net.module_.network if net.module_.average is None else net.module_.average
            self.judged.append(self.first(judged))

    @staticmethod
    def first(network):
        return next(iter(network.parameters())).detach().clone()


@pytest.mark.parametrize("decay", [None, 0.5])
def test_average_of_the_weights(rng, decay):
    """By its formula; judged and kept in place of the last weights, which are kept without it."""
    source, weights = source_of(rng.normal(size=(1, 20, 20))), Weights()
    settings = {"max_steps": 6, "lr": 0.5, "optimizer": "SGD", "averaging": decay}
    net = net_for(source, callbacks=[weights], patience=100, **settings)
    train(net, crops_of(source))
    mean = weights.steps[0]
    for n, step in enumerate(weights.steps[1:], start=1):
        stays = 0 if decay is None else min(decay, n / (n + 9))
        mean = stays * mean + (1 - stays) * step
        if n % 2 == 0:  # the last step of an epoch
            torch.testing.assert_close(weights.judged[n // 2 - 1], mean)
    kept = weights.first(net.module_.network)
    assert any(torch.equal(kept, judged) for judged in weights.judged)
    assert net.module_.average is None
    assert torch.equal(mean, weights.steps[-1]) == (decay is None)


@pytest.mark.parametrize("clip", [0.5, None])
def test_long_gradients_are_shortened(rng, clip):
    source = source_of(1e3 * rng.normal(size=(1, 20, 20)))

    class Steep(MeanSquare):
        def loss(self, outputs, targets):
            return 1e6 * super().loss(outputs, targets)

    net = new_net(
        in_precision(TinyNet(), 1, "float32", CPU, 2),
        Steep(),
        device=CPU,
        lr=0.01,
        clip=clip,
        optimizer="SGD",
    )
    before = [p.detach().clone() for p in net.module_.parameters()]
    train(net, crops_of(source, max_steps=1))
    moved = sum((p - q).square().sum() for p, q in zip(net.module_.parameters(), before)).sqrt()
    assert moved.item() == pytest.approx(0.01 * clip, rel=0.01) if clip else moved > 1


def test_loss_that_is_no_number(rng):
    source = source_of(rng.normal(size=(1, 20, 20)))
    net = worsening_net(source, lr=1e38)
    with pytest.raises(FloatingPointError, match="in step .*try a smaller lr, or another module"):
        train(net, crops_of(source, n_batches=1))
    rough = new_net(
        Passes(Worsening(), bfloat16=True), Rising(), device=CPU, lr=1e38, optimizer="SGD"
    )
    with pytest.raises(FloatingPointError, match="smaller lr, precision='float32'"):
        train(rough, crops_of(source, n_batches=1))


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA out of memory."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 byte."),
        MemoryError(),
        torch.cuda.OutOfMemoryError("?"),
    ],
)
def test_out_of_memory(rng, error):
    source = source_of(rng.normal(size=(1, 20, 20)))

    def scheme(x, rng, progress):
        raise error

    with pytest.raises(MemoryError, match="batch_size=3 and patches of .8, 8. pixels: lower"):
        train(net_for(source), crops_of(source, scheme))


def test_other_errors_come_through(rng):
    source = source_of(rng.normal(size=(1, 20, 20)))

    def scheme(x, rng, progress):
        raise RuntimeError("of another kind")

    with pytest.raises(RuntimeError, match="of another kind"):
        train(net_for(source), crops_of(source, scheme))


def test_progress_is_one_line(rng, capsys):
    source = source_of(rng.normal(size=(1, 20, 20)))
    train(net_for(source, max_steps=4, verbose=1), crops_of(source, max_steps=4))
    out, err = capsys.readouterr()
    assert out == ""
    assert "100%" in err and "4/4" in err and "step/s, loss=" in err and "held-out loss=" in err
    assert err.count("\n") == 1
    train(net_for(source, max_steps=4), crops_of(source, max_steps=4))
    assert capsys.readouterr() == ("", "")


def test_bad_optimizer(rng):
    source = source_of(rng.normal(size=(1, 20, 20)))
    for bad in ("Adamm", "lr_scheduler", 3):
        with pytest.raises(ValueError, match="Expected optimizer to be"):
            net_for(source, optimizer=bad)


def test_seeded_leaves_the_global_state():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    with seeded(3, CPU):
        first = torch.randn(4)
    assert torch.equal(torch.get_rng_state(), before)
    with seeded(3, CPU):
        assert torch.equal(torch.randn(4), first)
    with seeded(4, CPU):
        assert not torch.equal(torch.randn(4), first)


# -- windows ------------------------------------------------------------------------------


@pytest.mark.parametrize("spatial", [(7, 10), (5, 4, 9), (3, 3)])
def test_roots_in_windows(spatial, rng):
    """By hand, over windows of 4 pixels of which some are cut and some without J."""
    squares = rng.random((2, 1, *spatial), dtype=np.float32)
    J = rng.random(squares.shape) < 0.1
    J.flat[0] = True
    roots = []
    for corner in np.ndindex(*(-(-size // 4) for size in spatial)):
        window = (..., *(slice(4 * start, 4 * start + 4) for start in corner))
        for n in range(len(J)):
            values = squares[n][window][J[n][window]]
            roots += [np.sqrt(values.mean())] * values.size if values.size else []
    inputs = torch.from_numpy(squares), torch.from_numpy(J.astype(np.float32))
    local, whole = (root_mean_square(*inputs, window).item() for window in (4, None))
    assert local == pytest.approx(np.mean(roots), rel=1e-5)
    assert whole == pytest.approx(np.sqrt(squares[J].mean()), rel=1e-5)
    assert local <= whole  # a closer bound
