# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
from functools import partial

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from selfsupervised.networks import (  # noqa: E402
    Self2SelfPlusUNet,
    Self2SelfUNet,
    StochasticDropout,
    needed_multiple,
    receptive_radius,
    without_dropout,
)
from selfsupervised.training.tiling import tile_memory  # noqa: E402

NETWORKS = [Self2SelfUNet, Self2SelfPlusUNet]
PLAIN = [partial(Self2SelfUNet, partial=False), partial(Self2SelfPlusUNet, gated=False)]
SMALL = {"width": 3, "depth": 2}


@pytest.fixture(autouse=True)
def _same_weights():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def n_weights(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_numbers_of_weights():
    # Kernel x inputs x outputs + outputs, by hand.
    same = 9 * 48 * 48 + 48
    middle = (9 * 96 * 96 + 96) + 3 * (9 * 144 * 96 + 96) + 4 * (9 * 96 * 96 + 96)
    for c in (1, 3):
        first, ending = 9 * c * 48 + 48, 9 * (96 + c) * 64 + 64 + 9 * 64 * 32 + 32 + 9 * 32 * c + c
        expected = first + 6 * same + middle + ending
        assert n_weights(Self2SelfUNet(c)) == expected
        assert n_weights(Self2SelfUNet(c, partial=False)) == expected
    assert n_weights(Self2SelfUNet()) == 988_609
    assert n_weights(Self2SelfPlusUNet()) == 1_248_385
    assert n_weights(Self2SelfPlusUNet(3)) == pytest.approx(1.25e6, rel=0.005)
    gates = 9 * 2 * 48 + 48 + 6 * same
    assert n_weights(Self2SelfPlusUNet(gated=False)) == 1_248_385 - gates


@pytest.mark.parametrize("network", NETWORKS + PLAIN)
@pytest.mark.parametrize("spatial", [(13, 10), (1, 3), (5, 7, 6)])
@pytest.mark.parametrize("channels", [(1, None), (3, None), (2, 1)])
def test_any_size_and_channels(network, spatial, channels):
    net = network(*channels, n_dims=len(spatial), **SMALL)
    x = torch.randn(2, channels[0], *spatial)
    y = net(x, torch.rand_like(x) < 0.7)
    assert y.shape == (2, channels[1] or channels[0], *spatial)
    y.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


@pytest.mark.parametrize("network", NETWORKS)
def test_features_keep_their_size(network):
    """New weights neither lose the image nor blow it up, however much is dropped."""
    for dropout in (0, 0.3, 0.8):
        y = network(width=16, dropout=dropout)(torch.randn(1, 1, 64, 64))
        assert 1e-3 < y.std() < 10


@pytest.mark.parametrize("network", NETWORKS + PLAIN)
@pytest.mark.parametrize("value", [1e6, float("nan")])
def test_dropped_pixels_do_not_count(network, value):
    net = network(2, dropout=0, **SMALL)
    x = torch.randn(1, 2, 13, 10)
    mask = torch.rand_like(x) < 0.7
    changed = torch.where(mask, x, value)
    with torch.no_grad():
        seen = net(x, mask)
        assert torch.equal(seen, net(changed, mask))
        assert not torch.equal(seen, net(torch.where(mask, x + 1, x), mask))
        # Without the mask the same network does see them.
        assert not torch.equal(net(x), net(changed))


@pytest.mark.parametrize("network", NETWORKS)
def test_masks(network):
    net = network(2, dropout=0, **SMALL)
    x = torch.randn(2, 2, 9, 12)
    plane = torch.rand(2, 1, 9, 12) < 0.7
    with torch.no_grad():
        torch.testing.assert_close(net(x, plane), net(x, plane.float().expand_as(x)))
        torch.testing.assert_close(net(x, plane[:1])[:1], net(x, plane)[:1])
        assert torch.equal(net(x), net(x, torch.ones(1, 1, 9, 12)))
        assert net(x, torch.zeros(1, 1, 9, 12)).isfinite().all()
    for shape in [(2, 3, 9, 12), (3, 1, 9, 12), (2, 2, 9, 1), (9, 12)]:
        with pytest.raises(ValueError, match=r"mask of the shape of the batch, \(2, 2, 9, 12\)"):
            net(x, torch.ones(shape))


def test_partial_differs_from_plain():
    net, plain = Self2SelfUNet(dropout=0, **SMALL), PLAIN[0](dropout=0, **SMALL)
    state = {name.replace(".conv.", "."): value for name, value in net.state_dict().items()}
    plain.load_state_dict(state)
    x = torch.randn(1, 1, 16, 12)
    mask = torch.rand_like(x) < 0.7
    with torch.no_grad():
        torch.testing.assert_close(net(x), plain(x))
        assert (net(x, mask) - plain(x, mask)).abs().max() > 1e-3


@pytest.mark.parametrize("network", NETWORKS)
def test_every_call_is_another_prediction(network):
    net = network(**SMALL).eval()
    x = torch.randn(1, 1, 8, 12)
    with torch.no_grad():
        torch.manual_seed(1)
        first, second = net(x), net(x)
        torch.manual_seed(1)
        assert torch.equal(net(x), first)
        assert not torch.equal(first, second)
        with without_dropout(net) as same:
            assert same is net
            assert torch.equal(net(x), net(x))
        assert not torch.equal(net(x), net(x))
        still = network(**SMALL, dropout=0)
        assert torch.equal(still(x), still(x))


def test_without_dropout_comes_back():
    net = nn.Sequential(StochasticDropout(0.5), StochasticDropout(0.5))
    net[1].active = False
    with without_dropout(net):
        assert not net[0].active
    assert net[0].active and not net[1].active
    with pytest.raises(ZeroDivisionError), without_dropout(net):
        1 / net[0].active
    assert net[0].active and not net[1].active


@pytest.mark.parametrize("p", [0.1, 0.3, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_dropout(p, dtype):
    x = torch.ones(100_001, dtype=dtype)
    y = StochasticDropout(p).eval()(x)
    assert y.dtype == dtype
    dropped = (y == 0).double().mean().item()
    assert abs(dropped - p) < 5 * (p * (1 - p) / len(x)) ** 0.5
    torch.testing.assert_close(y.max(), torch.tensor(1 / (1 - p), dtype=dtype), rtol=1e-3, atol=0)
    assert len(y.unique()) == 2
    assert torch.equal(nn.Dropout(p).eval()(x), x)  # what torch's does instead


def test_mean_of_many_passes():
    """It comes closer to the input by one over the root of their number."""
    dropout = StochasticDropout(0.3)
    x = torch.rand(500) + 1
    for n in (10, 1000):
        error = (dropout(x.expand(n, -1)).mean(dim=0) - x).square().mean().sqrt()
        expected = (x.square().mean() * 0.3 / 0.7 / n).sqrt()
        assert error == pytest.approx(expected.item(), rel=0.2)


def test_elements_are_dropped_independently():
    y = StochasticDropout(0.5)(torch.ones(1, 16, 64, 64)) - 1
    for axis in (1, 2, 3):
        neighbours = y * y.roll(1, axis)
        assert abs(neighbours.mean().item()) < 5 / y.numel() ** 0.5


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_dropout_keeps_layout_and_gradient(layout):
    x = torch.rand(2, 3, 5, 7).to(memory_format=layout).requires_grad_()
    y = StochasticDropout(0.5)(x)
    assert y.is_contiguous(memory_format=layout)
    y.sum().backward()
    torch.testing.assert_close(x.grad, (y != 0) * 2.0)
    part = StochasticDropout(0.5)(x[:, 1:, ::2, 1:3])  # not dense
    assert part.shape == (2, 2, 3, 2) and (part == 0).any() and (part > 0).any()


@pytest.mark.parametrize("p", [1, 1.0, -0.1, "0.3", True, float("nan")])
def test_bad_dropout(p):
    with pytest.raises(ValueError, match="probability of dropout to be at least 0 and below 1"):
        Self2SelfUNet(dropout=p, **SMALL)


@pytest.mark.parametrize("network", NETWORKS)
def test_bad_arguments(network):
    with pytest.raises(ValueError, match=f"{network.__name__} expected width"):
        network(width=0)
    with pytest.raises(ValueError, match=r"expected a batch of shape \(n, 1, height, width\)"):
        network(**SMALL)(torch.zeros(1, 2, 8, 8))


@pytest.mark.parametrize("network", NETWORKS)
def test_other_formats_and_precision(network):
    net = network(2, dropout=0, **SMALL)
    x = torch.randn(1, 2, 9, 12)
    mask = torch.rand_like(x) < 0.7
    with torch.no_grad():
        expected = net(x, mask)
        last = {"memory_format": torch.channels_last}
        out = net.to(**last)(x.to(**last), mask)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = net(x, mask)
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)
    assert half.dtype == torch.float32
    made = half[half != 0]  # what all units were silent at stays zero
    assert (made != made.bfloat16()).float().mean() > 0.9  # not rounded
    assert (half - expected).abs().max() < 0.1 * expected.abs().max()


@pytest.mark.parametrize("network", NETWORKS)
def test_probing(network):
    net = network(**SMALL)
    state = torch.random.get_rng_state()
    assert needed_multiple(net) == net.multiple == 4
    # The encoder's distances, the decoder's, and the end of a pooled block.
    ending = 3 if network is Self2SelfUNet else 2 + 1
    assert receptive_radius(net) == (1 + 1 + 2 + 4) + 2 * 2 + ending + 3
    assert tile_memory(net)((16, 16)) > 0
    assert torch.equal(torch.random.get_rng_state(), state)
