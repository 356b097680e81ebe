# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Convolution that learns how much of each feature to let through."""

from typing import Any

from torch import Tensor, nn


class GatedConv(nn.Module):
    """Features of one convolution times a gate between 0 and 1 of another.

    The output is ``leaky_relu(features) * sigmoid(gate)``. Both convolutions see all of the
    input, so, given the mask as an input channel, the gate can learn what is missing.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the input and of the output.
    kernel_size : int, default=3
        Edge of the window, in pixels; an odd number. There are zeros beyond the border.
    n_dims : {2, 3}, default=2
        Number of spatial axes.
    slope : float, default=0.2
        Slope of the leaky ReLU for negative numbers.

    See Also
    --------
    PartialConv : Knows which entries are missing, and learns no gate.
    Self2SelfPlusUNet : Made of it.

    References
    ----------
    Yu et al., "Free-Form Image Inpainting with Gated Convolution", ICCV 2019, Equation 3.

    Ko & Lee, "Self2Self+: Single-Image Denoising with Self-Supervised Learning and Image
    Quality Assessment Loss", 2023, Equation 11.

    Examples
    --------
    >>> import torch
    >>> from selfsupervised.networks import GatedConv
    >>> GatedConv(2, 8)(torch.zeros(1, 2, 5, 6)).shape
    torch.Size([1, 8, 5, 6])
    """

    conv: Any
    activation: Any

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        *,
        n_dims: int = 2,
        slope: float = 0.2,
    ) -> None:
        super().__init__()
        conv = getattr(nn, f"Conv{n_dims}d")
        # One convolution computes both: the features first, then their gates.
        self.conv = conv(in_channels, 2 * out_channels, kernel_size, padding=kernel_size // 2)
        self.activation = nn.LeakyReLU(slope)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, in_channels, *spatial) to (n, out_channels, *spatial)."""
        features, gate = self.conv(x).chunk(2, dim=1)
        return self.activation(features) * gate.sigmoid()
