# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Schemes that found no place in the library, to be measured beside its own.

Each is its formula on the frame that all networks share; `docs/notebook/networks_since.md` has what
was measured.
"""

from torch import nn

from selfsupervised import Neighbor2NeighborDenoiser
from selfsupervised.training.data import fill_crops, target_of
from selfsupervised.training.passes import WeightedMSE, weighted_mean


class ZeroShotNet(nn.Module):
    """Two convolutions and a mix of their features: the noise, which is subtracted."""

    def __init__(self, in_channels=1, width=48):
        super().__init__()
        self.stack = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, width, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, in_channels, 1),
        )

    def forward(self, x):
        return x - self.stack(x)


class ZeroShotNoise2Noise(Neighbor2NeighborDenoiser):
    """The two diagonals of each 2 x 2 cell as a noisy pair (Mansour & Heckel, CVPR 2023).

    With D1 and D2 the means over either diagonal, and f the network ::

        L_res  = (|f(D1(y)) - D2(y)|^2 + |f(D2(y)) - D1(y)|^2) / 2
        L_cons = (|f(D1(y)) - D1(f(y))|^2 + |f(D2(y)) - D2(f(y))|^2) / 2
    """

    def default_module(self):
        return ZeroShotNet

    def criterion(self):
        return ZeroShotLoss()

    def scheme(self, x, rng, progress):
        (g1, seen1), (g2, seen2) = (target_of((a + b) / 2) for a, b in diagonals(x))
        first, second = (fill_crops((a + b) / 2) for a, b in diagonals(x))
        return {"x": first, "second": second, "third": fill_crops(x)}, (g1, g2, seen1 * seen2)


class ZeroShotLoss(WeightedMSE):
    """L_res + L_cons."""

    def loss(self, outputs, targets):
        f1, f2, f = outputs
        g1, g2, weight = targets
        d1, d2 = ((a + b) / 2 for a, b in diagonals(f))
        pairs = ((f1, g2), (f2, g1), (f1, d1), (f2, d2))
        return sum(weighted_mean((a - b).square(), weight) for a, b in pairs) / 2


def diagonals(x):
    """The pixels of both diagonals of each cell of 2 x 2 pixels in the last two axes, in pairs."""
    return (x[..., ::2, ::2], x[..., 1::2, 1::2]), (x[..., ::2, 1::2], x[..., 1::2, ::2])


SINCE = {"ZS-N2N": ZeroShotNoise2Noise}
