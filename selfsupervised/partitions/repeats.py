# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Repeated acquisitions of one scene (Noise2Self, Section 2)."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from selfsupervised.core.measurement import Measurement
from selfsupervised.partitions.pair import Pair


class Repeats(BaseEstimator):
    """Repeated acquisitions of the same scene (Noise2Noise; Noise2Self, Section 2).

    Each acquisition is judged by what the mean of the others predicts.

    Parameters
    ----------
    axis : int, default=1
        Axis of the input that holds the acquisitions; the first axis holds the scenes.

    See Also
    --------
    PixelGrid : For a single acquisition.
    MoleculeSplit : Two samples from one table of counts.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import Repeats
    >>> X = np.array([[[1.0, 2.0], [3.0, 4.0], [5.0, 9.0]]])  # one scene, three times
    >>> [pair.seen.tolist() for pair in Repeats().split(X)]
    [[[4.0, 6.5]], [[3.0, 5.5]], [[2.0, 3.0]]]
    """

    def __init__(self, axis: int = 1) -> None:
        self.axis = axis

    def get_n_splits(self, X: Any, *, channel_axis: int | None = None) -> int:
        """Number of acquisitions."""
        return self._check(X).shape[self.axis]

    def split(self, X: Any, *, channel_axis: int | None = None) -> Iterator[Any]:
        """Leave one acquisition out after another.

        Parameters
        ----------
        X : array-like of shape (n_images, n_repeats, *spatial) or with channels last
            The acquisitions, along `axis`. NaN means "not measured".
        channel_axis : {None, -1}, default=None
            Whether the last axis holds channels; of no consequence here.

        Yields
        ------
        Pair
            `seen` lacks the axis of the acquisitions.
        """
        X = self._check(X)
        repeats = np.moveaxis(X, self.axis, 0)
        for left_out in range(len(repeats)):
            others = np.delete(repeats, left_out, axis=0)
            where = np.zeros(X.shape, dtype=bool)
            np.moveaxis(where, self.axis, 0)[left_out] = True
            yield Pair(_nanmean(others), repeats[left_out].reshape(-1), where)

    def _check(self, X):
        X = Measurement.of_array(X, caller="Repeats").data
        if not 1 <= self.axis % max(X.ndim, 1) < X.ndim or not -X.ndim <= self.axis < X.ndim:
            raise ValueError(
                f"Repeats expected axis to be one of the axes 1 to {X.ndim - 1} of X (the first "
                f"holds the scenes), got axis={self.axis} for shape {X.shape}."
            )
        n_repeats = X.shape[self.axis]
        if n_repeats < 2:
            raise ValueError(
                f"Repeats needs two or more acquisitions along axis {self.axis}, got {n_repeats} "
                f"in shape {X.shape}, which leaves nothing to see."
            )
        return X


def _nanmean(repeats):
    """Mean over the first axis of what was measured; NaN where nothing was."""
    measured = ~np.isnan(repeats)
    count = measured.sum(axis=0)
    total = np.where(measured, repeats, 0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(repeats.dtype)
