# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Wavelet thresholding."""

from numbers import Integral, Real
from typing import Literal

import numpy as np
import pywt
from skimage.restoration import denoise_wavelet

from selfsupervised.base import ImageDenoiser
from selfsupervised.core.sklearn_compat import Interval, StrOptions
from selfsupervised.noise.level import noise_level

MIN_NOISE_SHARE = 2.0**-40  # of the largest value; weaker noise is no unit for float32


class WaveletDenoiser(ImageDenoiser):
    """Shrinkage of wavelet coefficients, through `skimage.restoration.denoise_wavelet`.

    Parameters
    ----------
    sigma : float, default=None
        Standard deviation of the noise, in units of the image; sets the threshold. By default
        it is estimated from the finest coefficients.
    wavelet : str, default="db1"
        Name of a discrete wavelet of PyWavelets.
    mode : {"soft", "hard"}, default="soft"
        How coefficients below the threshold vanish.
    method : {"BayesShrink", "VisuShrink"}, default="BayesShrink"
        A threshold for each subband, or one for all.
    wavelet_levels : int, default=None
        Number of scales. By default three less than the size allows.
    channel_axis : {None, -1}, default=None
        Whether the last axis of the images holds channels, which are filtered one by one.

    See Also
    --------
    TotalVariationDenoiser : Shrinks gradients rather than coefficients.
    NLRidgeDenoiser : Combines patches that are alike.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import WaveletDenoiser
    >>> noisy = np.random.default_rng(0).normal(size=(1, 32, 32))
    >>> bool(WaveletDenoiser(sigma=1.0).transform(noisy).std() < 0.5)
    True
    """

    _image_units = {"sigma": 1}
    _noise_parameters = ("sigma",)  # in multiples of the noise's standard deviation
    _drops_thin_axes = True
    _parameter_constraints: dict = {
        **ImageDenoiser._parameter_constraints,
        "sigma": [Interval(Real, 0, None, closed="neither"), None],
        "wavelet": [StrOptions(set(pywt.wavelist(kind="discrete")))],
        "mode": [StrOptions({"soft", "hard"})],
        "method": [StrOptions({"BayesShrink", "VisuShrink"})],
        "wavelet_levels": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        sigma: float | None = None,
        *,
        wavelet: str = "db1",
        mode: Literal["hard", "soft"] = "soft",
        method: Literal["BayesShrink", "VisuShrink"] = "BayesShrink",
        wavelet_levels: int | None = None,
        channel_axis: int | None = None,
    ) -> None:
        self.sigma = sigma
        self.wavelet = wavelet
        self.mode = mode
        self.method = method
        self.wavelet_levels = wavelet_levels
        self.channel_axis = channel_axis

    def _denoise(self, image):
        return self._by_channel(self._denoise_channel, image)

    def _denoise_channel(self, channel):
        sigma = self.sigma or noise_level(channel)
        if sigma == 0:
            return channel
        # Tiny images are mirrored up to the length that one level needs.
        least, shape = 2 * (pywt.Wavelet(self.wavelet).dec_len - 1), channel.shape
        if min(shape) < least:
            channel = np.pad(channel, [(0, max(0, least - n)) for n in shape], mode="symmetric")
        # scikit-image compares variances with a fixed number, small in units of the noise only.
        unit = max(sigma, MIN_NOISE_SHARE * float(np.abs(channel).max()))
        unit = float(2.0 ** np.floor(np.log2(unit)))
        smooth = denoise_wavelet(
            channel / unit,
            sigma=sigma / unit,
            wavelet=self.wavelet,
            mode=self.mode,
            method=self.method,
            wavelet_levels=self.wavelet_levels,
        )
        return smooth[tuple(slice(size) for size in shape)] * unit
