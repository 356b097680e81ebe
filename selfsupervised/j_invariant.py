# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The J-invariant form of any denoiser (Noise2Self, Eq. 3 and Section 4.2).

``f(x)_J = g(seen)_J`` for every subset J of a partition: at each entry, the output never saw
that entry. By Proposition 1 its distance to the noisy data is its distance to the clean
signal plus the variance of the noise.
"""

from copy import deepcopy

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone, is_regressor
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from selfsupervised._blocks import fit_block, predict_block
from selfsupervised._estimators import (
    as_denoiser,
    channel_axis_of,
    check_forgets,
    check_nested,
    has_one_pass,
    learns,
    shapes_of,
    why_no_denoiser,
)
from selfsupervised._paired import check_other_rows, fit_on, learned_rows
from selfsupervised._validation import as_float, check_images, is_finite_number, is_table, restore
from selfsupervised.correlation import warn_if_correlated
from selfsupervised.fill import as_seed, check_fill, fill_hidden
from selfsupervised.losses import mean_loss
from selfsupervised.mixing import check_mix, mixed
from selfsupervised.partitions import (
    FeatureBlocks,
    MoleculeSplit,
    PixelPartition,
    SinglePixels,
    assemble,
)
from selfsupervised.partitions.choice import choose_partition, default_grid, spread


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
    fill : {"neighbors", "uniform", "random_neighbor"}, float or None, default="neighbors"
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
    ...     cv=ss.InSample(),
    ... ).fit(noisy[None])
    >>> search.best_params_
    {'estimator__sigma': 2}
    """

    def __init__(
        self,
        estimator,
        *,
        partition="auto",
        fill="neighbors",
        mix=None,
        noise_variance=None,
        random_state=0,
        n_jobs=None,
    ):
        self.estimator = estimator
        self.partition = partition
        self.fill = fill
        self.mix = mix
        self.noise_variance = noise_variance
        self.random_state = random_state
        self.n_jobs = n_jobs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if why_no_denoiser(self.estimator) is None:
            inner = get_tags(self._base)
            tags.input_tags = inner.input_tags
            tags.input_tags.sparse &= not is_regressor(self._base)
            tags.non_deterministic = inner.non_deterministic
        return tags

    def fit(self, X, y=None):
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
        self._start(X)
        if not learns(self._base):
            self.estimators_ = [clone(self._base)]
            return self
        check_forgets(self._base)
        data = self._check(X)
        pairs = self.partition_.split(data, channel_axis=self._channel_axis)
        self.estimators_ = [self._fit_pair(pair) for pair in pairs]
        self._learned_rows = learned_rows(self._base, data)
        return self

    def transform(self, X):
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
        data = self._check(X)
        if self._one_pass:
            out = self.estimators_[0].transform_donut(data)
        else:
            out = assemble(data, self._predictions(data))
        if self.mix is not None:
            if isinstance(self.partition_, MoleculeSplit):
                raise ValueError("mix needs one noisy value beside each output; use mix=None here.")
            noise = {"noise_variance": self.noise_variance, "channel_axis": self._channel_axis}
            out = mixed(out, data, self.mix, **noise)
        return out if sparse.issparse(X) else restore(out, X)

    def score(self, X, y=None):
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

    def judge(self, X, n_subsets=None):
        """Yield what was measured beside what is predicted for it from the rest.

        Parameters
        ----------
        X : array-like, sparse matrix or list of arrays
            Noisy data.
        n_subsets : int, default=None
            Take this many of the pairs only, evenly spread; None takes all. The one-pass form
            is then judged on the pixels of as many subsets of the default `PixelGrid`, so that
            all denoisers of images are judged on the same pixels.

        Yields
        ------
        judged, predicted : ndarray or sparse matrix, ndarray
        """
        check_is_fitted(self, "estimators_")
        data = self._check(X)
        check_other_rows(getattr(self, "_learned_rows", None), data)
        channel_axis = self._channel_axis
        warn_if_correlated(data, self.partition_, channel_axis=channel_axis, once=True)
        if not self._one_pass:
            yield from ((pair.judged, f) for pair, f in self._predictions(data, n_subsets))
            return
        output = self.estimators_[0].transform_donut(data)
        if n_subsets is None:
            yield from ((x.ravel(), f.ravel()) for x, f in zip(data, output, strict=True))
            return
        grid = default_grid(data, channel_axis=channel_axis)
        yield from (
            (pair.judged, pair.select(output)) for _, pair in self._pairs(grid, data, n_subsets)
        )

    def set_params(self, **params):
        """Set parameters, also of the parts (``estimator__radius``, ``partition__stride``).

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If there is no such parameter.
        """
        for name in params:
            part, nested, _ = name.partition("__")
            if nested and part in ("estimator", "partition"):
                check_nested(name, params.get(part, getattr(self, part)))
        return super().set_params(**params)

    # -- fitting ---------------------------------------------------------------------------

    @property
    def _base(self):
        of_tables = isinstance(self.partition, FeatureBlocks | MoleculeSplit)
        return as_denoiser(self.estimator, of_tables)

    @property
    def _channel_axis(self):
        return channel_axis_of(self._base)

    def _start(self, X):
        if problem := why_no_denoiser(self.estimator):
            raise TypeError(problem)
        check_fill(self.fill, caller="JInvariantWrapper", allow_none=True)
        check_mix(self.mix, self.noise_variance)
        data = self._check(X, reset=True)
        self.partition_ = choose_partition(
            self.partition, self._base, data, channel_axis=self._channel_axis
        )
        self._seed = as_seed(self.random_state)
        # A partition that does not fit the data says so now.
        self.partition_.get_n_splits(data, channel_axis=self._channel_axis)

    def _check(self, X, reset=False):
        """`X` as dense float images, or as a float table (CSR if sparse)."""
        name, of_pixels = "JInvariantWrapper", isinstance(self.partition, PixelPartition)
        if not of_pixels and is_table(X) and get_tags(self._base).input_tags.two_d_array:
            if np.ma.isMaskedArray(X):
                X = as_float(X, caller=name)
            return validate_data(
                self,
                X,
                reset=reset,
                accept_sparse="csr",
                ensure_all_finite="allow-nan" if self._copes_with_nan() else True,
                dtype=[np.float64, np.float32],
            )
        if of_pixels or isinstance(self.partition, str):
            return check_images(X, channel_axis=self._channel_axis, caller=name)
        return as_float(X, caller=name)

    def _copes_with_nan(self):
        filled = is_finite_number(self.fill) or not is_regressor(self._base)
        return filled or get_tags(self._base).input_tags.allow_nan

    def _fit_shared(self, X, fitted):
        """Use `fitted`, which learned from other measurements than `X`, for all pairs."""
        if is_regressor(fitted):
            raise ValueError(
                f"A regressor of blocks must be fitted for each; got a fitted "
                f"{type(fitted).__name__}. Use refit=True."
            )
        self._start(X)
        self.estimators_ = [fitted]
        return self

    def _fit_pair(self, pair):
        if is_regressor(self._base):
            return fit_block(self._base, pair, self.fill)
        return fit_on(self._base, self._filled(pair, 0), pair.judged)

    # -- prediction ------------------------------------------------------------------------

    @property
    def _one_pass(self):
        """Whether the denoiser's own one-pass form computes this partition."""
        shared = len(self.estimators_) == 1  # learned from nothing that it is shown here
        single = isinstance(self.partition_, SinglePixels) and self.partition_.footprint is None
        return shared and single and has_one_pass(self.estimators_[0])

    def _filled(self, pair, number):
        return fill_hidden(
            pair.seen,
            self.fill,
            channel_axis=self._channel_axis,
            random_state=(self._seed, number),
            copy=not isinstance(self.partition_, PixelPartition),  # whose pairs own what is seen
        )

    def _predictions(self, data, n_subsets=None):
        """Yield (pair, prediction of its judged entries)."""
        n_pairs = self.partition_.get_n_splits(data, channel_axis=self._channel_axis)
        if len(self.estimators_) not in (1, n_pairs):
            raise ValueError(
                f"JInvariantWrapper was fitted on {len(self.estimators_)} pairs, but X has "
                f"{n_pairs}; fit it on data of this shape."
            )
        pairs = self._pairs(self.partition_, data, n_subsets)
        if effective_n_jobs(self.n_jobs) == 1:
            yield from (self._predict(number, pair) for number, pair in pairs)
            return
        parallel = Parallel(n_jobs=self.n_jobs, prefer="threads", return_as="generator")
        yield from parallel(delayed(self._predict)(number, pair) for number, pair in pairs)

    def _pairs(self, partition, data, n_subsets):
        """Yield (number, pair), of all subsets or of some."""
        pairs = enumerate(partition.split(data, channel_axis=self._channel_axis))
        if n_subsets is None:
            return pairs
        n_pairs = partition.get_n_splits(data, channel_axis=self._channel_axis)
        return spread(pairs, n_pairs, n_subsets)

    def _predict(self, number, pair):
        if len(self.estimators_) > 1:
            estimator = self.estimators_[number]
        else:  # a copy for each pair, which cannot remember what it was shown for another
            estimator = deepcopy(self.estimators_[0])
        if is_regressor(estimator):
            return pair, predict_block(estimator, pair, self.fill)
        seen = self._filled(pair, number)
        output = estimator.transform(seen)
        given, got = shapes_of(seen), shapes_of(output)
        if given != got:
            raise ValueError(
                f"{type(estimator).__name__} expected to return the shape it was given, {given}; "
                f"got {got}. Only denoisers can be wrapped."
            )
        return pair, pair.select(output)
