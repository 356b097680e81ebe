# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What is computed in float32 within a network that is in bfloat16."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from selfsupervised.networks import FilledUNet, Noise2SelfUNet, in_float32  # noqa: E402
from selfsupervised.networks.filled import Filled  # noqa: E402
from selfsupervised.networks.precision import each_on_its_own, ended_in_float32  # noqa: E402

BFLOAT16 = torch.autocast("cpu", torch.bfloat16)


def test_in_float32():
    layer, x = nn.Linear(3, 2), torch.randn(4, 3)
    with torch.no_grad():
        exact = layer(x)
        with BFLOAT16:
            assert torch.equal(in_float32(layer, x), exact)
            assert in_float32(layer, x.bfloat16()).dtype == torch.float32
            assert in_float32(torch.add, x.double(), x).dtype == torch.float64
            assert layer(x).dtype == torch.bfloat16  # autocast is on again


def test_outside_of_autocast_nothing_changes():
    for dtype in (torch.float64, torch.bfloat16):
        layer, x = nn.Linear(3, 2).to(dtype), torch.randn(4, 3, dtype=dtype)
        assert torch.equal(in_float32(layer, x), layer(x))
    assert in_float32(lambda x: x, torch.empty(2, device="meta")).is_meta


def test_autocast_is_on_again_after_an_error():
    with BFLOAT16:
        with pytest.raises(RuntimeError):
            in_float32(nn.Linear(3, 2), torch.zeros(4, 5))
        assert torch.is_autocast_enabled("cpu")


def test_the_last_layer_alone():
    layers, x = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2)), torch.randn(4, 3)
    with BFLOAT16, torch.no_grad():
        inner = layers[:2](x)
        assert inner.dtype == torch.bfloat16
        expected = in_float32(layers[2], inner)
        assert torch.equal(ended_in_float32(layers, x), expected)
        assert not torch.equal(layers(x).float(), expected)


@pytest.mark.parametrize("network", [FilledUNet, Noise2SelfUNet])
def test_the_mean_that_is_added_to_is_exact(network):
    """New networks return the local mean; in bfloat16, too, to the last bit."""
    kwargs = {"residual": True} if network is Noise2SelfUNet else {}
    net = network(width=4, depth=1, **kwargs)
    x = torch.randn(1, 1, 8, 8)
    with torch.no_grad():
        expected = net(x)
        with BFLOAT16:
            assert torch.equal(net(x), expected)
            # Negative control: what the other layers make of it is rounded.
            first = net.encoder[0].change[0]
            shown = x.expand(-1, first.in_channels, -1, -1)
            assert not torch.equal(first(shown).float(), in_float32(first, shown))


def test_filled_images_are_exact():
    shown = []
    filled = Filled(lambda x: shown.append(x) or x, 1)
    x = torch.randn(1, 1, 8, 8)
    x[..., 3:5, 3:5] = torch.nan
    expected = filled(x)
    with BFLOAT16:
        assert torch.equal(filled(x), expected)


def test_features_on_their_own_are_computed_in_float32_on_processors():
    torch.manual_seed(0)
    layer, x = nn.Conv2d(4, 4, 2, stride=2, groups=4), torch.randn(1, 4, 8, 8).bfloat16()
    with BFLOAT16:
        found, rough = each_on_its_own(layer, x), layer(x)
    exact = layer(x.float()).bfloat16()
    assert found.dtype == torch.bfloat16 and torch.equal(found, exact)
    # Negative control: by itself it has weights of three digits.
    assert not torch.equal(rough, exact)
    x = x.float()
    assert torch.equal(each_on_its_own(layer, x), layer(x))
