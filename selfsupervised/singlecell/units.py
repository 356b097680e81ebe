# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Denoised values as molecules of cells that are all equally deep."""

from collections.abc import Callable

import numpy as np

from selfsupervised.core.seeds import as_seed
from selfsupervised.counts import CountNormalizer
from selfsupervised.counts._expected import ExpectedCounts, best_mean_weight, shares_of_genes
from selfsupervised.counts._row_blocks import is_streamed
from selfsupervised.counts.normalizer import row_totals

IN_UNITS: dict[str, Callable] = {"sqrt": np.sqrt, "counts": np.asarray, "log1p": np.log1p}


def check_units(units, counts):
    """Raise unless `units` can be given for these counts."""
    if units not in (None, *IN_UNITS):
        raise ValueError(f"Expected units to be one of {[None, *IN_UNITS]}, got {units!r}.")
    if units in ("counts", "log1p") and is_streamed(counts):
        raise ValueError(
            f"Expected counts in memory with units={units!r}, got a table in blocks: leave units "
            f"out, or read the table."
        )


def values_of_components(model, counts, scores, components, columns, units):
    """Denoised values of some genes, by principal components.

    Parameters
    ----------
    model : PCADenoiserCV
        Fitted.
    counts : ndarray or sparse table of shape (n_cells, n_features)
        All that were denoised, for the depth of each cell.
    scores, components : ndarray of shape (n_cells, K) and (K, n_features)
        Factors of the denoised table.
    columns : ndarray of int or slice
        Which genes.
    units : {None, "sqrt", "counts", "log1p"}
        None is as the components are; "counts" are expected molecules of a cell with a total of
        ``model.normalizer_.target_sum_``, whatever its own; the others are made of these.

    Returns
    -------
    ndarray of shape (n_cells, n_genes)
    """
    if units is None or (units == "sqrt" and model.transformation == "sqrt"):
        return scores @ components[:, columns]
    totals = row_totals(counts)
    unfitted = CountNormalizer(model.target_sum, model.transformation)
    seed = as_seed(model.random_state)
    weight = best_mean_weight(counts, unfitted, model.n_components_, seed)
    expected = ExpectedCounts(model.normalizer_, shares_of_genes(counts), weight)
    depth = np.full(len(totals), model.normalizer_.target_sum_)
    return IN_UNITS[units](expected(scores, components, totals, columns, depth))


def values_of_counts(expected, totals, target_sum, units):
    """Expected counts of cells as values in units, at a fixed depth."""
    scale = np.divide(target_sum, totals, where=totals > 0, out=np.zeros_like(totals))
    return IN_UNITS[units or "counts"](expected * scale[:, None])
