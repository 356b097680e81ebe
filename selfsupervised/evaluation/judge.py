# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What an estimator says of entries that it did not see (Noise2Self, Eq. 3).

For each pair of a partition the estimator is shown the measurement with some entries hidden, and
what it says of those is kept: the assembled output is J-invariant, and its distance to what was
hidden is the self-supervised loss. All that judges or assembles is a thin user of this file.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import clone, is_regressor
from sklearn.utils import get_tags
from sklearn.utils.validation import check_array

from selfsupervised.core.measurement import Measurement
from selfsupervised.core.seeds import as_seed
from selfsupervised.core.sklearn_compat import plain_inside
from selfsupervised.core.validation import is_finite_number, is_table
from selfsupervised.evaluation.column_blocks import fit_block, predict_block
from selfsupervised.evaluation.default_partition import choose_partition, default_grid, spread
from selfsupervised.evaluation.estimators import (
    as_denoiser,
    channel_axis_of,
    check_forgets,
    check_gives_counts,
    copes_with_nan,
    has_one_pass,
    learns,
    shapes_of,
    why_no_denoiser,
)
from selfsupervised.evaluation.independence import (
    table_key,
    warn_if_correlated,
    warn_of_counts,
    warn_of_few,
    warn_of_table,
)
from selfsupervised.evaluation.molecule_halves import check_other_rows, fit_on, learned_rows
from selfsupervised.partitions import (
    FeatureBlocks,
    MoleculeSplit,
    PixelPartition,
    SinglePixels,
    assemble,
)
from selfsupervised.partitions.fill import check_fill, fill_hidden


@dataclass
class Judge:
    """An estimator, and what it learned of each pair of a partition.

    What learns is fitted once for each pair, on what it may see; what only computes is not.

    Parameters
    ----------
    estimator : estimator or callable
        A transformer of images or counts, a regressor (one is fitted for each block of
        columns), a pipeline of such, or a function ``image -> image``.
    partition : partition or "auto", default="auto"
        Which entries are hidden together.
    fill : str, float or None, default="neighbors"
        "neighbors", "matched", "uniform", "random_neighbor", see `fill_missing`, or a constant.
        What stands in the place of hidden values.
    random_state : int, RandomState, Generator or None, default=0
        Seed of random fills.

    Attributes
    ----------
    estimators_ : list of estimators
        One for each pair, if the estimator learns; otherwise one for all.
    partition_ : partition
        The partition in use, its seed fixed.
    """

    estimator: Any
    partition: Any = "auto"
    fill: Any = "neighbors"
    random_state: Any = 0

    @property
    def denoiser(self):
        """The estimator, or the function in the form of one."""
        of_tables = isinstance(self.partition, FeatureBlocks | MoleculeSplit)
        return as_denoiser(self.estimator, of_tables)

    @property
    def channel_axis(self):
        """That of the images, as the estimator has it."""
        return channel_axis_of(self.denoiser)

    # -- the door --------------------------------------------------------------------------

    def measure(self, X, check_table=check_array):
        """A `Measurement` of what the user handed over to be judged: images, or a table.

        Parameters
        ----------
        X : array-like, sparse matrix or list of arrays
        check_table : callable
            Of scikit-learn: `check_array`, or `validate_data` of the estimator that asks.

        Returns
        -------
        Measurement
        """
        name, of_pixels = "JInvariantWrapper", isinstance(self.partition, PixelPartition)
        if not of_pixels and is_table(X) and get_tags(self.denoiser).input_tags.two_d_array:
            given = X
            if np.ma.isMaskedArray(X):
                X = Measurement.of_array(X, caller=name).data
            table = check_table(
                X,
                accept_sparse="csr",
                ensure_all_finite="allow-nan" if self._copes_with_nan() else True,
                dtype=[np.float64, np.float32],
            )
            return Measurement.of_table(table, given)
        if of_pixels or isinstance(self.partition, str):
            return Measurement.of_images(X, channel_axis=self.channel_axis, caller=name)
        return Measurement.of_array(X, caller=name)

    def _copes_with_nan(self):
        filled = is_finite_number(self.fill) or not is_regressor(self.denoiser)
        return filled or copes_with_nan(self.denoiser)

    # -- learning --------------------------------------------------------------------------

    def fit(self, measured):
        """Resolve the partition and, if the estimator learns, fit a clone for each pair."""
        self._start(measured)
        if not learns(self.denoiser):
            self.estimators_ = [clone(self.denoiser)]
            return self
        check_forgets(self.denoiser)
        self._learned_from = None
        if isinstance(self.partition_, FeatureBlocks):
            self._learned_from = table_key(measured.data)
        self.estimators_ = [self._fitted(pair) for pair in self._pairs(measured.data)]
        self._learned_rows = learned_rows(self.denoiser, measured.data)
        return self

    def adopt(self, fitted, measured):
        """Use `fitted`, which learned from other measurements than these, for all pairs."""
        if is_regressor(fitted):
            raise ValueError(
                f"A regressor of blocks must be fitted for each; got a fitted "
                f"{type(fitted).__name__}. Use refit=True."
            )
        self._start(measured)
        self.estimators_ = [fitted]
        return self

    def _start(self, measured):
        self.partition_ = choose_partition(
            self.partition, self.denoiser, measured.data, channel_axis=self.channel_axis
        )
        if isinstance(self.partition_, MoleculeSplit):
            check_gives_counts(self.denoiser)
        self._seed, self._learned_rows = as_seed(self.random_state), None
        # A partition that does not fit the data says so now.
        self._n_pairs(measured.data)

    @plain_inside
    def _fitted(self, pair):
        if is_regressor(self.denoiser):
            return fit_block(self.denoiser, pair, self.fill)
        return fit_on(self.denoiser, self._filled(pair, 0), pair.judged)

    # -- prediction ------------------------------------------------------------------------

    def output(self, measured, n_jobs=None):
        """The J-invariant output, ``f(x)_J = g(seen)_J`` for all pairs, as plain data."""
        if self._one_pass:
            return plain_inside(self.estimators_[0].transform_donut)(measured.data)
        return assemble(measured.data, self.predictions(measured.data, n_jobs=n_jobs))

    def judged(self, measured, n_subsets=None, n_jobs=None):
        """Yield what was measured beside what is predicted for it from the rest.

        Parameters
        ----------
        measured : Measurement
            The data.
        n_subsets : int, default=None
            Take this many of the pairs only, evenly spread; None takes all. The one-pass form
            is then judged on the pixels of as many subsets of the default `PixelGrid`, so that
            all denoisers of images are judged on the same pixels.
        n_jobs : int, default=None
            Threads over pairs.

        Yields
        ------
        judged, predicted : ndarray or sparse matrix, ndarray
        """
        data, channel_axis = measured.data, self.channel_axis
        check_other_rows(self._learned_rows, data)
        if type(self.partition_) is MoleculeSplit:
            warn_of_counts(data, self.partition_.overdispersion)
        warn_if_correlated(data, self.partition_, channel_axis=channel_axis, once=True)
        if not self._one_pass:
            predictions = self.predictions(data, n_subsets, n_jobs)
            results = ((pair.judged, prediction) for pair, prediction in predictions)
            of_blocks = isinstance(self.partition_, FeatureBlocks)
            yield from self._table_judged(data, results) if of_blocks else results
            return
        output = plain_inside(self.estimators_[0].transform_donut)(data)
        if n_subsets is None:
            yield from ((x.ravel(), f.ravel()) for x, f in zip(data, output, strict=True))
            return
        grid = default_grid(data, channel_axis=channel_axis)
        n_pairs = grid.get_n_splits(data, channel_axis=channel_axis)
        pairs = enumerate(grid.pairs(data, channel_axis=channel_axis))
        for _, pair in spread(pairs, n_pairs, n_subsets):
            yield pair.judged, pair.select(output)

    def _table_judged(self, table, results):
        """The same, and a look at the table before and at the errors after."""
        learned_from_it = self._learned_from == table_key(table)
        warn_of_table(table, self.partition_, learned_from_it=learned_from_it)
        losses = []
        for judged, predicted in results:
            losses.append(np.square(predicted - judged))
            yield judged, predicted
        warn_of_few(np.concatenate(losses))

    def predictions(self, data, n_subsets=None, n_jobs=None):
        """Yield (pair, prediction of its judged entries), of all pairs or of some."""
        n_pairs = self._n_pairs(data)
        if len(self.estimators_) not in (1, n_pairs):
            raise ValueError(
                f"JInvariantWrapper was fitted on {len(self.estimators_)} pairs, but X has "
                f"{n_pairs}; fit it on data of this shape."
            )
        pairs = enumerate(self._pairs(data))
        if n_subsets is not None:
            pairs = spread(pairs, n_pairs, n_subsets)
        if effective_n_jobs(n_jobs) == 1:
            yield from (self._predicted(number, pair) for number, pair in pairs)
            return
        parallel = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")
        yield from parallel(delayed(self._predicted)(number, pair) for number, pair in pairs)

    @property
    def _one_pass(self):
        """Whether the denoiser's own one-pass form computes this partition."""
        shared = len(self.estimators_) == 1  # learned from nothing that it is shown here
        single = isinstance(self.partition_, SinglePixels) and self.partition_.footprint is None
        return shared and single and has_one_pass(self.estimators_[0])

    def _n_pairs(self, data):
        return self.partition_.get_n_splits(data, channel_axis=self.channel_axis)

    def _pairs(self, data):
        """The partition's pairs; one of pixels that checks as ours do need not check again."""
        checks_only = getattr(type(self.partition_), "split", None) is PixelPartition.split
        split = self.partition_.pairs if checks_only else self.partition_.split
        return split(data, channel_axis=self.channel_axis)

    def _filled(self, pair, number):
        return fill_hidden(
            pair.seen,
            self.fill,
            channel_axis=self.channel_axis,
            seed=(self._seed, number),
            copy=not isinstance(self.partition_, PixelPartition),  # whose pairs own what is seen
        )

    @plain_inside
    def _predicted(self, number, pair):
        if len(self.estimators_) > 1:
            estimator = self.estimators_[number]
        else:  # a copy for each pair, which cannot remember what it was shown for another
            estimator = deepcopy(self.estimators_[0])
        if is_regressor(estimator):
            return pair, predict_block(estimator, pair, self.fill)
        seen = self._filled(pair, number)
        output = estimator.transform(seen)
        if hasattr(output, "columns"):  # a frame, as `set_output` of the estimator asks for
            output = np.asarray(output)
        given, got = shapes_of(seen), shapes_of(output)
        if given != got:
            raise ValueError(
                f"{type(estimator).__name__} expected to return the shape it was given, {given}; "
                f"got {got}. Only denoisers can be wrapped."
            )
        return pair, pair.select(output)


def check_judged(estimator, fill, caller="JInvariantWrapper"):
    """Raise unless these are parameters of a `Judge`."""
    if problem := why_no_denoiser(estimator, caller):
        raise TypeError(problem)
    check_fill(fill, caller=caller, allow_none=True)
