# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""How strong the noise of one image is."""

import numpy as np
import pywt
from scipy.stats import norm

from selfsupervised.fill import fill_missing


def noise_level(image, *, channel_axis=None):
    """Robust standard deviation of white noise in one image.

    The median absolute deviation of the finest diagonal wavelet coefficients (Donoho &
    Johnstone, 1994), averaged over channels: `skimage.restoration.estimate_sigma`, but for
    images of any size, such as those of one or two pixels along an axis.

    Parameters
    ----------
    image : ndarray of shape (*spatial) or (*spatial, n_channels)
        Float image; NaN is filled from its neighbours first.
    channel_axis : {None, -1}, default=None

    Returns
    -------
    float
        In units of the image; 0 where the image has no detail, or no two pixels along an axis.
    """
    image = fill_missing(image[None], channel_axis=channel_axis)[0]
    spatial = image.shape if channel_axis is None else image.shape[:-1]
    channels = image.reshape(*spatial, -1)
    level = [_channel_level(channels[..., c]) for c in range(channels.shape[-1])]
    return float(np.mean(level))


def _channel_level(channel):
    # Axes of length one have no differences; without any difference there is no noise to see.
    channel = channel[tuple(0 if size == 1 else slice(None) for size in channel.shape)]
    if channel.ndim == 0 or np.ptp(channel) == 0:
        return 0.0
    finest = pywt.dwtn(channel, "db2")["d" * channel.ndim]
    finest = np.abs(finest)
    # Flat regions without noise have no detail, but for rounding, and are left out.
    finest = finest[finest > 4 * np.finfo(channel.dtype).eps * np.abs(channel).max()]
    return float(np.median(finest) / norm.ppf(0.75)) if finest.size else 0.0
