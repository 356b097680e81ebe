# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""
Choose a denoiser without ground truth
======================================

A noisy picture, several families of denoisers, and scikit-learn's grid search.
"""

# %%
# A picture with noise. The clean one is used at the very end only.
from copy import deepcopy

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
# The choice was right: the true errors have the same order.
errors = []
for params in deepcopy(search.cv_results_["params"]):
    denoiser = clone(search.estimator).set_params(**params)
    errors.append(np.mean((denoiser.fit_transform(noisy[None])[0] - clean) ** 2))
print("best by the loss:", search.cv_results_["params"][search.best_index_])
print("best by the truth:", search.cv_results_["params"][int(np.argmin(errors))])
