# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Denoisers that suit what the noise is, nothing at all among them."""

import numpy as np
from scipy.ndimage import gaussian_filter

from selfsupervised.classical import (
    BilateralDenoiser,
    GaussianDenoiser,
    MedianDenoiser,
    NLRidgeDenoiser,
    NonLocalMeansDenoiser,
    TotalVariationDenoiser,
    WaveletDenoiser,
)
from selfsupervised.partitions.fill import fill_nan
from selfsupervised.wrappers.function import FunctionDenoiser
from selfsupervised.wrappers.variance_stabilizer import VarianceStabilizer

# Where the level elsewhere is so much more than in flat places, it is tried too.
MIN_HIGHER_RATIO = 1.1
# Channels that show the same, but for noise, are denoised together.
MIN_CHANNEL_CORRELATION = 0.6
SMOOTHING_PIXELS = 2.0
# With fewer counts to a typical pixel, a point that stabilising has compressed looks like noise.
MAX_DARK_COUNTS = 5.0


def unchanged(image):
    """The image itself."""
    return image


def nothing(channel_axis):
    """The denoiser that returns its input."""
    return FunctionDenoiser(unchanged, channel_axis=channel_axis)


def candidates(image, noise):
    """Denoisers to try, the one made for the noise first, then nothing, then other kinds.

    Parameters
    ----------
    image : ndarray of shape (*spatial) or (*spatial, n_channels)
    noise : ImageNoise

    Returns
    -------
    list of estimator
    """
    axis = noise.channel_axis
    if noise.none:
        return [nothing(axis)]
    n_spatial = image.ndim - (axis is not None)
    if axis is None and not noise.channels[0].grows:
        (channel,) = noise.channels
        found = [NLRidgeDenoiser(channel.level), nothing(axis)]
        if channel.high > MIN_HIGHER_RATIO * channel.level:
            found.append(NLRidgeDenoiser(channel.high))
        return found + _others(channel.level, n_spatial, axis)
    first = stabilized(NLRidgeDenoiser(1.0, channel_axis=axis), noise)
    blurs = [GaussianDenoiser(sigma, channel_axis=axis) for sigma in (0.7, 1.4, 2.8)]
    others = [MedianDenoiser(1, channel_axis=axis), *blurs]
    others += [stabilized(TotalVariationDenoiser(1.0, channel_axis=axis), noise)]
    if axis is None and np.nanmedian(image) < MAX_DARK_COUNTS * noise.channels[0].as_line.gain:
        others += [NLRidgeDenoiser(noise.channels[0].level)]
    return [first, nothing(axis), *others]


def _others(level, n_spatial, channel_axis):
    """Other kinds, at strengths that suit the noise."""
    axis = {"channel_axis": channel_axis}
    found = [MedianDenoiser(1, **axis), TotalVariationDenoiser(level, **axis)]
    found += [NonLocalMeansDenoiser(0.7 * level, **axis), WaveletDenoiser(level, **axis)]
    found += [GaussianDenoiser(sigma, **axis) for sigma in (0.7, 1.4, 2.8)]
    if n_spatial == 2:
        found += [BilateralDenoiser(1.5 * level, **axis)]
    return found


def stabilized(denoiser, noise):
    """A denoiser of noise of unit strength, for the noise of each channel."""
    lines = [tuple(map(float, channel.as_line)) for channel in noise.channels]
    gains, variances = (list(values) for values in zip(*lines, strict=True))
    if noise.channel_axis is None:
        (gains,), (variances,) = gains, variances
    return VarianceStabilizer(
        denoiser, gain=gains, variance=variances, channel_axis=noise.channel_axis
    )


def show_the_same(image, noise):
    """Whether the noisy channels show the same, whatever their scales.

    Parameters
    ----------
    image : ndarray of shape (*spatial, n_channels)
    noise : ImageNoise

    Returns
    -------
    bool
    """
    noisy = [c for c, channel in enumerate(noise.channels) if channel.level]
    if len(noisy) < 2:
        return True
    filled = fill_nan(image[None], channel_axis=-1)[0][..., noisy]
    n_spatial = image.ndim - 1
    smooth = gaussian_filter(filled, [SMOOTHING_PIXELS] * n_spatial + [0])
    flat = smooth.reshape(-1, len(noisy)).astype(float)
    if not flat.std(axis=0).all():
        return False
    correlation = np.abs(np.corrcoef(flat.T))
    return bool(correlation.min() > MIN_CHANNEL_CORRELATION)
