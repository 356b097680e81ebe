# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What all denoisers of counts check, and how they go through cells."""

import warnings

import numpy as np
from scipy import sparse
from sklearn.utils.validation import validate_data

from selfsupervised._molecules import refuse_negative

BLOCK = 1024  # cells of which a dense result is computed at once


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
        ensure_min_samples=2 if reset else 1,
    )
    table = sparse.csr_array(X, copy=True)
    table.sum_duplicates()
    refuse_negative(table, caller=caller)
    if (table.data != np.rint(table.data)).any():
        warnings.warn(
            f"{caller} expected whole counts, got fractional values; these look normalised or "
            f"log-transformed. Pass the raw counts (in AnnData often layers['counts'] or raw).",
            UserWarning,
            stacklevel=4,
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


def blocks(n_cells):
    """Slices of cells."""
    return [slice(start, start + BLOCK) for start in range(0, n_cells, BLOCK)]
