# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Networks of the papers, as plain torch modules, and what can be found out about any module.

All map a float batch of shape (n, channels, *spatial) of any spatial size to one of the same
spatial size, in two or three spatial dimensions. New weights are drawn from torch's global
generator, as in every torch module.
"""

from selfsupervised.networks.dncnn import DnCNN
from selfsupervised.networks.noise2self_unet import Noise2SelfUNet
from selfsupervised.networks.padding import padded
from selfsupervised.networks.probing import needed_multiple, receptive_radius
from selfsupervised.networks.residual_unet import ResidualUNet
from selfsupervised.networks.unet import UNet

__all__ = [
    "DnCNN",
    "Noise2SelfUNet",
    "ResidualUNet",
    "UNet",
    "needed_multiple",
    "padded",
    "receptive_radius",
]
