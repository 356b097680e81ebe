# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What denoising gives, by fields of an AnnData."""

import numpy as np

from selfsupervised.counts._row_blocks import is_dask, is_streamed
from selfsupervised.singlecell.fields import missing


def results_of(adata, key, outcome, mask, facts):
    """What is written whatever is asked for, by field and key."""
    inside = slice(None) if mask is None else mask
    results: dict[str, dict] = {"obsm": {key: outcome.scores}, "uns": {key: facts}}
    if outcome.components is not None:
        loadings = np.zeros((adata.n_vars, len(outcome.components)), outcome.components.dtype)
        loadings[inside] = outcome.components.T
        results["varm"] = {key: loadings}
    if outcome.r2 is not None:
        told = np.full(adata.n_vars, np.nan)
        told[inside] = outcome.r2
        results["var"] = {f"{key}_r2": told}
    return results


def whole_table_of(adata, outcome, units):
    """The denoised table; by blocks, and when it is asked for, if `X` comes so."""
    if not is_dask(adata.X):
        return outcome.values(slice(None), units)
    from dask.array import from_array

    rows = from_array(outcome.scores, chunks=(adata.X.chunks[0], -1))
    return rows @ from_array(outcome.components, chunks=-1)


def batches_of(adata, key, counts):
    """Names of batches, and the number of that of each cell."""
    if key is None:
        return None, None
    if key not in adata.obs:
        raise missing(key, "obs", adata.obs.columns)
    if is_streamed(counts):
        raise ValueError("Expected counts in memory with batch_key, got a table in blocks.")
    groups = adata.obs[key].astype("category").cat.remove_unused_categories().cat
    if (groups.codes < 0).any():
        raise ValueError(
            f"Expected a batch for every cell in adata.obs[{key!r}], got missing values: name "
            f"them, or leave these cells out."
        )
    return list(map(str, groups.categories)), groups.codes.to_numpy()


def savable(value):
    """A parameter as files of AnnData take it; objects such as splitters by what they say."""
    if isinstance(value, str | bool | int | float | np.generic | np.ndarray):
        return value
    return repr(value)
