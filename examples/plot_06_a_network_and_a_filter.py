# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""
A network and a filter, judged on the same pixels
=================================================

A network that is trained on the one image that it denoises could look good by remembering the
noise. `Noise2SelfDenoiser` holds out a sixteenth of the pixels, and is judged on those; so can be
any filter. (Needs ``pip install "selfsupervised[networks]"``.)
"""

# %%
from functools import partial

import numpy as np
from skimage.data import camera
from sklearn.model_selection import GridSearchCV

import selfsupervised as ss

clean = camera()[100:196, 170:266] / 255
noisy = clean + np.random.default_rng(0).normal(0, 0.1, clean.shape)

# %%
# Learning parameters are searched as any others, by the loss of the pixels that were held out.
# This network is smaller than the default, and its training far shorter than it should be.
module = partial(ss.networks.Noise2SelfUNet, width=8, depth=2, residual=True)
network = ss.Noise2SelfDenoiser(module, max_steps=60, patch_size=32)
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
outputs = {}
for name, estimator in candidates.items():
    outputs[name] = denoised = estimator.fit(noisy[None]).transform(noisy[None])[0]
    psnr = 10 * np.log10(1 / np.mean((denoised - clean) ** 2))
    print(f"{name}: loss {-scorer(estimator, noisy[None]):.5f}, truly {psnr:.2f} dB")

# %%
# The losses have the order of the true errors. After a minute of training instead of a second the
# network would be ahead by more; patches, which need no training, are hard to beat on one image.
import matplotlib.pyplot as plt

_, axes = plt.subplots(1, 4, figsize=(10, 2.9), layout="constrained")
for ax, (name, image) in zip(axes, {"noisy": noisy, **outputs}.items()):
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[], title=name)
ss.LossCurveDisplay.from_estimator(search.best_estimator_)
