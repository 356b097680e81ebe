# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Measure all that an `ImageNoise` says, from one image."""

import numpy as np
from scipy.ndimage import gaussian_filter

from selfsupervised.noise.brightnesses import flat_brightnesses, grows
from selfsupervised.noise.cleaning import clean_channels
from selfsupervised.noise.correlation import correlated_noise
from selfsupervised.noise.drawn import (
    MANY_CONSTANT_SHARE,
    MAX_CONSTANT_SHARE,
    MIN_CONSTANT_VALUES,
    constant_blocks,
)
from selfsupervised.noise.flat_level import flat_level, narrow_slope
from selfsupervised.noise.flat_places import measured_channels
from selfsupervised.noise.level import noise_level
from selfsupervised.noise.line import NoiseModel, noise_line
from selfsupervised.noise.model import ChannelNoise, ImageNoise
from selfsupervised.noise.similar_blocks import similar_block_correlation

# Noise counts as growing with the signal from this ratio of standard deviations on, bright to
# dark; a stabilizer that is not needed costs a little.
MIN_STD_RATIO_TO_GROW = 1.2
# The level in many flat places may be less than in the whole image by so much; beyond that, what
# is seen elsewhere is texture.
MAX_TEXTURE_RATIO = 1.15
# With fewer flat places than this the level is an upper bound only.
FEW_FLAT_SHARE = 0.01
# Values in steps: a level below half a step is rounding, or a little less where it is seen in many
# flat places, which rounding alone leaves constant. Photographs come in steps, and have a
# grain of their own of up to a few of 256; where little is flat, nobody can tell.
ROUNDING_STEPS, FLAT_ROUNDING_STEPS = 0.5, 0.4
MANY_FLAT_SHARE = 0.15
# Without flat places, a level of less than this share of the range is as good as none.
MIN_LEVEL_SHARE = 0.002
ROUNDED_STEPS, MIN_ROUNDED_SHARE, ROUNDED_SMOOTHING_PIXELS = 0.9, 0.02, 1.5
GRAIN_STEPS, N_GREY_LEVELS = (2.5, 4.0), 255
# Neighbours share noise if they do in blocks that are alike, too.
MIN_SIMILAR_CORRELATION = 0.3
# Without flat places, what differs between blocks that are alike is texture from here on.
MAX_WHITE_CORRELATION = 0.25


def measure_noise(image, channel_axis=None):
    """All about the noise of one image: `estimate_noise` with "full", without its checks.

    Parameters
    ----------
    image : ndarray of shape (*spatial) or (*spatial, n_channels)
        Float image; NaN means "not measured".
    channel_axis : {None, -1}, default=None

    Returns
    -------
    ImageNoise
    """
    channels = tuple(map(noise_of_plane, clean_channels(image, channel_axis)))
    return ImageNoise(channels, channel_axis)


def noise_of_plane(cleaned):
    """The noise of one channel.

    Parameters
    ----------
    cleaned : Cleaned
        From `clean_plane`.

    Returns
    -------
    ChannelNoise
    """
    plane = cleaned.plane
    found = {
        "correlation": (0.0,) * plane.ndim,
        "outlier_share": float(cleaned.isolated.mean()),
        "line_offsets": cleaned.offset_stds,
        "step": cleaned.step,
    }
    ((channel, counts),) = measured_channels(plane, None)
    if channel.ndim == 0 or np.ptp(channel) == 0:
        return ChannelNoise(0.0, 0.0, 0.0, **found)
    counted = cleaned.count
    if counted:
        level = float(np.sqrt(counted * channel.mean()))
        of_counts = NoiseModel(counted, 0.0)
        return ChannelNoise(level, 0.9 * level, 1.1 * level, 1.0, of_counts, **found)
    level, low, high, flat_share = _level(plane, channel, counts, found["step"])
    if level == 0:
        return ChannelNoise(level, low, high, flat_share, **found)
    line = _line(plane, channel, counts) if channel.ndim > 1 else None
    found["correlation"] = _correlation(plane, channel)
    return ChannelNoise(level, low, high, flat_share, line, **found)


def _line(plane, channel, counts):
    """Variance over the signal, if the image can tell."""
    line = noise_line(plane)
    believed = grows(line, flat_brightnesses(channel, counts), MIN_STD_RATIO_TO_GROW)
    return line if believed else None


def _level(plane, channel, counts, step):
    """Level, its interval, and the share of flat places."""
    constant, inner, n_values = constant_blocks(channel)
    if inner > MAX_CONSTANT_SHARE and n_values >= MIN_CONSTANT_VALUES:
        return 0.0, 0.0, 0.0, 0.0
    high = noise_level(plane)  # not of the channel, where what was missing is filled, smoothly
    low, flat_share = flat_level(channel, counts) if channel.ndim > 1 else (high, 1.0)
    if constant > MANY_CONSTANT_SHARE and flat_share < 2 * FEW_FLAT_SHARE:
        return 0.0, 0.0, 0.0, 0.0
    level = high if high <= MAX_TEXTURE_RATIO * low else low
    least = FLAT_ROUNDING_STEPS if flat_share > MANY_FLAT_SHARE else ROUNDING_STEPS
    if level < least * step or (level < step and _only_rounded(channel, step)):
        return 0.0, 0.0, 0.0, flat_share
    if flat_share < FEW_FLAT_SHARE and level < MIN_LEVEL_SHARE * np.ptp(channel):
        return 0.0, 0.0, float(high), flat_share
    if flat_share < FEW_FLAT_SHARE and _is_texture(channel):
        return 0.0, 0.0, float(high), flat_share
    if flat_share < MANY_FLAT_SHARE and step:
        # What weak grain there is may belong to the picture.
        start, end = GRAIN_STEPS
        grey_level = min(step, np.ptp(channel) / N_GREY_LEVELS)
        level *= np.clip((level / grey_level - start) / (end - start), 0.0, 1.0)
        if level == 0:
            return 0.0, 0.0, high, flat_share
    n_flat = max(flat_share * channel.size, 1.0)
    error = 2 * 1.2 / np.sqrt(n_flat) + 0.02
    low = 0.0 if flat_share < FEW_FLAT_SHARE else min(low, level) * (1 - error)
    return float(level), float(low), float(max(high, level) * (1 + error)), float(flat_share)


def _only_rounded(channel, step):
    """Whether smooth places are nowhere further off than rounding moves them."""
    slope = narrow_slope(channel)
    off = np.abs(channel - gaussian_filter(channel, ROUNDED_SMOOTHING_PIXELS))
    return bool((off[slope <= np.median(slope)] > ROUNDED_STEPS * step).mean() < MIN_ROUNDED_SHARE)


def _is_texture(channel):
    """Whether even blocks that are alike differ by more than white noise."""
    if channel.ndim != 2:
        return False
    similar = similar_block_correlation(channel)
    return bool(np.nanmax(similar, initial=0.0) > MAX_WHITE_CORRELATION)


def _correlation(plane, channel):
    """Of neighbours along each axis; zeros for white noise."""
    verdict = correlated_noise(plane[None])
    none = (0.0,) * plane.ndim
    if verdict.footprint is None:
        return none
    if channel.ndim == 2:
        similar = similar_block_correlation(channel)
        if not np.isnan(similar).any():
            along = [c for c, found in zip(similar, verdict.correlated, strict=False) if found]
            if max(along) < MIN_SIMILAR_CORRELATION:
                return none
    return tuple(float(lag) for lag in np.clip(verdict.lags[:, 0], 0.0, 0.95))
