# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What is done to an image once a denoiser was chosen: clean, apply, guard, mix."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from selfsupervised.auto.guard import calibrated, guarded
from selfsupervised.noise.cleaning import clean_channels, joined


@dataclass(frozen=True, eq=False)
class Application:
    """A fitted denoiser, and what is done before and after it.

    Parameters
    ----------
    denoiser : estimator
        Fitted.
    channel_axis : {None, -1}
    cleans : bool, default=False
        Whether isolated pixels are filled and offsets of lines subtracted first.
    noise : ImageNoise, default=None
        What was removed beyond this is given back; None gives nothing back.
    share : float, default=1.0
        Of the denoised image in the result; 0 leaves the image as it is.
    """

    denoiser: Any
    channel_axis: int | None = None
    cleans: bool = False
    noise: Any = None
    share: float = 1.0

    def __call__(self, image):
        """The denoised image, of shape (*spatial) or (*spatial, n_channels)."""
        if self.cleans:
            image = joined(clean_channels(image, self.channel_axis), self.channel_axis)
        return self.after_cleaning(image)

    def after_cleaning(self, image):
        """The denoised image, from one that is clean already, or is not to be cleaned."""
        out = np.asarray(self.denoiser.transform(image[None]))[0]
        if self.share == 0:
            return np.where(np.isnan(image), out, image)
        if self.noise is not None:
            out = guarded(image, calibrated(image, out, self.noise), self.noise)
        if self.share < 1:
            mixed = self.share * out + (1 - self.share) * image
            out = np.where(np.isnan(image), out, mixed)
        return out


@dataclass(frozen=True, eq=False)
class ByChannel:
    """An `Application` for each channel."""

    parts: tuple

    def __call__(self, image):
        """The denoised image, of shape (*spatial, n_channels)."""
        planes = zip(self.parts, np.moveaxis(image, -1, 0), strict=True)
        return np.stack([part(plane) for part, plane in planes], axis=-1)
