# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""A network that learns from images which are taken for clean, and noise that is drawn for them.

What a denoiser without a network makes of a noisy image looks much like the clean one. With fresh
noise on it in each step there is no end of pairs, and targets are free of noise: far fewer steps
are needed than with noisy targets.
"""

from importlib.resources import files
from typing import Any

import numpy as np
import torch
from safetensors.torch import load

from selfsupervised.core.types import Array
from selfsupervised.images.recorrupted import RecorruptedDenoiser
from selfsupervised.networks import Noise2SelfUNet
from selfsupervised.training.data import fill_crops, target_of

FIRST_WEIGHTS = "_first.safetensors"  # made by benchmarks/first_lessons.py


def first_network(in_channels: int, out_channels: int, n_dims: int) -> Noise2SelfUNet:
    """The network to begin with: of one channel, it has learned from leaves; others are new.

    Parameters
    ----------
    in_channels, out_channels, n_dims : int
        As those of `Noise2SelfUNet`.

    Returns
    -------
    Noise2SelfUNet
    """
    options: Any = {"n_dims": n_dims, "width": 16, "depth": 3, "residual": True}
    network = Noise2SelfUNet(in_channels, out_channels, **options)
    if (in_channels, n_dims) == (1, 2):
        weights = load(files("selfsupervised.images").joinpath(FIRST_WEIGHTS).read_bytes())
        network.load_state_dict({name: w.to(torch.float32) for name, w in weights.items()})
    return network


class TaughtDenoiser(RecorruptedDenoiser):
    """Train a network to remove noise from images that are taken for clean.

    Parameters are those of `RecorruptedDenoiser`; `noise` has to be given, and what is added is
    stronger than that by a factor from 1 to `alpha`. `fit` takes the clean images, `transform`
    noisy ones.
    """

    def default_module(self) -> Any:
        """What makes the network where `module` is None."""
        return first_network

    def scheme(self, x: Array, rng: np.random.Generator, progress: float) -> Any:
        """Make x + a z inputs, a from 1 to alpha, and x targets."""
        z = np.stack([self._draw(crop, rng) for crop in fill_crops(x)])
        return fill_crops(x + float(rng.uniform(1, self.alpha)) * z), target_of(x)
