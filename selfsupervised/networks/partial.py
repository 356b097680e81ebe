# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Convolution over what is there, where some of the input is missing."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

MIN_SHARE = 1e-6  # less than the mean over any window with something valid


class PartialConv(nn.Module):
    """Convolution of the valid entries of an image, made up for those that are missing.

    Missing entries count as zero, and the sum over a window is multiplied by the number of
    entries of the window over the number of valid ones. Then the bias is added. Where a window
    has no valid entry, the output is zero and missing; everywhere else it is valid. So holes
    shrink from layer to layer.

    A window is the part of it that lies in the image: with everything valid, this is
    `torch.nn.Conv2d` with zeros beyond the border, exactly. (The paper's masks let the border
    count as missing; the factor there is 1.5 at an edge, with nothing missing.)

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the input and of the output.
    kernel_size : int, default=3
        Edge of the window, in pixels; an odd number.
    n_dims : {2, 3}, default=2
        Number of spatial axes.
    bias : bool, default=True
        Whether there is a bias; new ones are zero.
    zero_filled : bool, default=False
        Promise that the input is zero where the mask is, as after another partial convolution;
        that saves a pass over it.

    Raises
    ------
    ValueError
        For an even window.

    See Also
    --------
    GatedConv : Learns its gate, and needs no mask.
    Self2SelfUNet : Made of it.

    References
    ----------
    Liu et al., "Image Inpainting for Irregular Holes Using Partial Convolutions", ECCV 2018,
    Equations 1 and 2.

    Examples
    --------
    >>> import torch
    >>> from selfsupervised.networks import PartialConv
    >>> mask = torch.zeros(1, 1, 1, 5)
    >>> mask[..., 0] = 1
    >>> PartialConv(1, 4)(torch.zeros(1, 1, 1, 5), mask)[1]
    tensor([[[[1., 1., 0., 0., 0.]]]])
    """

    conv: Any
    mean: Any
    bias: Any

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        *,
        n_dims: int = 2,
        bias: bool = True,
        zero_filled: bool = False,
    ) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"PartialConv expected kernel_size to be odd; got {kernel_size}.")
        conv, padding = getattr(nn, f"Conv{n_dims}d"), kernel_size // 2
        self.conv = conv(in_channels, out_channels, kernel_size, padding=padding, bias=False)
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.mean = getattr(functional, f"avg_pool{n_dims}d")
        self.zero_filled: Any = zero_filled

    def forward(self, x: Tensor, mask: Any) -> Any:
        """Convolve a batch and its mask.

        Parameters
        ----------
        x : tensor of shape (n, in_channels, *spatial)
            What it holds where the mask is zero makes no difference, not even if it is NaN
            (with `zero_filled` it must be zero there).
        mask : float tensor of shape (n or 1, in_channels or 1, *spatial)
            One where `x` is valid, else zero; a single plane stands for all channels.

        Returns
        -------
        y : tensor of shape (n, out_channels, *spatial)
            The output.
        mask : tensor of shape (n or 1, 1, *spatial)
            One where that is valid, else zero.
        """
        if not self.zero_filled:
            x = x.masked_fill(mask == 0, 0)
        y = self.conv(x)
        mask = mask.mean(dim=1, keepdim=True)
        share = self._window_mean(mask)
        valid = (share > 0).to(mask.dtype)
        # Where nothing is valid, zero is multiplied by zero.
        inside = self._window_mean(torch.ones_like(mask[:1]))
        y.mul_((valid * inside / share.clamp(min=MIN_SHARE)).to(y.dtype))
        if self.bias is not None:
            bias = self.bias.reshape(-1, *[1] * (y.ndim - 2)).to(y.dtype)
            y.addcmul_(bias, valid.to(y.dtype))
        return y, valid

    def _window_mean(self, plane):
        width = self.conv.kernel_size[0]
        # Padded beforehand: the mean in three dimensions refuses axes shorter than the window.
        plane = functional.pad(plane, [width // 2] * (2 * (plane.ndim - 2)))
        return self.mean(plane, width, stride=1)
