# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The bilateral filter."""

import warnings
from numbers import Integral, Real

import numpy as np
from skimage.restoration import denoise_bilateral

from selfsupervised.base import ImageDenoiser
from selfsupervised.core.sklearn_compat import Interval


class BilateralDenoiser(ImageDenoiser):
    """Mean weighted by nearness in space and in intensity, of 2-D images.

    Through `skimage.restoration.denoise_bilateral`, which knows two spatial axes only.

    Parameters
    ----------
    sigma_color : float, default=None
        Standard deviation of the weight in intensity, in units of the image. By default twice
        the estimated standard deviation of the noise.
    sigma_spatial : float, default=1.0
        Standard deviation of the weight in space, in pixels.
    bins : int, default=10000
        Number of levels in which the intensity weight is tabulated.
    channel_axis : {None, -1}, default=None
        Whether the last axis of the images holds channels; their differences count together.

    See Also
    --------
    GaussianDenoiser : Weighs by nearness in space alone.
    NonLocalMeansDenoiser : Compares patches rather than single pixels, in volumes too.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import BilateralDenoiser
    >>> noisy = np.random.default_rng(0).normal(size=(1, 32, 32))
    >>> bool(BilateralDenoiser(sigma_color=3.0).transform(noisy).std() < 0.5)
    True
    """

    _image_units = {"sigma_color": 1}
    _noise_parameters = ("sigma_color",)  # in multiples of the noise's standard deviation
    _drops_thin_axes = True
    _parameter_constraints: dict = {
        **ImageDenoiser._parameter_constraints,
        "sigma_color": [Interval(Real, 0, None, closed="neither"), None],
        "sigma_spatial": [Interval(Real, 0, None, closed="neither")],
        "bins": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        sigma_color: float | None = None,
        sigma_spatial: float = 1.0,
        *,
        bins: int = 10000,
        channel_axis: int | None = None,
    ) -> None:
        self.sigma_color = sigma_color
        self.sigma_spatial = sigma_spatial
        self.bins = bins
        self.channel_axis = channel_axis

    def _denoise(self, image):
        n_spatial = image.ndim - (self.channel_axis is not None)
        if n_spatial != 2:
            raise ValueError(
                f"BilateralDenoiser expected images of two spatial axes, got {n_spatial}; for "
                f"volumes use NonLocalMeansDenoiser or TotalVariationDenoiser."
            )
        sigma_color = self.sigma_color or 2 * self._noise_level(image)
        # The weights know differences only, and scikit-image wants no negative values.
        darkest = image.min()
        if sigma_color == 0 or np.ptp(image) == 0:
            return image
        colours = image - darkest
        n_channels = image.size // (image.shape[0] * image.shape[1])
        if n_channels == 1:
            colours = colours.reshape(image.shape[:2])
        elif n_channels == 2:  # scikit-image wants three; an empty one makes no difference
            colours = np.pad(colours, [(0, 0), (0, 0), (0, 1)])
        with warnings.catch_warnings():
            # More than four channels are what the user says that they are.
            warnings.filterwarnings("ignore", "The last axis of the input image")
            smooth = denoise_bilateral(
                colours,
                sigma_color=sigma_color,
                sigma_spatial=self.sigma_spatial,
                bins=self.bins,
                mode="symmetric",
                channel_axis=None if n_channels == 1 else -1,
            )
        smooth = smooth if n_channels == 1 else smooth[..., :n_channels]
        return smooth.reshape(image.shape) + darkest
