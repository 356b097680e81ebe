# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Squared errors between cells that are scaled to the same total."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from selfsupervised.core.types import Array, ArrayLike
from selfsupervised.core.validation import is_finite_number
from selfsupervised.counts.normalizer import FORWARD


class NormalizedSquaredError(BaseEstimator):
    """Loss of denoised cells whose total does not matter.

    Both sides, measured and predicted, are scaled cell by cell to the same total and
    transformed, and their squared difference is the loss. With the defaults it is that of
    molecular cross-validation and of the benchmarks of single-cell denoising.

    Parameters
    ----------
    target_sum : float, default=1e4
        Total that each cell is scaled to.
    transformation : {"log1p", "sqrt", None}, default="log1p"
        What is done to the scaled counts.

    See Also
    --------
    SelfSupervisedScorer : Takes it as `loss`.
    CountNormalizer : Normalises the counts themselves.

    Notes
    -----
    The transformation bends: the best prediction is the mean of the *transformed* held-out counts,
    which for few molecules lies below the transformed mean. Losses are comparable only for the same
    share of molecules held out, and a denoiser that is best here need not be best for "poisson",
    whose best prediction is the mean itself.

    References
    ----------
    Batson, Royer & Webber, "Molecular cross-validation for single-cell RNA-seq" (2019).

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import NormalizedSquaredError
    >>> loss = NormalizedSquaredError(target_sum=1, transformation=None)
    >>> loss(np.array([[1, 1], [0, 4]]), np.array([[30, 10], [0, 7]]))
    array([[0.0625, 0.0625],
           [0.    , 0.    ]])
    """

    of_tables = True  # rows belong together, see mean_loss

    def __init__(self, target_sum: float = 10000.0, *, transformation: Any = "log1p") -> None:
        self.target_sum = target_sum
        self.transformation = transformation

    def __call__(self, judged: ArrayLike, predicted: ArrayLike) -> Array:
        """Compare tables.

        Parameters
        ----------
        judged, predicted : ndarray of shape (n_cells, n_features)
            Counts, and expected counts in any units. Predictions below zero are taken as zero.

        Returns
        -------
        ndarray of shape (n_cells, n_features)

        Raises
        ------
        ValueError
            If a parameter is none of the above, or measurements are negative.
        """
        if not (is_finite_number(self.target_sum) and self.target_sum > 0):
            raise ValueError(
                f"NormalizedSquaredError expected target_sum to be a positive number, got "
                f"{self.target_sum!r}."
            )
        if self.transformation not in (None, *FORWARD):
            raise ValueError(
                f"NormalizedSquaredError expected transformation to be one of {[*FORWARD, None]}, "
                f"got {self.transformation!r}."
            )
        if np.min(judged, initial=0) < 0:
            raise ValueError("NormalizedSquaredError expected counts, got negative measurements.")
        return np.square(self._normalized(judged) - self._normalized(np.maximum(predicted, 0)))

    def _normalized(self, table):
        totals = table.sum(axis=1, keepdims=True)
        scaled = table * (self.target_sum / np.where(totals > 0, totals, 1))
        return scaled if self.transformation is None else FORWARD[self.transformation](scaled)
