# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Denoising where neighbouring pixels share noise, by pixels that lie far enough apart."""

from itertools import product
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from selfsupervised.base import ImageDenoiser
from selfsupervised.core.sklearn_compat import Interval
from selfsupervised.core.validation import is_whole_number
from selfsupervised.wrappers.function import check_learns_nothing, denoiser_for, output_of


class SubsampledDenoiser(ImageDenoiser):
    """Denoise interleaved sub-images, each of every n-th pixel, and put them together again.

    Noise that neighbours share is nearly white among pixels that are two or three apart, so that a
    denoiser of white noise is told its full standard deviation and removes it. It suits images
    that are smoother than their pixels, such as those of wide-field microscopes and cameras;
    detail as fine as a pixel is lost.

    Parameters
    ----------
    denoiser : estimator or callable
        A denoiser of images that learns nothing, or a function ``image -> image``.
    stride : int or tuple of int, default=2
        Distance in pixels between the pixels of a sub-image; of a tuple, one along each spatial
        axis: ``(1, 3)`` for a scanner whose lines share no noise with each other.
    smoothing : float, default=0
        Standard deviation, in pixels, of a Gaussian that evens out what the sub-images differ by;
        0.7 suits a stride of 3. Along axes with a stride of 1 there is none.
    channel_axis : {None, -1}, default=None
        Whether the last axis of the images holds channels; handed on to the denoiser where it has
        such a parameter and that is None.

    See Also
    --------
    NoiseWhitener : Keeps fine detail where the noise is correlated less strongly.
    NLRidgeDenoiser : Takes the correlation of the noise as it is.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter
    >>> from selfsupervised import NLRidgeDenoiser, SubsampledDenoiser
    >>> noise = gaussian_filter(np.random.default_rng(0).normal(size=(1, 64, 64)), [0, 1, 1])
    >>> told = NLRidgeDenoiser(noise.std())
    >>> apart = SubsampledDenoiser(told, stride=3, smoothing=0.7)
    >>> bool(apart.transform(noise).std() < 0.7 * told.transform(noise).std())
    True
    """

    _parameter_constraints: dict = {
        **ImageDenoiser._parameter_constraints,
        "denoiser": "no_validation",
        "stride": [Interval(Integral, 1, None, closed="left"), tuple],
        "smoothing": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        denoiser: Any,
        *,
        stride: int | tuple[int, ...] = 2,
        smoothing: float = 0.0,
        channel_axis: int | None = None,
    ) -> None:
        self.denoiser = denoiser
        self.stride = stride
        self.smoothing = smoothing
        self.channel_axis = channel_axis

    def _check(self, X):
        check_learns_nothing(self.denoiser, type(self).__name__)
        return super()._check(X)

    def _denoise(self, image):
        strides = self._strides(image.shape[: image.ndim - (self.channel_axis is not None)])
        inner = denoiser_for(self.denoiser, self.channel_axis)
        out = np.empty_like(image)
        for starts in product(*map(range, strides)):
            part = tuple(slice(s, None, n) for s, n in zip(starts, strides, strict=True))
            shown = np.ascontiguousarray(image[part])
            out[part] = output_of(inner, shown, type(self).__name__)
        widths = [self.smoothing if n > 1 else 0.0 for n in strides]
        return gaussian_filter(out, widths + [0.0] * (image.ndim - len(strides)))

    def _strides(self, spatial):
        n_spatial = len(spatial)
        strides = self.stride if isinstance(self.stride, tuple) else (self.stride,) * n_spatial
        good = len(strides) == n_spatial
        if not (good and all(is_whole_number(n) and n >= 1 for n in strides)):
            raise ValueError(
                f"SubsampledDenoiser expected stride to be an integer from 1 on, or one for each "
                f"of {n_spatial} spatial axes; got {self.stride!r}."
            )
        return [min(n, size) for n, size in zip(strides, spatial, strict=True)]
