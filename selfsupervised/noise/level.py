# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""How strong the noise of one image is, if it is as strong everywhere."""

import numpy as np
from scipy.ndimage import gaussian_filter, median_filter

from selfsupervised.core.scale import in_unit
from selfsupervised.noise.flat_places import (
    FLAT_SHARE,
    all_inside,
    differences,
    first_places,
    flattest_first,
    has_noise,
    mean_squared_slope,
    measured_channels,
    normal_mad,
)
from selfsupervised.noise.outliers import N_BRIGHTNESSES, usual


def noise_level(image, *, channel_axis=None):
    """Standard deviation of white noise: `estimate_noise` without its checks.

    Parameters
    ----------
    image : ndarray of shape (*spatial) or (*spatial, n_channels)
        Float image; NaN means "not measured".
    channel_axis : {None, -1}, default=None

    Returns
    -------
    float
        In units of the image.
    """
    return float(np.mean(_levels(image, channel_axis)))


def noise_variance(image, *, channel_axis=None):
    """Variance of white noise, of an image with channels the mean of theirs.

    It is what a mean squared error over all channels goes with. Where channels differ in their
    noise it is more than the square of `noise_level`.

    Parameters
    ----------
    image : ndarray of shape (*spatial) or (*spatial, n_channels)
        Float image; NaN means "not measured".
    channel_axis : {None, -1}, default=None

    Returns
    -------
    float
        In squared units of the image.
    """
    return float(np.mean(np.square(_levels(image, channel_axis))))


def _levels(image, channel_axis):
    """Noise level of each channel."""
    image, unit = in_unit(image)
    return [unit * _level(*channel) for channel in measured_channels(image, channel_axis)]


def _level(channel, counts):
    """Noise level of one channel from its flattest places."""
    if channel.ndim == 0:
        return 0.0
    order = 4 if channel.ndim < 3 else 2
    detail, within = differences(channel, order)
    noisy = has_noise(detail, channel)
    if not noisy.any():
        return 0.0
    middle = median_filter(channel, 3)
    inlying = counts & usual(np.abs(channel - middle), middle)
    kept = noisy & all_inside(inlying, order)
    kept = kept if kept.any() else noisy
    smooth = gaussian_filter(np.where(inlying, channel, middle), 1)
    slope, smooth = mean_squared_slope(smooth)[within][kept], smooth[within][kept]
    strata = flattest_first(slope, smooth, N_BRIGHTNESSES)
    return _widest_level(detail[kept], strata)


def _widest_level(detail, strata):
    """The level in the flattest places, or in as many more as have the same level."""
    chosen = np.concatenate([first_places(stratum, FLAT_SHARE) for stratum in strata])
    level = normal_mad(detail[chosen])
    most = level * (1 + 5 / np.sqrt(chosen.size))  # two standard errors of this level
    for part in (2 * FLAT_SHARE, 1.0):
        wider = normal_mad(
            detail[np.concatenate([first_places(stratum, part) for stratum in strata])]
        )
        if wider > most:
            break
        level = wider
    return level
