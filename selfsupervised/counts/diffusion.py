# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Averages over neighbouring cells, in a graph that molecules judge."""

from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from scipy import sparse
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.extmath import randomized_svd

from selfsupervised.core.sklearn_compat import (
    Interval,
    StrOptions,
    plain_inside,
    validate_parameters,
)
from selfsupervised.core.types import Array, RandomState, Table
from selfsupervised.counts._tables import CellDenoiser, check_table
from selfsupervised.counts.normalizer import FORWARD, INVERSE, CountNormalizer, row_totals


class NeighborDiffusionDenoiser(CellDenoiser):
    """Average each cell's expression over cells like it.

    Cells are neighbours if they are near in the space of the first principal components of
    the square roots of their counts, scaled to the same total. A step of diffusion goes from
    a cell to one of its `n_neighbors` neighbours, itself included, each with equal chance; a
    cell's profile is the mean over the cells that `n_steps` steps lead to, each with the
    weight of its molecules. It is pulled a little to the mean of all cells, so that a gene that
    no neighbour shows is rare, not impossible.

    All parameters can be chosen by the molecules: hide half of them, denoise the other half,
    and compare.

    Parameters
    ----------
    n_neighbors : int, default=15
        Number of neighbours, the cell itself among them.
    n_components : int, default=10
        Number of principal components that say which cells are alike.
    n_steps : int, default=2
        Number of steps. More steps average over more cells.
    shrinkage : float, default=0.1
        Weight of the mean of all cells, from 0 to 1.
    transformation : {"sqrt", "log1p", None}, default=None
        What is done to the counts, scaled to the median total, before they are averaged, and
        undone after. None suits the Poisson loss; the others give less than the expected counts,
        as suits errors that are measured there.
    random_state : int, RandomState or None, default=0
        Seed of the randomised singular value decomposition.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Principal axes, without centring.
    neighbors_ : NearestNeighbors
        The fitted cells in the space of the components, those without any molecule left out.
    graph_ : csr_array of shape (n_fitted, n_fitted)
        Chances of a step from cell to cell; rows add up to 1.
    profiles_ : csr_array of shape (n_fitted, n_features)
        What is averaged.
    totals_ : ndarray of shape (n_fitted,)
        Molecules of each fitted cell, their weights.
    mean_ : ndarray of shape (n_features,)
        The average over all fitted cells.
    normalizer_ : CountNormalizer
        Scales cells to the same total, the median.
    n_features_in_ : int
        Number of genes.
    feature_names_in_ : ndarray of str
        Names of the genes, for data frames.

    See Also
    --------
    PCADenoiserCV : Principal components rather than neighbours.
    NegativeBinomialAutoencoder : A network rather than neighbours.

    Notes
    -----
    **New cells.** The neighbours of a cell are always sought among the cells of `fit`, and only
    those are averaged. A cell of `fit` finds itself among them, so it is denoised alike in `fit`
    and later; of a new cell, the counts decide where it stands and how many molecules its
    profile is scaled to, and are not averaged themselves. Each cell is denoised for itself,
    whatever stands beside it.

    A cell of `fit` has its own noise in its average, so a loss must hold out molecules:
    `SelfSupervisedScorer` with `MoleculeSplit` does, and builds the graph from those that are
    seen.

    References
    ----------
    Van Dijk et al., "Recovering gene interactions from single-cell data using data diffusion",
    Cell 174 (2018); Batson, Royer & Webber, "Molecular cross-validation for single-cell
    RNA-seq" (2019), who choose the number of steps by held-out molecules.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import GridSearchCV
    >>> import selfsupervised as ss
    >>> rng = np.random.default_rng(0)
    >>> rates = rng.gamma(1, 1, (3, 50))[rng.integers(3, size=200)]  # three kinds of cells
    >>> search = GridSearchCV(
    ...     ss.NeighborDiffusionDenoiser(n_components=3),
    ...     {"n_steps": [1, 2, 3]},
    ...     scoring=ss.SelfSupervisedScorer(partition=ss.MoleculeSplit(), loss="poisson"),
    ...     cv=ss.SameSplit(),
    ... ).fit(rng.poisson(rates))
    >>> search.best_estimator_.graph_.shape
    (200, 200)
    """

    components_: Array
    neighbors_: Any
    graph_: Any
    profiles_: Any
    totals_: Array
    mean_: Array
    normalizer_: Any
    n_features_in_: int
    feature_names_in_: Array

    _parameter_constraints: dict = {
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "n_steps": [Interval(Integral, 1, None, closed="left")],
        "shrinkage": [Interval(Real, 0, 1, closed="both")],
        "transformation": [StrOptions({"sqrt", "log1p"}), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_neighbors: int = 15,
        *,
        n_components: int = 10,
        n_steps: int = 2,
        shrinkage: float = 0.1,
        transformation: Literal["log1p", "sqrt"] | None = None,
        random_state: RandomState = 0,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.n_components = n_components
        self.n_steps = n_steps
        self.shrinkage = shrinkage
        self.transformation = transformation
        self.random_state = random_state

    @plain_inside
    def fit(self, X: Table, y: Any = None) -> Self:
        """Find the neighbours of each cell.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_cells, n_features)
            Counts.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            Negative, missing or no counts; fewer cells or genes than `n_components`, fewer cells
            than `n_neighbors`.

        Warns
        -----
        UserWarning
            Fractional values.
        """
        validate_parameters(self)
        X = check_table(self, X, reset=True)
        totals = row_totals(X)
        X, self.totals_ = X[totals > 0], totals[totals > 0]
        self._check_size(*X.shape)
        self.normalizer_ = CountNormalizer(transformation=None).fit(X)
        scaled = self.normalizer_.transform(X)
        self.components_ = randomized_svd(
            np.sqrt(scaled), self.n_components, random_state=self.random_state
        )[2]
        self.neighbors_ = NearestNeighbors(n_neighbors=self.n_neighbors).fit(self._place(scaled))
        self.graph_ = self._first_step(scaled)
        if self.transformation is not None:
            FORWARD[self.transformation](scaled.data, out=scaled.data)
        self.profiles_ = scaled
        self.mean_ = self.totals_ @ self.profiles_ / self.totals_.sum()
        return self

    def _expectation(self, columns):
        profiles, mean = self.profiles_[:, columns], self.mean_[columns]

        def expected(X):
            near = self._first_step(self.normalizer_.transform(X))
            for _ in range(self.n_steps - 1):
                near = near @ self.graph_
            weights = near * self.totals_
            local = (weights / weights.sum(axis=1)[:, None]) @ profiles
            average = (1 - self.shrinkage) * local.toarray() + self.shrinkage * mean
            if self.transformation is not None:
                INVERSE[self.transformation](average, out=average)
            return average * (row_totals(X)[:, None] / self.normalizer_.target_sum_)

        return expected

    def _check_size(self, n_cells, n_features):
        name = type(self).__name__
        if n_cells == 0:
            raise ValueError(f"{name} got a table without any molecule: there are no neighbours.")
        if self.n_components > min(n_cells, n_features):
            raise ValueError(
                f"{name} expected n_components to be at most {min(n_cells, n_features)}, got "
                f"{self.n_components} for n_samples = {n_cells} with molecules and n_features = "
                f"{n_features}; lower n_components."
            )
        if self.n_neighbors > n_cells:
            raise ValueError(
                f"{name} expected n_neighbors to be at most the number of cells with molecules, "
                f"got {self.n_neighbors} for n_samples = {n_cells}; lower n_neighbors."
            )

    def _place(self, scaled):
        return np.sqrt(scaled) @ self.components_.T

    def _first_step(self, scaled):
        near = self.neighbors_.kneighbors(self._place(scaled), return_distance=False)
        n_cells, k = near.shape
        chances = np.full(near.size, 1 / k)
        ends = np.arange(0, near.size + 1, k)
        return sparse.csr_array(
            (chances, near.ravel(), ends), shape=(n_cells, self.neighbors_.n_samples_fit_)
        )
