# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Several denoisers combined, with weights that are learned without clean images."""

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from scipy.optimize import nnls
from sklearn.utils.metaestimators import _BaseComposition
from sklearn.utils.validation import check_is_fitted

from selfsupervised.base import ImageDenoiser
from selfsupervised.core.seeds import as_seed
from selfsupervised.core.sklearn_compat import Interval, plain_inside
from selfsupervised.core.types import Estimator, Images, RandomState
from selfsupervised.evaluation.estimators import learns, why_no_denoiser
from selfsupervised.evaluation.risk import MIXING, noise_for, split_noise, told_more
from selfsupervised.partitions import HeldOutPixels
from selfsupervised.partitions.fill import fill_hidden, fill_nan
from selfsupervised.wrappers.function import denoiser_for, output_of

HELD_OUT_SHARE = 0.05
OWN_SEED = 4404  # of held-out pixels, which must not be those that a member holds out itself


class StackingDenoiser(_BaseComposition, ImageDenoiser):
    """Combine the outputs of several denoisers, with weights of least estimated error.

    The result is ``y + sum_k w_k (f_k(y) - y)`` for the noisy image y and the denoisers f_k. The
    weights are not negative and sum to one at most; what is missing to one is the noisy image.
    They are learned in `fit`, by least squares on pairs of images with independent noise that are
    made of each noisy image (recorruption): members denoise the noisier one, told that its noise
    is stronger where they were told the noise, and are compared with the other. Where a member
    learns, as a network does, all are compared with pixels that none of them saw instead, and the
    weights sum to one, as they do without `passthrough`.

    Parameters
    ----------
    estimators : list of (str, estimator)
        The denoisers and their names, as in scikit-learn's `StackingRegressor`.
    weights : array-like of shape (n_estimators,), default=None
        Use these instead of learning any: not negative, of a sum of 1 or less.
    noise : "estimate", ImageNoise or list of ImageNoise, default="estimate"
        What the noise of the images is: one for all, or one for each. By default it is measured in
        each, as by ``estimate_noise(image, "full")``. Not used where a member learns.
    shrinkage : float, default=0.0
        Share, from 0 to 1, of other weights in the result: of `prior`, or of equal ones among
        members whose learned weight is a tenth or more. What is known of the noise is never
        exact, and weights that rest on it are less sure than they look.
    prior : array-like of shape (n_estimators,), default=None
        The weights that `shrinkage` draws to, as they are known from other images: not negative,
        of a sum of 1.
    passthrough : bool, default=True
        Whether the noisy image may take part; otherwise the learned weights sum to one. It helps
        where the members take too much away, and harms where the noise is stronger than was said.
    random_state : int, RandomState, Generator or None, default=0
        Seed of the draws.
    channel_axis : {None, -1}, default=None
        Whether the last axis of the images holds channels, which share their weights; handed on to
        members where they have such a parameter and it is None.

    Attributes
    ----------
    estimators_ : list of estimator
        The members, fitted.
    weights_ : ndarray of shape (n_estimators,)
        One for each member.
    risks_ : ndarray of shape (n_estimators + 2,)
        Estimated mean squared errors, in squared units of the images, of each member, of their
        combination and of the noisy images, at noise that is stronger by a factor of
        ``sqrt(1.25)``. From held-out pixels it is the self-supervised loss, and that of neighbours
        in the place of the noisy images. NaN for weights that were given.

    See Also
    --------
    JInvariantWrapper : With ``mix=`` combines one denoiser with the noisy image.
    estimated_risk : The error of each denoiser by itself.

    References
    ----------
    Pang, Zheng, Quan & Ji, "Recorrupted-to-Recorrupted", CVPR 2021; Wolpert, "Stacked
    generalization", Neural Networks 5(2), 1992.

    Examples
    --------
    >>> import numpy as np
    >>> import selfsupervised as ss
    >>> noisy = np.random.default_rng(0).normal(size=(1, 64, 64))
    >>> members = [("narrow", ss.GaussianDenoiser(0.5)), ("wide", ss.GaussianDenoiser(4))]
    >>> ss.StackingDenoiser(members).fit(noisy).weights_.round(1)
    array([0., 1.])
    """

    _parameter_constraints: dict = {
        **ImageDenoiser._parameter_constraints,
        "estimators": [list],
        "weights": ["array-like", None],
        "noise": "no_validation",
        "shrinkage": [Interval(Real, 0, 1, closed="both")],
        "prior": ["array-like", None],
        "passthrough": ["boolean"],
        "random_state": "no_validation",
        "channel_axis": [None, Integral],
    }

    def __init__(
        self,
        estimators: list[tuple[str, Estimator]],
        *,
        weights: Any = None,
        noise: Any = "estimate",
        shrinkage: float = 0.0,
        prior: Any = None,
        passthrough: bool = True,
        random_state: RandomState = 0,
        channel_axis: int | None = None,
    ) -> None:
        self.estimators = estimators
        self.weights = weights
        self.noise = noise
        self.shrinkage = shrinkage
        self.prior = prior
        self.passthrough = passthrough
        self.random_state = random_state
        self.channel_axis = channel_axis

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters, those of the members as ``name__parameter`` among them.

        Parameters
        ----------
        deep : bool, default=True
            Whether to return those of the members too.

        Returns
        -------
        dict
        """
        return self._get_params("estimators", deep=deep)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of the members as ``name__parameter``, or a member by its name.

        Parameters
        ----------
        **params
            What to set.

        Returns
        -------
        self
        """
        self._set_params("estimators", **params)
        return self

    def fit(self, X: Images, y: Any = None) -> Self:
        """Fit the members that learn, and the weights.

        Parameters
        ----------
        X : array-like of shape (n_images, *spatial) or (n_images, *spatial, n_channels), or list
            Noisy images.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If `X` is no stack of images, or a parameter is out of range.
        """
        measured = self._check(X)
        members = [denoiser_for(member, self.channel_axis) for _, member in self.estimators]
        self.estimators_ = [plain_inside(member.fit)(measured.data) for member in members]
        self.risks_ = np.full(len(members) + 2, np.nan)
        if self.weights is not None:
            self.weights_ = np.array(self.weights, dtype=float)
            return self
        images = [  # as float64, in which squares of very large numbers have room
            fill_nan(image[None], channel_axis=self.channel_axis)[0].astype(float)
            for image in measured
        ]
        missing = [np.isnan(image) for image in measured]
        learning = any(map(learns, members))
        pairs = self._held_out(images, missing) if learning else self._recorrupted(images, missing)
        gram, count, variance = _gram(pairs)
        noisy_too = self.passthrough and not learning
        learned = _simplex_weights(gram if noisy_too else gram[:-1, :-1])[: len(members)]
        self.weights_ = _shrunk(learned, self.shrinkage, self.prior)
        combined = np.append(self.weights_, 1 - self.weights_.sum())
        risks = [*np.diag(gram)[:-1], combined @ gram @ combined, gram[-1, -1]]
        self.risks_ = np.array(risks) / count - variance
        return self

    def _recorrupted(self, images, missing):
        """Yield errors of each member, and of the noisy image, and the variance of the judge."""
        told = [told_more(member, np.sqrt(1 + MIXING**2)) for member in self.estimators_]
        for number, image in enumerate(images):
            noise = None if isinstance(self.noise, str) else self.noise
            known = noise_for(noise, number, image, self.channel_axis)
            seed = as_seed(self.random_state) + number
            seen, judged, variance = split_noise(image, known, random_state=seed)
            outs = [output_of(member.fit(seen[None]), seen, type(self).__name__) for member in told]
            kept = ~missing[number]
            errors = np.stack([(out - judged)[kept] for out in [*outs, seen]])
            yield errors, (variance * np.ones(image.shape))[kept].sum()

    def _held_out(self, images, missing):
        """Yield errors of each member, and of the values that stand in, on pixels none saw."""
        axis, seed = self.channel_axis, as_seed(self.random_state) + OWN_SEED
        partition = HeldOutPixels(fraction=HELD_OUT_SHARE, random_state=seed)
        pair = next(iter(partition.split(images, channel_axis=axis)))
        seen = fill_hidden(pair.seen, "neighbors", channel_axis=axis, seed=seed)
        outs = []
        for _, member in self.estimators:
            fresh = denoiser_for(member, axis)
            outs.append(_hidden(pair, plain_inside(fresh.fit(seen).transform)(seen)))
        kept = ~_hidden(pair, missing)
        judged = _hidden(pair, images)
        outs.append(_hidden(pair, seen))
        yield np.stack([(out - judged)[kept] for out in outs]), 0.0

    def _denoise(self, image):
        check_is_fitted(self)
        out = (1 - self.weights_.sum()) * image
        for weight, member in zip(self.weights_, self.estimators_, strict=True):
            if weight:
                out = out + weight * output_of(member, image, type(self).__name__)
        return out

    def _check(self, X):
        self._check_members()
        return super()._check(X)

    def _check_members(self):
        pairs = self.estimators
        named = isinstance(pairs, list) and all(
            isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)
            for pair in pairs
        )
        if not (named and pairs):
            raise ValueError(
                f"StackingDenoiser expected estimators to be a list of (name, estimator); got "
                f"{pairs!r}."
            )
        names = [name for name, _ in pairs]
        self._validate_names(names)
        for _, member in pairs:
            if problem := why_no_denoiser(member, type(self).__name__, ("transform",)):
                raise TypeError(problem)
        self._check_weights("weights", self.weights, "1 or less", -np.inf)
        self._check_weights("prior weights", self.prior, "1", 1 - 1e-6)

    def _check_weights(self, what, given, total, least):
        if given is None:
            return
        weights = np.asarray(given, dtype=float)
        good = weights.shape == (len(self.estimators),) and (weights >= 0).all()
        if not (good and least <= weights.sum() <= 1 + 1e-6):
            raise ValueError(
                f"StackingDenoiser expected {len(self.estimators)} {what} that are not negative "
                f"and sum to {total}; got {given!r}."
            )


def _hidden(pair, images):
    """The values of images that a pair hides."""
    return np.concatenate([image[at] for image, at in zip(images, pair.where, strict=True)])


def _gram(pairs):
    """Sums of products of the errors of all members, number of pixels, mean variance of judges."""
    total, count, variance = 0.0, 0, 0.0
    for errors, noise in pairs:
        part = errors.astype(float, copy=False)
        total, count, variance = total + part @ part.T, count + part.shape[1], variance + noise
    return total, count, variance / count


def _simplex_weights(gram):
    """Weights, not negative and of sum one, of the least mean square of the combined errors.

    Of non-negative w with any sum t = sum(w), let v = w / t: the least of |E w|^2 + (t - 1)^2 over
    t is |E v|^2 / (1 + |E v|^2), which is least where |E v|^2 is.
    """
    scale = np.trace(gram) / len(gram)
    if not scale > 0:
        return np.full(len(gram), 1 / len(gram))
    values, vectors = np.linalg.eigh(gram / scale)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))).T
    weights, _ = nnls(np.vstack([root, np.ones(len(gram))]), np.append(np.zeros(len(gram)), 1.0))
    return weights / weights.sum()


def _shrunk(weights, shrinkage, prior):
    """Weights and, in such a share, others of the same sum."""
    prior = np.array(weights >= 0.1 if prior is None else prior, dtype=float)
    if not prior.any():
        return weights
    return (1 - shrinkage) * weights + shrinkage * weights.sum() * prior / prior.sum()
