# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from selfsupervised.networks import (  # noqa: E402
    DnCNN,
    Noise2SelfUNet,
    ResidualUNet,
    UNet,
    receptive_radius,
)
from selfsupervised.training.tiling import (  # noqa: E402
    predict_tiles,
    tile_for_memory,
    tile_memory,
)


class Predictor:
    """What the estimators make of a network; counts its calls and keeps the largest tile."""

    def __init__(self, net):
        self.net, self.largest, self.n_calls = net.eval(), 0, 0

    def __call__(self, x):
        assert x.dtype == np.float32
        assert all(size % self.net.multiple == 0 for size in x.shape[1:])
        self.n_calls, self.largest = self.n_calls + 1, max(self.largest, *x.shape[1:])
        with torch.no_grad():
            return self.net(torch.from_numpy(x)[None])[0].numpy()


def make(network, **arguments):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = network(**{"width": 3, "depth": 2, **arguments})
    return Predictor(net)


def whole(predict, image):
    with torch.no_grad():
        return predict.net(torch.from_numpy(image)[None])[0].numpy()


@pytest.fixture
def image(rng):
    return rng.normal(size=(2, 101, 75)).astype(np.float32)


@pytest.mark.parametrize("network", [UNet, DnCNN, ResidualUNet, Noise2SelfUNet])
def test_tiles_are_the_whole(network, image):
    """Everywhere, up to the borders of the image; both edges need padding, by odd numbers."""
    predict = make(network, in_channels=2)
    net = predict.net
    radius = receptive_radius(net, 2)
    tile = 2 * radius + 4 * net.multiple
    out = predict_tiles(predict, image, tile=tile, radius=radius, multiple=net.multiple)
    expected = whole(predict, image)
    assert predict.n_calls > 1 and predict.largest <= tile
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("network", [UNet, DnCNN, ResidualUNet, Noise2SelfUNet])
def test_too_small_an_overlap_shows(network, image):
    predict = make(network, in_channels=2)
    net = predict.net
    out = predict_tiles(predict, image, tile=32, radius=2, multiple=net.multiple, overlap=0)
    expected = whole(predict, image)
    assert np.abs(out - expected).max() > 1e-3 * np.abs(expected).max()
    assert out.shape == expected.shape


def test_tiles_off_the_multiples_show(image):
    """Why tiles start at multiples of what the network halves together."""
    predict = make(UNet, in_channels=2)
    image, radius = image[:, :64, :64], receptive_radius(predict.net, 2)
    expected = whole(predict, image)
    assert radius < 18
    tiled = [
        predict_tiles(predict, image, tile=44, radius=radius, overlap=overlap)
        for overlap in (36, 35)  # tiles start at multiples of 8, and of 9
    ]
    errors = [np.abs(out - expected).max() for out in tiled]
    assert errors[0] < 1e-5 * np.abs(expected).max()
    assert errors[1] > 1e-3 * np.abs(expected).max()


def test_three_dimensions(rng):
    predict = make(UNet, n_dims=3, depth=1)
    image = rng.normal(size=(1, 5, 34, 41)).astype(np.float32)
    radius = receptive_radius(predict.net, 1, 3)
    out = predict_tiles(predict, image, tile=2 * radius + 4, radius=radius, multiple=2)
    assert predict.n_calls > 4
    np.testing.assert_allclose(out, whole(predict, image), rtol=0, atol=1e-7)


def test_a_tile_at_a_time(rng, tmp_path):
    """Memory maps are read and written tile by tile."""
    predict = make(DnCNN)
    path = tmp_path / "image.npy"
    np.save(path, rng.integers(0, 255, (1, 60, 50)).astype(np.uint8))
    source = np.load(path, mmap_mode="r")
    target = np.lib.format.open_memmap(
        tmp_path / "out.npy", mode="w+", dtype=np.float32, shape=source.shape
    )
    read = []

    class Watched:
        shape = source.shape

        def __getitem__(self, index):
            read.append(source[index].shape)
            return source[index]

    out = predict_tiles(predict, Watched(), tile=20, radius=2, out=target)
    assert out is target
    assert len(read) == predict.n_calls > 6
    assert max(max(shape) for shape in read) == 20
    np.testing.assert_allclose(target, whole(predict, np.float32(source)), rtol=0, atol=1e-3)


@pytest.mark.parametrize(("radius", "overlap"), [(None, None), (9, 12), (0, 7), (3, None)])
def test_weights_sum_to_one(radius, overlap):
    image = np.random.default_rng(0).normal(size=(1, 83, 31))
    out = predict_tiles(lambda x: x, image, tile=24, radius=radius, overlap=overlap, multiple=4)
    np.testing.assert_allclose(out, image, rtol=0, atol=1e-6)


def test_tiles_that_differ_fade_into_each_other():
    """A network that is not local: each tile has a mean of its own."""
    image = np.arange(120.0).reshape(1, 1, 120).repeat(8, axis=1)

    def steps(**arguments):
        out = predict_tiles(lambda x: np.full_like(x, x.mean()), image, tile=40, **arguments)
        assert np.ptp(out, axis=1).max() == 0
        return np.abs(np.diff(out[0, 0]))

    faded, cut = steps(radius=None, overlap=20), steps(radius=10)
    assert cut.max() > 15
    assert faded.max() < 3
    assert (faded[:18] == 0).all()  # where the next tile's border may still be felt


def test_small_tiles_are_refused_where_they_cannot_be_exact(image):
    with pytest.raises(ValueError, match=r"Tiles of 32 pixels cannot share 40 .* use tile=44"):
        predict_tiles(np.copy, image, tile=35, radius=20, multiple=4)
    # but one tile for all needs no overlap
    assert predict_tiles(np.copy, image, tile=104, radius=200, multiple=4).shape == image.shape


def test_prediction_of_another_shape(image):
    with pytest.raises(ValueError, match=r"tile of shape \(2, 50, 50\) .* got \(2, 49, 50\)"):
        predict_tiles(lambda x: x[:, 1:], image, tile=50, radius=1)


def test_dask_is_lazy(image):
    da = pytest.importorskip("dask.array")
    predict = make(UNet, in_channels=2, depth=1)
    radius = receptive_radius(predict.net, 2)
    arguments = {"tile": 2 * radius + 8, "radius": radius, "multiple": 2}
    lazy = predict_tiles(predict, da.from_array(image, chunks=(1, 17, 40)), **arguments)
    assert isinstance(lazy, da.Array)
    assert predict.n_calls == 0
    assert lazy.shape == image.shape and lazy.dtype == np.float32
    corner = lazy[:, :3, :3].compute(scheduler="threads")
    assert predict.n_calls == 1
    expected = whole(predict, image)
    np.testing.assert_allclose(corner, expected[:, :3, :3], rtol=0, atol=1e-4)
    np.testing.assert_allclose(lazy.compute(scheduler="threads"), expected, rtol=0, atol=1e-4)
    assert predict.largest <= arguments["tile"]


def test_dask_without_a_radius(image):
    da = pytest.importorskip("dask.array")
    lazy = predict_tiles(np.copy, da.from_array(image), tile=32, radius=None, multiple=4)
    np.testing.assert_array_equal(lazy.compute(scheduler="sync"), image)


def test_zarr_is_lazy(image, tmp_path):
    da = pytest.importorskip("dask.array")
    zarr = pytest.importorskip("zarr")
    stored = zarr.open(str(tmp_path / "z"), mode="w", shape=image.shape, dtype="f4")
    stored[...] = image
    lazy = predict_tiles(np.copy, stored, tile=32, radius=3)
    assert isinstance(lazy, da.Array)
    np.testing.assert_array_equal(lazy.compute(scheduler="sync"), image)


def test_zarr_without_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask", None)
    stored = type("Array", (), {"__module__": "zarr.core.array", "shape": (1, 8, 8)})()
    with pytest.raises(ImportError, match="pip install dask"):
        predict_tiles(np.copy, stored, tile=8, radius=0)


def test_memory_is_counted():
    """One convolution: its input and output, and its weights; twice for what is not seen."""
    conv = torch.nn.Conv2d(3, 5, 3, padding=1)
    weights = 4 * (9 * 3 * 5 + 5)
    assert tile_memory(conv, 3)((100, 50)) == weights + 2 * 4 * (3 + 5) * 100 * 50
    # Of a long stack, only what is alive at once.
    long = torch.nn.Sequential(*[torch.nn.Conv2d(8, 8, 1, bias=False) for _ in range(9)])
    assert tile_memory(long, 8)((10, 10)) == 9 * 4 * 64 + 2 * 4 * (8 + 8 + 8) * 100


def test_tile_for_memory():
    net = UNet(width=3, depth=2)
    memory = tile_memory(net, multiple=4)
    budget = memory((64, 64)) + 1
    assert tile_for_memory(net, budget, (999, 999), multiple=4) == (64, memory((64, 64)))
    tile, needed = tile_for_memory(net, budget, (16, 999), multiple=4)
    assert 240 <= tile <= 256 and needed == memory((16, tile)) <= budget
    assert tile_for_memory(net, budget, (30, 7), multiple=4)[0] == 32
    with pytest.raises(MemoryError, match="UNet takes .* for a tile of 4 pixels"):
        tile_for_memory(net, 1000, (99, 99), multiple=4)
