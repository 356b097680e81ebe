# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""A U-Net for images with missing pixels that adds to their local mean."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfsupervised.networks.dropout import StochasticDropout
from selfsupervised.networks.gated import GatedConv
from selfsupervised.networks.noise2self_unet import Noise2SelfUNet
from selfsupervised.networks.padding import padded
from selfsupervised.networks.precision import in_float32

BINOMIAL_WEIGHTS = (1.0, 4.0, 6.0, 4.0, 1.0)
MIN_WEIGHT = 1e-4  # far less than that of any one pixel of the window, 1 / 256 in 2-D


class FilledUNet(Noise2SelfUNet):
    """U-Net that corrects the local mean of an image with missing pixels.

    What is missing, NaN, is filled with the mean of what is there around it. A `Noise2SelfUNet`
    sees the filled image and which pixels are there, and its output, zero at first, is added to
    the local mean of the filled image. So training starts from a passable estimate, and never
    has to learn to ignore the holes.

    Parameters
    ----------
    in_channels : int, default=1
        Channels of the input.
    out_channels : int, default=None
        As many as the input has, or None.
    n_dims : {2, 3}, default=2
        Number of spatial axes.
    width : int, default=16
        Features at full resolution, doubled at each level but the last.
    depth : int, default=3
        How often the image is halved.
    dropout : float, default=0.0
        Probability with which an element of what a convolution of the decoder sees is dropped, at
        inference too, see `StochasticDropout`.
    gated : bool, default=False
        Whether the first convolution of each block of the encoder is gated, see `GatedConv`.

    Attributes
    ----------
    multiple : int
        ``2**depth``, what edges are padded to be divisible by.

    Raises
    ------
    ValueError
        For numbers that are not positive integers, other dimensions, another number of output
        channels, or, when it is called, a batch of another number of axes or channels.

    See Also
    --------
    Self2SelfUNet : Partial convolutions instead of a local mean.
    Self2SelfPlusUNet : Sees the mask beside the image.
    selfsupervised.Self2SelfDenoiser : Trains it.

    Examples
    --------
    >>> import torch
    >>> from selfsupervised.networks import FilledUNet
    >>> x = torch.ones(1, 1, 9, 10)
    >>> x[..., 2:5, 3] = torch.nan
    >>> torch.allclose(FilledUNet(width=4, depth=2)(x), torch.tensor(1.0))
    True
    """

    sees_missing = True

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int | None = None,
        *,
        n_dims: int = 2,
        width: int = 16,
        depth: int = 3,
        dropout: float = 0.0,
        gated: bool = False,
    ) -> None:
        if out_channels not in (None, in_channels):
            raise ValueError(
                f"FilledUNet expected out_channels to be in_channels={in_channels}, whose mean it "
                f"corrects; got {out_channels}."
            )
        self._dropout, self._gated = dropout, gated
        super().__init__(2 * in_channels, in_channels, n_dims=n_dims, width=width, depth=depth)
        self.in_channels: Any = in_channels
        self._start_at_zero()

    def _convs(self, a, b):
        if not self._gated:
            return super()._convs(a, b)
        return nn.Sequential(GatedConv(a, b, n_dims=self.n_dims), self.conv(b, b))

    def _decoder_convs(self, a, b):
        drop = [StochasticDropout(self._dropout)] if self._dropout else []
        first, activation, second = super()._convs(a, b)
        return nn.Sequential(*drop, first, activation, *drop, second)

    def layers(self, x: Tensor) -> Any:
        """Output for a batch whose edges are divisible by `multiple`."""
        image, there = in_float32(partial(fill_by_mean, depth=len(self.down)), x)
        correction = super().layers(torch.cat([image, there], dim=1))
        return in_float32(local_mean, image, torch.ones_like(image)) + correction


class Filled(nn.Module):
    """Shows any network images whose missing pixels are filled with their local mean.

    Parameters
    ----------
    network : torch.nn.Module
        Maps (n, channels, *spatial) to the same shape.
    multiple : int
        What the network needs edges to be divisible by.
    """

    sees_missing = True
    depth = 3  # of the filling

    def __init__(self, network, multiple):
        super().__init__()
        self.network, self.multiple = network, multiple

    def forward(self, x):
        """Output for a batch with NaN where nothing is to be seen."""
        fill = partial(fill_by_mean, depth=self.depth)
        filled = padded(lambda x: in_float32(fill, x)[0], x, 2**self.depth)
        return self.network(filled)


def fill_by_mean(x, depth):
    """Put the local mean where `x` is NaN.

    Parameters
    ----------
    x : tensor of shape (n, channels, *spatial)
        With edges that are divisible by ``2**depth``.
    depth : int
        How often holes without any visible pixel near are looked at in half the resolution.

    Returns
    -------
    image, there : tensors of the shape of `x`
        Filled; and one where it was visible, else zero.
    """
    missing = x.isnan()
    there = (~missing).to(x.dtype)
    seen = x.masked_fill(missing, 0)
    return torch.where(missing, local_mean(seen, there, depth), seen), there


def local_mean(x, there, depth=0):
    """Mean of the visible pixels around each, with binomial weights in a window of 5 pixels.

    Where it has none, the mean in half the resolution stands, and so on, `depth` times; then 0.
    """
    weight = _blurred(there)
    if not depth:
        return _blurred(x * there) / weight.clamp_min(MIN_WEIGHT)
    halved = getattr(functional, f"avg_pool{x.ndim - 2}d")
    share = halved(there, 2)
    coarse = halved(x * there, 2) / share.clamp_min(MIN_WEIGHT)
    coarse = local_mean(coarse, (share > 0).to(x.dtype), depth - 1)
    coarse = functional.interpolate(coarse, scale_factor=2, mode="nearest")
    return (_blurred(x * there) + MIN_WEIGHT * coarse) / (weight + MIN_WEIGHT)


def _blurred(x):
    """Weighted sums over the window; zeros beyond the border."""
    n_channels, n_dims = x.shape[1], x.ndim - 2
    row = torch.tensor(BINOMIAL_WEIGHTS, dtype=x.dtype, device=x.device) / sum(BINOMIAL_WEIGHTS)
    window = row
    for _ in range(n_dims - 1):
        window = window[..., None] * row
    window = window.expand(n_channels, 1, *window.shape)
    return getattr(functional, f"conv{n_dims}d")(x, window, padding=2, groups=n_channels)
