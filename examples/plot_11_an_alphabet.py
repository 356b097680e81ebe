# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""
The more structure, the less noise
==================================

Figure 5 of *Noise2Self*: an alphabet of 30 handwritten digits in noise. Who knows the letters reads
them where who knows their covariance alone sees nothing. Both are a denoiser of your own in a few
lines, and neither sees the pixel that it predicts.
"""

# %%
# Thirty digits of 8 × 8 pixels, and the two best predictors: of letters, and of a Gaussian process
# with the same mean and covariance. Pixels that are hidden from them are NaN.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import selfsupervised as ss

letters = load_digits().images[:30] / 16
table = letters.reshape(30, -1)
mean, covariance = table.mean(axis=0), np.cov(table.T, bias=True)


class OfTheAlphabet(ss.ImageDenoiser):
    """Mean of the letters, each as likely as what is seen of it."""

    _sees_missing = True

    def __init__(self, sigma=0.5, channel_axis=None):
        self.sigma = sigma
        self.channel_axis = channel_axis

    def _denoise(self, image):
        squares = np.nansum((letters - image) ** 2, axis=(1, 2))
        weights = np.exp(-(squares - squares.min()) / (2 * self.sigma**2))
        return np.tensordot(weights / weights.sum(), letters, axes=1)


class OfAGaussianProcess(OfTheAlphabet):
    """Mean of all images of this mean and covariance, given what is seen."""

    def _denoise(self, image):
        seen = ~np.isnan(image.ravel())
        of_seen = covariance[np.ix_(seen, seen)] + self.sigma**2 * np.eye(seen.sum())
        weights = np.linalg.solve(of_seen, image.ravel()[seen] - mean[seen])
        return (mean + covariance[:, seen] @ weights).reshape(image.shape)


# %%
# The wrapper hides a quarter of the pixels after another, and ``fill=None`` leaves them NaN.
def j_invariant(denoiser):
    """Its form that never sees the pixel that it predicts."""
    return ss.JInvariantWrapper(denoiser, partition=ss.PixelGrid(2), fill=None)


sigmas = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.8])
kinds = {"alphabet": OfTheAlphabet, "Gaussian process": OfAGaussianProcess}
rng = np.random.default_rng(0)
errors, shown = {name: [] for name in kinds}, []
for sigma in sigmas:
    noisy = letters + rng.normal(0, sigma, letters.shape)
    for name, kind in kinds.items():
        denoised = j_invariant(kind(sigma)).fit_transform(noisy)
        errors[name].append(np.mean((denoised - letters) ** 2))
        if sigma == 0.4:
            shown.append(denoised)
    if sigma == 0.4:
        shown[:0] = [letters, noisy]

fig, axes = plt.subplots(4, 8, figsize=(8, 4.4), layout="constrained")
for row, images, name in zip(axes, shown, ["clean", "σ = 0.4", *kinds]):
    for ax, image in zip(row, images):
        ax.imshow(image, cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
    row[0].set_ylabel(name, fontsize=9)

# %%
# At every level of noise the letters are recovered better.
_, ax = plt.subplots(figsize=(5, 3.5), layout="constrained")
for name, values in errors.items():
    ax.plot(sigmas, values, "o-", label=name)
    print(name, " ".join(f"{value:.4f}" for value in values))
ax.set(xlabel="standard deviation of the noise", ylabel="mean squared error, J-invariant")
ax.legend(frameon=False)
