# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Denoising of the counts in an AnnData, after the conventions of scanpy."""

from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from selfsupervised.core.seeds import as_seed
from selfsupervised.core.types import Estimator, RandomState
from selfsupervised.core.validation import is_finite_number
from selfsupervised.counts._row_blocks import check_streamed, is_dask, is_streamed, read_rows
from selfsupervised.counts.normalizer import row_totals
from selfsupervised.partitions.thinning import thin_counts
from selfsupervised.singlecell.fields import (
    HIGHLY_VARIABLE_IF_THERE,
    check_key,
    columns_of,
    genes_of,
    mask_of,
    remove_stale,
    table_of,
    write,
)
from selfsupervised.singlecell.log import finished, started
from selfsupervised.singlecell.methods import (
    METHODS,
    by_components,
    by_family,
    rank_model,
    report_of_batches,
)
from selfsupervised.singlecell.results import batches_of, results_of, savable, whole_table_of
from selfsupervised.singlecell.units import check_units

__all__ = ["denoise_counts", "split_molecules"]


def denoise_counts(
    adata: Any,
    *,
    layer: str | None = None,
    method: str | Estimator = "pca",
    n_comps: Any = "auto",
    max_comps: int = 50,
    mask_var: Any = HIGHLY_VARIABLE_IF_THERE,
    key_added: str | None = "denoised",
    genes: Any = None,
    units: Any = None,
    target_sum: Any = "median",
    batch_key: str | None = None,
    hold_out: float | None = None,
    copy: bool = False,
    inplace: bool = True,
    rng: RandomState = 0,
    **params: Any,
) -> Any:
    """Denoise counts, by as many components, or by the method, that predict unseen molecules best.

    The molecules of each cell are shared out into two halves, and of all numbers of principal
    components the one is taken by which one half predicts the other best (`PCADenoiserCV`). Other
    methods, and "auto", are chosen by the Poisson loss on a tenth of the molecules, beside the
    means of genes and the counts as they are. What is written is fitted to all molecules.

    Parameters
    ----------
    adata : AnnData of shape (n_obs, n_vars)
        With raw counts; in memory, backed by a file, or with a dask array.
    layer : str, default=None
        Where the counts are; `X` by default.
    method : {"pca", "diffusion", "autoencoder", "auto"}, default="pca"
        Principal components, averages over neighbours (`NeighborDiffusionDenoiser`, of a few
        settings the best), `NegativeBinomialAutoencoder`, or which of all these has the least
        Poisson loss. That loss follows the error of expected counts; squared errors of logarithms
        do not. All but "pca" are for counts in memory.
    n_comps : int or "auto", default="auto"
        Number of components; "auto" chooses it by itself. For other methods, of those in which
        neighbours are sought and cells are written.
    max_comps : int, default=50
        The most that are tried.
    mask_var : str, array-like of bool of shape (n_vars,) or None
        The genes to denoise: a column of `var`, a mask, or None for all. By default
        ``var["highly_variable"]``, where there is one.
    key_added : str, default="denoised"
        Under which name results are written.
    genes : list of str or "all", default=None
        Write denoised values of these genes too. They take dense arrays.
    units : {None, "sqrt", "counts", "log1p"}, default=None
        Of these values. None leaves those of components normalised, by default square roots; such
        means follow a cell's depth even for genes that tell nothing. "counts", which other methods
        give by default, are expected molecules of cells that all have the same total,
        `target_sum`; they add up to it, and are no worse than the mean of each gene. "log1p" are
        their logarithms, and "sqrt" their square roots (of components as they are). "counts" and
        "log1p" in memory only.
    target_sum : float or "median", default="median"
        Total of every cell, see `CountNormalizer`.
    batch_key : str, default=None
        A column of `obs`: report the Poisson loss of each batch, and warn of batches that are
        predicted worse than by the means of their own genes. In memory only.
    hold_out : float, default=None
        Keep this share of the molecules out of everything, for a final test. In memory only.
    copy : bool, default=False
        Whether to write into a copy and return it.
    inplace : bool, default=True
        Whether to write into `adata`, or to return what would be written.
    rng : int, RandomState or Generator, default=0
        Seed of the split and of the decomposition.
    **params
        Other parameters of the method: of `PCADenoiserCV`, `NeighborDiffusionDenoiser` or
        `NegativeBinomialAutoencoder`.

    Returns
    -------
    AnnData, dict or None
        None by default; the copy with ``copy=True``; with ``inplace=False`` a dict of what would
        be written, by field and key. Written is (`X` and `raw` stay as they are):

        ``obsm[key_added]`` : ndarray of float of shape (n_obs, n_comps)
            The cells in the components, for `scanpy.pp.neighbors` with ``use_rep=key_added``; of
            other methods, square roots of denoised cells projected on them.
        ``varm[key_added]`` : ndarray of float of shape (n_vars, n_comps)
            The components (with ``form="regression"`` an orthonormal basis of what they predict);
            zero for genes that are left out. The product of both is the denoised
            table, in the units of the normalisation: by default square roots of counts that are
            scaled to the median total. By components only.
        ``var[key_added + "_r2"]`` : ndarray of float of shape (n_vars,)
            How well held-out molecules of each gene are predicted by the others: 1 minus the
            squared error over that of the gene's mean. 0 says that denoising tells no more than
            the mean; NaN for genes that are left out. In memory only.
        ``uns[key_added]`` : dict
            ``params``, ``n_comps``, ``loss_path`` (a loss for each rank), ``loss_of_means`` (of
            gene means, which is to be beaten; both for components only), ``target_sum``,
            ``n_vars``, ``method``, ``version``; where methods are compared ``losses``, and
            ``batches`` (``names``, ``loss``, ``loss_of_means``) with `batch_key`.
        ``obs[key_added + "_total"]`` : ndarray of float of shape (n_obs,)
            Molecules that were denoised.
        ``layers[key_added + "_held_out"]`` : CSR of shape (n_obs, n_vars)
            With `hold_out`.
        ``obsm[key_added + "_genes"]`` : DataFrame of shape (n_obs, n_genes)
            If `genes` is a list.
        ``layers[key_added]`` : ndarray of shape (n_obs, n_vars)
            If `genes` is "all".

        What an earlier call wrote under the same name, and this one does not, is removed.

    Raises
    ------
    KeyError
        If a layer, a column or a gene is not there.
    ValueError
        If the counts are negative or NaN, or parameters do not fit.

    Warns
    -----
    UserWarning
        Fractional values, which are normalised data rather than counts; no structure found; a
        method that is worse than counts as they are or gene means; a batch that is far off.

    See Also
    --------
    selfsupervised.PCADenoiserCV : The default method, for arrays.
    selfsupervised.pl.rank_loss : Plots the losses by which it chose.

    Notes
    -----
    What is done is said by scanpy's log; cells without molecules are named with
    ``scanpy.settings.verbosity = 3``.

    Differences between groups of cells must not be tested on denoised values: denoising makes
    cells more alike than their number says. `split_molecules` gives two samples, one to find
    groups in and one to test on.

    Examples
    --------
    >>> import anndata
    >>> import numpy as np
    >>> import selfsupervised as ss
    >>> rng = np.random.default_rng(0)
    >>> rates = rng.gamma(0.5, size=(300, 3)) @ rng.gamma(0.5, size=(3, 40))
    >>> adata = anndata.AnnData(rng.poisson(3 * rates).astype(np.float32))
    >>> ss.pp.denoise_counts(adata, max_comps=10)
    >>> adata.uns["denoised"]["n_comps"]
    3
    """
    _check_choices(copy, inplace, method)
    check_key(key_added)
    adata = _target(adata, copy)
    counts = table_of(adata, layer)
    check_units(units, counts)
    mask, mask_name = mask_of(adata, mask_var)
    chosen = genes_of(adata, genes, mask)
    names, batches = batches_of(adata, batch_key, counts)
    seed = as_seed(rng)
    start = started(f"denoising counts (method={method!r})")
    held_out = None
    if hold_out is not None:
        counts, held_out = _hold_out(counts, hold_out, seed)
    counts = columns_of(counts, mask)
    of_ranks = {"target_sum": target_sum} | (params if method == "pca" else {})
    model = rank_model(n_comps, max_comps, counts.shape, seed, of_ranks)
    if method == "pca" and batches is None:
        outcome = by_components(counts, model, seed)
    else:
        others = {} if method == "pca" else params
        outcome = by_family(method, counts, model, seed, others, batches)
    settings = {
        "method": method,
        "layer": layer,
        "mask_var": mask_name,
        "hold_out": hold_out,
        "units": units,
        "batch_key": batch_key,
        "rng": seed,
        **outcome.params,
    }
    facts = {
        "params": {k: savable(value) for k, value in settings.items() if value is not None},
        **outcome.facts,
        "method": outcome.method,
        "n_vars": adata.n_vars,
        "version": version("selfsupervised"),
    }
    if batches is not None:
        losses = outcome.losses
        facts["batches"] = report_of_batches(names, batches, losses["of cells"], losses["of means"])
    results = results_of(adata, key_added, outcome, mask, facts)
    if not is_streamed(counts):
        totals = row_totals(counts)
        results["obs"] = {f"{key_added}_total": totals}
        empty = adata.obs_names[totals == 0]
    else:
        empty = []
    if held_out is not None:
        results["layers"] = {f"{key_added}_held_out": held_out}
    if isinstance(genes, str):
        values = whole_table_of(adata, outcome, units)
        results["layers"] = results.get("layers", {}) | {key_added: values}
    elif genes is not None:
        columns = chosen if mask is None else (np.cumsum(mask) - 1)[chosen]
        frame = pd.DataFrame(
            outcome.values(columns, units), index=adata.obs_names, columns=adata.var_names[chosen]
        )
        results["obsm"][f"{key_added}_genes"] = frame
    if inplace:
        remove_stale(adata, key_added, results)
    finished(start, results, f"by {outcome.method}, {facts['n_comps']} components", empty)
    return write(adata, results, copy, inplace)


def split_molecules(
    adata: Any,
    *,
    fraction: float = 0.5,
    layer: str | None = None,
    key_added: str | None = "molecules",
    copy: bool = False,
    inplace: bool = True,
    rng: RandomState = 0,
) -> Any:
    """Share the molecules of every cell out into two samples that are independent given it.

    What is found in one sample, such as groups of cells and genes that tell them apart, can be
    tested on the other: each molecule is in one of them.

    Parameters
    ----------
    adata : AnnData of shape (n_obs, n_vars)
        With raw counts; in memory, backed by a file, or with a dask array.
    fraction : float, default=0.5
        Expected share of the molecules in the first sample.
    layer : str, default=None
        Where the counts are; `X` by default.
    key_added : str, default="molecules"
        Beginning of the names of the layers.
    copy : bool, default=False
        Whether to write into a copy and return it.
    inplace : bool, default=True
        Whether to write into `adata`, or to return what would be written.
    rng : int, RandomState or Generator, default=0
        Seed of the split.

    Returns
    -------
    AnnData, dict or None
        None by default; the copy with ``copy=True``; with ``inplace=False`` a dict of what would
        be written, by field and key. Written is:

        ``layers[key_added + "_seen"]`` and ``layers[key_added + "_held_out"]``
            The samples, of the shape and dtype of the counts; CSR if these are sparse or in a
            file, dask arrays that compute when they are asked to if these are one.
        ``uns[key_added]`` : dict
            ``params`` and ``version``.

    Raises
    ------
    KeyError
        If the layer is not there.
    ValueError
        If the counts are negative or NaN, or `fraction` is not between 0 and 1.

    Warns
    -----
    UserWarning
        Fractional values, which are normalised data rather than counts.

    See Also
    --------
    selfsupervised.MoleculeSplit : The same for arrays.

    Examples
    --------
    >>> import anndata
    >>> import numpy as np
    >>> import selfsupervised as ss
    >>> adata = anndata.AnnData(np.array([[4.0, 0.0, 7.0], [1.0, 3.0, 0.0]]))
    >>> ss.pp.split_molecules(adata)
    >>> sorted(adata.layers)
    ['molecules_held_out', 'molecules_seen']
    """
    _check_choices(copy, inplace)
    adata = _target(adata, copy)
    seed = as_seed(rng)
    samples = _thinned(table_of(adata, layer), fraction, (seed, 0))
    params = {"fraction": fraction, "layer": layer, "rng": seed}
    facts = {
        "params": {name: value for name, value in params.items() if value is not None},
        "version": version("selfsupervised"),
    }
    names = f"{key_added}_seen", f"{key_added}_held_out"
    results = {"layers": dict(zip(names, samples, strict=True)), "uns": {key_added: facts}}
    return write(adata, results, copy, inplace)


# -- what is made --------------------------------------------------------------------------


def _hold_out(counts, share, seed):
    if not is_finite_number(share) or not 0 < share < 1:
        raise ValueError(f"Expected hold_out to be a number between 0 and 1, got {share!r}.")
    if is_streamed(counts):
        raise ValueError(
            "Expected counts in memory with hold_out, got a table in blocks: use "
            "pp.split_molecules, and denoise the first of its layers."
        )
    seen, held_out = _thinned(counts, 1 - share, (seed, -1))
    return seen, sparse.csr_matrix(held_out)


def _thinned(counts, fraction, seed):
    """Both samples, in the container of the counts."""
    if is_streamed(counts):
        check_streamed(counts, caller="pp.split_molecules")
    if is_dask(counts):
        return [_thinned_blocks(counts, fraction, seed, side) for side in (0, 1)]
    if is_streamed(counts):
        counts = sparse.csr_matrix(read_rows(counts, slice(0, counts.shape[0])))
    return [sample for sample, _ in thin_counts(counts, fraction, seed=seed)]


def _thinned_blocks(counts, fraction, seed, side):
    def thinned(block):
        has_any = block.count_nonzero() if sparse.issparse(block) else np.any(block)
        return thin_counts(block, fraction, seed=seed)[side][0] if has_any else block

    return counts.map_blocks(thinned, dtype=counts.dtype, meta=counts._meta)


def _check_choices(copy, inplace, method="pca"):
    if copy and not inplace:
        raise ValueError("copy=True cannot be used with inplace=False: choose one.")
    if method not in METHODS:
        raise ValueError(f"Expected method to be one of {list(METHODS)}, got {method!r}.")


def _target(adata, copy):
    if not isinstance(adata, AnnData):
        raise TypeError(
            f"Expected an AnnData, got {type(adata).__name__}; for arrays use "
            f"selfsupervised.PCADenoiserCV or MoleculeSplit."
        )
    if adata.isbacked and adata.is_view:
        raise ValueError(
            "Expected an AnnData that is whole or in memory, got a part of one that is backed by a "
            "file, to which nothing can be written: use adata[...].to_memory()."
        )
    if copy and adata.isbacked:
        raise ValueError(
            "copy=True expected an AnnData in memory, got one that is backed by a file: use "
            "adata.copy(filename), or adata.to_memory()."
        )
    return adata.copy() if copy else adata


def __dir__():
    return __all__
