# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Whether the values of an image are counts, whose variance is their mean.

Neighbours are compared in pairs, sorted by the brightness of what lies around the pair, and chosen
where others like it differ least; neither says anything of the noise of the pair. Half their mean
squared difference over their mean is one for counts, at each brightness; structure can only make it
larger, and along the direction along which there is least of it, it does so least.
"""

import numpy as np

from selfsupervised.noise.directions import (
    around_pairs,
    correlation,
    directions,
    pairs,
    squares_around,
)
from selfsupervised.noise.drawn import step_of

N_BRIGHTNESSES, FLAT_SHARE = 8, 0.25
MIN_PAIRS, MIN_COUNTS = 200, 40
# Half the mean squared difference over the mean: nowhere less than one but for chance, about one
# where the image is quietest, and not much more in most places.
MIN_RATIO, MAX_QUIET_RATIO, MAX_MIDDLE_RATIO = 0.9, 1.2, 1.45
N_STANDARD_ERRORS = 4
# That of the sign of one difference with that of the next is minus one third, and at most this and
# two standard errors.
MAX_SIGN_CORRELATION = -0.25


def count_step(channel):
    """What one count adds to the values of a channel; 0 if these are no counts.

    Parameters
    ----------
    channel : ndarray of 2 or 3 axes
        Float image without NaN.

    Returns
    -------
    float
        In units of the image.
    """
    step = step_of(channel)
    n_pairs = channel.size - channel.size // min(channel.shape)
    if step == 0 or channel.min() < 0 or n_pairs < MIN_PAIRS:
        return 0.0
    zero = channel.min() / step
    if abs(zero - np.rint(zero)) > 1e-3:
        return 0.0
    counts = channel / step
    sure = False
    for number, direction in enumerate(directions(channel.ndim)):
        if sure and number >= channel.ndim:
            break  # slanted ones cost as much again, and are for what nothing else tells
        ratios, errors, flattest = _ratios(counts, direction)
        if len(ratios) == 0 or (ratios < MIN_RATIO - N_STANDARD_ERRORS * errors).any():
            return 0.0
        quiet, middle = np.quantile(ratios, (0.25, 0.5))
        if not sure and quiet < MAX_QUIET_RATIO and middle < MAX_MIDDLE_RATIO:
            sure = _are_independent(counts, direction, flattest)
    return step if sure else 0.0


def _ratios(counts, direction):
    """Half the mean squared difference of pairs over their mean, by the brightness around them.

    Their standard errors too, of counts; and which pairs these were.
    """
    first, second = pairs(counts, direction)
    squares = np.square(first - second)
    varied = squares_around(squares, direction).ravel()
    order = np.argsort(around_pairs(counts, direction), axis=None, kind="stable")
    parts = [_flattest(part, varied) for part in np.array_split(order, N_BRIGHTNESSES)]
    flattest = np.zeros(squares.size, dtype=bool)
    flattest[np.concatenate(parts)] = True
    totals, all_squares = (first + second).ravel(), squares.ravel()
    total = np.array([totals[part].sum() for part in parts])
    square = np.array([all_squares[part].sum() for part in parts])
    enough = total > MIN_COUNTS
    n_pairs = np.array([len(part) for part in parts])[enough]
    errors = np.sqrt(2 / n_pairs + 2 / total[enough])
    return square[enough] / total[enough], errors, flattest.reshape(squares.shape)


def _are_independent(counts, direction, flattest):
    """Whether neighbours share no noise, as they do in photographs, whatever its strength."""
    # Signs, as of the differences themselves those at edges would rule.
    signs = np.sign(np.subtract(*pairs(counts, direction)))
    found, n = correlation(signs, flattest & (signs != 0), direction)
    return found < MAX_SIGN_CORRELATION + 2 / np.sqrt(max(n, 1))


def _flattest(part, varied):
    """Those around which least varies, which says nothing of the noise of the pairs either."""
    return part[np.argsort(varied[part], kind="stable")[: max(1, int(FLAT_SHARE * len(part)))]]
