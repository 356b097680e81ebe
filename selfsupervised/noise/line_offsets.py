# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Offsets that all pixels of a row, or of a column, share: of amplifiers and of scanners.

What most pixels of a line differ by from the next, the mode, is the difference of their offsets.
The offsets are those that fit most of these differences, of lines next to each other and a few
apart: where the image itself has an edge along a line, the difference does not count. What varies
slowly from line to line belongs to the image, and is left in it.
"""

import numpy as np
from scipy.linalg import solveh_banded
from scipy.ndimage import gaussian_filter1d

from selfsupervised.noise.flat_places import normal_mad

MIN_STANDARD_ERRORS = 3.0
MIN_OFFSET_SHARE = 0.15  # of the noise's standard deviation; less is not seen
MIN_LINES = 32
MAX_STEP_SHARE = 5.0  # of a typical offset, that the next may be off
LAGS, N_WEIGHTINGS = (1, 2, 3), 10
WILD_STANDARD_ERRORS = 3.0
MODE_WIDTH = 1.5  # standard deviations of the noise, of the kernel whose mode is sought
MODE_STARTS, N_SHIFTS = (0.1, 0.3, 0.5, 0.7, 0.9), 8
MIN_CORRELATION_OF_HALVES = 0.5
MIN_OFFSET_OF_TYPICAL = 0.5
SLOW_LINES = 6.0  # standard deviation in lines of what counts as slow
# Fringes and gratings are constant along lines, too. Offsets are no more than a few times as strong
# as the noise, and no band of a tenth of the frequencies holds most of their power.
MAX_OFFSET_LEVELS = 4.0
BAND_SHARE, MAX_POWER_IN_BAND = 0.1, 0.5
MIN_LESSENED_SHARE = 0.75


def line_offsets(channel, axis, level):
    """The offsets of the lines along an axis, one for each index; zero if there are none.

    Parameters
    ----------
    channel : ndarray of 2 or 3 axes
        Float image without NaN.
    axis : int
        Along which offsets differ: 0 for those of the rows of a plane.
    level : float
        Standard deviation of the noise of single pixels.

    Returns
    -------
    ndarray of shape (channel.shape[axis],)
        In units of the image, mean zero.
    """
    n_lines = channel.shape[axis]
    none = np.zeros(n_lines, channel.dtype)
    n_pixels = channel.size // n_lines
    if n_lines < MIN_LINES or n_pixels < MIN_LINES:
        return none
    lines = np.moveaxis(channel, axis, 0).reshape(n_lines, -1)
    differences = np.diff(lines, axis=0)
    steps = _modes(differences, MODE_WIDTH * level)
    jumps = np.diff(steps)
    # Of an image with few edges most jumps are small, of offsets all are alike.
    typical = np.median(np.abs(jumps)) / 0.6745 / np.sqrt(6)
    noise = 1.2533 * level / np.sqrt(n_pixels)
    if typical < max(MIN_STANDARD_ERRORS * noise, MIN_OFFSET_SHARE * level):
        return none
    # Steps of independent offsets are up when the next is down; slopes of the image are not.
    most = MAX_STEP_SHARE * typical
    bounded = np.clip(steps, -most, most)
    if not -np.mean(bounded[1:] * bounded[:-1]) > (MIN_OFFSET_OF_TYPICAL * typical) ** 2:
        return none
    if not _all_along(differences, MODE_WIDTH * level):
        return none
    # Steps over one line are known already.
    apart = [_modes(lines[lag:] - lines[:-lag], MODE_WIDTH * level) for lag in LAGS[1:]]
    found = _fitting([steps, *apart], typical, np.sqrt(2) * noise)
    found = found - gaussian_filter1d(found, SLOW_LINES, mode="nearest")
    # Noise that neighbours share is stronger than differences of next neighbours say.
    rest = normal_mad(differences - steps[:, None]) / np.sqrt(2)
    if found.std() > MAX_OFFSET_LEVELS * max(level, rest) or _is_periodic(found):
        return none
    if not _lessens(differences, np.diff(found)):
        return none
    return (found - found.mean()).astype(channel.dtype)


def _all_along(differences, width):
    """Whether lines differ by the same along all of their length.

    Noise that neighbours share differs between the halves of a line, and fringes that are
    symmetric between the inner and the outer parts.
    """
    quarters = np.array_split(differences, 4, axis=1)
    for first, second in ((0, 1), (0, 3)):
        one = np.concatenate([quarters[first], quarters[second]], axis=1)
        rest = [quarter for k, quarter in enumerate(quarters) if k not in (first, second)]
        other = np.concatenate(rest, axis=1)
        alike = _robust_correlation(_modes(one, width), _modes(other, width))
        if alike < MIN_CORRELATION_OF_HALVES:
            return False
    return True


def _lessens(differences, steps):
    """Whether most of the power of the steps goes when they are subtracted from the differences."""
    return np.mean(differences.mean(axis=1) * steps) > MIN_LESSENED_SHARE * np.mean(steps**2)


def _is_periodic(offsets):
    """Whether a narrow band of frequencies holds most of their power."""
    power = np.square(np.abs(np.fft.rfft(offsets - offsets.mean())))
    width = max(2, round(BAND_SHARE * len(power)))
    return bool(np.convolve(power, np.ones(width)).max() > MAX_POWER_IN_BAND * power.sum())


def _robust_correlation(a, b):
    """That of most pairs, whatever the others are."""
    alike, unlike = (np.square(np.median(np.abs(both))) for both in (a + b, a - b))
    return (alike - unlike) / (alike + unlike) if alike + unlike > 0 else 0.0


def _fitting(steps, typical, error):
    """Offsets, about as large as is typical, that fit most steps over each of `LAGS` lines."""
    n_lines = len(steps[0]) + LAGS[0]
    offsets = np.zeros(n_lines)
    scale = WILD_STANDARD_ERRORS * error
    spread = max(scale, typical)  # at first all is off by about an offset
    for _ in range(N_WEIGHTINGS):
        band = np.zeros((max(LAGS) + 1, n_lines))
        band[0], right = 1 / typical**2, np.zeros(n_lines)
        for lag, step in zip(LAGS, steps, strict=True):
            off = step - (offsets[lag:] - offsets[:-lag])
            weight = 1 / (1 + np.square(off / spread)) / error**2
            band[0, lag:] += weight
            band[0, :-lag] += weight
            band[lag, :-lag] -= weight
            right[lag:] += weight * step
            right[:-lag] -= weight * step
        offsets = solveh_banded(band, right, lower=True)
        spread = max(scale, spread / 2)
    return offsets


def _modes(values, width):
    """The mode of each row of values, by mean shift from some quantiles."""
    best, density = np.zeros(len(values)), np.full(len(values), -1.0)
    for mode in np.quantile(values, MODE_STARTS, axis=1):
        for _ in range(N_SHIFTS):
            weights = np.exp(-np.square((values - mode[:, None]) / width) / 2)
            mode = (weights * values).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-300)
        found = np.exp(-np.square((values - mode[:, None]) / width) / 2).sum(axis=1)
        best, density = np.where(found > density, [mode, found], [best, density])
    return best
