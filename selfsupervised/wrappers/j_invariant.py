# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The J-invariant form of any denoiser (Noise2Self, Eq. 3 and Section 4.2).

``f(x)_J = g(seen)_J`` for every subset J of a partition: at each entry, the output never saw
that entry. By Proposition 1 its distance to the noisy data is its distance to the clean
signal plus the variance of the noise.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, Self

from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, is_regressor
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from selfsupervised.core.callers import check_splits
from selfsupervised.core.types import Array, Estimator, RandomState, Table
from selfsupervised.evaluation.estimators import check_nested, why_no_denoiser
from selfsupervised.evaluation.judge import Judge, check_judged
from selfsupervised.evaluation.losses import mean_loss
from selfsupervised.partitions import FeatureBlocks, MoleculeSplit
from selfsupervised.wrappers.function import denoiser_of
from selfsupervised.wrappers.mixing import check_mix, mixed


def _not_of_images(wrapper):
    """Whether the outputs may have columns that have names."""
    return not hasattr(wrapper, "estimators_") or hasattr(wrapper, "n_features_in_")


class JInvariantWrapper(TransformerMixin, BaseEstimator):
    """Make any denoiser J-invariant: at each entry, its output never saw that entry.

    The wrapped denoiser is shown the measurement once for each subset of a partition, with
    that subset hidden, and only its output there is kept. What learns (`requires_fit` in its
    tags) is fitted anew for each subset, on what it may see; what only computes is not fitted.

    Parameters
    ----------
    estimator : estimator or callable
        A transformer of images or counts, a regressor (one is fitted for each block of
        columns), a pipeline of such, or a function ``image -> image``.
    partition : partition or "auto", default="auto"
        Which entries are hidden together. "auto" is `FeatureBlocks` for regressors,
        `MoleculeSplit` for sparse counts, and for images `SinglePixels` where the denoiser has
        a one-pass form (`transform_donut`), otherwise `PixelGrid` with a stride of 4 (less for
        images smaller than that).
    fill : str, float or None, default="neighbors"
        "neighbors", "matched", "uniform", "random_neighbor", see `fill_missing`, or a constant.
        What stands in the place of hidden and missing pixels, see `fill_missing`. None leaves
        NaN, for denoisers that cope with it. Regressors do not see hidden columns at all; a
        number fills other missing entries, otherwise put an imputer before the regressor.
    mix : {None, "optimal", "local"} or float, default=None
        The output is ``mix * f(x) + (1 - mix) * x``. "optimal" is noise variance / loss,
        measured for each image (Section 4.2); "local", for images, the same around each pixel, so
        that what is hard to predict keeps more of what was measured. With either the output is
        closer to the clean image but no longer J-invariant. `score` is always that of the
        J-invariant output.
    noise_variance : float, default=None
        Variance of the noise, in squared units of the data, for "optimal" and "local". By
        default it is estimated for each image, as by `estimate_noise`: one for all pixels for
        "optimal", and for "local" one that may grow with the signal (``"poisson_gaussian"``).
    random_state : int, RandomState, Generator or None, default=0
        Seed of the random fills.
    n_jobs : int, default=None
        Threads over subsets.

    Attributes
    ----------
    estimators_ : list of estimators
        One for each pair, if the estimator learns; otherwise one for all.
    partition_ : partition
        The partition in use, its seed fixed.
    n_features_in_ : int
        Number of columns, for tables.
    feature_names_in_ : ndarray of str
        Names of the columns, for data frames.

    See Also
    --------
    SelfSupervisedScorer : The loss of this wrapper's output as a scorer.

    References
    ----------
    Batson & Royer, "Noise2Self: Blind Denoising by Self-Supervision", ICML 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import GridSearchCV
    >>> import selfsupervised as ss
    >>> clean = np.outer(np.sin(np.arange(64) / 9), np.cos(np.arange(64) / 7))
    >>> noisy = clean + np.random.default_rng(0).normal(0, 0.5, clean.shape)
    >>> search = GridSearchCV(
    ...     ss.JInvariantWrapper(ss.GaussianDenoiser()),
    ...     {"estimator__sigma": [0.5, 1, 2, 4, 8]},
    ...     cv=ss.SameSplit(),
    ... ).fit(noisy[None])
    >>> search.best_params_
    {'estimator__sigma': 2}
    """

    estimators_: list[Any]
    partition_: Any

    def __init__(
        self,
        estimator: Estimator,
        *,
        partition: Any = "auto",
        fill: str | float | None = "neighbors",
        mix: Any = None,
        noise_variance: float | None = None,
        random_state: RandomState = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.partition = partition
        self.fill = fill
        self.mix = mix
        self.noise_variance = noise_variance
        self.random_state = random_state
        self.n_jobs = n_jobs

    def __sklearn_tags__(self) -> Any:
        check_splits()
        tags = super().__sklearn_tags__()
        if why_no_denoiser(self.estimator) is None:
            denoiser = self._judge.denoiser
            inner = get_tags(denoiser)
            tags.input_tags = inner.input_tags
            tags.input_tags.sparse &= not is_regressor(denoiser)
            tags.non_deterministic = inner.non_deterministic
        return tags

    def fit(self, X: Table, y: Any = None) -> Self:
        """Resolve the partition and, if the estimator learns, fit one clone for each pair.

        Parameters
        ----------
        X : array-like, sparse matrix or list of arrays
            Noisy images of shape (n_images, *spatial) or (n_images, *spatial, n_channels), a
            list of such images without the first axis, or a table of shape (n_samples,
            n_features).
        y : None
            Ignored: the noisy data are their own target.

        Returns
        -------
        self
        """
        check_judged(self.estimator, self.fill)
        check_mix(self.mix, self.noise_variance)
        for name in ("n_features_in_", "feature_names_in_"):
            self.__dict__.pop(name, None)  # of a table that it was fitted to before
        judge = self._judge
        self._fitted = judge.fit(self._measure(judge, X, reset=True))
        self.estimators_, self.partition_ = judge.estimators_, judge.partition_
        return self

    def transform(self, X: Table) -> Any:
        """Denoise, each entry from the others.

        Parameters
        ----------
        X : array-like, sparse matrix or list of arrays
            As in `fit`, the same data or other.

        Returns
        -------
        ndarray or list of ndarray
            The shape and units of `X`, dense; the same float dtype, float64 for integers.

        Raises
        ------
        ValueError
            If `X` does not fit the partition, or hiding leaves nothing to see.
        """
        check_is_fitted(self, "estimators_")
        measured = self._measure(self._fitted, X)
        out = self._fitted.output(measured, self.n_jobs)
        if self.mix is not None:
            if isinstance(self.partition_, MoleculeSplit):
                raise ValueError("mix needs one noisy value beside each output; use mix=None here.")
            axis = self._fitted.channel_axis
            known = {"noise_variance": self.noise_variance, "channel_axis": axis}
            out = mixed(out, measured.data, self.mix, **known)
        return measured.give_back(out)

    def score(self, X: Table, y: Any = None) -> float:
        """Score by minus the mean squared self-supervised loss: higher is better.

        Parameters
        ----------
        X : array-like, sparse matrix or list of arrays
            Noisy data.
        y : None
            Ignored.

        Returns
        -------
        float
            Minus (true mean squared error + noise variance) of the J-invariant output
            (Proposition 1), in squared units of `X`.

        Notes
        -----
        A pipeline that *ends* in a wrapper hands it data that its other steps have smoothed
        already, and its score means nothing; wrap the whole pipeline instead.
        """
        return -mean_loss(self.judge(X))

    @available_if(_not_of_images)
    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Get the names of the columns of the output: those of the input. For tables only.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names to use where `fit` was given none.

        Returns
        -------
        ndarray of str
        """
        return OneToOneFeatureMixin.get_feature_names_out(self, input_features)

    def judge(self, X: Table, n_subsets: int | None = None) -> Iterator[Any]:
        """Yield (measured, predicted from the rest) of each pair, or of `n_subsets` of them."""
        check_is_fitted(self, "estimators_")
        yield from self._fitted.judged(self._measure(self._fitted, X), n_subsets, self.n_jobs)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, also of the parts (``estimator__radius``, ``partition__stride``)."""
        for name in params:
            part, nested, _ = name.partition("__")
            if nested and part in ("estimator", "partition"):
                check_nested(name, params.get(part, getattr(self, part)))
        return super().set_params(**params)

    @property
    def _judge(self):
        """What the parameters say, not fitted."""
        of_tables = isinstance(self.partition, FeatureBlocks | MoleculeSplit)
        estimator = self.estimator if of_tables else denoiser_of(self.estimator)
        return Judge(estimator, self.partition, self.fill, self.random_state)

    def _measure(self, judge, X, reset=False):
        return judge.measure(X, partial(validate_data, self, reset=reset))
