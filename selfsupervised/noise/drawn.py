# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Whether an image was drawn rather than measured, and in what steps its values come."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from selfsupervised.noise.flat_places import rounding_error

BLOCK_EDGE_PIXELS = {1: 8, 2: 4, 3: 3}
# Constant blocks beside the ends of the range: where there is noise, saturation makes none.
MAX_CONSTANT_SHARE = 0.02
# All at one value are what was cut out, or not covered.
MIN_CONSTANT_VALUES = 3
# With so many constant blocks at the ends of the range, noise must be seen elsewhere.
MANY_CONSTANT_SHARE = 0.25
MAX_STEPS = 1 << 16


def constant_blocks(channel):
    """Share of small blocks that are exactly constant, and at how many values.

    Parameters
    ----------
    channel : ndarray of 1 to 3 axes
        Float image.

    Returns
    -------
    share : float
    inner_share : float
        Of those that are not at an end of the range.
    n_values : int
        At which these are.
    """
    edges = tuple(min(BLOCK_EDGE_PIXELS[channel.ndim], size) for size in channel.shape)
    steps = tuple(slice(None, None, edge) for edge in edges)
    blocks = sliding_window_view(channel, edges)[steps].reshape(-1, int(np.prod(edges)))
    constant = np.ptp(blocks, axis=1) <= rounding_error(channel)
    ends = np.abs(blocks[:, :1] - [[channel.min(), channel.max()]]).min(axis=1)
    inner = constant & (ends > rounding_error(channel))
    return float(constant.mean()), float(inner.mean()), len(np.unique(blocks[inner, 0]))


def step_of(values):
    """The step in which values come, such as 1 of integers; 0 if they come in none.

    Parameters
    ----------
    values : ndarray
        Floats; NaN is left out.

    Returns
    -------
    float
        In units of the values.
    """
    levels = np.unique(values[np.isfinite(values)])
    if not 2 <= len(levels) <= min(MAX_STEPS, max(2, values.size // 2)):
        return 0.0
    step = float(np.diff(levels).min())
    numbers = (levels - levels[0]) / step
    off = np.abs(numbers - np.rint(numbers)).max()
    return step if numbers[-1] < MAX_STEPS and off < 1e-3 else 0.0
