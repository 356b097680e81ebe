# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the networks share that see a random part of their input: mask, decoder, weights."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from selfsupervised.networks._network import Network
from selfsupervised.networks.dropout import StochasticDropout
from selfsupervised.networks.padding import padded


class MaskedNetwork(Network):
    """Base of the networks that are also told which entries of their input are there.

    Their `layers` take the mask, ones and zeros, and then the image, zero where the mask is,
    as one batch of twice as many channels. A subclass says `slope`, that of its leaky ReLUs,
    and makes `decoder`, a block for each doubling.
    """

    sees_missing = True
    slope: float
    decoder: nn.ModuleList

    def forward(self, x: Tensor, mask: Any = None) -> Tensor:
        """Map a batch of shape (n, in_channels, *spatial) to (n, out_channels, *spatial).

        Parameters
        ----------
        x : tensor of shape (n, in_channels, *spatial)
            What it holds where the mask is zero makes no difference, not even if it is NaN.
        mask : tensor of shape (n or 1, in_channels or 1, *spatial), default=None
            One or True where `x` is to be seen, zero or False where it is missing or dropped.
            By default all is seen that is not NaN.

        Returns
        -------
        tensor of shape (n, out_channels, *spatial)
            The output at all pixels, seen or not.
        """
        self._check(x)
        if mask is None:
            mask = ~x.isnan()
        else:
            planes = zip(mask.shape[:2], x.shape)
            if mask.shape[2:] != x.shape[2:] or any(m not in (1, s) for m, s in planes):
                raise ValueError(
                    f"{type(self).__name__} expected a mask of the shape of the batch, "
                    f"{tuple(x.shape)}, or with one for the number of images or of channels; got "
                    f"{tuple(mask.shape)}."
                )
        there = (mask != 0).expand_as(x).to(x.dtype)
        x = x.masked_fill(mask == 0, 0)
        return padded(self.layers, torch.cat([there, x], dim=1), self.multiple)

    def dropout_convs(self, widths: Any, dropout: Any) -> Any:
        """Convolutions between these numbers of features: dropout before, leaky ReLU after."""
        layers = []
        for a, b in pairwise(widths):
            layers += [StochasticDropout(dropout), self.conv(a, b)]
            layers += [nn.LeakyReLU(self.slope, inplace=True)]
        return nn.Sequential(*layers)

    def decode(self, x: Tensor, skips: Any) -> Any:
        """Double what the encoder ends with again and again, each time beside a skip."""
        for block in self.decoder:
            x = nn.functional.interpolate(x, scale_factor=2, mode="nearest")
            x = block(torch.cat([x, skips.pop()], dim=1))
        return x

    def initialise(self) -> None:
        """Draw new weights as He et al. do for leaky ReLUs ("fan in"); zero the biases.

        Dropout makes squares larger by the inverse of the probability to stay; the weights
        after it are smaller by the root of that, so that features keep their size.
        """
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.kaiming_normal_(parameter, a=self.slope)
            else:
                nn.init.zeros_(parameter)
        for layers in [m for m in self.modules() if isinstance(m, nn.Sequential)]:
            for dropout, conv in pairwise(layers):
                if isinstance(dropout, StochasticDropout):
                    for parameter in conv.parameters():
                        parameter.data.mul_((1 - dropout.p) ** 0.5)
