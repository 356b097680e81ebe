# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from selfsupervised.networks import (  # noqa: E402
    DnCNN,
    Noise2SelfUNet,
    ResidualUNet,
    UNet,
    needed_multiple,
    padded,
    receptive_radius,
    self_ensemble,
)

NETWORKS = [UNet, DnCNN, ResidualUNet, Noise2SelfUNet]
BINOMIAL = torch.tensor([0.25, 0.5, 0.25])
SMALL = {"width": 2, "depth": 2}


@pytest.fixture(autouse=True)
def _same_weights():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def n_weights(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("spatial", [(13, 10), (1, 3), (5, 7, 6)])
@pytest.mark.parametrize("channels", [(1, None), (3, None), (2, 1)])
def test_any_size_and_channels(network, spatial, channels):
    net = network(*channels, n_dims=len(spatial), **SMALL)
    x = torch.randn(2, channels[0], *spatial)
    y = net(x)
    assert y.shape == (2, channels[1] or channels[0], *spatial)
    y.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_numbers_of_weights():
    # Notebook of Noise2Self on one image, and what the paper says in round numbers.
    assert n_weights(DnCNN()) == 223_104
    assert n_weights(DnCNN(depth=17)) == pytest.approx(560_000, rel=0.01)
    # Neighbor2Neighbor, counted by hand: kernel x inputs x outputs + outputs.
    same = 9 * 48 * 48 + 48  # encoder
    up = 4 * 48 * 48 + 48 + 4 * (4 * 96 * 96 + 96)
    first = (9 * 96 * 96 + 96) + 3 * (9 * 144 * 96 + 96) + (9 * 97 * 96 + 96)
    second = 5 * (9 * 96 * 96 + 96)
    head = 2 * (96 * 96 + 96) + 96 + 1
    assert n_weights(UNet()) == (9 * 48 + 48) + 6 * same + up + first + second + head


@pytest.mark.parametrize("network", NETWORKS)
def test_blocks_of_the_size_they_need_are_not_padded(network):
    net = network(**SMALL)
    x = torch.randn(1, 1, 2 * net.multiple, 3 * net.multiple)
    assert torch.equal(net(x), net.layers(x))


@pytest.mark.parametrize("network", NETWORKS)
def test_other_formats_and_precision(network):
    net = network(2, **SMALL).eval()
    x = torch.randn(1, 2, 9, 12)
    last = {"memory_format": torch.channels_last}
    with torch.no_grad():
        expected = net(x)
        out = net.to(**last)(x.to(**last))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = net(x)
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)
    assert half.dtype == torch.float32
    made = half[half != 0]  # what all units were silent at stays zero
    assert (made != made.bfloat16()).float().mean() > 0.9  # not rounded
    assert (half - expected).abs().max() < 0.1 * expected.abs().max()


@pytest.mark.parametrize("network", NETWORKS)
def test_channels_last_is_kept(network):
    net = network(4, **SMALL)
    x = torch.randn(2, 4, 8, 8).to(memory_format=torch.channels_last)
    layouts = []
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            layer.register_forward_pre_hook(lambda _, inputs: layouts.append(inputs[0]))
    net.to(memory_format=torch.channels_last)(x)
    assert layouts
    assert all(t.is_contiguous(memory_format=torch.channels_last) for t in layouts)


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS)
def test_compiles_to_one_graph(network):
    net = network(**SMALL).eval()
    compiled = torch.compile(net, backend="eager", fullgraph=True)
    x = torch.randn(1, 1, 9, 12)
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), net(x))


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 0}, "expected width to be a positive integer; got 0"),
        ({"depth": 1.5}, "expected depth to be a positive integer; got 1.5"),
        ({"in_channels": True}, "expected in_channels to be a positive integer"),
        ({"n_dims": 1}, "expected n_dims to be 2 or 3; got 1"),
    ],
)
def test_bad_arguments(network, arguments, message):
    with pytest.raises(ValueError, match=f"{network.__name__} {message}"):
        network(**arguments)


def test_bad_choices():
    with pytest.raises(ValueError, match="depth to be two or more; got 1"):
        DnCNN(depth=1)
    with pytest.raises(ValueError, match="out_channels=None or 3; got 1"):
        DnCNN(3, 1, residual=True)
    with pytest.raises(ValueError, match="out_channels=None or 3; got 1"):
        Noise2SelfUNet(3, 1, residual=True)


@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (1, 8, 8), (1, 1, 8, 8, 8)])
def test_wrong_batch(shape):
    with pytest.raises(ValueError, match=r"expected a batch of shape \(n, 1, height, width\)"):
        UNet(**SMALL)(torch.zeros(shape))


def test_residual_is_subtracted():
    direct, residual = DnCNN(**SMALL).eval(), DnCNN(**SMALL, residual=True).eval()
    residual.load_state_dict(direct.state_dict())
    x = torch.randn(1, 1, 6, 6)
    with torch.no_grad():
        assert torch.equal(residual(x), x - direct(x))


@pytest.mark.parametrize(
    ("n_dims", "weights"),
    [
        (2, BINOMIAL[:, None] * BINOMIAL),
        (3, BINOMIAL[:, None, None] * BINOMIAL[:, None] * BINOMIAL),
    ],
)
def test_noise2self_residual_starts_as_a_local_mean(n_dims, weights):
    x = torch.rand(2, 3, *[8] * n_dims)
    middle = (..., *[slice(3, 6)] * n_dims)
    spread = torch.zeros_like(x)
    spread[(..., *[4] * n_dims)] = 1
    net, plain = (Noise2SelfUNet(3, n_dims=n_dims, **SMALL, residual=r) for r in (True, False))
    with torch.no_grad():
        torch.testing.assert_close(net(spread)[middle], weights.expand(2, 3, *weights.shape))
        constant = torch.full_like(x, 5.0)
        torch.testing.assert_close(net(constant), constant)  # at the border too
        assert not torch.allclose(plain(constant), constant, atol=0.1)
    # It can leave the mean: a step changes the rest too.
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        (net(x) + x).square().mean().backward()
        optimizer.step()
    assert all(p.grad.abs().max() > 0 for p in net.encoder[0].parameters())
    assert not torch.allclose(net(x), nn.Module.__call__(net.mean, x))


def test_noise2self_residual_keeps_the_size_of_signals():
    """Weights as large as ReLUs need; with torch's own, signals fade from block to block."""
    x = torch.randn(4, 1, 64, 64)
    spread = {}
    for residual in (True, False):
        net = Noise2SelfUNet(width=16, depth=3, residual=residual)
        change = [block.change for block in net.encoder]
        with torch.no_grad():
            spread[residual] = float(change[0](x).std())
    assert 0.5 < spread[True] < 2 and spread[False] < 0.3


def test_noise2self_halves_by_all_but_averaging():
    net = Noise2SelfUNet(width=8, depth=1)
    x = torch.rand(1, 8, 6, 6)
    with torch.no_grad():
        halved = net.down[0](x) - net.down[0].bias[:, None, None]
    mean = nn.functional.avg_pool2d(x, 2)
    assert 0 < (halved - mean).abs().max() < 0.05


def test_padding_mirrors_or_repeats():
    seen = []

    def keep(x):
        seen.append(x)
        return x

    x = torch.arange(10.0).reshape(1, 1, 2, 5)
    assert torch.equal(padded(keep, x, 4), x)
    row = [1, 0, 1, 2, 3, 4, 3, 2]
    assert seen[0][0, 0, 1].tolist() == row
    assert seen[0][0, 0, :, 1].tolist() == [5, 0, 5, 0]  # 2 pixels become 4: mirrored
    assert padded(keep, x, 8).equal(x)
    assert seen[1][0, 0, :, 1].tolist() == [0, 0, 0, 0, 5, 5, 5, 5]  # and 8: repeated
    assert padded(keep, x, 1) is x


class Pooled(nn.Module):
    """Halved and doubled `depth` times, without a word about what it needs."""

    def __init__(self, depth, n_dims=2):
        super().__init__()
        pool = nn.MaxPool2d if n_dims == 2 else nn.MaxPool3d
        self.layers = nn.Sequential(
            *[pool(2) for _ in range(depth)], *[nn.Upsample(scale_factor=2) for _ in range(depth)]
        )

    def forward(self, x):
        return self.layers(x)


@pytest.mark.parametrize("n_dims", [2, 3])
@pytest.mark.parametrize("depth", [0, 1, 3, 5])
def test_needed_multiple_is_found(depth, n_dims):
    module = Pooled(depth, n_dims).train()
    assert needed_multiple(module, 2, n_dims) == 2**depth
    assert module.training


@pytest.mark.parametrize("network", NETWORKS)
def test_own_multiple(network):
    net = network(**SMALL)
    assert needed_multiple(net) == net.multiple
    assert needed_multiple(_Plain(net)) == net.multiple


class _Plain(nn.Module):
    """A network as a stranger would write it: no padding, no attribute."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net.layers(x)


def test_output_of_another_shape():
    with pytest.raises(ValueError, match=r"\(2, 1, 64, 192\) to \(2, 1, 64, 192\); got \(2, 1, 62"):
        needed_multiple(nn.Conv2d(1, 1, 3))
    with pytest.raises(ValueError, match=r"got \(2, 3, .* give it an attribute `multiple`"):
        needed_multiple(nn.Conv2d(1, 3, 1))
    assert needed_multiple(nn.Conv2d(1, 3, 1), out_channels=3) == 1
    with pytest.raises(ValueError, match=r"UNet to map .* \(2, 1, 28, 36\); got \(2, 3, 28, 36\)"):
        needed_multiple(UNet(1, 3, **SMALL))
    with pytest.raises(ValueError, match="got RuntimeError"):
        needed_multiple(nn.Conv2d(2, 2, 1))
    with pytest.raises(ValueError, match="got tuple"):
        needed_multiple(nn.MaxPool2d(1, return_indices=True))


@pytest.mark.parametrize(
    ("module", "radius"),
    [
        (nn.Identity(), 0),
        (nn.Conv2d(1, 1, 1), 0),
        (nn.Sequential(*[nn.Conv2d(1, 1, 3, padding=1) for _ in range(6)]), 6),
        (nn.Conv2d(1, 1, (3, 9), padding=(1, 4)), 4),  # the axis that sees farthest
        (nn.Conv2d(1, 1, 3, padding=6, dilation=6), 6),
        (nn.ZeroPad2d((5, -5, 0, 0)), 5),  # to one side only
        (Pooled(3), 7),
        (DnCNN(width=2, depth=5), 5),
        # Halved d times: convolutions at distances 1 2 4 ... of the encoder and, twice, of the
        # decoder, and the first pixel of a pooled block that ends 2**d - 1 pixels further.
        (UNet(width=2, depth=2), (1 + 1 + 2 + 4) + 2 * (2 + 1) + 3),
        (UNet(width=2, depth=3), (1 + 1 + 2 + 4 + 8) + 2 * (4 + 2 + 1) + 7),
    ],
)
def test_receptive_radius(module, radius):
    assert receptive_radius(module) == radius


@pytest.mark.parametrize("network", NETWORKS)
def test_receptive_radius_holds(network):
    """Pixels beyond it make no difference, and some at it do."""
    net = network(width=4, depth=2).eval()
    radius, middle = receptive_radius(net), 64
    x = torch.randn(1, 1, 8, 128)
    reached = 0
    with torch.no_grad():
        for phase in range(net.multiple):
            changed = x.clone()
            changed[..., middle + phase] += 100
            hit = (net(x) != net(changed)).any(dim=2)[0, 0].nonzero()
            distance = (hit - middle - phase).abs().max().item()
            assert distance <= radius
            reached = max(reached, distance)
    assert reached >= radius - 2


@pytest.mark.parametrize("n_dims", [2, 3])
def test_receptive_radius_in_three_dimensions(n_dims):
    assert receptive_radius(ResidualUNet(n_dims=n_dims, width=2, depth=1), 1, n_dims) == 10


class Replacing(nn.Module):
    """Takes NaN for what was not measured."""

    def forward(self, x):
        return x.nan_to_num()


class Attention(nn.Module):
    """Every pixel sees every other one."""

    def forward(self, x):
        pixels = x.flatten(2)
        return (pixels.softmax(dim=2) * pixels).reshape(x.shape)


@pytest.mark.parametrize("module", [Replacing, Attention, None])
def test_no_receptive_radius(module):
    module = module() if module else Noise2SelfUNet(width=2, depth=1, instance_norm=True)
    assert receptive_radius(module) is None


def test_probing_leaves_the_module_alone():
    net = DnCNN(**SMALL).double().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.random.get_rng_state()
    needed_multiple(net)
    receptive_radius(net)
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("spatial", [(6, 9), (3, 6, 9)])
def test_self_ensemble(spatial):
    """The mean over views does not depend on the view; that over one does."""
    x = torch.randn(2, 1, *spatial)

    def shifted(x):
        return torch.cat([x.roll(1, -1), 2 * x], dim=1)

    def turned(x):
        return torch.rot90(x.flip(-1), 1, (-2, -1))

    out = self_ensemble(shifted, x)
    assert out.shape == (2, 2, *spatial)
    assert torch.allclose(out[:, 1:], 2 * x)
    assert torch.allclose(self_ensemble(shifted, turned(x)), turned(out))
    assert not torch.allclose(shifted(turned(x)), turned(shifted(x)))
    # A step to the side in all views is the mean of steps to the four sides.
    around = sum(x.roll(step, axis) for step in (1, -1) for axis in (-1, -2)) / 4
    assert torch.allclose(out[:, :1], around)
