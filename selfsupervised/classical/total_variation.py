# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Total variation denoising."""

from numbers import Integral, Real

from skimage.restoration import denoise_tv_chambolle

from selfsupervised.base import ImageDenoiser
from selfsupervised.core.sklearn_compat import Interval


class TotalVariationDenoiser(ImageDenoiser):
    """The image near the noisy one whose gradient is smallest in total.

    Chambolle's algorithm, through `skimage.restoration.denoise_tv_chambolle`.

    Parameters
    ----------
    weight : float, default=None
        Strength, in units of the image: the larger, the smoother. By default the estimated
        standard deviation of the noise.
    eps : float, default=2e-4
        Relative change of the cost at which the iteration stops.
    max_num_iter : int, default=200
        Largest number of iterations.
    channel_axis : {None, -1}, default=None
        Whether the last axis of the images holds channels, which are filtered one by one.

    See Also
    --------
    WaveletDenoiser : Shrinks coefficients rather than gradients.
    BilateralDenoiser : Keeps edges by weights.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import TotalVariationDenoiser
    >>> noisy = np.random.default_rng(0).normal(size=(1, 32, 32))
    >>> bool(TotalVariationDenoiser(weight=1.0).transform(noisy).std() < 0.5)
    True
    """

    _image_units = {"weight": 1}
    _noise_parameters = ("weight",)  # in multiples of the noise's standard deviation
    _drops_thin_axes = True
    _parameter_constraints: dict = {
        **ImageDenoiser._parameter_constraints,
        "weight": [Interval(Real, 0, None, closed="neither"), None],
        "eps": [Interval(Real, 0, None, closed="neither")],
        "max_num_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        weight: float | None = None,
        *,
        eps: float = 0.0002,
        max_num_iter: int = 200,
        channel_axis: int | None = None,
    ) -> None:
        self.weight = weight
        self.eps = eps
        self.max_num_iter = max_num_iter
        self.channel_axis = channel_axis

    def _denoise(self, image):
        weight = self.weight or self._noise_level(image)
        if weight == 0:
            return image
        return denoise_tv_chambolle(
            image,
            weight=weight,
            eps=self.eps,
            max_num_iter=self.max_num_iter,
            channel_axis=self.channel_axis,
        )
