# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Whether an image can tell that its noise grows with the signal.

A line needs three brightnesses or more, each with many pixels, in places that are flat there. Of
a drawing in black on white, whatever seems to lie between the two comes from edges, and the line
that is fitted to it is fiction.
"""

import numpy as np
from scipy.ndimage import uniform_filter

from selfsupervised.noise.flat_level import narrow_slope, slope_of_noise
from selfsupervised.noise.flat_places import WINDOW_PIXELS, differences

MAX_BRIGHTNESSES = 16
MIN_BRIGHTNESSES = 3
MIN_FLAT_PIXELS, MIN_FLAT_SHARE = 60, 0.1  # at a brightness, and of those that have it
MAX_SLOPE_RATIO = 3.0
TAIL_SHARE = 0.005  # of the pixels at either end of the range, which are not divided further
N_ROUNDS = 5


def flat_brightnesses(channel, counts):
    """Mean and variance of the noise at each brightness that has flat places.

    Parameters
    ----------
    channel : ndarray of 2 or 3 axes longer than one
        Float image without NaN.
    counts : ndarray of bool
        Which pixels count.

    Returns
    -------
    ndarray of shape (n_brightnesses, 2)
        Distinct brightnesses in rising order; their width is many times the noise of a mean.
    """
    detail, within = differences(channel, 2)
    smooth = uniform_filter(channel, WINDOW_PIXELS)[within]
    slope = uniform_filter(narrow_slope(channel), WINDOW_PIXELS)[within]
    explained = slope / slope_of_noise(channel.ndim)
    kept = counts[within]
    detail, smooth, explained = np.square(detail[kept]), smooth[kept], explained[kept]
    if detail.size < MIN_FLAT_PIXELS:
        return np.empty((0, 2))
    noise_of_mean = np.sqrt(np.median(explained)) / WINDOW_PIXELS ** (channel.ndim / 2)
    low, high = np.quantile(smooth, (TAIL_SHARE, 1 - TAIL_SHARE))
    n = int(np.clip((high - low) / (6 * noise_of_mean + 1e-300), 1, MAX_BRIGHTNESSES))
    number = np.clip(((smooth - low) / ((high - low) / n + 1e-300)).astype(int), 0, n - 1)
    found = []
    for k in range(n):
        here = number == k
        variance = _flat_variance(detail[here], explained[here])
        if variance is not None:
            found.append((float(smooth[here].mean()), variance))
    return np.reshape(found, (-1, 2))


def _flat_variance(squares, explained):
    """Variance in those places that are flat but for it; None where they are too few."""
    least = max(MIN_FLAT_PIXELS, int(MIN_FLAT_SHARE * squares.size))
    if squares.size < least:
        return None
    flattest = np.argpartition(explained, least - 1)[:least]
    variance = squares[flattest].mean()
    for _ in range(N_ROUNDS):
        flat = explained <= MAX_SLOPE_RATIO * variance
        if flat.sum() < least:
            return None
        variance = squares[flat].mean()
    return float(variance)


def grows(line, brightnesses, min_ratio):
    """Whether the noise is known to grow with the signal as a line says.

    Parameters
    ----------
    line : NoiseModel
        What was fitted.
    brightnesses : ndarray of shape (n_brightnesses, 2)
        From `flat_brightnesses`.
    min_ratio : float
        Of standard deviations, bright to dark, from which on it counts as growing.

    Returns
    -------
    bool
    """
    if len(brightnesses) < MIN_BRIGHTNESSES:
        return False
    means, variances = brightnesses.T
    told = np.maximum(line.std(means), 1e-300)
    if not told[-1] > min_ratio * told[0] or not np.median(means) > 0:
        return False
    rising = np.polyfit(means, variances, 1)[0] > 0
    return bool(rising and np.median(np.abs(np.log(np.sqrt(variances) / told + 1e-300))) < 0.35)
