# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""How many molecules of an entry go to either sample, drawn from 64 random bits of its own."""

import numpy as np

from selfsupervised.core.hashing import GOLDEN_RATIO_64, mix

MAX_COUNT_BY_BITS = 2**12  # molecules from which a generator is quicker than counting bits
MAX_COUNT_BY_HASH = 2**7  # and than a hash for each


def generator(key):
    """A generator from 64 bits."""
    return np.random.Generator(np.random.Philox(key=int(key)))


def heads(bits, counts):
    """How many of `counts` bits are set, 64 of them in `bits` and more made from these."""
    left = np.flatnonzero((counts > 64) & (counts <= MAX_COUNT_BY_BITS))
    further = mix(bits[left] + GOLDEN_RATIO_64)
    unused = 64 - np.minimum(counts, 64)
    bits >>= unused.astype(np.uint64)
    found = _bit_count(bits).astype(counts.dtype)
    if left.size:
        found[left] += heads(further, counts[left] - 64)
    return found


def _bit_count(x):
    if hasattr(np, "bitwise_count"):  # NumPy 2
        return np.bitwise_count(x)
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (x * np.uint64(0x0101010101010101)) >> np.uint64(56)


def shared_out(bits, counts, first_share, second_share):
    """Molecules of each entry in the first sample, and in the second, each by a hash of its own.

    Hashes are uniform. Below the first's share a molecule is in the first sample, above what the
    second does not have, in the second; where these overlap, in both.

    Parameters
    ----------
    bits : ndarray of uint64 of shape (n_entries,)
    counts : ndarray of int of shape (n_entries,)
        Above zero.
    first_share, second_share : ndarray of float of shape (n_entries,)
        Their sum is 1, or more.

    Returns
    -------
    first, second : ndarray of int of shape (n_entries,)
    """
    first, second = np.empty_like(counts), np.empty_like(counts)
    few = np.flatnonzero(counts <= MAX_COUNT_BY_HASH)
    if few.size:
        first[few], second[few] = _by_hashes(
            bits[few], counts[few], first_share[few], second_share[few]
        )
    for at in np.flatnonzero(counts > MAX_COUNT_BY_HASH):
        rng, count = generator(bits[at]), counts[at]
        only_first = rng.binomial(count, 1 - second_share[at])
        only_second = rng.binomial(count - only_first, (1 - first_share[at]) / second_share[at])
        first[at], second[at] = count - only_second, count - only_first
    return first, second


def _by_hashes(bits, counts, first_share, second_share):
    ends = np.cumsum(counts)
    starts = ends - counts
    number = np.arange(1, ends[-1] + 1) - np.repeat(starts, counts)
    hashes = mix(np.repeat(bits, counts) + number.astype(np.uint64) * GOLDEN_RATIO_64)

    def below(share):
        limits = (share * 2.0**64).astype(np.uint64)
        under = hashes < (limits[0] if (limits == limits[0]).all() else np.repeat(limits, counts))
        return np.add.reduceat(under, starts, dtype=counts.dtype)

    first = below(first_share)
    if (first_share + second_share == 1).all():
        return first, counts - first
    return first, counts - below(1 - second_share)


def beta(rng, fraction, alpha):
    """Success probabilities of the beta-binomial split; `fraction` where alpha is 0."""
    size = 1 / np.where(alpha > 0, alpha, 1)
    drawn = rng.beta(fraction * size, (1 - fraction) * size)
    return np.where(alpha > 0, drawn, fraction)
