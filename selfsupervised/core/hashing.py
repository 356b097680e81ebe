# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Random bits that belong to what they are made of, and to no sequence."""

import numpy as np

GOLDEN_RATIO_64 = np.uint64(0x9E3779B97F4A7C15)


def mix(x):
    """Scramble an array of 64-bit integers in place, one to one: each bit moves half of all bits.

    The finaliser of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014, Section 5).

    Parameters
    ----------
    x : ndarray of uint64

    Returns
    -------
    ndarray of uint64
        The same array.
    """
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x
