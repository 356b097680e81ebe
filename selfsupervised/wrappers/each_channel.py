# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""A denoiser of images without channels, for each channel by itself."""

import numpy as np
from sklearn.base import clone

from selfsupervised.base import ImageDenoiser


class EachChannel(ImageDenoiser):
    """Denoise each channel by itself, where they show different things.

    Parameters
    ----------
    denoiser : estimator
        A denoiser that learns nothing, without a channel axis.
    channel_axis : {None, -1}, default=None
        Whether the last axis of the images holds channels.
    """

    _parameter_constraints: dict = {
        **ImageDenoiser._parameter_constraints,
        "denoiser": "no_validation",
    }

    def __init__(self, denoiser, *, channel_axis=None):
        self.denoiser = denoiser
        self.channel_axis = channel_axis

    def _denoise(self, image):
        def of_channel(channel):
            inner = clone(self.denoiser)
            if "channel_axis" in inner.get_params():
                inner.set_params(channel_axis=None)
            return np.asarray(inner.fit(channel[None]).transform(channel[None]))[0]

        return self._by_channel(of_channel, image)
