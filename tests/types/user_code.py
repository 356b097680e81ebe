# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What users write: it must run, and mypy and pyright must have nothing to say about it."""

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

import selfsupervised as ss

rng = np.random.default_rng(0)
noisy = rng.normal(0.5, 0.1, size=(24, 24))
stack = noisy[None]

# One image.
assert_type(ss.denoise(noisy), NDArray[Any])
clean, found = ss.denoise(noisy, "gaussian", return_search=True)
assert_type(clean, NDArray[Any])
assert_type(found, ss.AutoDenoiser)
assert_type(ss.denoise(noisy, found), NDArray[Any])
assert_type(ss.denoise(noisy, ss.MedianDenoiser(2), channel_axis=None), NDArray[Any])
level: float = ss.estimate_noise(noisy)
gain, variance = ss.estimate_noise(noisy, "poisson_gaussian")
words: str = ss.estimate_noise(noisy, "full").describe()
print(f"{level:.2f} {gain + variance:.2f} {words} {clean.mean():.2f}")

# Stacks, and lists of images of several sizes.
assert_type(ss.GaussianDenoiser(sigma=1).fit(stack).transform(stack), NDArray[Any])
assert_type(ss.NLRidgeDenoiser(n_jobs=-1).fit_transform([noisy, noisy[:16]]), list[NDArray[Any]])
assert_type(found.transform(stack), NDArray[Any])
score: float = ss.MedianDenoiser().score(stack)

# A search, and what is judged.
wrapper = ss.JInvariantWrapper(ss.MedianDenoiser(), partition=ss.PixelGrid(4), mix="optimal")
search = GridSearchCV(wrapper, {"estimator__radius": [1, 2]}, cv=ss.SameSplit())
search.fit(stack)
loss: float = ss.self_supervised_loss(wrapper, stack, n_subsets=4)
psnr: float = ss.estimated_psnr(ss.MedianDenoiser(), stack, data_range=1.0, noise_variance=0.001)
noise = ss.estimate_noise(noisy, "full")
risk: float = ss.estimated_risk(ss.MedianDenoiser(), stack, noise=noise)

# Tables and counts.
table = rng.normal(size=(30, 6))
assert_type(ss.LinearRegressionDenoiser().fit(table), ss.LinearRegressionDenoiser)
ss.JInvariantWrapper(Ridge(), partition=ss.FeatureBlocks(3)).fit_transform(table)
counts = rng.poisson(5, size=(30, 6))
model = ss.PCADenoiserCV(n_components=2, random_state=rng).fit(counts)
pair = next(iter(ss.MoleculeSplit().split(counts)))
print(model.transform(counts).shape, pair.seen.shape)
