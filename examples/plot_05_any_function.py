# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""
Any function as a denoiser: BM3D
================================

`FunctionDenoiser` takes what others wrote, here ``bm3d.bm3d`` (``pip install bm3d``; its licence
allows non-commercial use only, so that it is no dependency of this library).
"""

# %%
import numpy as np
from skimage.data import camera
from sklearn.model_selection import GridSearchCV

import selfsupervised as ss

try:
    from bm3d import bm3d
except ImportError:  # show the same with what is there
    from skimage.restoration import denoise_tv_chambolle

    def bm3d(image, sigma_psd):
        return denoise_tv_chambolle(image, weight=sigma_psd)


clean = camera()[100:228, 150:278] / 255
noisy = clean + np.random.default_rng(0).normal(0, 0.1, clean.shape)

# %%
# Its parameter is searched through `kw_args`; a few of the subsets are enough to choose.
search = GridSearchCV(
    ss.JInvariantWrapper(ss.FunctionDenoiser(bm3d)),
    {"estimator__kw_args": [{"sigma_psd": sigma} for sigma in (0.05, 0.1, 0.15)]},
    scoring=ss.SelfSupervisedScorer(n_subsets=4),
    cv=ss.SameSplit(),
    error_score="raise",
).fit(noisy[None])
print("chosen:", search.best_params_)

# %%
# Calibrated, the function may be applied to the whole image, nothing hidden.
denoised = search.best_estimator_.estimator.transform(noisy[None])[0]
for name, image in (("noisy", noisy), ("denoised", denoised)):
    print(f"{name}: {10 * np.log10(1 / np.mean((image - clean) ** 2)):.2f} dB")

display = ss.DenoisingDisplay.from_predictions(noisy, denoised, clean=clean)
