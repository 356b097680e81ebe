# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The correlation of the noise, from differences of blocks that are alike.

In the difference of two blocks that show the same thing the signal cancels, and the noise does
not. Text, screens and photographs hold many such blocks, so that their structure is not taken
for noise that neighbours share.
"""

from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import gaussian_filter

from selfsupervised.core.scale import in_unit

BLOCK_EDGE_PIXELS = 12
N_BLOCKS = 500
MAX_CANDIDATES = 6000
MIN_DISTANCE_PIXELS = 20  # beyond the reach of any noise that neighbours share
SMOOTHING_PIXELS = 1.5  # what is compared must not be the noise
BEST_SHARE = 0.05
N_BRIGHTNESSES = 4


class SimilarBlocks:
    """What blocks of a plane that show the same differ by; found when it is first asked for.

    Parameters
    ----------
    channel : ndarray
        Float image without NaN.
    random_state : int
        Seed of the blocks that are looked at.
    """

    def __init__(self, channel, random_state=0):
        self.random_state = random_state
        # Squares of very large and very small numbers have no room in float32.
        self.channel, self.unit = in_unit(channel)

    @cached_property
    def differences(self):
        """Of the blocks that are most alike; None where there are none, or no two axes."""
        return _differences(self.channel, self.random_state)

    @property
    def correlation(self):
        """Of neighbours along both axes: about zero for white noise, NaN if unknown."""
        found = self.differences
        return np.full(2, np.nan) if found is None else _correlation(found)

    @property
    def level(self):
        """Of white noise in a typical place, in units of the image; NaN if unknown."""
        found = self.differences
        if found is None:
            return np.nan
        return self.unit * float(np.median(np.sqrt(np.square(found).mean(axis=(1, 2)) / 2)))


def _differences(channel, random_state):
    edge = BLOCK_EDGE_PIXELS
    if channel.ndim != 2 or min(channel.shape) < edge + MIN_DISTANCE_PIXELS:
        return None
    rng = np.random.default_rng(random_state)
    smooth = gaussian_filter(channel, SMOOTHING_PIXELS)
    positions = [size - edge + 1 for size in channel.shape]
    places = np.indices(positions).reshape(2, -1).T
    candidates = places[rng.permutation(len(places))[:MAX_CANDIDATES]]
    known = sliding_window_view(smooth, (edge, edge))[tuple(candidates.T)]
    known = known.reshape(-1, edge // 2, 2, edge // 2, 2).mean(axis=(2, 4)).reshape(len(known), -1)
    known = known.astype(np.float32)
    n = min(N_BLOCKS, len(candidates))
    squares = np.einsum("ij,ij->i", known, known)
    distances = known[:n] @ known.T
    distances *= -2
    distances += squares
    near = [np.abs(at[:n, None] - at) < MIN_DISTANCE_PIXELS for at in candidates.T.astype(np.int32)]
    distances[near[0] & near[1]] = np.inf
    partner = distances.argmin(axis=1)
    least = distances[np.arange(n), partner] + squares[:n]
    # The best pairs at each brightness.
    strata = np.array_split(np.argsort(known[:n].mean(axis=1)), N_BRIGHTNESSES)
    n_best = max(4, int(BEST_SHARE * n / N_BRIGHTNESSES))
    chosen = np.concatenate([part[np.argsort(least[part])[:n_best]] for part in strata])
    blocks = sliding_window_view(channel, (edge, edge))
    pairs = zip(candidates[chosen], candidates[partner[chosen]], strict=True)
    return np.stack([blocks[tuple(a)] - blocks[tuple(b)] for a, b in pairs])


def _correlation(differences):
    """Correlation at one pixel along both axes; blocks count alike, whatever their contrast."""
    power = np.square(differences).mean(axis=(1, 2))
    shown = power > 0
    if not shown.any():
        return np.full(2, np.nan)
    d, power = differences[shown], power[shown]
    down = (d[:, 1:] * d[:, :-1]).mean(axis=(1, 2)) / power
    across = (d[:, :, 1:] * d[:, :, :-1]).mean(axis=(1, 2)) / power
    return np.array([np.median(down), np.median(across)])
