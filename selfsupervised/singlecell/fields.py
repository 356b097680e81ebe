# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Fields of an AnnData: what is read, what is written, and what is said if it is not there.

anndata itself is not needed for that.
"""

import numpy as np
from scipy import sparse

from selfsupervised.counts._row_blocks import Columns, is_dask, is_streamed

HIGHLY_VARIABLE_IF_THERE = "highly_variable, if there"


def table_of(adata, layer):
    """The counts in `X` or in a layer."""
    if layer is not None:
        if layer not in adata.layers:
            raise missing(layer, "layers", adata.layers)
        return _plain(adata.layers[layer])
    if adata.X is None:
        raise ValueError(
            f"Expected counts in adata.X, which is empty: name a layer. Available layers: "
            f"{list(adata.layers)}."
        )
    return _plain(adata.X)


def _plain(table):
    """A table in memory as NumPy or SciPy know it, without what makes it a view of an AnnData."""
    if sparse.issparse(table):
        kind = "array" if isinstance(table, sparse.sparray) else "matrix"
        return getattr(sparse, f"{table.format}_{kind}")(table)
    return np.asarray(table) if isinstance(table, np.ndarray) else table


def missing(key, field, available):
    """The error that says what there is instead."""
    return KeyError(
        f"Key {key!r} not found in `adata.{field}`. Available keys: {list(available)[:20]}."
    )


def columns_of(table, mask):
    """The columns in `mask`; all for None."""
    if mask is None:
        return table
    if is_streamed(table) and not is_dask(table):
        return Columns(table, mask)
    return table[:, np.flatnonzero(mask)]


def mask_of(adata, mask_var):
    """A mask of genes, or None for all, and its name if it has one."""
    if isinstance(mask_var, str) and mask_var == HIGHLY_VARIABLE_IF_THERE:
        mask_var = "highly_variable" if "highly_variable" in adata.var else None
    if mask_var is None:
        return None, None
    name = None
    if isinstance(mask_var, str):
        if mask_var not in adata.var:
            raise missing(mask_var, "var", adata.var.columns)
        mask_var, name = adata.var[mask_var], mask_var
    mask = np.asarray(mask_var)
    if mask.dtype != bool or mask.shape != (adata.n_vars,):
        raise ValueError(
            f"Expected mask_var to be a column of adata.var or a mask of {adata.n_vars} booleans, "
            f"got dtype {mask.dtype} and shape {mask.shape}."
        )
    if not mask.any():
        raise ValueError("Expected mask_var to keep at least one gene, got none.")
    return mask, name


def genes_of(adata, genes, mask):
    """Numbers of the genes to write; None for no or all genes."""
    if genes is None:
        return None
    if isinstance(genes, str):
        if genes != "all":
            raise ValueError(f"Expected genes to be a list of names or 'all', got {genes!r}.")
        if mask is not None and not mask.all():
            raise ValueError(
                f"Expected mask_var=None with genes='all', got a mask that leaves out "
                f"{int((~mask).sum())} genes, which are not denoised: name the genes, or pass "
                f"mask_var=None."
            )
        return None
    return places_of(adata, genes, mask)


def places_of(adata, genes, mask=None):
    """Numbers of genes by their names."""
    places = adata.var_names.get_indexer(genes)
    for gene, place in zip(genes, places, strict=True):
        if place < 0:
            raise missing(gene, "var_names", adata.var_names)
        if mask is not None and not mask[place]:
            raise ValueError(
                f"Expected genes that mask_var keeps, got {gene!r}, which it leaves out."
            )
    return places


def check_key(key):
    """Raise unless `key` can name results."""
    if not isinstance(key, str) or not key:
        raise ValueError(f"Expected key_added to be a name such as 'denoised', got {key!r}.")


def remove_stale(adata, key, results):
    """Remove what an earlier call wrote under a key, if `results` will not replace it."""
    facts = adata.uns.get(key, {})
    if not hasattr(facts, "get") or "n_comps" not in facts:  # written by somebody else
        return
    for field, name in (
        ("obsm", f"{key}_genes"),
        ("varm", key),
        ("layers", key),
        ("layers", f"{key}_held_out"),
        ("var", f"{key}_r2"),
        ("obs", f"{key}_total"),
    ):
        if name in getattr(adata, field) and name not in results.get(field, {}):
            del getattr(adata, field)[name]


def write(adata, results, copy, inplace):
    """Write results, by field and key; return what the caller shall return."""
    if not inplace:
        return results
    for field, values in results.items():
        for key, value in values.items():
            getattr(adata, field)[key] = value
    return adata if copy else None
