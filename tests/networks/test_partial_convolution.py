# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
from itertools import product

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from selfsupervised.networks import GatedConv, PartialConv  # noqa: E402


@pytest.fixture(autouse=True)
def _same_weights():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def with_bias(layer):
    nn.init.normal_(layer.bias)
    return layer


def random_mask(*shape, p=0.5):
    return (torch.rand(shape) < p).float()


def by_hand(layer, x, mask):
    """Partial convolution and its mask, entry by entry."""
    mask = mask.expand(len(x), -1, *x.shape[2:])
    spatial, kernel = x.shape[2:], layer.conv.kernel_size
    y = torch.zeros(len(x), len(layer.bias), *spatial)
    valid = torch.zeros(len(x), 1, *spatial)
    for item, *place in product(range(len(x)), *map(range, spatial)):
        n_window = n_valid = 0
        total = torch.zeros(len(layer.bias))
        for tap in product(*map(range, kernel)):
            at = tuple(p + t - k // 2 for p, t, k in zip(place, tap, kernel))
            if not all(0 <= a < s for a, s in zip(at, spatial)):
                continue
            for channel in range(x.shape[1]):
                m = mask[(item, min(channel, mask.shape[1] - 1), *at)]
                n_window += 1
                n_valid += m.item()
                if m:
                    total += layer.conv.weight[(slice(None), channel, *tap)] * x[item, channel][at]
        if n_valid:
            y[(item, slice(None), *place)] = total * n_window / n_valid + layer.bias
            valid[(item, 0, *place)] = 1
    return y, valid


@pytest.mark.parametrize("planes", ["one", "each channel"])
@pytest.mark.parametrize("n_items", [1, 2])
@pytest.mark.parametrize(
    ("channels", "kernel_size", "spatial"),
    [(1, 3, (5, 4)), (2, 3, (4, 5)), (3, 1, (3, 3)), (1, 5, (6, 2)), (2, 3, (3, 1, 4))],
)
def test_by_hand(channels, kernel_size, spatial, n_items, planes):
    layer = with_bias(PartialConv(channels, 3, kernel_size, n_dims=len(spatial)))
    x = torch.randn(2, channels, *spatial)
    mask = random_mask(n_items, 1 if planes == "one" else channels, *spatial, p=0.3)
    with torch.no_grad():
        expected, expected_valid = by_hand(layer, x, mask)
        y, valid = layer(x, mask)
    torch.testing.assert_close(y, expected)
    assert torch.equal(valid.expand_as(expected_valid), expected_valid)


def test_nothing_valid():
    layer = with_bias(PartialConv(1, 2))
    mask = torch.zeros(1, 1, 7, 9)
    mask[..., 3, 4] = 1
    y, valid = layer(torch.randn(1, 1, 7, 9), mask)
    assert valid.sum() == 9 and (valid[..., 2:5, 3:6] == 1).all()
    assert (y * (1 - valid) == 0).all() and (y[..., 2:5, 3:6] != 0).all()
    y, valid = layer(torch.randn(1, 1, 7, 9), torch.zeros(1, 1, 7, 9))
    assert not y.any() and not valid.any()
    y.sum().backward()
    assert all((p.grad == 0).all() for p in layer.parameters())


@pytest.mark.parametrize("n_dims", [2, 3])
@pytest.mark.parametrize("bias", [True, False])
def test_full_mask_is_a_convolution(n_dims, bias):
    layer = PartialConv(3, 4, n_dims=n_dims, bias=bias)
    plain = getattr(nn, f"Conv{n_dims}d")(3, 4, 3, padding=1, bias=bias)
    plain.weight = layer.conv.weight
    if bias:
        plain.bias = with_bias(layer).bias
    x = torch.randn(2, 3, *[6] * n_dims)
    y, valid = layer(x, torch.ones(1, 1, *[6] * n_dims))
    torch.testing.assert_close(y, plain(x))
    assert valid.all()


def test_constant_image_stays_constant():
    """What the factor is for; without it a hole makes the output darker."""
    layer = PartialConv(1, 1)
    layer.conv.weight.data.fill_(1 / 9)
    mask = random_mask(1, 1, 12, 12, p=0.7)
    y, valid = layer(torch.full((1, 1, 12, 12), 5.0), mask)
    inner = (..., slice(1, -1), slice(1, -1))
    assert valid[inner].all()
    torch.testing.assert_close(y[inner], torch.full((1, 1, 10, 10), 5.0))
    plain = layer.conv(5 * mask)
    assert (plain[inner] < 4.9).any()


@pytest.mark.parametrize("value", [1e6, float("nan")])
def test_missing_entries_do_not_count(value):
    layer = with_bias(PartialConv(2, 3))
    x, mask = torch.randn(1, 2, 8, 8), random_mask(1, 2, 8, 8)
    changed = torch.where(mask == 0, value, x)
    with torch.no_grad():
        assert torch.equal(layer(x, mask)[0], layer(changed, mask)[0])
        assert not torch.equal(layer(x, mask)[0], layer(x + 1, mask)[0])
        assert not torch.equal(layer.conv(x), layer.conv(changed))  # a plain one sees them


def test_zero_filled_input():
    layer = with_bias(PartialConv(2, 3, zero_filled=True))
    filling = with_bias(PartialConv(2, 3))
    filling.load_state_dict(layer.state_dict())
    x, mask = torch.randn(1, 2, 8, 8), random_mask(1, 2, 8, 8)
    with torch.no_grad():
        assert torch.equal(layer(x * mask, mask)[0], filling(x, mask)[0])
        assert not torch.equal(layer(x, mask)[0], filling(x, mask)[0])


def test_gradients():
    layer = with_bias(PartialConv(2, 2)).double()
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    mask = random_mask(1, 2, 4, 4).double()

    def output(x, weight, bias):
        parameters = {"conv.weight": weight, "bias": bias}
        return torch.func.functional_call(layer, parameters, (x, mask))[0]

    weights = [layer.conv.weight, layer.bias]
    assert torch.autograd.gradcheck(output, [x, *(w.detach().requires_grad_() for w in weights)])
    output(x, *weights).sum().backward()
    assert ((x.grad != 0) <= (mask == 1)).all()


def test_even_window():
    with pytest.raises(ValueError, match="PartialConv expected kernel_size to be odd; got 2"):
        PartialConv(1, 1, 2)


@pytest.mark.parametrize("n_dims", [2, 3])
def test_gated_convolution(n_dims):
    layer = GatedConv(2, 3, n_dims=n_dims, slope=0.2)
    x = torch.randn(2, 2, *[5] * n_dims)
    weight, bias = layer.conv.weight, layer.conv.bias
    conv = getattr(nn.functional, f"conv{n_dims}d")
    features, gate = (
        conv(x, weight[part], bias[part], padding=1) for part in (slice(3), slice(3, 6))
    )
    expected = torch.where(features > 0, features, 0.2 * features) / (1 + torch.exp(-gate))
    torch.testing.assert_close(layer(x), expected)
    with torch.no_grad():
        bias[3:] = -100  # closed
    assert layer(x).abs().max() < 1e-6
    with torch.no_grad():
        bias[3:] = 100  # open
    torch.testing.assert_close(layer(x), nn.functional.leaky_relu(features, 0.2))
