# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Non-local means."""

from numbers import Integral, Real

from skimage.restoration import denoise_nl_means

from selfsupervised.base import ImageDenoiser
from selfsupervised.core.sklearn_compat import Interval


class NonLocalMeansDenoiser(ImageDenoiser):
    """Mean of pixels whose patches look alike (Buades, Coll & Morel, 2005).

    Through `skimage.restoration.denoise_nl_means`.

    Parameters
    ----------
    h : float, default=None
        Cut-off in patch distance, in units of the image: the larger, the smoother. By default
        0.8 times the estimated standard deviation of the noise.
    patch_size : int, default=5
        Edge of the patches, in pixels.
    patch_distance : int, default=6
        Largest distance at which patches are compared, in pixels along each axis.
    sigma : float, default=0.0
        Standard deviation of the noise, in units of the image, which is taken off the distances
        between patches.
    fast_mode : bool, default=True
        Whether patches are compared as boxes, by integral images; otherwise with Gaussian
        weights, slowly.
    channel_axis : {None, -1}, default=None
        Whether the last axis of the images holds channels, which are compared together.

    See Also
    --------
    NLRidgeDenoiser : Combines whole patches, with weights of least risk.
    BilateralDenoiser : Compares single pixels rather than patches.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import NonLocalMeansDenoiser
    >>> noisy = np.random.default_rng(0).normal(size=(1, 32, 32))
    >>> bool(NonLocalMeansDenoiser(h=1.0).transform(noisy).std() < 0.5)
    True
    """

    _image_units = {"h": 1, "sigma": 1}
    _noise_parameters = ("h",)  # in multiples of the noise's standard deviation
    _drops_thin_axes = True
    _parameter_constraints: dict = {
        **ImageDenoiser._parameter_constraints,
        "h": [Interval(Real, 0, None, closed="neither"), None],
        "patch_size": [Interval(Integral, 1, None, closed="left")],
        "patch_distance": [Interval(Integral, 1, None, closed="left")],
        "sigma": [Interval(Real, 0, None, closed="left")],
        "fast_mode": ["boolean"],
    }

    def __init__(
        self,
        h: float | None = None,
        *,
        patch_size: int = 5,
        patch_distance: int = 6,
        sigma: float = 0.0,
        fast_mode: bool = True,
        channel_axis: int | None = None,
    ) -> None:
        self.h = h
        self.patch_size = patch_size
        self.patch_distance = patch_distance
        self.sigma = sigma
        self.fast_mode = fast_mode
        self.channel_axis = channel_axis

    def _denoise(self, image):
        h = self.h or 0.8 * self._noise_level(image)
        if h == 0:
            return image
        smooth = denoise_nl_means(
            image,
            h=h,
            sigma=self.sigma,
            patch_size=self.patch_size,
            patch_distance=self.patch_distance,
            fast_mode=self.fast_mode,
            channel_axis=self.channel_axis,
        )
        return smooth.reshape(image.shape)  # scikit-image drops axes of length one
