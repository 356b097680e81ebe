# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Denoised values as molecules of cells that are all equally deep."""

import numpy as np

from selfsupervised.counts._row_blocks import is_streamed
from selfsupervised.counts.normalizer import row_totals

UNITS = (None, "counts", "log1p")


def check_units(units, counts):
    """Raise unless `units` can be given for these counts."""
    if units not in UNITS:
        raise ValueError(f"Expected units to be one of {list(UNITS)}, got {units!r}.")
    if units is not None and is_streamed(counts):
        raise ValueError(
            f"Expected counts in memory with units={units!r}, got a table in blocks: leave units "
            f"out, or read the table."
        )


def in_units(values, counts, normalizer, units):
    """Denoised normalised values in other units.

    Parameters
    ----------
    values : ndarray of shape (n_cells, n_genes)
        Expectations of normalised counts.
    counts : ndarray or sparse table of shape (n_cells, n_features)
        All that were denoised, for the depth of each cell.
    normalizer : CountNormalizer
        Fitted.
    units : {None, "counts", "log1p"}
        None leaves values as they are; "counts" are molecules of a cell with a total of
        ``normalizer.target_sum_``, whatever its own; "log1p" their logarithm.

    Returns
    -------
    ndarray of shape (n_cells, n_genes)
    """
    if units is None:
        return values
    totals = row_totals(counts)
    per_depth = np.divide(
        normalizer.target_sum_, totals, where=totals > 0, out=np.zeros_like(totals)
    )
    out = normalizer.expected_counts(values, totals) * per_depth[:, None].astype(values.dtype)
    return np.log1p(out) if units == "log1p" else out
