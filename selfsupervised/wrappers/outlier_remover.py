# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pixels whose value tells nothing: salt and pepper, hot and dead pixels."""

import numpy as np
from sklearn.base import clone

from selfsupervised.base import ImageDenoiser
from selfsupervised.core.types import Estimator
from selfsupervised.noise.outliers import outliers
from selfsupervised.partitions.fill import fill_nan
from selfsupervised.wrappers.function import check_learns_nothing, denoiser_of


class OutlierRemover(ImageDenoiser):
    """Take outliers as not measured, and denoise what is left.

    An outlier is five times as far off the median of its 3 x 3 (x 3) neighbourhood as is usual
    at its brightness, and isolated: off anything near it, while its neighbours are not off the
    ground as those of a star or on an edge are. Where outliers are many, as in salt and pepper,
    all pixels so far off are. Outliers are filled from their neighbours, other outliers left out,
    before the denoiser sees the image.

    Parameters
    ----------
    denoiser : estimator or callable
        A denoiser that computes and learns nothing, or a function ``image -> image``.
    channel_axis : {None, -1}, default=None
        Whether the last axis of the images holds channels, each of which has outliers of its
        own. The denoiser needs the same.

    See Also
    --------
    TableOutlierRemover : For tables.
    MedianDenoiser : Replaces every pixel by the median of its neighbourhood, not outliers alone.

    Notes
    -----
    Points of a single pixel that are the picture, such as stars without a lens before them, cannot
    be told from hot pixels and are removed.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import GaussianDenoiser, OutlierRemover
    >>> noisy = np.random.default_rng(0).normal(size=(1, 32, 32))
    >>> noisy[0, 10, 10] = 1000
    >>> bool(OutlierRemover(GaussianDenoiser()).transform(noisy).max() < 3)
    True
    """

    _sees_missing = True
    _parameter_constraints: dict = {
        **ImageDenoiser._parameter_constraints,
        "denoiser": "no_validation",
    }

    def __init__(self, denoiser: Estimator, *, channel_axis: int | None = None) -> None:
        self.denoiser = denoiser
        self.channel_axis = channel_axis

    def _check(self, X):
        check_learns_nothing(self.denoiser, type(self).__name__)
        return super()._check(X)

    def _denoise(self, image):
        # What stands in for missing values may have outliers in it, and is filled in once more.
        filled = fill_nan(image[None], channel_axis=self.channel_axis)[0]
        unusual = self._by_channel(outliers, filled) & ~np.isnan(image)
        if (unusual | np.isnan(image)).all():
            unusual[...] = False
        known = np.where(unusual, image.dtype.type(np.nan), image)[None]
        known = fill_nan(known, channel_axis=self.channel_axis)
        return clone(denoiser_of(self.denoiser)).fit(known).transform(known)[0]
