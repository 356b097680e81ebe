# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Reading a table by blocks of rows: from a file, or wherever dask computes."""

from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array, issparse

# What a block of rows may take as a dense array, and how many blocks a task of dask sums. Sums are
# larger than blocks: of these, two at a time.
BLOCK_BYTES = 2**24
FAN_IN = 8


class Columns:
    """Some columns of a table in a file, read by slices of rows.

    Parameters
    ----------
    table : array or sparse table in a file
        The table.
    columns : ndarray of bool or int
        Which columns.
    """

    def __init__(self, table, columns):
        self.table, self.columns = table, columns
        self.shape = (table.shape[0], len(np.arange(table.shape[1])[columns]))
        self.dtype = table.dtype
        self.format = getattr(table, "format", "csr")

    def __getitem__(self, rows):
        return read_rows(self.table, rows)[:, self.columns]


def read_rows(table, rows):
    """A slice of rows of a table in a file, as CSR."""
    if not hasattr(table, "group"):
        return csr_array(table[rows])
    # A sparse table of anndata. Slicing it asks for anndata 0.12.7 with SciPy 1.17 and later.
    indptr = table.group["indptr"][rows.start : rows.stop + 1]
    inside = slice(indptr[0], indptr[-1])
    entries = (table.group["data"][inside], table.group["indices"][inside], indptr - indptr[0])
    return csr_array(entries, shape=(rows.stop - rows.start, table.shape[1]))


def is_dask(X):
    """Whether `X` is a dask array; dask is not imported for that."""
    return hasattr(X, "__dask_graph__") and hasattr(X, "to_delayed")


def is_streamed(X):
    """Whether `X` is read by blocks: a dask array, or an array or sparse table in a file."""
    if isinstance(X, np.ndarray) or issparse(X):  # also a view of a part of an AnnData in memory
        return False
    libraries = ("h5py", "zarr", "anndata")
    return is_dask(X) or isinstance(X, Columns) or type(X).__module__.split(".")[0] in libraries


def check_streamed(X, *, caller):
    """Raise unless `X` is a table that can be read by blocks of whole rows."""
    if len(X.shape) != 2:
        raise ValueError(
            f"{caller} expected counts of shape (n_samples, n_features), got shape {X.shape}."
        )
    if getattr(X, "format", "csr") != "csr":
        raise ValueError(
            f"{caller} expected a file that holds row after row (CSR), got {X.format}: write it "
            f"as CSR, or read it into memory."
        )
    if is_dask(X) and np.isnan(X.shape[0]):
        raise ValueError(
            f"{caller} expected to know the number of rows in each block: call "
            f"X.compute_chunk_sizes() first."
        )
    if 0 in X.shape:
        raise ValueError(f"{caller} expected at least one row and column, got shape {X.shape}.")
    if X.dtype.kind not in "biuf":
        raise TypeError(f"{caller} expected counts, got an array of dtype {X.dtype}.")
    if is_dask(X) and X.numblocks[1] > 1:
        raise ValueError(
            f"{caller} expected blocks of whole rows, got {X.numblocks[1]} blocks of columns: pass "
            f"X.rechunk({{1: -1}})."
        )


def row_slices(shape, dtype):
    """Slices of rows, each small enough as a dense block."""
    step = max(BLOCK_BYTES // (max(shape[1], 1) * np.dtype(dtype).itemsize), 1)
    return [slice(start, min(start + step, shape[0])) for start in range(0, shape[0], step)]


def block_slices(X):
    """Slices of rows, one for each block that `X` is read by."""
    if not is_dask(X):
        return row_slices(X.shape, X.dtype)
    stops = np.cumsum(X.chunks[0]).tolist()
    return [slice(start, stop) for start, stop in pairwise([0, *stops])]


def sum_over_blocks(function, X, arguments):
    """Sum of ``function(block, *arguments)`` over blocks of rows of `X`, each read once.

    Blocks of a dask array are summed where dask computes: on the cluster of the active
    ``dask.distributed`` client, if there is one. What was lost with a worker is computed anew
    there, and the order of summation is fixed, so the sum is the same to the last bit.

    Parameters
    ----------
    function : callable
        From a CSR block of rows, and further arguments, to what adds up in place (``+=``).
    X : dask array, or array or sparse table in a file
        Table of shape (n_samples, n_features).
    arguments : dict of int to tuple
        Further arguments for the blocks of these numbers; others are not read.
    """
    blocks = list(X.to_delayed().ravel()) if is_dask(X) else block_slices(X)
    tasks = [(blocks[number], *further) for number, further in sorted(arguments.items())]
    if not is_dask(X):
        return _add(function(read_rows(X, rows), *further) for rows, *further in tasks)
    from dask import delayed

    sums = [delayed(_sum_of)(function, group) for group in _groups(tasks, FAN_IN)]
    while len(sums) > 1:
        sums = [delayed(_sum)(pair) for pair in _groups(sums, 2)]
    return sums[0].compute()


def map_over_blocks(function, X, n_columns, dtype):
    """``function(block)``, of `n_columns` columns, for all blocks of rows.

    Returns
    -------
    ndarray, or dask array that computes when it is asked to
        Of shape (n_samples, n_columns).
    """
    if is_dask(X):
        return X.map_blocks(
            lambda block: function(csr_array(block)),
            dtype=dtype,
            chunks=(X.chunks[0], (n_columns,)),
            meta=np.empty((0, 0), dtype=dtype),
        )
    out = np.empty((X.shape[0], n_columns), dtype=dtype)
    for rows in row_slices(X.shape, X.dtype):
        out[rows] = function(read_rows(X, rows))
    return out


def _groups(items, size):
    return [items[start : start + size] for start in range(0, len(items), size)]


def _sum_of(function, tasks):
    return _add(function(csr_array(block), *further) for block, *further in tasks)


def _sum(sums):
    """The sum, in a new object: others may hold the parts."""
    return _add([sums[0].copy(), *sums[1:]])


def _add(parts):
    parts = iter(parts)
    total = next(parts)
    for part in parts:
        total += part
    return total
