# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Some genes of an AnnData, as measured and as denoised, in the units of the components."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

from selfsupervised.counts._row_blocks import is_streamed, map_over_blocks
from selfsupervised.counts.normalizer import FORWARD, row_totals
from selfsupervised.partitions.thinning import are_fractional
from selfsupervised.singlecell.fields import places_of, table_of

BACK: dict[str, Callable] = {"sqrt": np.square, "counts": np.asarray, "log1p": np.expm1}


def denoised_values(adata, genes, key):
    """Denoised values: by components, or what was written of these genes.

    Returns
    -------
    ndarray of shape (n_cells, n_genes)
    """
    places = places_of(adata, genes)
    if key in adata.varm:
        return adata.obsm[key] @ _loadings(adata, genes, key).T
    back = BACK[adata.uns[key]["params"].get("units", "counts")]
    if key in adata.layers:
        return np.sqrt(back(np.asarray(adata.layers[key][:, places])))
    frame = adata.obsm.get(f"{key}_genes")
    if frame is None or not set(genes) <= set(frame.columns):
        raise KeyError(
            f"Expected denoised values of {genes}, got a result of "
            f"method={adata.uns[key]['method']!r} without them: pass genes={genes} to "
            f"pp.denoise_counts."
        )
    return np.sqrt(back(frame[genes].to_numpy()))


def _loadings(adata, genes, key):
    loadings = adata.varm[key]
    return loadings[places_of(adata, genes, loadings.any(axis=1))]


def measured_values(adata, genes, key, layer):
    """Measured counts, normalised as they were before denoising.

    The table may have been normalised since, and be a subset of cells, which change nothing but
    the scale of a cell; the totals before a subset of genes was taken are remembered.

    Returns
    -------
    ndarray of shape (n_cells, n_genes)
    """
    facts, table, places = adata.uns[key], table_of(adata, layer), places_of(adata, genes)
    transformation = facts["params"].get("transformation")
    if key not in adata.varm:
        transformation = "sqrt"
    forward = FORWARD.get(transformation, np.asarray)
    mask = adata.varm[key].any(axis=1) if key in adata.varm else None
    if is_streamed(table):
        return _of_blocks(table, mask, places, facts["target_sum"], forward)
    values: Any = sparse.csc_array(table) if sparse.issparse(table) else np.asarray(table)
    wanted = _dense(values[:, places]).astype(np.float64)
    entries = values.data if sparse.issparse(values) else values
    totals = np.asarray(adata.obs[f"{key}_total"], dtype=float)
    if np.min(entries, initial=0) < 0:
        raise ValueError(
            "Expected counts, or what normalize_total and log1p make of them, got negative values: "
            "pass layer='counts', or where the counts are."
        )
    if are_fractional(entries):
        if "log1p" in adata.uns and layer is None:
            base = adata.uns["log1p"].get("base")
            scale = 1.0 if base is None else float(np.log(base))
            values, wanted = (values * scale), np.expm1(wanted * scale)
            values = values.expm1() if sparse.issparse(values) else np.expm1(values)
        if adata.n_vars < facts.get("n_vars", adata.n_vars):
            raise ValueError(
                "Expected counts, got normalised values of a part of the genes, whose totals are "
                "lost: pass layer='counts', or where the counts are."
            )
        inside = values if mask is None else values[:, np.flatnonzero(mask)]
        totals = row_totals(inside)
    factors = np.divide(facts["target_sum"], totals, where=totals > 0, out=np.zeros_like(totals))
    return forward(wanted * factors[:, None])


def _of_blocks(table, mask, places, target, forward):
    inside = slice(None) if mask is None else np.flatnonzero(mask)

    def values(block):
        totals = row_totals(block[:, inside])
        factors = np.divide(target, totals, where=totals > 0, out=np.zeros_like(totals))
        return forward(_dense(block[:, places]) * factors[:, None])

    return np.asarray(map_over_blocks(values, table, len(places), np.float64))


def _dense(table):
    return table.toarray() if sparse.issparse(table) else np.asarray(table)
