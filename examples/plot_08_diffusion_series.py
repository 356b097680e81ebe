# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""
A series of diffusion volumes
=============================

Every direction of diffusion MRI sees the same tissue with noise of its own, so each can be
predicted from the others (Patch2Self, Fadnavis et al., 2020).
"""

# %%
# A simulated shell: diffusion tensors that change smoothly over a small volume, 40 directions.
import numpy as np
from scipy.ndimage import gaussian_filter

import selfsupervised as ss

rng = np.random.default_rng(0)
directions = rng.normal(size=(40, 3))
directions /= np.linalg.norm(directions, axis=1, keepdims=True)
roots = gaussian_filter(rng.normal(size=(48, 48, 6, 3, 3)), (3, 3, 2, 0, 0))
roots *= 0.6 / roots.std()
tensors = roots @ np.swapaxes(roots, -1, -2) + 0.3 * np.eye(3)  # in 1 / b
exponents = np.einsum("di,...ij,dj->...d", directions, tensors, directions)
clean = 100 * np.exp(-exponents)
noisy = clean + rng.normal(0, 8, clean.shape)

# %%
# Voxels are the rows of a table, directions its columns. One matrix of products tells all the
# regressions, and the loss, which needs no truth, tells the strength of the penalty.
denoised = ss.denoise_volumes(noisy)
table = noisy.reshape(-1, 40)
search = ss.LinearRegressionDenoiser().fit(table)
error = np.mean((denoised - clean) ** 2)
print(f"alpha {search.alpha_:.3g} of {len(search.alphas_)} tried")
print(f"loss {search.loss_path_.min():.1f}, true error + noise variance {error + 64:.1f}")
print(f"root mean squared error: noisy {np.sqrt(np.mean((noisy - clean) ** 2)):.1f}, ", end="")
print(f"denoised {np.sqrt(error):.1f}")

# %%
# The same by a regressor that is fitted for each direction and fold, for comparison.
from sklearn.linear_model import Ridge

slow = ss.JInvariantWrapper(Ridge(search.alpha_), partition=ss.FeatureBlocks(40))
difference = np.abs(slow.fit_transform(table) - denoised.reshape(-1, 40)).max()
print(f"largest difference from a loop over regressions: {difference:.1g}")

# %%
# One slice of one direction.
display = ss.DenoisingDisplay.from_predictions(
    noisy[:, :, 3, 0], denoised[:, :, 3, 0], clean=clean[:, :, 3, 0]
)
