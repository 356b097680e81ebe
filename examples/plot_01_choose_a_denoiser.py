# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""
Choose a denoiser without ground truth
======================================

A noisy image, several families of denoisers, and scikit-learn's grid search.
"""

# %%
# An image with noise. The clean one is used at the very end only.
from copy import deepcopy

import matplotlib.pyplot as plt
import numpy as np
from skimage.data import camera
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import selfsupervised as ss

clean = camera()[100:356, 150:406] / 255
noisy = clean + np.random.default_rng(0).normal(0, 0.1, clean.shape)

# %%
# `JInvariantWrapper` hides pixels from a denoiser and keeps its predictions for them. Judged
# on those, a denoiser cannot gain by returning what it was given, and the loss is the true
# error plus the variance of the noise. So a search may use it as it would use the truth.
# There is one image, hence `SameSplit`: the pixels are held out, not the images.
search = GridSearchCV(
    ss.JInvariantWrapper(ss.GaussianDenoiser()),
    [
        {"estimator": [ss.GaussianDenoiser()], "estimator__sigma": [0.7, 1.0, 1.4]},
        {"estimator": [ss.MedianDenoiser()], "estimator__radius": [1, 2, 3]},
        {"estimator": [ss.TotalVariationDenoiser()], "estimator__weight": [0.05, 0.1, 0.2]},
    ],
    cv=ss.SameSplit(),
    error_score="raise",
)
search.fit(noisy[None])
for params, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"]):
    print(f"{-score:.5f}  {params}")

# %%
# What was chosen, applied to the whole image, nothing hidden.
chosen = search.best_estimator_.estimator
display = ss.DenoisingDisplay.from_estimator(chosen, noisy[None], clean=clean[None])

# %%
# The choice was right: the true errors have the same order, and each loss is the true error plus
# the variance of the noise, 0.01.
errors = []
for params in deepcopy(search.cv_results_["params"]):
    denoiser = clone(search.estimator).set_params(**params)
    errors.append(np.mean((denoiser.fit_transform(noisy[None])[0] - clean) ** 2))
print("best by the loss:", search.cv_results_["params"][search.best_index_])
print("best by the truth:", search.cv_results_["params"][int(np.argmin(errors))])

losses = -search.cv_results_["mean_test_score"]
_, ax = plt.subplots(figsize=(5, 4), layout="constrained")
for family in ("Gaussian", "Median", "TotalVariation"):
    of_family = [family in str(params["estimator"]) for params in search.cv_results_["params"]]
    ax.scatter(np.array(errors)[of_family], losses[of_family], label=family)
low, high = min(errors), max(errors)
ax.plot([low, high], [low + 0.01, high + 0.01], "k:", lw=1, label="error + noise variance")
ax.set(xlabel="true error", ylabel="self-supervised loss")
ax.locator_params(nbins=4)
ax.legend(frameon=False)
