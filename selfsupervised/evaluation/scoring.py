# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Scores that need no ground truth and cannot be fooled (Noise2Self, Proposition 1)."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from selfsupervised.core.measurement import Measurement
from selfsupervised.core.types import Estimator, RandomState, Table
from selfsupervised.core.validation import check_noise_variance, is_finite_number, is_whole_number
from selfsupervised.core.warning import warn_user
from selfsupervised.evaluation.estimators import as_denoiser, channel_axis_of, holds_out, learns
from selfsupervised.evaluation.judge import Judge, check_judged
from selfsupervised.evaluation.losses import get_loss, mean_loss
from selfsupervised.noise.level import noise_variance as estimated_variance


def self_supervised_loss(
    estimator: Estimator,
    X: Table,
    *,
    partition: Any = "auto",
    fill: str | float | None = "neighbors",
    loss: str | Callable[..., Any] = "mse",
    n_subsets: int | None = None,
    refit: bool = True,
    random_state: RandomState = 0,
) -> float:
    """Loss of a denoiser on entries that it did not see.

    For noise that has mean zero and is independent between the partition's subsets, the mean
    squared loss is the true mean squared error plus the variance of the noise.

    Parameters
    ----------
    estimator : estimator or callable
        A `JInvariantWrapper`, or anything that it can wrap.
    X : array-like, sparse matrix or list of arrays
        Noisy images or a noisy table.
    partition : partition or "auto", default="auto"
        Which entries are hidden together. "auto" is the wrapper's own for a
        `JInvariantWrapper`, the entries that an estimator held out in `fit` for one that does
        so (networks; `X` must then be what it was fitted on, or independent of it), otherwise
        what the wrapper would choose.
    fill : str, float or None, default="neighbors"
        "neighbors", "matched", "uniform", "random_neighbor", see `fill_missing`, or a constant.
        What stands for hidden values. A `JInvariantWrapper` has its own.
    loss : {"mse", "mae", "poisson"} or callable, default="mse"
        ``(judged, predicted) -> loss``.
    n_subsets : int, default=None
        Judge on this many of the subsets only; faster, and less precise.
    refit : bool, default=True
        Whether an estimator that learns is fitted anew on what it may see, unless it held out
        the very entries that it is judged on. False says that it learned from other
        measurements than `X`, and uses it as it is.
    random_state : int, RandomState, Generator or None, default=0
        Seed of random fills.

    Returns
    -------
    float
        Mean loss over all judged entries, in the units of the loss.

    Raises
    ------
    ValueError
        If the denoiser predicts NaN or infinity, or there is nothing to judge.

    See Also
    --------
    SelfSupervisedScorer : The same as a scorer.
    estimated_risk : The error of a denoiser as it is applied.
    estimated_psnr : The error as a signal-to-noise ratio.

    References
    ----------
    Batson & Royer, "Noise2Self: Blind Denoising by Self-Supervision", ICML 2019, Proposition 1.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import GaussianDenoiser, self_supervised_loss
    >>> noisy = np.random.default_rng(0).normal(size=(1, 64, 64))
    >>> identity, blur = (lambda image: image), GaussianDenoiser(sigma=8)
    >>> self_supervised_loss(identity, noisy) > self_supervised_loss(blur, noisy)
    True
    """
    get_loss(loss)
    _check_n_subsets(n_subsets)
    if hasattr(estimator, "judge") and _is_auto(partition):  # J-invariant, by its own partition
        wrapper = estimator if hasattr(estimator, "estimators_") else clone(estimator).fit(X)
        return mean_loss(wrapper.judge(X, n_subsets), loss)
    if refit and holds_out(estimator):
        if _is_auto(partition) and not hasattr(estimator, "held_out_partition_"):
            estimator = clone(estimator).fit(X)
        held_out = getattr(estimator, "held_out_partition_", None)
        if held_out is not None and (_is_auto(partition) or repr(partition) == repr(held_out)):
            partition, refit = held_out, False
    check_judged(estimator, fill)
    judge = Judge(estimator, partition, fill, random_state)
    measured = judge.measure(X)
    if refit or not learns(judge.denoiser):
        judge.fit(measured)
    else:
        check_is_fitted(estimator)
        judge.adopt(estimator, measured)
    return mean_loss(judge.judged(measured, n_subsets), loss)


class SelfSupervisedScorer(BaseEstimator):
    """Minus the self-supervised loss, as scikit-learn's ``scoring=`` takes it.

    It judges the whole of what it is given, pipelines included, on data as they were measured.
    The `score` method of a pipeline does not: it judges the last step on data that the steps
    before have smoothed.

    Parameters
    ----------
    partition : partition or "auto", default="auto"
        Which entries are hidden together.
    fill : str, float or None, default="neighbors"
        "neighbors", "matched", "uniform", "random_neighbor", see `fill_missing`, or a constant.
        What stands for hidden values.
    loss : {"mse", "mae", "poisson"} or callable, default="mse"
        ``(judged, predicted) -> loss``.
    n_subsets : int, default=None
        Judge on this many of the subsets only.
    refit : bool, default=True
        Whether an estimator that learns is fitted anew on what it may see.
    random_state : int, RandomState, Generator or None, default=0
        Seed of random fills.

    See Also
    --------
    self_supervised_loss : The function behind it, with details.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import cross_val_score
    >>> from selfsupervised import MedianDenoiser, SameSplit, SelfSupervisedScorer
    >>> noisy = np.random.default_rng(0).normal(size=(1, 32, 32))
    >>> scorer = SelfSupervisedScorer(loss="mae")
    >>> cross_val_score(MedianDenoiser(), noisy, scoring=scorer, cv=SameSplit()).shape
    (1,)
    """

    def __init__(
        self,
        *,
        partition: Any = "auto",
        fill: str | float | None = "neighbors",
        loss: str | Callable[..., Any] = "mse",
        n_subsets: int | None = None,
        refit: bool = True,
        random_state: RandomState = 0,
    ) -> None:
        self.partition = partition
        self.fill = fill
        self.loss = loss
        self.n_subsets = n_subsets
        self.refit = refit
        self.random_state = random_state

    def __call__(self, estimator: Estimator, X: Table, y: Any = None) -> float:
        """Minus the self-supervised loss of `estimator` on `X`; `y` is ignored."""
        return -self_supervised_loss(estimator, X, **self.get_params(deep=False))


def estimated_psnr(
    estimator: Estimator,
    X: Table,
    *,
    data_range: float,
    noise_variance: float | None = None,
    **kwargs: Any,
) -> float:
    """Estimated peak signal-to-noise ratio of a denoiser's J-invariant output, without truth.

    ``10 log10(data_range**2 / (loss - noise_variance))``, by Proposition 1 of Noise2Self.

    Parameters
    ----------
    estimator : estimator or callable
        A `JInvariantWrapper`, or anything that it can wrap.
    X : array-like or list of arrays
        Noisy images.
    data_range : float
        Largest minus smallest possible value of the clean signal, in units of `X`.
    noise_variance : float, default=None
        Variance of the noise, in squared units of `X`. By default it is estimated from
        each image, as by `estimate_noise`, which suits white noise only.
    **kwargs
        For `self_supervised_loss`, except `loss`.

    Returns
    -------
    float
        In dB. Infinite, with a warning, if the loss does not exceed the noise variance.

    Raises
    ------
    ValueError
        If `data_range` is not a positive number.

    See Also
    --------
    self_supervised_loss : The loss that it is computed from.
    estimated_risk : The error of a denoiser as it is applied.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import GaussianDenoiser, estimated_psnr
    >>> noisy = np.random.default_rng(0).normal(size=(1, 64, 64))
    >>> blur = GaussianDenoiser(sigma=1)
    >>> round(estimated_psnr(blur, noisy, data_range=10, noise_variance=0.9))
    28
    """
    if not (is_finite_number(data_range) and data_range > 0):
        raise ValueError(f"Expected data_range to be a positive number, got {data_range!r}.")
    check_noise_variance(noise_variance, caller="estimated_psnr")
    if "loss" in kwargs:
        raise ValueError("estimated_psnr is defined by the squared error; it takes no loss.")
    if noise_variance is None:
        channel_axis = channel_axis_of(as_denoiser(estimator))
        images = Measurement.of_images(X, channel_axis=channel_axis, caller="estimated_psnr")
        variances = [estimated_variance(image, channel_axis=channel_axis) for image in images]
        sizes = [np.isfinite(image).sum() for image in images]
        noise_variance = np.average(variances, weights=sizes)
    error = self_supervised_loss(estimator, X, **kwargs) - noise_variance
    if error <= 0:
        warn_user(
            f"The loss does not exceed the noise variance {noise_variance:.4g}, so the error "
            f"cannot be told from zero; the noise may be weaker than assumed, or not independent "
            f"between pixels.",
        )
        return np.inf
    return float(10 * np.log10(data_range**2 / error))


def _is_auto(partition):
    return isinstance(partition, str) and partition == "auto"


def _check_n_subsets(n_subsets):
    if n_subsets is not None and not (is_whole_number(n_subsets) and n_subsets >= 1):
        raise ValueError(f"Expected n_subsets to be a positive integer or None; got {n_subsets!r}.")
