# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the noise of one image is, from that image alone."""

from typing import Any, Literal, overload

from selfsupervised.core.measurement import Measurement
from selfsupervised.core.types import ArrayLike
from selfsupervised.core.validation import check_channel_axis
from selfsupervised.noise.level import noise_level
from selfsupervised.noise.line import NoiseModel, noise_line
from selfsupervised.noise.measure import measure_noise
from selfsupervised.noise.model import ImageNoise

MODELS = ("gaussian", "poisson_gaussian", "full")


@overload
def estimate_noise(
    image: ArrayLike, model: Literal["gaussian"] = "gaussian", *, channel_axis: int | None = None
) -> float: ...
@overload
def estimate_noise(
    image: ArrayLike, model: Literal["poisson_gaussian"], *, channel_axis: int | None = None
) -> NoiseModel: ...
@overload
def estimate_noise(
    image: ArrayLike, model: Literal["full"], *, channel_axis: int | None = None
) -> ImageNoise: ...
def estimate_noise(
    image: Any, model: str = "gaussian", *, channel_axis: int | None = None
) -> float | NoiseModel | ImageNoise:
    """Estimate the noise of one image from that image alone.

    Parameters
    ----------
    image : array-like of shape (*spatial) or (*spatial, n_channels)
        Noisy image of any numeric dtype. NaN means "not measured".
    model : {"gaussian", "poisson_gaussian", "full"}, default="gaussian"
        Noise of one strength everywhere; noise whose variance is a line over the signal; or all
        that can be told, channel by channel, and how sure it is.
    channel_axis : {None, -1}, default=None
        Whether the last axis holds channels.

    Returns
    -------
    float, NoiseModel or ImageNoise
        The standard deviation, in units of the image, averaged over channels; 0 where the
        image has no detail, or no two pixels along an axis. For "poisson_gaussian" the gain
        and the variance at zero, one line for all channels. For "full" an object that
        describes the noise and draws samples of it; "no noise" is one of its answers.

    Raises
    ------
    ValueError, TypeError
        If the image has no measured pixel, or is no image; if the model is unknown.

    See Also
    --------
    ImageNoise : What ``model="full"`` returns.
    NoiseModel : What ``model="poisson_gaussian"`` returns.
    noise_autocovariance : What neighbouring pixels share of the noise.

    Notes
    -----
    Noise is assumed to be white: independent from pixel to pixel. Where a camera, a codec or a
    resampling has mixed neighbouring pixels, the estimate is too low, often by far. Outliers
    and pixels at the ends of the range (saturated, clipped) are left out. Texture as fine as
    a pixel cannot be told from noise and makes the estimate too high.

    "gaussian" is the median absolute deviation (Donoho & Johnstone, 1994) of fourth
    differences along both axes (second differences along the three axes of a volume), in the
    quarter of places where the smoothed image is flattest. "poisson_gaussian" fits a line to
    local variances of these differences over local means, in flat places, as others did to
    segmented images (Foi et al., 2008).

    References
    ----------
    Foi, Trimeche, Katkovnik & Egiazarian, "Practical Poissonian-Gaussian noise modeling and
    fitting for single-image raw data", IEEE Trans. Image Process. 17(10), 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import estimate_noise
    >>> rng = np.random.default_rng(0)
    >>> clean = np.add.outer(np.linspace(5, 100, 256), np.linspace(5, 100, 256))
    >>> round(estimate_noise(clean + rng.normal(0, 3, clean.shape)), 1)
    3.0
    >>> gain, variance = estimate_noise(2 * rng.poisson(clean), "poisson_gaussian")
    >>> bool(abs(gain - 2) < 0.2)
    True
    """
    if model not in MODELS:
        raise ValueError(f"estimate_noise expected model to be one of {MODELS}; got {model!r}.")
    check_channel_axis(channel_axis, caller="estimate_noise")
    image = Measurement.of_array(image, caller="estimate_noise").data
    if image.ndim - (channel_axis is not None) not in (2, 3):
        raise ValueError(
            f"estimate_noise expected one image of two or three spatial axes with "
            f"channel_axis={channel_axis}; got an array of shape {image.shape}."
        )
    if model == "full":
        return measure_noise(image, channel_axis)
    if model == "gaussian":
        return noise_level(image, channel_axis=channel_axis)
    return noise_line(image, channel_axis=channel_axis)
