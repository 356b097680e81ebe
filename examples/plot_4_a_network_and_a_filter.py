# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""
A network and a filter, judged on the same pixels
=================================================

A network that is trained on the one picture that it denoises could look good by remembering the
noise. `Noise2SelfDenoiser` holds out a sixteenth of the pixels, and is judged on those; so can be
any filter. (Needs ``pip install "selfsupervised[networks]"``.)
"""

# %%
import numpy as np
from skimage.data import camera
from sklearn.model_selection import GridSearchCV

import selfsupervised as ss

clean = camera()[100:228, 150:278] / 255
noisy = clean + np.random.default_rng(0).normal(0, 0.1, clean.shape)

# %%
# Learning parameters are searched as any others, by the loss of the pixels that were held out.
network = ss.Noise2SelfDenoiser(max_steps=100, patch_size=32)
search = GridSearchCV(network, {"lr": [2e-4, 2e-3]}, cv=ss.SameSplit(), error_score="raise")
search.fit(noisy[None])
print("chosen:", search.best_params_)

# %%
# The same pixels for all: they depend on the seed and their coordinates alone.
scorer = ss.SelfSupervisedScorer(partition=ss.HeldOutPixels())
candidates = {
    "network": search.best_estimator_,
    "median": ss.MedianDenoiser(radius=2),
    "NL-Ridge": ss.NLRidgeDenoiser(),
}
for name, estimator in candidates.items():
    denoised = estimator.fit(noisy[None]).transform(noisy[None])[0]
    psnr = 10 * np.log10(1 / np.mean((denoised - clean) ** 2))
    print(f"{name}: loss {-scorer(estimator, noisy[None]):.5f}, truly {psnr:.2f} dB")
