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
# Denoise by means over cells that are alike, with the number of neighbours that predicts held-out
# molecules best, by their Poisson loss, beside the mean of each gene and the counts as they are.
# ``method="auto"`` lets principal components and an autoencoder compete as well, which takes some
# ten seconds. Two genes are written in molecules of cells that all have the same total.
ss.pp.denoise_counts(
    adata,
    layer="counts",
    method="diffusion",
    genes=["CST3", "LYZ"],
    units="counts",
    key_added="neighbours",
)
for name, loss in sorted(adata.uns["neighbours"]["losses"].items(), key=lambda item: item[1]):
    print(f"{loss:.4f}  {name}")

# %%
# Principal components are the quick way, and the default. Factors go to `obsm` and `varm`; no table
# of cells and genes is made.
ss.pp.denoise_counts(adata, layer="counts")
print(adata.uns["denoised"]["n_comps"], "components")
print(adata.var["denoised_r2"].nlargest(5))  # 0 would be no better than the mean of the gene
ss.pl.rank_loss(adata)

# %%
# Neighbours and clusters on the chosen components.
sc.pp.neighbors(adata, use_rep="denoised")
sc.tl.leiden(adata, flavor="igraph", n_iterations=2, directed=False)
print(adata.obs["leiden"].value_counts().to_dict())

# %%
# Two genes of monocytes as measured and denoised.
ss.pl.denoised(adata, "CST3", "LYZ", color="bulk_labels")

# %%
# What may be tested on denoised values? Nothing. Here are 300 genes in which nothing is: molecules
# that fall into cells by chance, by the cell's total alone. How many of them tell some kind of
# cells from the others, with an area under the curve above 0.9?
from scipy.stats import rankdata

rng = np.random.default_rng(0)
means = rng.gamma(1, 0.5, 300)
nothing = rng.poisson(np.outer(counts.sum(axis=1) / counts.sum(axis=1).mean(), means))
both = AnnData(sparse.csr_matrix(np.hstack([counts, nothing]).astype(np.float32)))
kinds = adata.obs["bulk_labels"].to_numpy()


def share_that_tells(table):
    """Of the genes in which nothing is."""
    ranks, areas = rankdata(table, axis=0), []
    for kind in np.unique(kinds):
        n = np.sum(kinds == kind)
        area = (ranks[kinds == kind].sum(axis=0) - n * (n + 1) / 2) / (n * (len(kinds) - n))
        areas.append(np.maximum(area, 1 - area))
    return np.mean(np.max(areas, axis=0) > 0.9)


tells = {"measured": share_that_tells(nothing)}
for method, units in [("pca", "sqrt"), ("pca", "counts"), ("diffusion", "counts")]:
    ss.pp.denoise_counts(both, method=method, units=units, genes="all")
    tells[f"{method}, {units}"] = share_that_tells(both.layers["denoised"][:, -300:])
for what, share in tells.items():
    print(f"{share:.0%}  {what}")

# %%
# Even at a fixed depth denoised genes look like markers of kinds of cells. Test on molecules that
# nothing was learned from: `pp.split_molecules`, or ``hold_out=``.
