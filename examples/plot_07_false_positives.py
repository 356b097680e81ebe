# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""
Denoised counts are for looking at, not for testing
===================================================

Denoising lends every gene the pattern of the others. A test that takes denoised values for
measurements finds differences in genes that have none. Molecules that were put aside do not have
this flaw.
"""

# %%
# Cells of two kinds. Of 200 genes, 20 differ between the kinds; the other 180 do not.
import numpy as np
from scipy.stats import mannwhitneyu
from sklearn.cluster import KMeans
from sklearn.model_selection import GridSearchCV

import selfsupervised as ss

rng = np.random.default_rng(0)
kind = np.arange(400) % 2
rates = np.tile(rng.gamma(1, 1, 200), (400, 1))
rates[:, :20] *= np.where(kind == 1, 2.5, 1)[:, None]
counts = rng.poisson(rates * rng.gamma(5, 0.2, (400, 1)))

# %%
# First put some molecules aside. All that follows sees the others only: the choice of the number
# of neighbours, which hides half of them once more, the denoising, and the clusters.


def clusters(table):
    """Two groups of cells, by their profiles."""
    roots = ss.CountNormalizer(transformation="sqrt").fit_transform(table)
    return KMeans(2, random_state=0).fit_predict(roots)


pair = next(ss.MoleculeSplit(0.7, symmetric=False).split(counts))
search = GridSearchCV(
    ss.NeighborDiffusionDenoiser(n_components=3),
    {"n_neighbors": [5, 15, 50]},
    scoring=ss.SelfSupervisedScorer(partition=ss.MoleculeSplit(), loss="poisson"),
    cv=ss.SameSplit(),
    error_score="raise",
).fit(pair.seen)
denoised = search.best_estimator_.transform(pair.seen)
groups = clusters(denoised)
print("chosen:", search.best_params_)
print(f"cells put with their kind: {max(np.mean(groups == kind), np.mean(groups != kind)):.0%}")

# %%
# Which genes differ between the clusters, at a level of 5 %?


def differ(table, groups):
    """Whether each gene differs."""
    scaled = ss.CountNormalizer(transformation=None).fit_transform(table)
    return mannwhitneyu(scaled[groups == 0], scaled[groups == 1]).pvalue < 0.05


tables = {
    "denoised values": denoised,
    "the molecules behind them": pair.seen,
    "molecules put aside": pair.judged,
}
false_positives = {}
for what, table in tables.items():
    genes = differ(table, groups)
    false_positives[what] = genes[20:].mean()
    print(f"{what}: {genes[:20].mean():.0%} of the 20 genes, {genes[20:].mean():.0%} of the others")

# %%
# Of one kind of cells there is nothing to find, but clusters there are all the same: drawn along
# the noise of the molecules that they were drawn from. To test those molecules is wrong, too.
one_kind = rng.poisson(rates[:1] * rng.gamma(5, 0.2, (400, 1)))
pair = next(ss.MoleculeSplit(0.7, symmetric=False).split(one_kind))
denoised = search.best_estimator_.fit_transform(pair.seen)
groups = clusters(denoised)
for what, table in zip(tables, [denoised, pair.seen, pair.judged]):
    print(f"{what}: {differ(table, groups).mean():.0%} of genes that do not differ")

# %%
# What a test at a level of 5 % finds where there is nothing to find.
import matplotlib.pyplot as plt

_, ax = plt.subplots(figsize=(6, 2.4), layout="constrained")
ax.barh(list(false_positives), list(false_positives.values()), color=["C3", "C1", "C0"])
ax.axvline(0.05, color="k", ls=":", label="level of the test")
ax.set(xlabel="share of genes that do not differ, found to differ", xlim=(0, 1))
ax.invert_yaxis()
ax.legend(frameon=False)
