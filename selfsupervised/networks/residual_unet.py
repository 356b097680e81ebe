# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The U-Net of residual blocks that Noise2Same trains."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from selfsupervised.networks._network import Network
from selfsupervised.networks.precision import ended_in_float32


class ResidualUNet(Network):
    """U-Net of residual blocks with batch normalisation, as Noise2Same trains it.

    The text of the paper leaves the network open; this follows the sizes of the code released
    with it: `depth` halvings, features doubled each time, one residual block a level on either
    way and one at the bottom. A block normalises, applies a ReLU and convolves, twice. Images
    are halved and doubled by convolutions of stride two.

    Parameters
    ----------
    in_channels : int, default=1
        Channels of the input.
    out_channels : int, default=None
        Channels of the output; as many as the input has by default.
    n_dims : {2, 3}, default=2
        Number of spatial axes.
    width : int, default=96
        Features at full resolution.
    depth : int, default=3
        How often the image is halved.
    momentum : float, default=0.1
        How much of the statistics of each batch their running averages take up. The released
        code has 0.003, for which some hundreds of steps, rather than 50,000, are not enough.

    Attributes
    ----------
    multiple : int
        ``2**depth``, what edges are padded to be divisible by.

    Raises
    ------
    ValueError
        For numbers that are not positive integers, other dimensions, or, when it is called, a
        batch of another number of axes or channels.

    See Also
    --------
    Noise2SelfUNet : Smaller, without residual blocks.
    UNet : Without normalisation.
    selfsupervised.Noise2SameDenoiser : Trains it.

    References
    ----------
    Xie et al., "Noise2Same: Optimizing A Self-Supervised Bound for Image Denoising",
    NeurIPS 2020, Section 4.

    Examples
    --------
    >>> import torch
    >>> from selfsupervised.networks import ResidualUNet
    >>> ResidualUNet(n_dims=3, width=4, depth=1)(torch.zeros(1, 1, 5, 8, 9)).shape
    torch.Size([1, 1, 5, 8, 9])
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int | None = None,
        *,
        n_dims: int = 2,
        width: int = 96,
        depth: int = 3,
        momentum: float = 0.1,
    ) -> None:
        super().__init__(in_channels, out_channels, n_dims, width=width, depth=depth)
        self.multiple: int = 2**depth
        self.momentum: float = momentum
        widths = [width * 2**level for level in range(depth + 1)]
        steps = list(pairwise(widths))
        self.first: Any = self.conv(in_channels, width, bias=False)
        self.encoder: Any = nn.ModuleList(_ResidualBlock(self, n, n) for n in widths)
        self.down: Any = nn.ModuleList(self.nd("Conv", a, b, 2, stride=2) for a, b in steps)
        self.up: Any = nn.ModuleList(
            self.nd("ConvTranspose", b, a, 2, stride=2) for a, b in reversed(steps)
        )
        self.decoder: Any = nn.ModuleList(
            _ResidualBlock(self, 2 * n, n) for n in reversed(widths[:-1])
        )
        self.head: Any = nn.Sequential(
            self.norm(width),
            nn.ReLU(inplace=True),
            self.nd("Conv", width, self.out_channels, 1),
        )
        for name, parameter in self.named_parameters():
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def norm(self, n_features: int) -> Any:
        """A batch normalisation."""
        return self.nd("BatchNorm", n_features, momentum=self.momentum)

    def layers(self, x: Tensor) -> Any:
        """Output for a batch whose edges are divisible by `multiple`."""
        x = self.first(x)
        skips = []
        for block, down in zip(self.encoder[:-1], self.down, strict=True):
            skips.append(block(x))
            x = down(skips[-1])
        x = self.encoder[-1](x)
        for up, block in zip(self.up, self.decoder, strict=True):
            x = block(torch.cat([up(x), skips.pop()], dim=1))
        return ended_in_float32(self.head, x)


class _ResidualBlock(nn.Module):
    """Twice normalisation, ReLU and convolution; the input, or its projection, is added."""

    def __init__(self, network, in_channels, out_channels):
        super().__init__()
        self.change: Any = nn.Sequential(
            network.norm(in_channels),
            nn.ReLU(inplace=True),
            network.conv(in_channels, out_channels, bias=False),
            network.norm(out_channels),
            nn.ReLU(inplace=True),
            network.conv(out_channels, out_channels, bias=False),
        )
        same = in_channels == out_channels
        self.shortcut: Any = (
            nn.Identity() if same else network.nd("Conv", in_channels, out_channels, 1, bias=False)
        )

    def forward(self, x):
        return self.shortcut(x) + self.change(x)
