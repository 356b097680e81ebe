# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""
Single cells in scanpy
======================

How many principal components? The molecules know: components of one half of them predict the
other half best if there are as many as the cells have signal for. Neighbours and clusters then
use those.
"""

# %%
# scanpy brings 700 blood cells with 765 genes, as logarithms of normalised counts. Undoing that
# gives back the counts of these genes: in each cell the smallest value is that of one molecule.
import numpy as np
import scanpy as sc
from anndata import AnnData
from scipy import sparse

import selfsupervised as ss

shipped = sc.datasets.pbmc68k_reduced()
normalized = np.expm1(shipped.raw.X.toarray())
smallest = np.where(normalized > 0, normalized, np.inf).min(axis=1, keepdims=True)
counts = np.rint(normalized / smallest).astype(np.float32)
adata = AnnData(
    sparse.csr_matrix(counts), obs=shipped.obs[["bulk_labels"]], var=shipped.raw.var[[]]
)
adata.layers["counts"] = adata.X.copy()
print(adata.X.sum(axis=1).mean(), "molecules in a cell")

# %%
# The usual first steps change `X`; the counts stay in their layer.
sc.pp.normalize_total(adata)
sc.pp.log1p(adata)

# %%
# Denoise. Factors go to `obsm` and `varm`; no table of cells and genes is made.
ss.pp.denoise_counts(adata, layer="counts")
result = adata.uns["denoised"]
print(result["n_comps"], "components")
ss.pl.rank_loss(adata)

# %%
# Neighbours and clusters on the chosen components.
sc.pp.neighbors(adata, use_rep="denoised")
sc.tl.leiden(adata, flavor="igraph", n_iterations=2, directed=False)
print(adata.obs["leiden"].value_counts().to_dict())

# %%
# Two genes of monocytes as measured and denoised.
ss.pl.denoised(adata, "CST3", "LYZ", color="bulk_labels")
