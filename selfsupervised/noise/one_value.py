# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The level of the noise of an image of which much has one value but for noise.

Pages, masks, charts and screens are so. Where lines are close, no place is flat enough to see weak
noise; yet the values of the page lie in a narrow peak with nothing around it, and which of them a
pixel has says nothing of those beside it. Photographs have no such peak, and what was rounded
only has the same value over and over.
"""

import numpy as np

REACH_LEVELS = 4.0  # a value belongs to the peak within so many standard deviations
MIN_SHARE = 0.3  # of the pixels that have that value
MAX_SHARE_AROUND = 0.05  # as many again, of those in the peak, may be just beyond
MAX_CORRELATION = 0.1
MIN_STEPS = 0.4  # less is rounding
MAX_RANGE_SHARE = 0.05  # of the level in the range of the image: two values are no noise
MAX_BINS = 1 << 16
N_ROUNDS = 8


def level_around_one_value(channel, step, level):
    """Standard deviation of the noise around the most common value.

    Parameters
    ----------
    channel : ndarray of 2 or 3 axes
        Float image without NaN.
    step : float
        In which its values come; 0 if they come in none.
    level : float
        About what is expected, in units of the image.

    Returns
    -------
    float
        0 if there is no such value, or no noise around it.
    """
    most = MAX_RANGE_SHARE * np.ptp(channel)
    level = min(level, most)
    peak = _most_common(channel, step or level / 2)
    for _ in range(N_ROUNDS):
        members = np.abs(channel - peak) <= REACH_LEVELS * level
        if not members.any():
            return 0.0
        peak, former, level = channel[members].mean(), level, channel[members].std()
        if not MIN_STEPS * step < level < most:
            return 0.0
        if abs(level - former) < 0.01 * former:
            break
    off = channel - peak
    members = np.abs(off) <= REACH_LEVELS * level
    around = (np.abs(off) <= 2 * REACH_LEVELS * level) & ~members
    alone = members.mean() > MIN_SHARE and around.sum() < MAX_SHARE_AROUND * members.sum()
    return float(level) if alone and _is_white(off, members, level) else 0.0


def _most_common(channel, width):
    """The centre of the three bins of this width that hold most values."""
    if not width > 0 or np.ptp(channel) > MAX_BINS * width:
        return float(np.median(channel))
    counts = np.bincount(np.rint((channel - channel.min()) / width).astype(int).ravel())
    return channel.min() + width * np.convolve(counts, np.ones(3), "same").argmax()


def _is_white(off, members, level):
    """Whether neighbours that are both in the peak are off it independently."""
    for axis in range(off.ndim):
        along, inside = np.moveaxis(off, axis, 0), np.moveaxis(members, axis, 0)
        products = (along[1:] * along[:-1])[inside[1:] & inside[:-1]]
        if not products.size or abs(products.mean()) > MAX_CORRELATION * level**2:
            return False
    return True
