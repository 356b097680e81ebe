# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The Gaussian filter, and its form with a zero centre weight."""

from typing import Any

import numpy as np
from scipy.ndimage import correlate1d

from selfsupervised.classical.donut import DonutDenoiser


class GaussianDenoiser(DonutDenoiser):
    """Gaussian-weighted mean of the pixels that are there.

    Weights beyond the border, and of NaN, are dropped and the others renormalised; elsewhere
    this is `scipy.ndimage.gaussian_filter`.

    Parameters
    ----------
    sigma : float or tuple of float, default=1.0
        Standard deviation of the kernel in pixels, for all spatial axes or for each.
    truncate : float, default=4.0
        The kernel ends at this many standard deviations.
    channel_axis : {None, -1}, default=None
        Whether the last axis of the images holds channels, which are filtered one by one.

    See Also
    --------
    MedianDenoiser : Robust to outliers.
    BilateralDenoiser : Keeps edges.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import GaussianDenoiser
    >>> image = np.array([[[1.0, 1.0, np.nan, 1.0]]])
    >>> GaussianDenoiser(sigma=1.0).transform(image)
    array([[[1., 1., 1., 1.]]])
    """

    _parameter_constraints: dict = {
        **DonutDenoiser._parameter_constraints,
        "sigma": "no_validation",
        "truncate": "no_validation",
    }

    def __init__(
        self, sigma: Any = 1.0, *, truncate: float = 4.0, channel_axis: int | None = None
    ) -> None:
        self.sigma = sigma
        self.truncate = truncate
        self.channel_axis = channel_axis

    @property
    def _drops_thin_axes(self):  # type: ignore[override]
        return np.ndim(self.sigma) == 0  # otherwise there is one for each axis

    def _filter(self, channel, donut):
        mean = donut_mean if donut else plain_mean
        return mean(channel, self._kernels(channel.ndim))

    def _kernels(self, ndim):
        """One normalised kernel for each spatial axis."""
        sigmas = self._positive("sigma", self.sigma, ndim)
        (truncate,) = self._positive("truncate", self.truncate, 1)
        return [_kernel(sigma, int(truncate * sigma + 0.5)) for sigma in sigmas]

    def _positive(self, name, value, n):
        try:
            values = np.atleast_1d(np.asarray(value, dtype=float))
        except (TypeError, ValueError):
            values = np.array([np.nan])
        good = values.ndim == 1 and np.isfinite(values).all() and (values > 0).all()
        if not good or len(values) not in (1, n):
            each = f", or {n} of them, one for each spatial axis" if n > 1 else ""
            raise ValueError(
                f"The {name!r} parameter of GaussianDenoiser must be a positive number{each}. "
                f"Got {value!r} instead."
            )
        return np.broadcast_to(values, n)


def _kernel(sigma, radius):
    weights = np.exp(-0.5 * np.square(np.arange(-radius, radius + 1) / sigma))
    return weights / weights.sum()


def plain_mean(image, kernels):
    """Weighted mean over the measured pixels of an image; NaN where none is in reach."""
    return _normalised(image, lambda values: _separable(values, kernels))


def donut_mean(image, kernels):
    """`plain_mean` in which the pixel itself has weight zero."""
    return _normalised(image, lambda values: _separable_donut(values, kernels))


def _normalised(image, weighted_sum):
    measured = ~np.isnan(image)
    total = weighted_sum(np.where(measured, image, 0))
    weight = weighted_sum(measured.astype(image.dtype))
    tiny = np.finfo(image.dtype).tiny
    return np.where(weight > tiny, total / np.maximum(weight, tiny), np.nan)


def _separable(values, kernels):
    for axis, kernel in enumerate(kernels):
        values = _along(values, kernel, axis)
    return values


def _separable_donut(values, kernels):
    """Sum over all steps but zero, by separable passes that never touch the pixel itself.

    A step is nonzero along the last axis, whatever it is along the others; or zero along the
    last and nonzero among the others. The first kind is the plain filter of the other axes
    followed by the last axis with its centre left out; the second is this sum again, in one
    dimension less. Subtracting the centre from the plain filter would be shorter, but rounding
    would then let the pixel show through.
    """
    *others, last = kernels
    axis, centre = len(others), len(last) // 2
    hole = last.copy()
    hole[centre] = 0
    total = _along(_separable(values, others), hole, axis)
    return total + last[centre] * _separable_donut(values, others) if others else total


def _along(values, kernel, axis):
    return correlate1d(values, kernel, axis=axis, mode="constant", cval=0.0)
