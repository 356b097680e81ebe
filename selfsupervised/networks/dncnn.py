# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The plain stack of convolutions with which Noise2Self denoises one image."""

from typing import Any

from torch import Tensor, nn

from selfsupervised.networks._network import Network
from selfsupervised.networks.precision import ended_in_float32


class DnCNN(Network):
    """Convolutions over 3 x 3 (x 3) pixels, one after the other (Noise2Self, Section 5).

    The defaults, with 223,104 weights for one channel, are those of the notebook on a single
    image that was released with Noise2Self. The paper itself speaks of 560,000 weights, as many
    as ``depth=17`` has (556,032). DnCNN as first published has ``depth=17, residual=True``.

    Parameters
    ----------
    in_channels : int, default=1
        Channels of the input.
    out_channels : int, default=None
        Channels of the output; as many as the input has by default.
    n_dims : {2, 3}, default=2
        Number of spatial axes.
    width : int, default=64
        Features of each layer.
    depth : int, default=8
        Number of convolutions, two or more; an output sees `depth` pixels to each side.
    batch_norm : bool, default=True
        Whether all but the first and the last convolution are followed by batch normalisation.
        No convolution has a bias then.
    residual : bool, default=False
        Whether the convolutions predict the noise, which is then subtracted from the input,
        rather than the clean image.

    Raises
    ------
    ValueError
        For numbers that are not positive integers, fewer than two layers, a residual with
        other channels than the input, or, when it is called, a batch of another number of axes
        or channels.

    See Also
    --------
    UNet : Sees farther, by halving the image.
    receptive_radius : How far a module sees.
    selfsupervised.Noise2SelfDenoiser : Trains it.

    References
    ----------
    Batson & Royer, "Noise2Self: Blind Denoising by Self-Supervision", ICML 2019, Section 5.

    Zhang et al., "Beyond a Gaussian Denoiser: Residual Learning of Deep CNN for Image
    Denoising", IEEE Transactions on Image Processing 26, 2017.

    Examples
    --------
    >>> from selfsupervised.networks import DnCNN
    >>> sum(parameter.numel() for parameter in DnCNN().parameters())
    223104
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int | None = None,
        *,
        n_dims: int = 2,
        width: int = 64,
        depth: int = 8,
        batch_norm: bool = True,
        residual: bool = False,
    ) -> None:
        super().__init__(in_channels, out_channels, n_dims, width=width, depth=depth)
        if depth < 2:
            raise ValueError(f"DnCNN expected depth to be two or more; got {depth}.")
        if residual and self.out_channels != in_channels:
            raise ValueError(
                f"DnCNN with residual=True subtracts its prediction from the input, so it needs "
                f"out_channels=None or {in_channels}; got {out_channels}."
            )
        self.residual: Any = residual
        widths = [in_channels] + [width] * (depth - 1) + [self.out_channels]
        stack = []
        for number in range(depth):
            stack.append(self.conv(widths[number], widths[number + 1], bias=not batch_norm))
            if batch_norm and 0 < number < depth - 1:
                stack.append(self.nd("BatchNorm", width))
            stack.append(nn.ReLU(inplace=True))
        self.stack: Any = nn.Sequential(*stack[:-1])

    def layers(self, x: Tensor) -> Any:
        """Output for a batch."""
        out = ended_in_float32(self.stack, x)
        return x - out if self.residual else out
