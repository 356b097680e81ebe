# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Hidden pixels from the image at half its scale, where that looks like their surroundings.

Structures recur at other scales: what lies around a hidden pixel p is compared with what lies, at
twice the distances, around means of 2 x 2 (x 2) pixels near it, and the centres of the nearest
matches are averaged ::

    cost(p, q) = sum over d of (x[p + d] - m[q + 2 d])^2        d in the 3 x 3 (x 3) window, not 0

Means m have less noise than pixels, and many of them less still. They are of visible pixels, and
the surroundings are visible or filled from such, so nothing depends on what is hidden.
"""

from itertools import product

import numpy as np

REACH_PIXELS = {1: 8, 2: 4, 3: 2}  # how far from a pixel matches are sought, along each axis
N_MATCHES = 16  # single trials: of 4, 8 and 16, the error fell with each
MAX_AT_ONCE = 2**12  # hidden pixels whose candidates are in memory together


def fill_matched(plane, filled):
    """Fill the hidden pixels of one channel of an image.

    Parameters
    ----------
    plane : ndarray of shape (*spatial)
        NaN where pixels are hidden.
    filled : ndarray of shape (*spatial)
        The same with a first guess there, from visible pixels alone; changed in place.
    """
    hidden = np.argwhere(np.isnan(plane))
    middle = filled.mean()
    unit = np.abs(filled - middle).max()
    if not unit:
        return  # everything is alike
    guess = ((filled - middle) / unit).astype(np.float32)
    means = _block_means(guess, ~np.isnan(plane))
    for first in range(0, len(hidden), MAX_AT_ONCE):
        at = hidden[first : first + MAX_AT_ONCE].T
        filled[tuple(at)] = _matched(guess, means, at) * unit + middle


def _block_means(guess, visible):
    """Mean of the visible pixels of each 2 x 2 (x 2) block, by its first pixel; else of all."""
    seen, count, all_of_it = np.where(visible, guess, 0), visible.astype(np.float32), guess
    for axis in range(guess.ndim):
        seen, count, all_of_it = (_with_next(x, axis) for x in (seen, count, all_of_it))
    return np.where(count > 0, seen / np.maximum(count, 1), all_of_it / 2**guess.ndim)


def _with_next(x, axis):
    """Sum of each entry and the next along an axis; the last one stands for what is beyond."""
    following = np.minimum(np.arange(x.shape[axis]) + 1, x.shape[axis] - 1)
    return x + x.take(following, axis=axis)


def _matched(guess, means, at):
    """Mean centre of the best matches of the pixels `at`, (n_dims, n)."""
    n_dims = guess.ndim
    around = [step for step in product((-1, 0, 1), repeat=n_dims) if any(step)]
    reach = REACH_PIXELS[n_dims]
    candidates = list(product(range(-reach, reach + 1), repeat=n_dims))
    # All places that are ever looked at, each once; borders are mirrored by the indices.
    edge = reach + 2
    places = list(product(range(-edge, edge + 1), repeat=n_dims))
    number = {place: n for n, place in enumerate(places)}
    index = [_mirrored(np.arange(-edge, n + edge), n) for n in guess.shape]

    def values(image, steps):
        lines = zip(index, at, np.transpose(steps), strict=True)
        return image[tuple(line[p + s[:, None] + edge] for line, p, s in lines)]

    surroundings, there = values(guess, around), values(means, places)
    costs, centres = np.empty((2, len(candidates), at.shape[1]), dtype=np.float32)
    for cost, centre, q in zip(costs, centres, candidates, strict=True):
        twice_as_far = [number[tuple(a + 2 * b for a, b in zip(q, d))] for d in around]
        cost[:] = np.square(surroundings - there[twice_as_far]).sum(axis=0)
        centre[:] = there[number[q]]
    n = min(N_MATCHES, len(candidates))
    best = np.argpartition(costs, n - 1, axis=0)[:n]
    return np.take_along_axis(centres, best, axis=0).mean(axis=0)


def _mirrored(index, size):
    """Indices within an axis of `size`, mirrored about its outermost pixels."""
    period = max(2 * (size - 1), 1)
    index = np.abs(index) % period
    return np.minimum(index, period - index) if size > 1 else np.zeros_like(index)
