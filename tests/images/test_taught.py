# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from selfsupervised.auto.leaves import dead_leaves  # noqa: E402
from selfsupervised.images._taught import TaughtDenoiser, first_network  # noqa: E402
from selfsupervised.networks import Noise2SelfUNet  # noqa: E402


def error(network, level):
    """Mean squared error on leaves that it has not seen, in units of the noise."""
    rng = np.random.default_rng(1)
    clean = dead_leaves(rng.uniform(-1.7, 1.7, (8, 8)), 64, rng).astype(np.float32)
    noisy = clean + rng.normal(0, level, clean.shape).astype(np.float32)
    with torch.inference_mode():
        out = network(torch.from_numpy(noisy)[None, None])[0, 0].numpy()
    return np.mean((out - clean) ** 2) / level**2


@pytest.mark.parametrize(("level", "most"), [(0.15, 0.35), (0.4, 0.2), (1.0, 0.12)])
def test_the_first_network_denoises_before_it_is_taught(level, most):
    assert error(first_network(1, 1, 2), level) < most
    new = Noise2SelfUNet(width=16, depth=3, residual=True)
    assert error(new, level) > 1.5 * most


def test_networks_of_other_channels_are_new():
    network = first_network(3, 3, 2)
    assert network(torch.zeros(1, 3, 16, 16)).shape == (1, 3, 16, 16)
    assert not network.head.weight.any() and first_network(1, 1, 2).head.weight.any()


def test_it_begins_with_it(rng):
    image = rng.normal(size=(16, 16))
    taught = TaughtDenoiser(noise=0.1, alpha=1.1, max_steps=1, lr=1e-9)
    found = taught.fit([image]).net_.module_.network.head.weight
    torch.testing.assert_close(found, first_network(1, 1, 2).head.weight, atol=1e-6, rtol=0)
