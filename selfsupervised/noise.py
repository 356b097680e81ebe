# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""How strong the noise of one image is, and how it grows with the signal.

White noise is as strong in the highest spatial frequencies as in any other, while images have
least there. What is left of an image in the differences of high order is looked at where the
smoothed image is flattest, at each brightness alike: to choose flat places reads low
frequencies only, whose noise is independent of what is then measured.
"""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter, median_filter, uniform_filter
from scipy.optimize import nnls
from scipy.special import comb
from scipy.stats import norm

from selfsupervised._validation import as_float, check_channel_axis
from selfsupervised.fill import fill_missing

MODELS = ("gaussian", "poisson_gaussian")
FLATTEST = 0.25  # this part of the places is looked at, and more where that makes no difference
N_STRATA = 8  # of brightness
LEAST = 64  # but at least as many at each brightness, if there are as many
WINDOW = 7  # width in pixels of the window of local means and variances
TOLERANCE = 5  # an outlier is as many standard deviations off the median of its neighbours


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
    """

    gain: float
    variance: float

    def std(self, signal):
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
        return np.sqrt(np.maximum(self.gain * np.asarray(signal) + self.variance, 0.0))


def estimate_noise(image, model="gaussian", *, channel_axis=None):
    """Estimate the noise of one image from that image alone.

    Parameters
    ----------
    image : array-like of shape (*spatial) or (*spatial, n_channels)
        Noisy image of any numeric dtype. NaN means "not measured".
    model : {"gaussian", "poisson_gaussian"}, default="gaussian"
        Noise of one strength everywhere, or noise whose variance is a line over the signal.
    channel_axis : {None, -1}, default=None
        Whether the last axis holds channels.

    Returns
    -------
    float or NoiseModel
        The standard deviation, in units of the image, averaged over channels; 0 where the
        image has no detail, or no two pixels along an axis. For "poisson_gaussian" the gain
        and the variance at zero, one line for all channels.

    Raises
    ------
    ValueError, TypeError
        If the image has no measured pixel, or is no image; if the model is unknown.

    Notes
    -----
    Noise is assumed to be white: independent from pixel to pixel. Where a camera, a codec or a
    resampling has mixed neighbouring pixels, the estimate is too low, often by far. Outliers
    and pixels at the ends of the range (saturated, clipped) are left out. Texture as fine as
    a pixel cannot be told from noise and makes the estimate too high.

    "gaussian" is the median absolute deviation (Donoho & Johnstone, 1994) of fourth
    differences along both axes (second differences along the three axes of a volume), in the
    quarter of places where the smoothed image is flattest. "poisson_gaussian" fits a line to
    local variances of these differences over local means, in flat places, as others did to
    segmented images (Foi et al., 2008).

    References
    ----------
    Foi, Trimeche, Katkovnik & Egiazarian, "Practical Poissonian-Gaussian noise modeling and
    fitting for single-image raw data", IEEE Trans. Image Process. 17(10), 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import estimate_noise
    >>> rng = np.random.default_rng(0)
    >>> clean = np.add.outer(np.linspace(5, 100, 256), np.linspace(5, 100, 256))
    >>> round(estimate_noise(clean + rng.normal(0, 3, clean.shape)), 1)
    3.0
    >>> gain, variance = estimate_noise(2 * rng.poisson(clean), "poisson_gaussian")
    >>> bool(abs(gain - 2) < 0.2)
    True
    """
    if model not in MODELS:
        raise ValueError(f"estimate_noise expected model to be one of {MODELS}; got {model!r}.")
    check_channel_axis(channel_axis, caller="estimate_noise")
    image = as_float(image, caller="estimate_noise")
    if image.ndim - (channel_axis is not None) not in (2, 3):
        raise ValueError(
            f"estimate_noise expected one image of two or three spatial axes with "
            f"channel_axis={channel_axis}; got an array of shape {image.shape}."
        )
    if model == "gaussian":
        return noise_level(image, channel_axis=channel_axis)
    return noise_line(image, channel_axis=channel_axis)


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
    return float(np.mean([_level(*channel) for channel in _channels(image, channel_axis)]))


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
    points = [_points(*channel) for channel in _channels(image, channel_axis)]
    n_spatial = image.ndim - (channel_axis is not None)
    means, variances = np.concatenate(points).T
    return _line(means, variances, WINDOW**n_spatial)


def _channels(image, channel_axis):
    """Yield (channel without NaN and axes of length one, which of its pixels count)."""
    filled = fill_missing(image[None], channel_axis=channel_axis)[0]
    spatial = image.shape if channel_axis is None else image.shape[:-1]
    long = [size for size in spatial if size > 1]
    counts = ~np.isnan(image) & ~_piled(image)
    for c in range(image.size // int(np.prod(spatial))):
        channel = filled.reshape(*long, -1)[..., c]
        yield channel, counts.reshape(*long, -1)[..., c]


def _piled(image):
    """Pixels at an end of the range where saturation, or salt and pepper, piled them up.

    Counts of photons are many at zero too, but then they are fewer at one and fewer still at
    two. A pile falls to its neighbour, and no further.
    """
    piled = np.zeros(image.shape, dtype=bool)
    for sign in (1, -1):
        end = sign * image
        levels, counts = _lowest(end[~np.isnan(end)])
        many = len(counts) == 3 and counts[0] > 1e-3 * image.size
        if many and counts[0] * counts[2] > 3 * counts[1] ** 2:
            piled |= end == levels[0]
    return piled


def _lowest(values):
    """The three lowest levels, or as many as there are, and how many values are at each."""
    levels: list[float] = []
    counts: list[int] = []
    while values.size and len(levels) < 3:
        levels.append(values.min())
        counts.append(int((values == levels[-1]).sum()))
        values = values[values > levels[-1]]
    return levels, counts


def _level(channel, counts):
    """Noise level of one channel from its flattest places."""
    if channel.ndim == 0:
        return 0.0
    order = 4 if channel.ndim < 3 else 2
    detail, within = _differences(channel, order)
    noisy = np.abs(detail) > _rounding(channel)
    if not noisy.any():
        return 0.0
    middle = median_filter(channel, 3)
    inlying = counts & usual(np.abs(channel - middle), middle)
    kept = noisy & _whole(inlying, order)
    kept = kept if kept.any() else noisy
    smooth = gaussian_filter(np.where(inlying, channel, middle), 1)
    slope, smooth = _slope(smooth)[within][kept], smooth[within][kept]
    strata = _flattest_first(slope, smooth, N_STRATA)
    return _widest_level(detail[kept], strata)


def usual(off, brightness):
    """Pixels no further off the median of their neighbours than is usual at their brightness."""
    off, usual = off.ravel(), np.ones(off.size, dtype=bool)
    for stratum in np.array_split(np.argsort(brightness, axis=None, kind="stable"), N_STRATA):
        some = off[stratum]
        usual[stratum] = some <= TOLERANCE * _mad(some[some > 0])
    return usual.reshape(brightness.shape)


def _widest_level(detail, strata):
    """The level in the flattest places, or in as many more as have the same level."""
    chosen = np.concatenate([_first(stratum, FLATTEST) for stratum in strata])
    level = _mad(detail[chosen])
    most = level * (1 + 5 / np.sqrt(chosen.size))  # two standard errors of this level
    for part in (2 * FLATTEST, 1.0):
        wider = _mad(detail[np.concatenate([_first(stratum, part) for stratum in strata])])
        if wider > most:
            break
        level = wider
    return level


def _mad(detail):
    return float(np.median(np.abs(detail)) / norm.ppf(0.75)) if detail.size else 0.0


def _rounding(channel):
    """Flat regions without noise have no detail but for rounding, and do not count."""
    return 16 * np.finfo(channel.dtype).eps * np.abs(channel).max()


def _points(channel, counts):
    """Mean and variance of the noise in flat places of one channel, (n_strata, 2)."""
    if channel.ndim == 0:
        return np.empty((0, 2))
    detail, within = _differences(channel, 2)
    kept = _whole(counts, 2) & (np.abs(detail) > _rounding(channel))
    share = uniform_filter(kept.astype(float), WINDOW)
    variance = uniform_filter(np.where(kept, np.square(detail), 0.0), WINDOW)
    smooth = uniform_filter(channel, WINDOW)[within]
    slope = _slope(gaussian_filter(channel, 1))[within]
    # Where little of a window counts, what is left of it was selected by its values.
    kept = share > 0.25
    variance, smooth, slope = variance[kept] / share[kept], smooth[kept], slope[kept]
    n_strata = max(1, min(32, variance.size // (4 * LEAST)))
    points = [
        (smooth[places].mean(), np.median(variance[places]))
        for stratum in _flattest_first(slope, smooth, n_strata)
        if len(places := _first(stratum, FLATTEST))
    ]
    return np.reshape(points, (-1, 2)) / (1.0, _median_over_mean(channel.shape))


def _median_over_mean(shape):
    """What the median of local variances of white noise is, in units of their mean.

    They are gamma distributed, nearly, and skewed by as much as they vary. Differences of
    order two at steps of 0, 1 and 2 pixels have correlations of 1, -2/3 and 1/6.
    """
    relative_variance = 2.0
    for size in shape:
        n = min(WINDOW, size)
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
        off = (variances - line) / line
        scale = max(_mad(off), 0.01) * np.where(off > 0, 1.5, 3.0)
        weights = 1 / (line * np.hypot(1, off / scale))
    gain = rise / span
    return NoiseModel(float(gain), float(start - gain * low))


def _differences(channel, order):
    """Differences along all axes, of unit gain for white noise, and where these lie."""
    within = []
    for axis, size in enumerate(channel.shape):
        n = min(order, size - 1)
        channel = np.diff(channel, n, axis=axis) / np.sqrt(comb(2 * n, n))
        within.append(slice(n // 2, n // 2 + size - n))
    return channel, tuple(within)


def _whole(counts, order):
    """Differences all of whose pixels count."""
    for axis, size in enumerate(counts.shape):
        for _ in range(min(order, size - 1)):
            counts = np.delete(counts, 0, axis) & np.delete(counts, -1, axis)
    return counts


def _slope(smooth):
    """Mean squared slope in the window around each pixel."""
    slopes = (np.square(np.gradient(smooth, axis=axis)) for axis in range(smooth.ndim))
    return uniform_filter(sum(slopes), WINDOW)


def _flattest_first(slope, brightness, n_strata):
    """Indices of places, flattest first, for each of `n_strata` equal strata of brightness."""
    strata = np.array_split(np.argsort(brightness, kind="stable"), n_strata)
    return [stratum[np.argsort(slope[stratum], kind="stable")] for stratum in strata]


def _first(stratum, part):
    return stratum[: max(LEAST, int(part * len(stratum)))]
