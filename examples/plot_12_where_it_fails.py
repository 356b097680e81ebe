# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""
Where it fails: noise that neighbours share
===========================================

The loss is the true error plus a constant only where the noise of what is hidden is independent of
the noise of what is seen. Here it is not, and the loss is wrong. This page shows how that looks,
and the warning that comes with it.
"""

# %%
# Two images with noise of the same strength: independent from pixel to pixel, and blurred, as a
# camera's after its own processing.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.data import camera

import selfsupervised as ss

clean = camera()[100:228, 150:278] / 255
rng = np.random.default_rng(0)
white = rng.normal(0, 1, clean.shape)
blurred = gaussian_filter(white, 0.8, mode="wrap")
images = {
    "independent noise": clean + 0.1 * white / white.std(),
    "noise that neighbours share": clean + 0.1 * blurred / blurred.std(),
}

# %%
# One family, seven strengths, judged by hidden pixels and by the truth.
sigmas = [0.3, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8]


def judged(noisy, partition):
    """Loss and true error of each strength."""
    losses, errors = [], []
    for sigma in sigmas:
        denoiser = ss.JInvariantWrapper(ss.GaussianDenoiser(sigma), partition=partition)
        losses.append(ss.self_supervised_loss(denoiser.fit(noisy[None]), noisy[None]))
        whole = ss.GaussianDenoiser(sigma).fit_transform(noisy[None])[0]
        errors.append(np.mean((whole - clean) ** 2))
    return np.array(losses), np.array(errors)


fig, axes = plt.subplots(2, 4, figsize=(11, 5.4), layout="constrained")
for row, (name, noisy) in zip(axes, images.items()):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        losses, errors = judged(noisy, ss.PixelGrid(4))
    print(f"{name}: {len(said)} warnings", *(str(one.message) for one in said[:1]))
    chosen, best = int(np.argmin(losses)), int(np.argmin(errors))
    row[0].plot(sigmas, losses, "o-", label="loss of hidden pixels")
    row[0].plot(sigmas, errors + 0.01, "o--", label="true error + noise variance")
    row[0].plot(sigmas[chosen], losses[chosen], "C3v", ms=10, label="chosen")
    row[0].set(xlabel="strength", title=name, xscale="log", ylim=(0, None))
    row[0].set_xticks([0.3, 0.7, 1.4, 2.8], ["0.3", "0.7", "1.4", "2.8"])
    row[0].minorticks_off()
    row[0].title.set_fontsize(10)
    for ax, image, title in (
        (row[1], noisy, "noisy"),
        (row[2], ss.GaussianDenoiser(sigmas[chosen]).fit_transform(noisy[None])[0], "chosen"),
        (row[3], ss.GaussianDenoiser(sigmas[best]).fit_transform(noisy[None])[0], "best"),
    ):
        ax.imshow(image, cmap="gray", vmin=0, vmax=1)
        psnr = -10 * np.log10(np.mean((image - clean) ** 2))
        ax.set(xticks=[], yticks=[], title=f"{title}, {psnr:.1f} dB")
axes[0, 0].legend(frameon=False, fontsize=8)

# %%
# A pixel's noise can be guessed from its neighbours', so that weak strengths look too good. The
# warning names a remedy: hide the neighbours, too.
noisy = images["noise that neighbours share"]
losses, errors = judged(noisy, ss.PixelGrid(6, footprint="disk"))
chosen = int(np.argmin(losses))
print(f"with neighbours hidden: strength {sigmas[chosen]}, best {sigmas[int(np.argmin(errors))]}")
