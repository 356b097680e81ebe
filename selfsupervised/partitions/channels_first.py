# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Subsets of the pixels of images whose channels come first, as networks have them."""

import numpy as np
from sklearn.base import clone

from selfsupervised.partitions.footprint import as_footprint, dilate
from selfsupervised.partitions.pixels import RandomPixels
from selfsupervised.partitions.stratified import StratifiedPixels


def subset_labels(partition, shape, rng=None):
    """Number of the subset of each pixel, and how many subsets there are.

    Parameters
    ----------
    partition : PixelPartition
    shape : tuple of int
        (n_channels, *spatial).
    rng : numpy.random.Generator, default=None
        Draws random subsets anew, whatever their `random_state`.

    Returns
    -------
    labels : ndarray of int of shape (1 or n_channels, *spatial)
        One plane where channels share their subsets.
    n_subsets : int
    """
    n_channels, *spatial = shape
    if rng is not None and isinstance(partition, RandomPixels | StratifiedPixels):
        partition = clone(partition).set_params(random_state=rng)
    if not partition.per_channel:
        return partition.labels(tuple(spatial))[None], partition.n_subsets_for([spatial])
    shape = (*spatial, n_channels)
    return np.moveaxis(partition.labels(shape), -1, 0), partition.n_subsets_for([shape])


def hidden_with(partition, J):
    """J, of shape (n_channels, *spatial), and what the partition's footprint hides with it."""
    if partition.footprint is None:
        return J
    footprint = as_footprint(partition.footprint, J.ndim - 1, owner=type(partition).__name__)
    return np.stack([dilate(channel, footprint) for channel in J])
