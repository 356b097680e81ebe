# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The U-Net of Self2Self."""

from typing import Any

from torch import nn

from selfsupervised.networks._masked import MaskedNetwork
from selfsupervised.networks.partial import PartialConv
from selfsupervised.networks.precision import ended_in_float32


class Self2SelfUNet(MaskedNetwork):
    """U-Net of partial convolutions, with dropout all over the decoder (Self2Self, 3.1).

    The encoder has two partial convolutions at full resolution and one at each of `depth`
    halvings by maxima over 2 x 2 (x 2) pixels, of images and masks. The decoder repeats pixels
    to double the image, sees what the encoder had at the same resolution, and has two
    convolutions a level, twice as wide; three at full resolution, where it sees the masked
    image itself. Leaky ReLUs have slope 0.1. Dropout, before each convolution of the decoder,
    stays on at inference, see `StochasticDropout`: every call is another prediction.

    Paper and released code differ; this is the code where not said otherwise. By the paper,
    whole weights are dropped; the code drops elements of what a convolution sees. By the paper,
    the decoder sees features as they are before they are halved (``pooled_skips=False``). The
    output ends in a leaky
    ReLU in the paper and in a sigmoid in the code; here it is linear, so that it can be
    negative or above one. Convolutions have zeros beyond the border, one pixel wide; both have
    two, with which the code's features are shifted against each other. The code divides
    partial convolutions by the number of channels once too often, see `PartialConv` for those
    here. All new weights are those of He et al., as the code has them in the decoder only.

    Parameters
    ----------
    in_channels : int, default=1
        Channels of the input.
    out_channels : int, default=None
        Channels of the output; as many as the input has by default.
    n_dims : {2, 3}, default=2
        Number of spatial axes.
    width : int, default=48
        Features of the encoder. The decoder has twice as many and at full resolution 4/3 and
        2/3 as many.
    depth : int, default=5
        How often the image is halved.
    dropout : float, default=0.3
        Probability with which an element is dropped in the decoder, below 1; 0 for none.
    partial : bool, default=True
        Whether the convolutions of the encoder are partial; if not, they see zeros where the
        mask is, as any other numbers.
    pooled_skips : bool, default=True
        Whether the decoder sees the features of the encoder after they are halved, as in the
        code, or, at the same resolution, before the next halving, as in the paper.

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
    Self2SelfPlusUNet : Its successor, of gated convolutions.
    FilledUNet : Learns faster.
    selfsupervised.Self2SelfDenoiser : Trains it.

    References
    ----------
    Quan et al., "Self2Self With Dropout: Learning Self-Supervised Denoising From Single Image",
    CVPR 2020, Sections 3.1 and 4.1.

    Examples
    --------
    >>> import torch
    >>> from selfsupervised.networks import Self2SelfUNet
    >>> x = torch.zeros(1, 1, 9, 10)
    >>> Self2SelfUNet(width=6, depth=2)(x, mask=torch.rand_like(x) < 0.7).shape
    torch.Size([1, 1, 9, 10])
    """

    slope: float = 0.1

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int | None = None,
        *,
        n_dims: int = 2,
        width: int = 48,
        depth: int = 5,
        dropout: float = 0.3,
        partial: bool = True,
        pooled_skips: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, n_dims, width=width, depth=depth)
        self.multiple: int = 2**depth
        self.partial: Any = partial
        self.pooled_skips: Any = pooled_skips
        inputs = [in_channels] + [width] * (depth + 1)
        self.encoder: Any = nn.ModuleList(self._encoder_conv(n, width) for n in inputs)
        self.activation: Any = nn.LeakyReLU(self.slope, inplace=True)
        self.pool: Any = self.nd("MaxPool", 2)
        wide = 2 * width
        below = [width] + [wide] * (depth - 1)
        blocks = [[n + width, wide, wide] for n in below[:-1]]
        ending = [below[-1] + in_channels, max(width * 4 // 3, 1), max(width * 2 // 3, 1)]
        self.decoder: Any = nn.ModuleList(self.dropout_convs(n, dropout) for n in [*blocks, ending])
        self.head: Any = self.dropout_convs([ending[-1], self.out_channels], dropout)[:-1]
        self.initialise()

    def _encoder_conv(self, in_channels, width):
        if self.partial:
            return PartialConv(in_channels, width, n_dims=self.n_dims, zero_filled=True)
        return self.conv(in_channels, width)

    def layers(self, both: Any) -> Any:
        """Output for a batch of masks and images with edges divisible by `multiple`."""
        mask, x = both.chunk(2, dim=1)
        skips = [x]
        for level, conv in enumerate(self.encoder):
            x, mask = conv(x, mask) if self.partial else (conv(x), mask)
            x = self.activation(x)
            if 0 < level < len(self.encoder) - 1:
                unpooled = x
                x, mask = self.pool(x), self.pool(mask)
                skips.append(x if self.pooled_skips else unpooled)
        # At full resolution the decoder sees the image itself, at the others features: those
        # of the last halving, or of the first convolution, have no place beside it.
        skips = skips[:-1] if self.pooled_skips else [skips[0], *skips[2:]]
        return ended_in_float32(self.head, self.decode(x, skips))
