# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Measure all that an `ImageNoise` says, from one image."""

import numpy as np
from scipy.ndimage import gaussian_filter

from selfsupervised.core.scale import image_unit
from selfsupervised.noise.brightnesses import flat_brightnesses, grows
from selfsupervised.noise.cleaning import clean_channels
from selfsupervised.noise.correlation import correlated_noise
from selfsupervised.noise.drawn import (
    MANY_CONSTANT_SHARE,
    MAX_CONSTANT_SHARE,
    MIN_CONSTANT_VALUES,
    constant_blocks,
)
from selfsupervised.noise.flat_level import FlatLevel, flat_level, narrow_slope
from selfsupervised.noise.flat_places import measured_channels
from selfsupervised.noise.level import noise_level
from selfsupervised.noise.line import NoiseModel, noise_line
from selfsupervised.noise.model import MAX_CORRELATION, ChannelNoise, ImageNoise
from selfsupervised.noise.one_direction import level_along
from selfsupervised.noise.one_value import level_around_one_value
from selfsupervised.noise.shared import of_few_values, shared_noise
from selfsupervised.noise.similar_blocks import SimilarBlocks

# Noise counts as growing with the signal from this ratio of standard deviations on, bright to
# dark; a stabilizer that is not needed costs a little.
MIN_STD_RATIO_TO_GROW = 1.2
# The level in many flat places may be less than in the whole image by so much; beyond that, what
# is seen elsewhere is texture.
MAX_TEXTURE_RATIO = 1.15
# With fewer flat places than this the level is an upper bound only.
FEW_FLAT_SHARE = 0.01
# Unless the noise is white and of different strength: levels of flat and other places, correlation
# of similar blocks and their level, both as shares of the higher level.
MIN_PLACES_RATIO, MAX_SIMILAR_IF_WHITE, MIN_SIMILAR_LEVEL_RATIO = 2.0, 0.12, 0.6
MAX_SIMILAR_LEVEL_RATIO, MAX_SIMILAR_RATIO_IF_FLAT, ALL_FLAT_SHARE = 1.04, 5.0, 0.9
FEW_FLAT_ERROR, MOST_FLAT_SHARE = 0.1, 0.5
# Values in steps: a level below half a step is rounding, or a little less where it is seen in many
# flat places, which rounding alone leaves constant. Photographs come in steps, and have a
# grain of their own of up to a few of 256; where little is flat, nobody can tell.
ROUNDING_STEPS, FLAT_ROUNDING_STEPS = 0.5, 0.4
MANY_FLAT_SHARE = 0.15
# Differences of what was filled in are no noise.
MAX_MISSING_SHARE = 0.01
# Without flat places, a level of less than this share of the range is as good as none.
MIN_LEVEL_SHARE = 0.002
ROUNDED_STEPS, MIN_ROUNDED_SHARE, ROUNDED_SMOOTHING_PIXELS = 0.9, 0.02, 1.5
# Grain in grey levels, over the share of flat places, and over how many pixels for each of them
# vary a little more: below the lesser, what is seen may belong to the picture; noise counts in full
# from so many times as much on.
GRAIN_SHARES, GRAIN_BY_SHARE = (0.18, 0.23, 0.5, 0.55), (2.8, 1.0, 1.0, 0.0)
GRAIN_BETWEEN, GRAIN_BY_BETWEEN = (0.8, 1.1, 1.5, 1.8), (0.0, 1.0, 1.0, 2.8)
SURE_GRAIN_RATIO = 1.2
# A grey level is a part of the range of the values, less gaps in it, as between ink and paper, or a
# border and what it surrounds.
N_GREY_LEVELS, GAP_SHARE = 255, 0.1
# Neighbours share noise in all channels if they do in one out of so many.
MIN_SHARING_PARTS = 2
# Of noise that neighbours share, the level is known to about this factor.
LEVEL_RATIO_OF_SHARED = 1.3
# What neighbours share and is weaker, in grey levels, may be fine texture.
MIN_SHARED_GREY_LEVELS = 4.0
# Neighbours share noise if they do in blocks that are alike, too.
MIN_SIMILAR_CORRELATION = 0.3
MAX_SIMILAR_SHARE = 0.6  # of the image, by which blocks that are alike may differ
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
    return ImageNoise(noise_of_channels(clean_channels(image, channel_axis)), channel_axis)


def noise_of_channels(planes):
    """The noise of each channel of an image.

    Where neighbours share noise in half of the channels, they do in all: a sensor and what its
    images went through are the same for all.

    Parameters
    ----------
    planes : list of Cleaned
        From `clean_channels`.

    Returns
    -------
    tuple of ChannelNoise
    """
    found = [noise_of_plane(plane) for plane in planes]
    sharing = sum(channel.autocovariance is not None for channel in found)
    if 0 < sharing < len(found) <= MIN_SHARING_PARTS * sharing:
        pairs = zip(found, planes, strict=True)
        found = [
            noise_of_plane(plane, sharing=True) if one.autocovariance is None else one
            for one, plane in pairs
        ]
    return tuple(found)


def noise_of_plane(cleaned, sharing=False):
    """The noise of one channel.

    Parameters
    ----------
    cleaned : Cleaned
        From `clean_plane`.
    sharing : bool, default=False
        Whether it is known that neighbours share it.

    Returns
    -------
    ChannelNoise
    """
    unit = image_unit(cleaned.plane)
    if unit == 1:
        return _in_ordinary_units(cleaned, sharing)
    # Squares of very large and very small numbers have no room in float32.
    return _in_ordinary_units(cleaned.scaled(1 / unit), sharing).scaled(unit)


def _in_ordinary_units(cleaned, sharing):
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
    constant, inner, n_values = constant_blocks(channel)
    similar = SimilarBlocks(channel)
    # In what was drawn, short differences take structure for noise.
    scattered = bool(np.isnan(plane).any()) and constant < MANY_CONSTANT_SHARE
    if channel.ndim > 1:
        flat = flat_level(channel, counts, scattered)
    else:
        flat = FlatLevel(noise_level(channel), 1.0, 0.0)
    # Weak noise that a camera has smoothed and rounded leaves small blocks that are constant.
    if constant < MANY_CONSTANT_SHARE:
        sure = _along_one_direction(plane, channel, counts, flat, found)
        sure = sure or _that_neighbours_share(channel, flat, similar, sharing, found)
        if sure is not None:
            return sure
    if inner > MAX_CONSTANT_SHARE and n_values >= MIN_CONSTANT_VALUES:  # drawn, not measured
        return ChannelNoise(0.0, 0.0, 0.0, **found)
    if constant > MANY_CONSTANT_SHARE and flat.share < 2 * FEW_FLAT_SHARE:
        return ChannelNoise(0.0, 0.0, 0.0, **found)
    # Not of the channel, where what was missing is filled, smoothly.
    high = noise_level(plane) if cleaned.changed else cleaned.level_before
    level, low, high, flat_share = _level(high, channel, flat, similar, found["step"])
    if level == 0:
        level = level_around_one_value(channel, found["step"], flat.level)
        low, high = (1 - FEW_FLAT_ERROR) * level, max(high, (1 + FEW_FLAT_ERROR) * level)
    if level == 0:
        return ChannelNoise(level, low, high, flat_share, **found)
    found["correlation"] = _correlation(plane, channel, similar)
    weak = level < MIN_SHARED_GREY_LEVELS * _grey_level(channel, found["step"])
    if weak and any(found["correlation"]):
        found["correlation"] = (0.0,) * plane.ndim
        return ChannelNoise(0.0, 0.0, high, flat_share, **found)
    line = _line(plane, channel, counts) if channel.ndim > 1 else None
    return ChannelNoise(level, low, high, flat_share, line, **found)


def _along_one_direction(plane, channel, counts, flat, found):
    """Noise of an image that has no flat places, but hardly changes along some direction."""
    if flat.share > MANY_FLAT_SHARE or np.isnan(plane).mean() > MAX_MISSING_SHARE:
        return None
    level, share, _ = level_along(channel)
    if level <= max(FLAT_ROUNDING_STEPS * found["step"], MIN_LEVEL_SHARE * np.ptp(channel)):
        return None
    error = _share_of_error(share, channel)
    line = _line(plane, channel, counts)
    return ChannelNoise(level, (1 - error) * level, (1 + error) * level, share, line, **found)


def _that_neighbours_share(channel, flat, similar, sharing, found):
    """Noise that neighbours share, if it is more than rounding."""
    shared = shared_noise(channel, flat, similar, sure=sharing)
    if shared is None or shared.autocovariance.max() < (ROUNDING_STEPS * found["step"]) ** 2:
        return None
    known = {**found, "steady": shared.steady, "flat_share": flat.share}
    ratio = LEVEL_RATIO_OF_SHARED
    return ChannelNoise.of_autocovariance(shared.autocovariance, error_ratio=ratio, **known)


def _line(plane, channel, counts):
    """Variance over the signal, if the image can tell."""
    line = noise_line(plane)
    believed = grows(line, flat_brightnesses(channel, counts), MIN_STD_RATIO_TO_GROW)
    return line if believed else None


def _level(high, channel, flat, similar, step):
    """Level, its interval, and the share of flat places; `high` is the level by all places."""
    low, flat_share, _ = flat
    level = high if high <= MAX_TEXTURE_RATIO * low else low
    if flat_share < MOST_FLAT_SHARE and _differs_by_place(similar, low, high):
        return float(high), 0.0, float(high) * (1 + FEW_FLAT_ERROR), float(flat_share)
    least = FLAT_ROUNDING_STEPS if flat_share > MANY_FLAT_SHARE else ROUNDING_STEPS
    if level < least * step or (level < step and _only_rounded(channel, step)):
        return 0.0, 0.0, 0.0, flat_share
    if flat_share < FEW_FLAT_SHARE and level < MIN_LEVEL_SHARE * np.ptp(channel):
        return 0.0, 0.0, float(high), flat_share
    if flat_share < FEW_FLAT_SHARE and _is_texture(similar):
        return 0.0, 0.0, float(high), flat_share
    if flat_share > ALL_FLAT_SHARE and similar.level > MAX_SIMILAR_RATIO_IF_FLAT * level:
        flat = FlatLevel(level, 0.0)  # fringes: no place is flat, though all slope alike
    share = _share_of_noise(level, _grey_level(channel, step), flat)
    if share < 1 and not _differs_by_white(similar, level):
        level *= share
    if level == 0:
        return 0.0, 0.0, float(high), flat_share
    error = _share_of_error(flat_share, channel)
    low = 0.0 if flat_share < FEW_FLAT_SHARE else min(low, level) * (1 - error)
    return float(level), float(low), float(max(high, level) * (1 + error)), float(flat_share)


def _share_of_error(flat_share, channel):
    """Two standard errors of a level, and what else it may be off by, as a share of it."""
    return 2 * 1.2 / np.sqrt(max(flat_share * channel.size, 1.0)) + 0.02


def _differs_by_white(similar, level):
    """Whether blocks that are alike differ by white noise of this level, and by nothing else."""
    return _is_white(similar) and similar.level < MAX_SIMILAR_LEVEL_RATIO * level


def _share_of_noise(level, grey_level, flat):
    """How much of weak grain is taken for noise: from 0, where it may be the picture's, to 1."""
    if flat.level > MAX_TEXTURE_RATIO * level:  # then they are flat but for more than this
        flat = FlatLevel(level, 0.0)
    by_share = np.interp(flat.share, GRAIN_SHARES, GRAIN_BY_SHARE)
    start = min(by_share, np.interp(flat.between, GRAIN_BETWEEN, GRAIN_BY_BETWEEN)) * grey_level
    if start == 0:
        return 1.0
    return float(np.clip((level / start - 1) / (SURE_GRAIN_RATIO - 1), 0.0, 1.0))


def _grey_level(channel, step):
    """One of 256 levels between the darkest and the brightest values, or the step if that is less.

    Parameters
    ----------
    channel : ndarray
        Float image without NaN.
    step : float
        In which its values come; 0 if they come in none.

    Returns
    -------
    float
        In units of the image.
    """
    gaps = np.diff(np.sort(channel, axis=None))
    span = gaps[gaps < GAP_SHARE * np.ptp(channel)].sum()
    return min(step or np.inf, span / N_GREY_LEVELS)


def _differs_by_place(similar, low, high):
    """Whether noise is white, but weak in the few flat places and strong elsewhere.

    So it is where light is counted and the background is dark. Blocks that are alike then differ by
    white noise of the higher level, and not, as in text, of the lower.
    """
    if not high > MIN_PLACES_RATIO * low:
        return False
    return _is_white(similar) and similar.level > MIN_SIMILAR_LEVEL_RATIO * high


def _is_white(similar):
    return bool((np.abs(similar.correlation) < MAX_SIMILAR_IF_WHITE).all())


def _only_rounded(channel, step):
    """Whether smooth places are nowhere further off than rounding moves them."""
    slope = narrow_slope(channel)
    off = np.abs(channel - gaussian_filter(channel, ROUNDED_SMOOTHING_PIXELS))
    return bool((off[slope <= np.median(slope)] > ROUNDED_STEPS * step).mean() < MIN_ROUNDED_SHARE)


def _is_texture(similar):
    """Whether even blocks that are alike differ by more than white noise."""
    return bool(np.nanmax(similar.correlation, initial=0.0) > MAX_WHITE_CORRELATION)


def _correlation(plane, channel, similar):
    """Of neighbours along each axis; zeros for white noise."""
    verdict = correlated_noise(plane[None])
    none = (0.0,) * plane.ndim
    if verdict.footprint is None:
        return none
    found = similar.correlation
    if not np.isnan(found).any():
        along = [c for c, shared in zip(found, verdict.correlated, strict=False) if shared]
        if max(along) < MIN_SIMILAR_CORRELATION or _mostly_of_few(channel, similar):
            return none
    return tuple(float(lag) for lag in np.clip(verdict.lags[:, 0], 0.0, MAX_CORRELATION))


def _mostly_of_few(channel, similar):
    """Whether even blocks that are alike differ by about all there is, which is of two values."""
    return similar.level > MAX_SIMILAR_SHARE * channel.std() and of_few_values(channel)
