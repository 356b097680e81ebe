# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What denoisers of counts check, and how they go through cells."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from selfsupervised.core.sklearn_compat import as_the_user_wants, plain_inside
from selfsupervised.core.types import Table
from selfsupervised.core.warning import warn_user
from selfsupervised.partitions.thinning import are_fractional, refuse_missing, refuse_negative

CELLS_PER_BLOCK = 1024  # cells of which a dense result is computed at once


class TransformsGenes:
    """A `transform` of all genes or of some; its frames have the columns that were asked for.

    It stands before `TransformerMixin` and is none itself: scikit-learn would name all columns.
    """

    def transform(self, X: Table, genes: Any = None) -> Any:
        """Denoise samples of `fit` or others.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            What `fit` takes.
        genes : array-like of int, bool or str, default=None
            Numbers, a mask or names of the columns to compute; names are those of
            `feature_names_in_`. None computes all.

        Returns
        -------
        ndarray of shape (n_samples, n_features) or (n_samples, n_genes)
            Dense; of which units, and of which dtype, the class says. A data frame if `set_output`
            asks for it.

        Raises
        ------
        ValueError
            Negative or missing values, or other columns than in `fit`.
        """
        check_is_fitted(self)
        columns = selected(genes, self)
        values = plain_inside(self._denoised)(X, columns)
        return as_the_user_wants(
            values, X, self, lambda: OneToOneFeatureMixin.get_feature_names_out(self)[columns]
        )

    def _denoised(self, X, columns):
        """These columns of the output, an ndarray; to be implemented."""
        raise NotImplementedError


class CellDenoiser(TransformsGenes, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Base of the denoisers of counts that go through cells, block by block.

    Their output are expected counts, in molecules of the cell as it was measured; float64 or
    float32 as the input.
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _denoised(self, X, columns):
        X = check_table(self, X, reset=False)
        expected = self._expectation(columns)
        out = np.empty((X.shape[0], columns.size), dtype=X.dtype)
        for start in range(0, X.shape[0], CELLS_PER_BLOCK):
            out[start : start + CELLS_PER_BLOCK] = expected(X[start : start + CELLS_PER_BLOCK])
        return out

    def _expectation(self, columns):
        """A function from cells to their expected counts in these columns; to be implemented."""
        raise NotImplementedError


def check_table(estimator, X, *, reset):
    """`X` as a CSR table of counts, float64 or float32, sorted and without duplicates.

    Raises
    ------
    ValueError
        No table, or not that of `fit`; negative, NaN or infinite values.

    Warns
    -----
    UserWarning
        Fractional values.
    """
    caller = type(estimator).__name__
    X = validate_data(
        estimator,
        X,
        reset=reset,
        accept_sparse="csr",
        dtype=[np.float64, np.float32],
        ensure_all_finite=False,
        ensure_min_samples=2 if reset else 1,
    )
    table = sparse.csr_array(X, copy=True)
    table.sum_duplicates()
    refuse_missing(table, caller=caller)
    refuse_negative(table, caller=caller)
    if are_fractional(table.data):
        warn_user(
            f"{caller} expected whole counts, got fractional values; these look normalised or "
            f"log-transformed. Pass the raw counts: in AnnData often adata.layers['counts'], or "
            f"adata.raw.to_adata()."
        )
    return table


def selected(genes, estimator):
    """Columns that `genes`, numbers, a mask or names, stand for; all for None.

    Raises
    ------
    ValueError
        If a name was not there in `fit`.
    IndexError
        If there is no column of such a number.
    """
    columns = np.arange(estimator.n_features_in_)
    if genes is None:
        return columns
    genes = np.asarray(genes)
    if genes.dtype.kind not in "OUST":
        return columns[genes]
    known = getattr(estimator, "feature_names_in_", np.array([], dtype=object))
    place = {name: number for number, name in enumerate(known)}
    missing = [str(name) for name in genes if name not in place]
    if missing:
        raise ValueError(
            f"{type(estimator).__name__} was fitted without the genes {missing[:5]}; names are "
            f"known where fit was given a data frame, numbers of columns always work."
        )
    return np.array([place[name] for name in genes])
