# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The error of the very form of a denoiser that is applied, if the noise is known.

The self-supervised loss judges a denoiser that does not see what it is judged on. These two judge
the denoiser as it is, and believe what they are told of the noise.
"""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone

from selfsupervised.core.measurement import Measurement
from selfsupervised.core.types import Estimator, RandomState, Table
from selfsupervised.core.validation import is_finite_number
from selfsupervised.evaluation.estimators import as_denoiser, channel_axis_of
from selfsupervised.noise.measure import measure_noise
from selfsupervised.noise.model import ImageNoise

METHODS = ("recorruption", "sure")
MIXING = 0.5  # of the noise that is added for the denoiser, in the noise's standard deviation
# Whoever made noise with a seed, 0 say, must not be met by the very same draw again.
OWN_SEED = 7310295184
PROBE_SHARE = 0.3  # of the noise's standard deviation, as the step of a derivative


def estimated_risk(
    estimator: Estimator,
    X: Table,
    *,
    noise: Any = None,
    method: str | Estimator = "recorruption",
    alpha: float = MIXING,
    random_state: RandomState = 0,
) -> float:
    """Estimated mean squared error of a denoiser as it is applied, from noisy images alone.

    Parameters
    ----------
    estimator : estimator or callable
        A denoiser of images that learns nothing, or a function ``image -> image``.
    X : array-like of shape (n_images, *spatial) or (n_images, *spatial, n_channels), or list
        Noisy images.
    noise : ImageNoise, list of ImageNoise or None, default=None
        What their noise is: one for all, or one for each. By default it is measured in each, as
        by ``estimate_noise(image, "full")``.
    method : {"recorruption", "sure"}, default="recorruption"
        "recorruption" adds noise z to what the denoiser sees, y + alpha z, and judges it on
        y - z / alpha, whose noise is independent of it (Pang et al., 2021). A denoiser that is
        told the noise, by `sigma` say, is told the raised one. The risk is that at noise
        stronger by ``sqrt(1 + alpha**2)``. "sure" is Stein's estimate of the risk at the noise
        as it is, its divergence measured along a draw of the noise (Ramani et al., 2008).
    alpha : float, default=0.5
        Strength of what is added.
    random_state : int, default=0
        Seed of the draws; with the same seed all denoisers are judged on the same.

    Returns
    -------
    float
        In squared units of the images; zero for a perfect denoiser but for chance, so that it may
        be below zero.

    Raises
    ------
    ValueError, TypeError
        If the method is unknown, or the noise does not belong to the images.

    See Also
    --------
    RiskScorer : The same as a scorer.
    self_supervised_loss : Needs to know nothing of the noise.

    Notes
    -----
    Both are only as good as what they are told of the noise: outliers and a wrong level mislead
    them. `self_supervised_loss` needs no such knowledge and judges another form of the denoiser.

    References
    ----------
    Pang, Zheng, Quan & Ji, "Recorrupted-to-Recorrupted", CVPR 2021. Ramani, Blu & Unser,
    "Monte-Carlo SURE", IEEE Trans. Image Process. 17(9), 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import GaussianDenoiser, estimated_risk
    >>> noisy = np.random.default_rng(0).normal(size=(1, 64, 64))
    >>> identity, blur = (lambda image: image), GaussianDenoiser(sigma=8)
    >>> estimated_risk(identity, noisy) > estimated_risk(blur, noisy)
    True
    """
    if method not in METHODS:
        raise ValueError(f"estimated_risk expected method to be one of {METHODS}; got {method!r}.")
    if not (is_finite_number(alpha) and alpha > 0):
        raise ValueError(f"estimated_risk expected alpha to be a positive number; got {alpha!r}.")
    denoiser = as_denoiser(estimator)
    axis = channel_axis_of(denoiser)
    images = Measurement.of_images(X, channel_axis=axis, caller="estimated_risk")
    total, count = 0.0, 0
    for number, image in enumerate(images):
        known = noise_for(noise, number, image, axis)
        if method == "sure":
            errors = sure(denoiser, image, known, random_state=random_state)
        else:
            errors = recorrupted(denoiser, image, known, alpha=alpha, random_state=random_state)
        measured = ~np.isnan(errors)
        total, count = total + float(errors[measured].sum()), count + int(measured.sum())
    return total / count


class RiskScorer(BaseEstimator):
    """Minus the estimated risk, as scikit-learn's ``scoring=`` takes it.

    Parameters
    ----------
    noise : ImageNoise, list of ImageNoise or None, default=None
        What the noise is; by default it is measured.
    method : {"recorruption", "sure"}, default="recorruption"
        How the risk is estimated.
    alpha : float, default=0.5
        Strength of what is added, in standard deviations of the noise.
    random_state : int, default=0
        Seed of the draws.

    See Also
    --------
    estimated_risk : The function behind it, with details.
    SelfSupervisedScorer : Needs to know nothing of the noise.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import GridSearchCV
    >>> import selfsupervised as ss
    >>> noisy = np.random.default_rng(0).normal(size=(1, 64, 64))
    >>> search = GridSearchCV(
    ...     ss.GaussianDenoiser(), {"sigma": [0.5, 8]}, scoring=ss.RiskScorer(), cv=ss.SameSplit()
    ... ).fit(noisy)
    >>> search.best_params_
    {'sigma': 8}
    """

    def __init__(
        self,
        *,
        noise: Any = None,
        method: str | Estimator = "recorruption",
        alpha: float = MIXING,
        random_state: RandomState = 0,
    ) -> None:
        self.noise = noise
        self.method = method
        self.alpha = alpha
        self.random_state = random_state

    def __call__(self, estimator: Estimator, X: Table, y: Any = None) -> float:
        """Minus the estimated risk of `estimator` on `X`; `y` is ignored."""
        return -estimated_risk(estimator, X, **self.get_params(deep=False))


def noise_for(noise, number, image, channel_axis):
    """The noise of one of many images: as it was given, or measured."""
    if noise is None:
        return measure_noise(image, channel_axis)
    found = noise if isinstance(noise, ImageNoise) else noise[number]
    if not isinstance(found, ImageNoise):
        raise TypeError(f"Expected noise as estimate_noise(image, 'full') gives it; got {found!r}.")
    return found


def told_more(estimator, factor):
    """A clone that is told noise of a standard deviation `factor` times as large.

    Parameters
    ----------
    estimator : estimator
        Parameters that are multiples of the noise are raised, if they are given; those of a
        denoiser within a `VarianceStabilizer` are in units of the noise, and stay.
    factor : float

    Returns
    -------
    estimator
    """
    raised = clone(estimator)
    names = dict.fromkeys(getattr(raised, "_noise_parameters", ()), factor)
    names |= dict.fromkeys(getattr(raised, "_noise_variance_parameters", ()), factor**2)
    params = raised.get_params(deep=False)
    new = {
        name: np.multiply(params[name], by).tolist()
        for name, by in names.items()
        if params[name] is not None
    }
    raised.set_params(**new)
    if hasattr(raised, "_noise_variance_parameters"):
        return raised
    if isinstance(members := params.get("estimators"), list):
        told = [(name, told_more(member, factor)) for name, member in members]
        raised.set_params(estimators=told)
    for name in ("estimator", "denoiser"):
        if hasattr(params.get(name), "get_params"):
            raised.set_params(**{name: told_more(params[name], factor)})
    return raised


def split_noise(image, noise, *, alpha=MIXING, random_state=0):
    """Two images whose noise is independent: a noisier one to see, and one to judge by.

    Counts are thinned, which keeps them counts; to others a draw of the noise is added.

    Parameters
    ----------
    image : ndarray of shape (*spatial) or (*spatial, n_channels)
    noise : ImageNoise
    alpha : float, default=0.5
    random_state : int, default=0

    Returns
    -------
    seen, judged : ndarray
        In units of the image, both with its mean.
    judged_variance : ndarray
        Of the noise of `judged`, so far as it is known.
    """
    if _are_counts(image, noise):
        step = np.array([channel.line.gain for channel in noise.channels])
        counts = np.rint(np.nan_to_num(image) / step).astype(np.int64)
        share = 1 / (1 + alpha**2)
        kept = _own_generator(random_state).binomial(counts, share)
        missing = np.where(np.isnan(image), np.nan, 1).astype(image.dtype)
        seen, judged = kept / share * step, (counts - kept) / (1 - share) * step
        variance = judged * step / (1 - share)
        return (missing * part.astype(image.dtype) for part in (seen, judged, variance))
    filled = np.where(np.isnan(image), np.nanmean(image), image)
    drawn = noise.sample(filled.astype(image.dtype), _own_generator(random_state))
    variance = np.square(noise.std(filled)) * (1 + 1 / alpha**2)
    return image + alpha * drawn, image - drawn / alpha, variance


def _own_generator(random_state):
    """Draws that are independent of those of the same seed elsewhere."""
    return np.random.default_rng([*np.atleast_1d(random_state).tolist(), OWN_SEED])


def _are_counts(image, noise):
    """Whether the noise is that of counts in each channel, and the values are such."""
    for channel in noise.channels:
        if not (channel.grows and channel.line.variance == 0 and channel.step == channel.line.gain):
            return False
    values = image[~np.isnan(image)] / noise.channels[0].line.gain
    return bool(
        values.min() >= 0 and len(noise.channels) == 1 and (values == np.rint(values)).all()
    )


def recorrupted(denoiser, image, noise, *, alpha=MIXING, random_state=0):
    """Squared error at each pixel of what a denoiser makes of a noisier image.

    Parameters
    ----------
    denoiser : estimator
    image : ndarray of shape (*spatial) or (*spatial, n_channels)
    noise : ImageNoise
    alpha : float, default=0.5
    random_state : int, default=0

    Returns
    -------
    ndarray
        Its mean is the risk; NaN where nothing was measured.
    """
    seen, judged, variance = split_noise(image, noise, alpha=alpha, random_state=random_state)
    out = _applied(told_more(denoiser, np.sqrt(1 + alpha**2)), seen)
    return np.square(out - judged) - variance


def sure(denoiser, image, noise, *, random_state=0):
    """Stein's unbiased estimate of the squared error at each pixel, by a draw of the noise.

    Parameters
    ----------
    denoiser : estimator
    image : ndarray of shape (*spatial) or (*spatial, n_channels)
    noise : ImageNoise
    random_state : int, default=0

    Returns
    -------
    ndarray
        Its mean is the risk; NaN where nothing was measured.
    """
    filled = np.where(np.isnan(image), np.nanmean(image), image).astype(image.dtype)
    drawn = noise.sample(filled, _own_generator(random_state))
    out = _applied(denoiser, image)
    moved = _applied(denoiser, image + PROBE_SHARE * drawn)
    divergence = drawn * (moved - out) / PROBE_SHARE
    return np.square(out - image) - np.square(noise.std(filled)) + 2 * divergence


def _applied(denoiser, image):
    return np.asarray(clone(denoiser).fit(image[None]).transform(image[None]))[0]
