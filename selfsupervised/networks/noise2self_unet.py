# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The U-Net of Noise2Self."""

from typing import Any

import torch
from torch import Tensor, nn

from selfsupervised.networks._network import Network
from selfsupervised.networks.precision import each_on_its_own, in_float32

LEAKY_SLOPE = 0.01  # of the leaky ReLUs


class Noise2SelfUNet(Network):
    """U-Net that halves and doubles each feature on its own (Noise2Self, supplement 5.2).

    A block is two convolutions over 3 x 3 (x 3) pixels, with leaky ReLUs; what goes in is
    added to what comes out, in as many features as both have. Between the levels, each feature
    has a convolution of stride two of its own, which at first all but averages.

    Paper and released code differ. The paper normalises each image after each block (instance
    normalisation); the code, through swapped arguments, does not normalise but adds the input
    of each block, and has leaky instead of scaled exponential units. The default here is the
    code's; ``instance_norm=True`` is the paper's normalisation, with which an output depends
    on the whole image. Unlike in the code, the output is linear, so that it can be negative.
    ``residual=True`` is neither the paper's nor the code's; it learns faster.

    Parameters
    ----------
    in_channels : int, default=1
        Channels of the input.
    out_channels : int, default=None
        Channels of the output; as many as the input has by default.
    n_dims : {2, 3}, default=2
        Number of spatial axes.
    width : int, default=32
        Features at full resolution, doubled at each level but the last.
    depth : int, default=4
        How often the image is halved.
    instance_norm : bool, default=False
        Whether each feature of each image is brought to mean zero and variance one after each
        block.
    residual : bool, default=False
        Whether the network adds to a mean of the input over 3 x 3 (x 3) pixels, by binomial
        weights that are learned like all others. New, it returns this mean, as its last
        convolution is zero; the others have weights as large as keeps signals from fading
        from layer to layer (He et al.), where torch's own are smaller.

    Attributes
    ----------
    multiple : int
        ``2**depth``, what edges are padded to be divisible by.

    Raises
    ------
    ValueError
        For numbers that are not positive integers, other dimensions, a residual with other
        channels than the input, or, when it is called, a batch of another number of axes or
        channels.

    See Also
    --------
    UNet : That of Neighbor2Neighbor.
    ResidualUNet : That of Noise2Same.
    selfsupervised.Noise2SelfDenoiser : Trains it.

    References
    ----------
    Batson & Royer, "Noise2Self: Blind Denoising by Self-Supervision", ICML 2019, supplement,
    Section 5.2.

    He, Zhang, Ren & Sun, "Delving Deep into Rectifiers", ICCV 2015, Section 2.2.

    Examples
    --------
    >>> import torch
    >>> from selfsupervised.networks import Noise2SelfUNet
    >>> Noise2SelfUNet(width=4, depth=2)(torch.zeros(1, 1, 9, 10)).shape
    torch.Size([1, 1, 9, 10])
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int | None = None,
        *,
        n_dims: int = 2,
        width: int = 32,
        depth: int = 4,
        instance_norm: bool = False,
        residual: bool = False,
    ) -> None:
        super().__init__(in_channels, out_channels, n_dims, width=width, depth=depth)
        if residual and self.out_channels != in_channels:
            raise ValueError(
                f"Noise2SelfUNet with residual=True adds to a mean of its input, so it needs "
                f"out_channels=None or {in_channels}; got {out_channels}."
            )
        self.multiple: int = 2**depth
        widths = [width * 2**level for level in range(depth)]
        block = [(in_channels, width), *zip(widths, [*widths[1:], widths[-1]])]
        self.instance_norm: Any = instance_norm
        self.encoder: Any = nn.ModuleList(self._block(a, b, self._convs(a, b)) for a, b in block)
        self.down: Any = nn.ModuleList(self._each_feature("Conv", n) for n in widths)
        self.up: Any = nn.ModuleList(
            self._each_feature("ConvTranspose", n) for n in reversed(widths)
        )
        self.decoder: Any = nn.ModuleList(
            self._block(2 * a, b, self._decoder_convs(2 * a, b))
            for a, b in zip(reversed(widths), [*reversed(widths[:-1]), width])
        )
        self.head: Any = self.nd("Conv", width, self.out_channels, 1)
        self.mean: Any = self._start_as_mean() if residual else None

    def _start_as_mean(self):
        """A mean over neighbours for each channel, and a network that at first adds nothing."""
        self._start_at_zero()
        n = self.in_channels
        mean = self.conv(n, n, groups=n, bias=False, padding_mode="replicate")
        weight = torch.ones(())
        for _ in range(self.n_dims):
            weight = weight[..., None] * torch.tensor([0.25, 0.5, 0.25])
        with torch.no_grad():
            mean.weight.copy_(weight)
        return mean

    def _block(self, a, b, change):
        norm = self.nd("InstanceNorm", b) if self.instance_norm else nn.Identity()
        return _Block(min(a, b), change, norm)

    def _convs(self, a, b):
        """The convolutions of a block of the encoder, from `a` to `b` features."""
        return nn.Sequential(
            self.conv(a, b), nn.LeakyReLU(LEAKY_SLOPE, inplace=True), self.conv(b, b)
        )

    _decoder_convs = _convs

    def _start_at_zero(self):
        for block in (*self.encoder, *self.decoder):
            for parameter in block.change.parameters():
                if parameter.ndim > 1:
                    nn.init.kaiming_normal_(parameter, a=LEAKY_SLOPE)
                else:
                    nn.init.zeros_(parameter)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def _each_feature(self, name, n_features):
        layer = self.nd(name, n_features, n_features, 2, stride=2, groups=n_features)
        with torch.no_grad():
            layer.weight.mul_(0.01).add_(0.5**self.n_dims)
        return layer

    def layers(self, x: Tensor) -> Any:
        """Output for a batch whose edges are divisible by `multiple`."""
        mean = 0 if self.mean is None else in_float32(self.mean, x)
        skips = []
        for block, down in zip(self.encoder[:-1], self.down, strict=True):
            skips.append(block(x))
            x = each_on_its_own(down, skips[-1])
        x = self.encoder[-1](x)
        for up, block in zip(self.up, self.decoder, strict=True):
            x = block(torch.cat([each_on_its_own(up, x), skips.pop()], dim=1))
        return in_float32(self.head, x) + mean


class _Block(nn.Module):
    """Two convolutions; the input is added in the first features, as many as both have."""

    def __init__(self, shared, change, norm):
        super().__init__()
        self.shared: Any = shared
        self.change: Any = change
        self.after: Any = nn.Sequential(norm, nn.LeakyReLU(LEAKY_SLOPE, inplace=True))

    def forward(self, x):
        change = self.change(x)
        change[:, : self.shared] += x[:, : self.shared]
        return self.after(change)
