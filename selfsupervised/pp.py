# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Denoising of the counts in an AnnData, after the conventions of scanpy."""

from collections.abc import Mapping
from importlib.metadata import version

import numpy as np
import pandas as pd
from anndata import AnnData

from selfsupervised._molecules import thin_counts
from selfsupervised.counts import PCADenoiserCV
from selfsupervised.counts._row_blocks import Columns, is_dask, is_streamed, thinned_blocks
from selfsupervised.fill import as_seed

HIGHLY_VARIABLE = "highly_variable if there"


def denoise_counts(
    adata,
    *,
    layer=None,
    method="pca",
    n_comps="auto",
    max_comps=50,
    mask_var=HIGHLY_VARIABLE,
    key_added="denoised",
    genes=None,
    hold_out=None,
    copy=False,
    inplace=True,
    rng=0,
    **params,
):
    """Denoise counts by principal components, as many as predict unseen molecules best.

    The molecules of each cell are shared out into two halves, and of all ranks the one is taken
    whose denoised first half predicts the second best, and the other way round
    (`PCADenoiserCV`). What is written is fitted to all molecules.

    Parameters
    ----------
    adata : AnnData of shape (n_obs, n_vars)
        With raw counts; in memory, backed by a file, or with a dask array.
    layer : str, default=None
        Where the counts are; `X` by default.
    method : {"pca"}, default="pca"
        The kind of denoiser.
    n_comps : int or "auto", default="auto"
        Number of components; "auto" chooses it by itself.
    max_comps : int, default=50
        The most that are tried.
    mask_var : str, array-like of bool of shape (n_vars,) or None
        The genes to denoise: a column of `var`, a mask, or None for all. By default
        ``var["highly_variable"]``, where there is one.
    key_added : str, default="denoised"
        Under which name results are written.
    genes : list of str or "all", default=None
        Write denoised values of these genes too. They take dense arrays.
    hold_out : float, default=None
        Keep this share of the molecules out of everything, for a final test. In memory only.
    copy : bool, default=False
        Whether to write into a copy and return it.
    inplace : bool, default=True
        Whether to write into `adata`, or to return what would be written.
    rng : int, RandomState or Generator, default=0
        Seed of the split and of the decomposition.
    **params
        Other parameters of `PCADenoiserCV`.

    Returns
    -------
    AnnData, dict or None
        None by default; the copy with ``copy=True``; with ``inplace=False`` a dict of what would
        be written, by field and key. Written is (`X` and `raw` stay as they are):

        ``obsm[key_added]`` : ndarray of float of shape (n_obs, n_comps)
            The cells in the components, for `scanpy.pp.neighbors` with ``use_rep=key_added``.
        ``varm[key_added]`` : ndarray of float of shape (n_vars, n_comps)
            The components; zero for genes that are left out. The product of both is the denoised
            table, in the units of the normalisation: by default square roots of counts that are
            scaled to the median total.
        ``uns[key_added]`` : dict
            ``params``, ``n_comps``, ``loss_path`` (a loss for each rank), ``target_sum``,
            ``version``, and ``held_out`` (CSR) if asked for.
        ``obsm[key_added + "_genes"]`` : DataFrame of shape (n_obs, n_genes)
            If `genes` is a list.
        ``layers[key_added]`` : ndarray of shape (n_obs, n_vars)
            If `genes` is "all".

    Raises
    ------
    KeyError
        If a layer, a column or a gene is not there.
    ValueError
        If the counts are negative or NaN, or parameters do not fit.

    Warns
    -----
    UserWarning
        Fractional values, which are normalised data rather than counts.

    Notes
    -----
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
