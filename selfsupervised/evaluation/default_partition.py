# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The partition that suits a denoiser and its data."""

from itertools import islice

import numpy as np
from scipy import sparse
from sklearn.base import clone, is_regressor

from selfsupervised.core.seeds import as_seed
from selfsupervised.evaluation.estimators import has_one_pass, learns
from selfsupervised.partitions.features import FeatureBlocks
from selfsupervised.partitions.molecules import MoleculeSplit
from selfsupervised.partitions.pixels import PixelGrid, SinglePixels

DEFAULT_STRIDE = 4


def choose_partition(partition, estimator, data, *, channel_axis):
    """`partition`, checked and with a fixed seed; or what "auto" stands for.

    The seed is fixed so that the same entries are hidden whenever the partition is used.
    """
    if isinstance(partition, str):
        if partition != "auto":
            raise ValueError(
                f"JInvariantWrapper expected partition to be 'auto' or an object such as "
                f"PixelGrid(4); got {partition!r}."
            )
        return _auto(estimator, data, channel_axis)
    if not (hasattr(partition, "split") and hasattr(partition, "get_n_splits")):
        raise TypeError(
            f"JInvariantWrapper expected a partition with methods split and get_n_splits, or "
            f"'auto'; got {partition!r}."
        )
    if is_regressor(estimator) and not isinstance(partition, FeatureBlocks):
        raise ValueError(
            f"JInvariantWrapper predicts blocks of columns with a regressor and needs "
            f"partition=FeatureBlocks(); got {partition!r}."
        )
    if hasattr(partition, "get_params") and "random_state" in partition.get_params():
        return clone(partition).set_params(random_state=as_seed(partition.random_state))
    return partition


def _auto(estimator, data, channel_axis):
    if is_regressor(estimator):
        return FeatureBlocks()
    if sparse.issparse(data):
        return MoleculeSplit()
    if not isinstance(data, list) and data.ndim == 2:
        raise ValueError(
            "JInvariantWrapper cannot tell what is independent in a dense table with "
            "partition='auto'; pass partition=MoleculeSplit() for counts, or wrap a regressor "
            "to predict blocks of columns."
        )
    if has_one_pass(estimator) and not learns(estimator):
        return SinglePixels()
    return default_grid(data, channel_axis=channel_axis)


def default_grid(images, *, channel_axis):
    """The grid of Noise2Self, Section 3; less wide for images smaller than its stride."""
    shapes = [image.shape[: None if channel_axis is None else -1] for image in images]
    return PixelGrid(tuple(min(DEFAULT_STRIDE, *sizes) for sizes in zip(*shapes, strict=True)))


def spread(pairs, n_pairs, n_subsets):
    """`n_subsets` of the pairs, evenly spread over a fixed random order."""
    order = np.random.default_rng(0).permutation(n_pairs)
    chosen = set(order[:n_subsets].tolist())
    return islice((item for item in pairs if item[0] in chosen), len(chosen))
