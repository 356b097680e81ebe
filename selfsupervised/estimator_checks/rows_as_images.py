# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Images for scikit-learn's own battery, which feeds tables only."""

from typing import Any, Self

from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from selfsupervised.core.types import Estimator, Table


class RowsAsImages(TransformerMixin, BaseEstimator):
    """Show an estimator of images the rows of a table, each as an image one pixel high.

    For scikit-learn's own battery, which feeds tables only. Rows of a single column come as
    one pixel, so networks must pad.

    Parameters
    ----------
    estimator : estimator
        An estimator of images without channels.

    See Also
    --------
    check_denoiser : Checks with images.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import MedianDenoiser
    >>> from selfsupervised.estimator_checks import RowsAsImages
    >>> RowsAsImages(MedianDenoiser(radius=1)).fit_transform(np.array([[0.0, 0.0, 9.0, 0.0, 0.0]]))
    array([[0., 0., 0., 0., 0.]])
    """

    estimator_: Any

    def __init__(self, estimator: Estimator) -> None:
        self.estimator = estimator

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        tags.non_deterministic = inner.non_deterministic
        tags.transformer_tags = inner.transformer_tags
        return tags

    def fit(self, X: Table, y: Any = None) -> Self:
        """Fit a clone to the rows of `X`, shape (n_samples, n_features)."""
        self.estimator_ = clone(self.estimator).fit(self._images(X, reset=True))
        return self

    def transform(self, X: Table) -> Any:
        """Denoise the rows of `X`, shape (n_samples, n_features)."""
        check_is_fitted(self)
        return self.estimator_.transform(self._images(X))[:, 0]

    def _images(self, X, reset=False):
        return validate_data(self, X, reset=reset, dtype="numeric", ensure_all_finite="allow-nan")[
            :, None
        ]
