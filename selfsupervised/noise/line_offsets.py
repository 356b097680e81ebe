# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Offsets that all pixels of a row, or of a column, share: of amplifiers and of scanners.

What most pixels of a line differ by from the next, the mode, is the difference of their offsets.
Summed up these are the offsets, but for a drift that belongs to the image: what varies slowly
from line to line is left in it.
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d

MIN_STANDARD_ERRORS = 4.0
MIN_OFFSET_SHARE = 0.15  # of the noise's standard deviation; less is not seen
MIN_LINES = 32
MAX_STEP_SHARE = 5.0  # of a typical offset, that the next may be off
MODE_WIDTH = 1.5  # standard deviations of the noise, of the kernel whose mode is sought
MODE_STARTS, N_SHIFTS = (0.1, 0.3, 0.5, 0.7, 0.9), 8
MIN_CORRELATION_OF_HALVES = 0.5
SLOW_LINES = 6.0  # standard deviation in lines of what counts as slow


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
    # Steps of independent offsets are up when the next is down; slopes of the image are not.
    offsets_variance = -np.mean(steps[1:] * steps[:-1])
    jumps = np.diff(steps)
    noise = 1.2533 * level * np.sqrt(2 / n_pixels)
    if not offsets_variance > 0:
        return none
    offset = np.sqrt(offsets_variance)
    # Of a picture with few edges most jumps are small, of offsets all are alike.
    typical = np.median(np.abs(jumps)) / 0.6745 / np.sqrt(6)
    least = max(MIN_STANDARD_ERRORS * noise, MIN_OFFSET_SHARE * level)
    if min(offset, typical) < least or typical < 0.5 * offset:
        return none
    # Both halves of a line have its offset; noise that neighbours share differs between them.
    halves = [_modes(half, MODE_WIDTH * level) for half in np.array_split(differences, 2, axis=1)]
    if np.corrcoef(halves)[0, 1] < MIN_CORRELATION_OF_HALVES:
        return none
    # Where half of the lines turn dark and half turn bright, the mode is no offset.
    most = MAX_STEP_SHARE * typical
    found = np.concatenate([[0.0], np.cumsum(np.clip(steps, -most, most))])
    found = found - gaussian_filter1d(found, SLOW_LINES, mode="nearest")
    return (found - found.mean()).astype(channel.dtype)


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
