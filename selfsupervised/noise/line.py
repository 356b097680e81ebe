# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""How the noise of one image grows with the signal: its variance as a line."""

from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter
from scipy.optimize import nnls

from selfsupervised.core.scale import in_unit
from selfsupervised.core.types import ArrayLike
from selfsupervised.noise.flat_places import (
    FLAT_SHARE,
    MIN_PLACES,
    WINDOW_PIXELS,
    all_inside,
    differences,
    first_places,
    flattest_first,
    has_noise,
    mean_squared_slope,
    measured_channels,
    normal_mad,
)


class NoiseModel(NamedTuple):
    """Variance of the noise as a line over the signal: ``gain * signal + variance``.

    Parameters
    ----------
    gain : float
        Units of the image for each count (photon, electron); 0 for noise that does not depend
        on the signal.
    variance : float
        Variance where the image is 0, in squared units of the image: that of the read-out,
        minus ``gain * pedestal`` where the detector adds a pedestal, so that it may be negative.

    See Also
    --------
    estimate_noise : Finds it, with ``model="poisson_gaussian"``.
    VarianceStabilizer : Makes such noise as strong everywhere.

    Examples
    --------
    >>> from selfsupervised import NoiseModel
    >>> float(NoiseModel(gain=2.0, variance=9.0).std(8.0))
    5.0
    """

    gain: float
    variance: float

    def std(self, signal: ArrayLike) -> Any:
        """Standard deviation of the noise where the clean image is `signal`.

        Parameters
        ----------
        signal : float or ndarray
            In units of the image.

        Returns
        -------
        float or ndarray
            In units of the image; 0 where the line is below zero.
        """
        signal = np.asarray(signal, dtype=np.float64)  # squared units need the room
        return np.sqrt(np.maximum(self.gain * signal + self.variance, 0.0))


def noise_line(image, *, channel_axis=None):
    """Variance of white noise over the signal: `estimate_noise` without its checks.

    Parameters
    ----------
    image : ndarray of shape (*spatial) or (*spatial, n_channels)
        Float image; NaN means "not measured".
    channel_axis : {None, -1}, default=None

    Returns
    -------
    NoiseModel
    """
    image, unit = in_unit(image)
    points = [_points(*channel) for channel in measured_channels(image, channel_axis)]
    n_spatial = image.ndim - (channel_axis is not None)
    means, variances = np.concatenate(points).T
    gain, variance = _line(means, variances, WINDOW_PIXELS**n_spatial)
    return NoiseModel(gain * unit, variance * unit**2)


def _points(channel, counts):
    """Mean and variance of the noise in flat places of one channel, (n_strata, 2)."""
    if channel.ndim == 0:
        return np.empty((0, 2))
    detail, within = differences(channel, 2)
    kept = all_inside(counts, 2) & has_noise(detail, channel)
    share = uniform_filter(kept.astype(float), WINDOW_PIXELS)
    variance = uniform_filter(np.where(kept, np.square(detail), 0.0), WINDOW_PIXELS)
    smooth = uniform_filter(channel, WINDOW_PIXELS)[within]
    slope = mean_squared_slope(gaussian_filter(channel, 1))[within]
    # Where little of a window counts, what is left of it was selected by its values.
    kept = share > 0.25
    variance, smooth, slope = variance[kept] / share[kept], smooth[kept], slope[kept]
    n_strata = max(1, min(32, variance.size // (4 * MIN_PLACES)))
    points = [
        (smooth[places].mean(), np.median(variance[places]))
        for stratum in flattest_first(slope, smooth, n_strata)
        if len(places := first_places(stratum, FLAT_SHARE))
    ]
    return np.reshape(points, (-1, 2)) / (1.0, _median_over_mean(channel.shape))


def _median_over_mean(shape):
    """What the median of local variances of white noise is, in units of their mean.

    They are gamma distributed, nearly, and skewed by as much as they vary. Differences of
    order two at steps of 0, 1 and 2 pixels have correlations of 1, -2/3 and 1/6.
    """
    relative_variance = 2.0
    for size in shape:
        n = min(WINDOW_PIXELS, size)
        relative_variance *= (n + 2 * (n - 1) * 4 / 9 + 2 * max(n - 2, 0) / 36) / n**2
    return 1 - min(relative_variance, 1.5) / 3


def _line(means, variances, n_averaged):
    """Fit ``variances = gain * means + variance``, no gain below 0, nor any variance on the way.

    Weights are those of the variance of an estimated variance, and less for what is far off
    the line, for what is above it most: texture adds variance.
    """
    if not len(means) or not variances.any():
        return NoiseModel(0.0, 0.0)
    low, span = means.min(), np.ptp(means)
    if span < 6 * np.sqrt(np.median(variances) / n_averaged):  # of one brightness, but for noise
        return NoiseModel(0.0, float(np.median(variances)))
    ends = np.stack([np.ones_like(means), (means - low) / span], axis=1)
    weights = 1 / np.maximum(variances, 0.1 * np.median(variances) + np.finfo(float).tiny)
    for _ in range(15):
        (start, rise), _ = nnls(ends * weights[:, None], variances * weights)
        line = ends @ (start, rise)
        line = np.maximum(line, 1e-3 * line.max())
        deviation = (variances - line) / line
        scale = max(normal_mad(deviation), 0.01) * np.where(deviation > 0, 1.5, 3.0)
        weights = 1 / (line * np.hypot(1, deviation / scale))
    gain = rise / span
    return NoiseModel(float(gain), float(start - gain * low))
