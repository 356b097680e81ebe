# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Networks of the papers, as plain torch modules, and what can be found out about any module.

All map a float batch of shape (n, channels, *spatial) of any spatial size to one of the same
spatial size, in two or three spatial dimensions; those of Self2Self also take a mask. Beside
them are the layers of which those are made. New weights are drawn from torch's global
generator, as in every torch module.
"""

from selfsupervised.networks.dncnn import DnCNN
from selfsupervised.networks.dropout import StochasticDropout, without_dropout
from selfsupervised.networks.ensemble import self_ensemble
from selfsupervised.networks.filled import FilledUNet
from selfsupervised.networks.gated import GatedConv
from selfsupervised.networks.noise2self_unet import Noise2SelfUNet
from selfsupervised.networks.padding import padded
from selfsupervised.networks.partial import PartialConv
from selfsupervised.networks.precision import in_float32
from selfsupervised.networks.probing import needed_multiple, receptive_radius
from selfsupervised.networks.residual_unet import ResidualUNet
from selfsupervised.networks.self2self import Self2SelfUNet
from selfsupervised.networks.self2self_plus import Self2SelfPlusUNet
from selfsupervised.networks.unet import UNet

__all__ = [
    "DnCNN",
    "FilledUNet",
    "GatedConv",
    "Noise2SelfUNet",
    "PartialConv",
    "ResidualUNet",
    "Self2SelfPlusUNet",
    "Self2SelfUNet",
    "StochasticDropout",
    "UNet",
    "in_float32",
    "needed_multiple",
    "padded",
    "receptive_radius",
    "self_ensemble",
    "without_dropout",
]
