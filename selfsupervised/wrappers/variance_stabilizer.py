# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Denoising where noise grows with the signal, by denoisers made for noise of one strength.

The generalised Anscombe transform makes the noise of photon counts as strong everywhere, 1. The
mean of what it makes of an entry is not what it makes of the mean, so that to go back the way
one came would lose some of the signal where counts are low. The exact unbiased inverse leads
from the mean of the transformed values to the mean of the values (Mäkitalo & Foi, 2013).
"""

import math
from functools import lru_cache
from numbers import Real
from typing import Any, Self

import numpy as np
from scipy.special import gammaln, xlogy
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from selfsupervised.base import ImageDenoiser
from selfsupervised.core.sklearn_compat import Interval
from selfsupervised.core.types import Estimator, Images
from selfsupervised.evaluation.estimators import learns, why_no_denoiser
from selfsupervised.noise.line import NoiseModel, noise_line
from selfsupervised.partitions.fill import fill_nan
from selfsupervised.wrappers.function import denoiser_for, denoiser_of, output_of

MAX_TABULATED_COUNT = 200.0  # counts from which on the inverse is known in closed form


class VarianceStabilizer(ImageDenoiser):
    """Make noise equally strong everywhere, denoise, and go back without bias.

    The noise has the variance ``gain * signal + variance``: counts of photons, scaled by the
    gain, plus read-out noise. Between the generalised Anscombe transform and its exact unbiased
    inverse the denoiser sees white noise of standard deviation 1, so that its strengths are in
    units of the noise.

    Parameters
    ----------
    denoiser : estimator or callable
        A denoiser of images, or a function ``image -> image``. One that learns is fitted to
        stabilised images.
    gain : float or sequence of float, default=None
        Units of the image for each count. 0 is noise of one strength, and the transform a
        division by it. A sequence, of both parameters, has one for each channel; a channel
        without noise, 0 in both, is left as it is.
    variance : float or sequence of float, default=None
        Variance of the noise where the image is 0, in squared units of the image; negative
        where a pedestal was added. What is None, of both, is estimated for each image by
        `estimate_noise`; if one is given, so that the noise is right at the mean of the image.
    channel_axis : {None, -1}, default=None
        Whether the last axis of the images holds channels; handed on to the denoiser where it
        has such a parameter and that is None.

    Attributes
    ----------
    denoiser_ : estimator
        The denoiser, fitted to stabilised images if it learns.

    See Also
    --------
    estimate_noise : The gain and the variance of one image.

    Notes
    -----
    Both parameters may be chosen by the self-supervised loss, which is judged in the units of
    the image: put the stabilizer into a `JInvariantWrapper` and search ``estimator__gain``.

    Estimates below the signal at which the noise vanishes, ``-variance / gain``, are set to it.

    References
    ----------
    Mäkitalo & Foi, "Optimal inversion of the generalized Anscombe transformation for
    Poisson-Gaussian noise", IEEE Trans. Image Process. 22(1), 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import GaussianDenoiser, VarianceStabilizer
    >>> noisy = np.random.default_rng(0).poisson(0.5, size=(1, 64, 64))
    >>> denoiser = VarianceStabilizer(GaussianDenoiser(4), gain=1, variance=0)
    >>> bool(abs(denoiser.fit_transform(noisy).mean() - noisy.mean()) < 0.02)
    True
    """

    denoiser_: Any

    _sees_missing = True
    _image_units = {"gain": 1, "variance": 2}
    _noise_variance_parameters = ("gain", "variance")
    _parameter_constraints: dict = {
        **ImageDenoiser._parameter_constraints,
        "denoiser": "no_validation",
        "gain": [Interval(Real, 0, None, closed="left"), "array-like", None],
        "variance": [Interval(Real, None, None, closed="neither"), "array-like", None],
    }

    def __init__(
        self,
        denoiser: Estimator,
        *,
        gain: Any = None,
        variance: Any = None,
        channel_axis: int | None = None,
    ) -> None:
        self.denoiser = denoiser
        self.gain = gain
        self.variance = variance
        self.channel_axis = channel_axis

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if self._problem() is None:
            inner = denoiser_of(self._given)
            tags.requires_fit = learns(inner)
            tags.non_deterministic = get_tags(inner).non_deterministic
        return tags

    def fit(self, X: Images, y: Any = None) -> Self:
        """Fit the denoiser to stabilised images, if it learns.

        Parameters
        ----------
        X : array-like of shape (n_images, *spatial) or (n_images, *spatial, n_channels), or list
            Noisy images.
        y : None
            Ignored.

        Returns
        -------
        self
        """
        images = self._check(X)
        self.denoiser_ = self._inner()
        if learns(self.denoiser_):
            stable = [self._shown(self._stable(image)) for image in images]
            self.denoiser_.fit(stable if isinstance(images.data, list) else np.stack(stable))
        return self

    def _stable(self, image):
        denoiser, image, _ = self._in_unit(image)
        return stabilize(image, denoiser._model(image))

    def _denoise(self, image):
        if self._by_channels:
            return self._denoise_channels(image)
        model = self._model(image)
        if model == (0, 0):  # no noise; nothing to scale by
            return self._run(image)
        return unstabilize(self._run(stabilize(image, model)), model)

    @property
    def _given(self):
        return self.denoiser

    @property
    def _by_channels(self):
        return np.ndim(self.gain) == 1

    def _denoise_channels(self, image):
        """Each channel by a noise of its own, those without noise left out."""
        models = [NoiseModel(g, v) for g, v in zip(self.gain, self.variance, strict=True)]
        noisy = [c for c, model in enumerate(models) if model != (0, 0)]
        out = image.copy()
        if noisy:
            stable = np.stack([stabilize(image[..., c], models[c]) for c in noisy], axis=-1)
            stable = self._run(stable)
            for number, c in enumerate(noisy):
                out[..., c] = unstabilize(stable[..., number], models[c])
        return out

    def _run(self, image):
        inner = self._inner()
        if learns(inner):
            check_is_fitted(self, "denoiser_")
            inner = self.denoiser_
        return output_of(inner, self._shown(image), type(self).__name__)

    def _shown(self, image):
        """`image` without NaN where the denoiser does not cope with it."""
        if get_tags(denoiser_of(self._given)).input_tags.allow_nan:
            return image
        return fill_nan(image[None], channel_axis=self.channel_axis)[0]

    def _inner(self):
        return denoiser_for(self._given, self.channel_axis)

    def _check(self, X):
        if problem := self._problem():
            raise TypeError(problem)
        images = super()._check(X)
        if self._by_channels or np.ndim(self.variance) == 1:
            self._check_channels(images)
        elif self.gain == 0 and self.variance is not None and self.variance < 0:
            raise ValueError(
                f"VarianceStabilizer expected variance >= 0 where gain is 0; got {self.variance!r}."
            )
        return images

    def _check_channels(self, images):
        """Raise unless there is a gain and a variance for each channel."""
        n_channels = images.data[0].shape[-1] if self.channel_axis is not None else 1
        shapes = np.shape(self.gain), np.shape(self.variance)
        if self.channel_axis is None or shapes != ((n_channels,), (n_channels,)):
            raise ValueError(
                f"VarianceStabilizer expected gain and variance to be numbers, or both sequences "
                f"with one for each of the channels; got gain={self.gain!r} and "
                f"variance={self.variance!r} with channel_axis={self.channel_axis}."
            )
        if learns(denoiser_of(self._given)):
            raise ValueError(
                "VarianceStabilizer with a gain for each channel expected a denoiser that learns "
                f"nothing; got {self.denoiser!r}."
            )

    def _problem(self):
        return why_no_denoiser(self._given, type(self).__name__, ("transform",))

    def _model(self, image):
        """The noise of one image: what is given, and what must be estimated."""
        if self.gain is not None and self.variance is not None:
            return NoiseModel(float(self.gain), float(self.variance))
        model = noise_line(image, channel_axis=self.channel_axis)
        mean = float(np.nanmean(image))
        at_mean = max(model.gain * mean + model.variance, 0.0)
        if self.gain is not None:
            return NoiseModel(float(self.gain), at_mean - self.gain * mean)
        if self.variance is not None:
            gain = max(0.0, at_mean - self.variance) / mean if mean > 0 else 0.0
            return NoiseModel(gain, float(self.variance if gain else max(self.variance, 0.0)))
        return model


def stabilize(image, model):
    """Generalised Anscombe transform, so that noise has the standard deviation 1.

    Parameters
    ----------
    image : ndarray
        Noisy values; NaN stays NaN.
    model : NoiseModel
        Their noise.

    Returns
    -------
    ndarray
        ``2 * sqrt(gain * x + 3 / 8 * gain**2 + variance) / gain``, minus its value at zero
        noise-free counts where the variance is positive, so that it becomes ``x /
        sqrt(variance)`` as the gain vanishes. Of negative arguments, the root is 0.
    """
    gain, read, pedestal = _physical(model)
    image = image - pedestal + 3 / 8 * gain
    if gain > 0:
        image = np.maximum(image, -read * (read / gain))
    # Of a difference of two roots, which cancel where the gain is small.
    root = np.sqrt(np.maximum(gain * image + read**2, 0.0))
    return 2 * image / np.maximum(root + read, np.finfo(image.dtype).tiny)


def unstabilize(stable, model):
    """Exact unbiased inverse of `stabilize`: from the mean of its values to the mean of values.

    Parameters
    ----------
    stable : ndarray
        Denoised stabilised values.
    model : NoiseModel
        The noise that was stabilised.

    Returns
    -------
    ndarray
        In units of the image, none below the signal at which the noise vanishes.
    """
    gain, read, pedestal = _physical(model)
    if gain == 0:
        return stable * read
    root, excess = _table(min(read / gain, MAX_TABULATED_COUNT) ** 2)
    offset = 2 * read / gain
    stable = np.maximum(stable, root[0] - offset)
    whole = stable + offset
    beyond = np.where(whole > root[-1], root[-1] / whole, 1.0)
    correction = 1 / 4 + (np.interp(whole, root, excess) - 1 / 4) * beyond
    return pedestal + stable * (gain / 4 * stable + read) + gain * (correction - 3 / 8)


def _physical(model):
    """Gain, standard deviation of the read-out, and pedestal.

    Of a read-out and a pedestal only the sum is known: a positive one is taken as all
    read-out, a negative one as all pedestal.
    """
    gain, variance = model
    if variance >= 0:
        return gain, math.sqrt(variance), 0.0
    return gain, 0.0, -variance / gain


@lru_cache(maxsize=64)
def _table(read):
    """Mean root 2 * sqrt(counts + 3/8 + read), and what its square lacks to the mean count.

    Parameters
    ----------
    read : float
        Variance of the read-out, in squared counts; all from `MAX_TABULATED_COUNT` on give the
        same table.

    Returns
    -------
    root, excess : ndarray
        For means of counts from ``-read``, where the noise vanishes, up to a total variance of
        `MAX_TABULATED_COUNT`; ``mean = root**2 / 4 - 3/8 - read + excess``, the last of which
        tends to 1/4.
    """
    variance = np.square(np.linspace(0, np.sqrt(MAX_TABULATED_COUNT), 600))
    root = _root_of_normal(variance, variance)
    counted = variance >= read
    root[counted] = _root_of_poisson(variance[counted] - read, read)
    root = np.maximum.accumulate(root)
    return root, variance + 3 / 8 - root**2 / 4


def _root_of_normal(mean, variance):
    """E of 2 * sqrt(max(x + 3/8, 0)) for normal x of these means and variances."""
    steps = np.linspace(-8, 8, 401)
    weights = np.exp(-np.square(steps) / 2)
    values = mean[:, None] + np.sqrt(variance)[:, None] * steps + 3 / 8
    return 2 * np.sqrt(np.maximum(values, 0.0)) @ (weights / weights.sum())


def _root_of_poisson(mean, read):
    """The same for Poisson counts of these means, plus normal noise of mean and variance `read`."""
    counts = np.arange(MAX_TABULATED_COUNT + 12 * np.sqrt(MAX_TABULATED_COUNT))
    of_count = _root_of_normal(counts + read, np.full_like(counts, read))
    mean = mean[:, None]
    return np.exp(xlogy(counts, mean) - mean - gammaln(counts + 1)) @ of_count
