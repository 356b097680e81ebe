# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Two independent samples of the molecules behind counts (Noise2Self, Section 3.1)."""

from collections.abc import Iterator
from typing import Any

from sklearn.base import BaseEstimator, clone

from selfsupervised.core.seeds import as_seed
from selfsupervised.core.sklearn_compat import plain_inside
from selfsupervised.core.types import RandomState
from selfsupervised.partitions.pair import Pair, check_count
from selfsupervised.partitions.thinning import thin_counts


class MoleculeSplit(BaseEstimator):
    """Two independent samples of the molecules behind a table of counts (Section 3.1).

    Each molecule goes to one side at random (binomial thinning), so that for Poisson counts
    the two sides are independent given the expression. Only nonzero counts are touched. The
    draw depends on the seed and on the row's own counts, not on its place: any subset or
    order of the rows, dense or CSR, is split alike (equal rows draw in turn).

    Parameters
    ----------
    fraction : float, default=0.5
        Expected part of the molecules that is seen; the others are judged.
    n_splits : int, default=1
        Number of independent splits.
    symmetric : bool, default=True
        Whether each split is used in both directions, as the paper does ("and vice versa").
        With a fraction far from one half, one direction (False) is the usual choice.
    overdispersion : float or array-like of shape (n_features,), default=None
        The a in ``Var = mu + a * mu**2``, *given* the state of the cell: counts are split by
        the beta-binomial law that keeps the sides of negative binomial counts independent
        (Neufeld et al., 2023). None or 0 is binomial thinning. A marginal estimate over cells
        of different states would count biology as noise.
    capture_rate : float or array-like of shape (n_samples,), default=None
        Captured / total molecules of a cell. When a good part of the molecules was captured,
        two independent captures would share some: the split then lets the sides overlap
        accordingly (Batson, Royer & Webber, 2019, molecular cross-validation). None ignores
        it. Not available together with `overdispersion`.
    normalizer : transformer, default=None
        Fitted to each side by itself, such as `CountNormalizer`: the sides are then seen and
        judged in its units, and predictions are not scaled. For ``fraction=0.5``, since one
        molecule more or less changes what a transformation of few molecules expects.
    random_state : int, RandomState, Generator or None, default=0
        Seed of the splits.

    See Also
    --------
    selfsupervised.pp.split_molecules : The same for AnnData.
    FeatureBlocks : For tables that hold no counts.

    Notes
    -----
    A side holds fewer molecules than the whole. `Pair.seen_share` and `Pair.judged_share` say
    how many, and predictions are scaled by their ratio before they are judged.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import MoleculeSplit
    >>> X = np.array([[4, 0, 7], [1, 3, 0]])
    >>> seen, judged, _ = next(MoleculeSplit().split(X))
    >>> bool((seen + judged == X).all())
    True
    """

    def __init__(
        self,
        fraction: float = 0.5,
        *,
        n_splits: int = 1,
        symmetric: bool = True,
        overdispersion: Any = None,
        capture_rate: Any = None,
        normalizer: Any = None,
        random_state: RandomState = 0,
    ) -> None:
        self.fraction = fraction
        self.n_splits = n_splits
        self.symmetric = symmetric
        self.overdispersion = overdispersion
        self.capture_rate = capture_rate
        self.normalizer = normalizer
        self.random_state = random_state

    def get_n_splits(self, X: Any | None = None, *, channel_axis: int | None = None) -> int:
        """Number of pairs."""
        return self.n_splits * (2 if self.symmetric else 1)

    def split(self, X: Any, *, channel_axis: int | None = None) -> Iterator[Any]:
        """Share the molecules out.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Counts. Sparse input gives CSR sides of the same sparse interface.
        channel_axis : None
            Ignored; tables have no channels.

        Yields
        ------
        Pair
            `seen` and `judged` have the shape and dtype of `X` (or are what the normalizer makes
            of such), `where` is None.

        Raises
        ------
        ValueError
            Negative, missing or no counts; parameters out of range.

        Warns
        -----
        UserWarning
            Fractional values, which are rounded: they are normalised data, not counts.
        """
        check_count("MoleculeSplit", "n_splits", self.n_splits, least=1)
        if self.normalizer is not None and (self.fraction, self.capture_rate) != (0.5, None):
            raise ValueError(
                f"MoleculeSplit with a normalizer expected fraction=0.5 and capture_rate=None, so "
                f"that the sides are alike; got {self.fraction!r} and {self.capture_rate!r}."
            )
        seed = as_seed(self.random_state)
        for repeat in range(self.n_splits):
            (first, first_share), (second, second_share) = thin_counts(
                X,
                self.fraction,
                overdispersion=self.overdispersion,
                capture_rate=self.capture_rate,
                seed=(seed, repeat),
            )
            if self.normalizer is not None:
                first, second = (_normalized(self.normalizer, x) for x in (first, second))
                first_share = second_share = 1.0
            yield Pair(first, second, None, first_share, second_share)
            if self.symmetric:
                yield Pair(second, first, None, second_share, first_share)


@plain_inside
def _normalized(normalizer, table):
    return clone(normalizer).fit_transform(table)
