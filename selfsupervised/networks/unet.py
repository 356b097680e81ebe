# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The U-Net of Neighbor2Neighbor."""

from typing import Any

import torch
from torch import Tensor, nn

from selfsupervised.networks._network import Network
from selfsupervised.networks.precision import ended_in_float32


class UNet(Network):
    """U-Net without normalisation, as Neighbor2Neighbor trains it (Section 4.1).

    Each level halves the image by a maximum over 2 x 2 (x 2) pixels and is doubled again by a
    transposed convolution. The decoder, twice as wide, also sees what the encoder had at the
    same resolution; at full resolution that is the input itself. Three convolutions over
    single pixels end it, the last one linear. All others are followed by a leaky ReLU of slope
    0.2, except those that double the image.

    Parameters
    ----------
    in_channels : int, default=1
        Channels of the input.
    out_channels : int, default=None
        Channels of the output; as many as the input has by default.
    n_dims : {2, 3}, default=2
        Number of spatial axes.
    width : int, default=48
        Features of the encoder; the decoder has twice as many.
    depth : int, default=5
        How often the image is halved.
    init_scale : float, default=1.0
        New weights are those of He et al. for the number of inputs ("fan in"), times this.
        Biases start at zero. The code released with Neighbor2Neighbor has 0.1, with which the
        first thousand steps bring less.

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
    Noise2SelfUNet : Pools each feature on its own.
    ResidualUNet : Of residual blocks.
    selfsupervised.Neighbor2NeighborDenoiser : Trains it.

    References
    ----------
    Huang et al., "Neighbor2Neighbor: Self-Supervised Denoising from Single Noisy Images",
    CVPR 2021, Section 4.1; the sizes are those of the code released with it. The design is by
    Laine et al., "High-Quality Self-Supervised Deep Image Denoising", NeurIPS 2019.

    Examples
    --------
    >>> import torch
    >>> from selfsupervised.networks import UNet
    >>> UNet(3, width=8, depth=2)(torch.zeros(1, 3, 21, 30)).shape
    torch.Size([1, 3, 21, 30])
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int | None = None,
        *,
        n_dims: int = 2,
        width: int = 48,
        depth: int = 5,
        init_scale: float = 1.0,
    ) -> None:
        super().__init__(in_channels, out_channels, n_dims, width=width, depth=depth)
        self.multiple: int = 2**depth
        wide = 2 * width
        self.activation: Any = nn.LeakyReLU(0.2, inplace=True)
        self.pool: Any = self.nd("MaxPool", 2)
        self.first: Any = self.conv(in_channels, width)
        self.encoder: Any = nn.ModuleList(self.conv(width, width) for _ in range(depth + 1))
        below = [width] + [wide] * (depth - 1)
        beside = [width] * (depth - 1) + [in_channels]
        self.up: Any = nn.ModuleList(self.nd("ConvTranspose", n, n, 2, stride=2) for n in below)
        self.decoder: Any = nn.ModuleList(
            nn.Sequential(
                self.conv(n + skip, wide), self.activation, self.conv(wide, wide), self.activation
            )
            for n, skip in zip(below, beside, strict=True)
        )
        self.head: Any = nn.Sequential(
            self.nd("Conv", wide, wide, 1),
            self.activation,
            self.nd("Conv", wide, wide, 1),
            self.activation,
            self.nd("Conv", wide, self.out_channels, 1),
        )
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.kaiming_normal_(parameter)
                parameter.data.mul_(init_scale)
            else:
                nn.init.zeros_(parameter)

    def layers(self, x: Tensor) -> Any:
        """Output for a batch whose edges are divisible by `multiple`."""
        skips = [x]
        x = self.activation(self.first(x))
        for conv in self.encoder[:-1]:
            x = self.pool(self.activation(conv(x)))
            skips.append(x)
        x = self.activation(self.encoder[-1](skips.pop()))
        for up, block in zip(self.up, self.decoder, strict=True):
            x = block(torch.cat([up(x), skips.pop()], dim=1))
        return ended_in_float32(self.head, x)
