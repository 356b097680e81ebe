# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Networks that learn much in a minute on a CPU: the default, and what might take its place."""

from functools import partial

from torch import nn

from selfsupervised.networks import Noise2SelfUNet, UNet, in_float32

RESIDUAL = partial(Noise2SelfUNet, residual=True)


class AddedToMean(nn.Module):
    """A network whose output, at first zero, is added to a learned 3 x 3 mean, as the default's."""

    def __init__(self, network, multiple):
        super().__init__()
        self.network, self.multiple = network, multiple
        self.mean = Noise2SelfUNet(width=1, depth=1, residual=True).mean

    def forward(self, x):
        return self.network(x).float() + in_float32(self.mean, x)


def plain(width, depth):
    """So many convolutions of 3 x 3 pixels, one after the other, all of the same width."""
    layers = [nn.Conv2d(1, width, 3, padding=1), nn.LeakyReLU(0.01)]
    for _ in range(depth - 2):
        layers += [nn.Conv2d(width, width, 3, padding=1), nn.LeakyReLU(0.01)]
    for layer in layers[::2]:
        nn.init.kaiming_normal_(layer.weight, a=0.01)
        nn.init.zeros_(layer.bias)
    last = nn.Conv2d(width, 1, 1)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return AddedToMean(nn.Sequential(*layers, last), 1)


def unshuffled(width, depth):
    """The U-Net on 2 x 2 pixels as four channels: wider, of a quarter of the pixels."""
    network = Noise2SelfUNet(4, width=width, depth=depth)
    network._start_at_zero()
    return AddedToMean(
        nn.Sequential(nn.PixelUnshuffle(2), network, nn.PixelShuffle(2)), 2 ** (depth + 1)
    )


NETWORKS = {
    "default": partial(RESIDUAL, width=16, depth=3),
    "depth 2": partial(RESIDUAL, width=16, depth=2),
    "depth 4": partial(RESIDUAL, width=16, depth=4),
    "width 8": partial(RESIDUAL, width=8, depth=3),
    "width 24": partial(RESIDUAL, width=24, depth=3),
    "width 32": partial(RESIDUAL, width=32, depth=3),
    "UNet 16": partial(UNet, width=16, depth=3),
    "plain 16 x 8": partial(plain, 16, 8),
    "plain 32 x 6": partial(plain, 32, 6),
    "2 x 2 unshuffled 32": partial(unshuffled, 32, 2),
    "2 x 2 unshuffled 48": partial(unshuffled, 48, 2),
}
