# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Denoising where neighbouring pixels share noise, by denoisers made for white noise."""

from functools import partial
from numbers import Real

import numpy as np

from selfsupervised.base import ImageDenoiser
from selfsupervised.core.sklearn_compat import Interval
from selfsupervised.core.types import ArrayLike, Estimator
from selfsupervised.noise.level import noise_level
from selfsupervised.noise.spectrum import (
    MIN_EDGE_PIXELS,
    faded,
    filtered_in_tiles,
    noise_autocovariance,
    root_spectrum,
)
from selfsupervised.wrappers.function import check_learns_nothing, denoiser_for, output_of

# How far the image is mirrored at its border: as far as the filters reach, nearly.
BORDER_PIXELS = 8


class NoiseWhitener(ImageDenoiser):
    """Filter an image so that its noise becomes white, denoise, and filter back.

    The Fourier transform of the image is divided by the root of the noise's power spectrum, so
    that the noise has the standard deviation 1 and neighbouring pixels share none of it. The
    denoiser's strengths are in these units: ``NoiseWhitener(NLRidgeDenoiser(1.0))``.

    Parameters
    ----------
    denoiser : estimator or callable
        A denoiser of images that learns nothing, or a function ``image -> image``.
    autocovariance : array-like, default=None
        Covariance of the noise between pixels at each lag, in squared units of the image: an array
        of odd sizes, one axis for each spatial axis, lag 0 at the centre, zero beyond; with a
        further last axis one for each channel. By default `noise_autocovariance` estimates it for
        each image and channel; images too small for that are taken to have white noise.
    floor : float, default=0.02
        Where the spectrum is less than this share of its peak, it is taken as that share: what was
        blurred beyond recognition is not made to rule the image. In (0, 1].
    channel_axis : {None, -1}, default=None
        Whether the last axis of the images holds channels, each filtered by itself; handed on to
        the denoiser where it has such a parameter and that is None.

    See Also
    --------
    NLRidgeDenoiser : Takes the correlation of the noise as it is, also where its spectrum is zero.
    VarianceStabilizer : For noise that grows with the signal. To have both, stabilise first:
        ``VarianceStabilizer(NoiseWhitener(NLRidgeDenoiser(1.0)))``.

    Notes
    -----
    The image is mirrored for 8 pixels at its border, so that what is denoised is larger by that.
    Images with an edge of more than 2048 pixels (192 in volumes) are filtered in overlapping tiles,
    so that memory is that of a few copies of the image. An autocovariance that is cut off has a
    spectrum that is negative somewhere, where the floor stands in. An estimated one fades to zero
    towards its largest lag, by a cosine from a quarter of it on, before it is used.

    Noise that all channels share is not told from signal.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import NLRidgeDenoiser, NoiseWhitener
    >>> noise = np.random.default_rng(0).normal(size=(65, 64))
    >>> noisy = (noise[1:] + noise[:-1])[None]
    >>> denoiser = NoiseWhitener(NLRidgeDenoiser(1.0), autocovariance=[[1], [2], [1]])
    >>> bool(denoiser.transform(noisy).std() < NLRidgeDenoiser(2**0.5).transform(noisy).std())
    True
    """

    _image_units = {"autocovariance": 2}
    _noise_variance_parameters = ("autocovariance",)
    _parameter_constraints: dict = {
        **ImageDenoiser._parameter_constraints,
        "denoiser": "no_validation",
        "autocovariance": ["array-like", None],
        "floor": [Interval(Real, 0, 1, closed="right")],
    }

    def __init__(
        self,
        denoiser: Estimator,
        *,
        autocovariance: ArrayLike | None = None,
        floor: float = 0.02,
        channel_axis: int | None = None,
    ) -> None:
        self.denoiser = denoiser
        self.autocovariance = autocovariance
        self.floor = floor
        self.channel_axis = channel_axis

    def _check(self, X):
        check_learns_nothing(self.denoiser, type(self).__name__)
        return super()._check(X)

    @property
    def _drops_thin_axes(self):  # type: ignore[override]
        return self.autocovariance is None  # which has an axis for each

    def _denoise(self, image):
        channels = image if self.channel_axis is not None else image[..., None]
        n_spatial = channels.ndim - 1
        margin = BORDER_PIXELS
        covariances = self._autocovariances(channels, n_spatial)
        if any(not each.any() for each in covariances):  # a channel without noise
            return image
        mean = channels.mean(axis=tuple(range(n_spatial)))
        padded = np.pad(channels - mean, [(margin, margin)] * n_spatial + [(0, 0)], "symmetric")
        roots = [partial(root_spectrum, each, floor=self.floor) for each in covariances]
        white = _by_channel(padded, [partial(_inverse, root) for root in roots])
        inner = denoiser_for(self.denoiser, self.channel_axis)
        shown = white if self.channel_axis is not None else white[..., 0]
        out = output_of(inner, shown, type(self).__name__)
        out = _by_channel(out.reshape(padded.shape), roots)
        inside = (slice(margin, -margin),) * n_spatial
        return (out[inside] + mean).reshape(image.shape)

    def _autocovariances(self, channels, n_spatial):
        """The autocovariance of each channel's noise."""
        n_channels = channels.shape[-1]
        if self.autocovariance is None and min(channels.shape[:-1]) < MIN_EDGE_PIXELS[n_spatial]:
            level = noise_level(channels, channel_axis=-1)
            return [np.full((1,) * n_spatial, level**2)] * n_channels
        if self.autocovariance is None:
            found = noise_autocovariance(channels, channel_axis=-1)
            return [faded(found[..., c]) for c in range(n_channels)]
        given = np.asarray(self.autocovariance, dtype=float)
        shared = given.ndim == n_spatial
        lags = given.shape if shared else given.shape[:-1]
        centre = tuple(size // 2 for size in lags)
        good = len(lags) == n_spatial and all(size % 2 for size in lags)
        good = good and (shared or given.shape[-1] == n_channels) and np.isfinite(given).all()
        if not (good and (given[centre] >= 0).all()):
            raise ValueError(
                f"NoiseWhitener expected autocovariance to be finite, of {n_spatial} axes of odd "
                f"sizes (and one of {n_channels} channels), and not negative at its centre; got "
                f"shape {given.shape}."
            )
        return [given if shared else given[..., c] for c in range(n_channels)]


def _inverse(root, shape):
    return 1 / root(shape)


def _by_channel(channels, responses):
    planes = zip(np.moveaxis(channels, -1, 0), responses, strict=True)
    return np.stack([filtered_in_tiles(plane, response) for plane, response in planes], axis=-1)
