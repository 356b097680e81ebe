# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The U-Net of Self2Self+."""

from typing import Any

from torch import nn

from selfsupervised.networks._masked import MaskedNetwork
from selfsupervised.networks.gated import GatedConv
from selfsupervised.networks.precision import in_float32


class Self2SelfPlusUNet(MaskedNetwork):
    """U-Net of gated convolutions, which sees the mask beside the masked image (Self2Self+).

    The encoder has two gated convolutions at full resolution and one at each of `depth`
    halvings by maxima over 2 x 2 (x 2) pixels. The decoder repeats pixels to double the image,
    sees what the encoder had at the same resolution, and has two convolutions a level, twice as
    wide; one more, linear and without dropout, ends it. Leaky ReLUs have slope 0.2. Dropout
    before the other convolutions of the decoder stays on at inference, see
    `StochasticDropout`: every call is another prediction.

    The paper mirrors features beyond the border, by two pixels in the text and one in the
    released code; here there are zeros. New weights are those of He et al.; the code draws
    them with a standard deviation of 0.02 (``init_std``).

    Parameters
    ----------
    in_channels : int, default=1
        Channels of the image; the first layer sees twice as many, the mask's first.
    out_channels : int, default=None
        Channels of the output; as many as the input has by default.
    n_dims : {2, 3}, default=2
        Number of spatial axes.
    width : int, default=48
        Features of the encoder; the decoder has twice as many.
    depth : int, default=5
        How often the image is halved.
    dropout : float, default=0.4
        Probability with which an element is dropped in the decoder, below 1; 0 for none. The
        paper takes that with which pixels are dropped: 0.4, and up to 0.9 for real noise.
    gated : bool, default=True
        Whether the convolutions of the encoder are gated.
    init_std : float, default=None
        Standard deviation of new weights, from normal distributions. None is that of He et al.

    Attributes
    ----------
    multiple : int
        ``2**depth``, what edges are padded to be divisible by.

    Raises
    ------
    ValueError
        For numbers that are not positive integers, other dimensions, a probability outside
        [0, 1), or, when it is called, a batch of another number of axes or channels, or a mask
        of another shape.

    See Also
    --------
    Self2SelfUNet : Its predecessor, of partial convolutions.
    FilledUNet : The default of the denoiser.
    selfsupervised.Self2SelfPlusDenoiser : Trains it.

    References
    ----------
    Ko & Lee, "Self2Self+: Single-Image Denoising with Self-Supervised Learning and Image
    Quality Assessment Loss", 2023, section "Neural Network Architecture".

    Examples
    --------
    >>> import torch
    >>> from selfsupervised.networks import Self2SelfPlusUNet
    >>> x = torch.zeros(1, 3, 9, 10)
    >>> Self2SelfPlusUNet(3, width=6, depth=2)(x, mask=torch.rand_like(x) < 0.6).shape
    torch.Size([1, 3, 9, 10])
    """

    slope: float = 0.2

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int | None = None,
        *,
        n_dims: int = 2,
        width: int = 48,
        depth: int = 5,
        dropout: float = 0.4,
        gated: bool = True,
        init_std: float | None = None,
    ) -> None:
        super().__init__(in_channels, out_channels, n_dims, width=width, depth=depth)
        self.multiple: int = 2**depth
        inputs = [2 * in_channels] + [width] * (depth + 1)
        self.encoder: Any = nn.ModuleList(self._encoder_conv(n, width, gated) for n in inputs)
        self.pool: Any = self.nd("MaxPool", 2)
        wide = 2 * width
        self.decoder: Any = nn.ModuleList(
            self.dropout_convs([n + width, wide, wide], dropout)
            for n in [width] + [wide] * (depth - 1)
        )
        self.head: Any = self.conv(wide, self.out_channels)
        self.initialise()
        if init_std is not None:
            for parameter in self.parameters():
                if parameter.ndim > 1:
                    nn.init.normal_(parameter, std=init_std)

    def _encoder_conv(self, in_channels, width, gated):
        if gated:
            return GatedConv(in_channels, width, n_dims=self.n_dims, slope=self.slope)
        activation = nn.LeakyReLU(self.slope, inplace=True)
        return nn.Sequential(self.conv(in_channels, width), activation)

    def layers(self, both: Any) -> Any:
        """Output for a batch of masks and images with edges divisible by `multiple`."""
        x = self.encoder[0](both)
        skips = []
        for conv in self.encoder[1:-1]:
            skips.append(conv(x))
            x = self.pool(skips[-1])
        x = self.encoder[-1](x)
        return in_float32(self.head, self.decode(x, skips))
