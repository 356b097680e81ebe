# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""A network that learns from images which are taken for clean, and noise that is drawn for them.

What a denoiser without a network makes of a noisy image looks much like the clean one. With fresh
noise on it in each step there is no end of pairs, and targets are free of noise: far fewer steps
are needed than with noisy targets.
"""

from typing import Any

import numpy as np

from selfsupervised.core.types import Array
from selfsupervised.images.recorrupted import RecorruptedDenoiser
from selfsupervised.training.data import fill_crops, target_of


class TaughtDenoiser(RecorruptedDenoiser):
    """Train a network to remove noise from images that are taken for clean.

    Parameters are those of `RecorruptedDenoiser`; `noise` has to be given, and what is added is
    stronger than that by a factor from 1 to `alpha`. `fit` takes the clean images, `transform`
    noisy ones.
    """

    def scheme(self, x: Array, rng: np.random.Generator, progress: float) -> Any:
        """Make x + a z inputs, a from 1 to alpha, and x targets."""
        z = np.stack([self._draw(crop, rng) for crop in fill_crops(x)])
        return fill_crops(x + float(rng.uniform(1, self.alpha)) * z), target_of(x)
