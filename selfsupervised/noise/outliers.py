# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pixels that are unusually far off their neighbours: salt and pepper, hot and dead pixels."""

import numpy as np
from scipy.ndimage import median_filter

from selfsupervised.noise.flat_places import normal_mad

N_BRIGHTNESSES = 8  # strata of brightness, each with a deviation that is usual in it
MAX_DEVIATIONS = 5  # an outlier is as many standard deviations off the median of its neighbours


def outliers(channel):
    """Pixels of a 2-D or 3-D float image that are unusually far off their neighbours."""
    middle = median_filter(channel, 3, mode="mirror")
    deviation = np.abs(channel - middle)
    return (deviation > 0) & ~usual(deviation, middle)


def usual(deviation, brightness):
    """Pixels no further off the median of their neighbours than is usual at their brightness."""
    deviation, usual = deviation.ravel(), np.ones(deviation.size, dtype=bool)
    for stratum in np.array_split(np.argsort(brightness, axis=None, kind="stable"), N_BRIGHTNESSES):
        of_stratum = deviation[stratum]
        usual[stratum] = of_stratum <= MAX_DEVIATIONS * normal_mad(of_stratum[of_stratum > 0])
    return usual.reshape(brightness.shape)
