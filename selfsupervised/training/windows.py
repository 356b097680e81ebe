# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Means over windows of a batch, for losses that look at places one by one."""

from torch.nn import functional

from selfsupervised.training.passes import weighted_mean

MIN_MEAN_SQUARE = 1e-12  # below, the root of a mean square has no useful gradient


def root_mean_square(squares, weight, window=None):
    """Root of the weighted mean of squares; with windows, the mean of theirs by their weights.

    Parameters
    ----------
    squares, weight : Tensor of shape (n, channels, *spatial)
        In 2-D or 3-D.
    window : int, default=None
        Edge of the windows in pixels; None takes one root over all.

    Returns
    -------
    Tensor
        One number.
    """
    if window is None:
        return weighted_mean(squares, weight).clamp(min=MIN_MEAN_SQUARE).sqrt()
    weights = window_sums(weight, window)
    means = window_sums(squares * weight, window) / weights.clamp(min=1)
    return weighted_mean(means.clamp(min=MIN_MEAN_SQUARE).sqrt(), weights)


def window_sums(x, edge):
    """Sums over windows side by side; those at the far borders are cut.

    Parameters
    ----------
    x : Tensor of shape (n, channels, *spatial)
        In 2-D or 3-D.
    edge : int
        Edge of a window; no longer than the image counts.
    """
    pool = {2: functional.avg_pool2d, 3: functional.avg_pool3d}[x.ndim - 2]
    edges = tuple(min(edge, size) for size in x.shape[2:])
    return pool(x, edges, ceil_mode=True, divisor_override=1)
