# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Draw what a self-supervised loss is made of, and which of its differences matter."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from _small import save
from skimage.data import camera

import selfsupervised as ss

LEVEL, EDGE, BLOCK = 0.1, 192, 16
DENOISERS = {
    "median, radius 1": ss.MedianDenoiser(1),
    "median, radius 2": ss.MedianDenoiser(2),
    "median, radius 3": ss.MedianDenoiser(3),
    "Gaussian, 1 pixel": ss.GaussianDenoiser(1.0),
    "total variation": ss.TotalVariationDenoiser(0.12),
    "non-local means": ss.NonLocalMeansDenoiser(0.09),
}


def block_means(image):
    """Means over blocks of 16 x 16 pixels: errors of neighbouring pixels go together."""
    n = EDGE // BLOCK
    return image.reshape(n, BLOCK, n, BLOCK).mean(axis=(1, 3)).ravel()


def standard_error(values):
    """Of their mean."""
    return values.std(ddof=1) / np.sqrt(len(values))


def main():
    clean = camera()[100 : 100 + EDGE, 150 : 150 + EDGE] / 255
    noisy = clean + np.random.default_rng(0).normal(0, LEVEL, clean.shape)
    print(f"variance of this draw {np.var(noisy - clean):.5f}")
    losses, errors = {}, {}
    for name, denoiser in DENOISERS.items():
        output = ss.JInvariantWrapper(denoiser, random_state=0).fit_transform(noisy[None])[0]
        losses[name] = block_means((output - noisy) ** 2)
        errors[name] = np.mean((output - clean) ** 2)
    best = min(losses, key=lambda name: losses[name].mean())
    names = sorted(losses, key=lambda name: losses[name].mean())
    median, gaussian = losses["median, radius 2"], losses["Gaussian, 1 pixel"]
    between = gaussian - median
    print(f"these two differ by {between.mean():.5f} ± {standard_error(between):.5f}")
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(10, 3), layout="constrained", sharey=True, width_ratios=(3, 2)
    )
    for row, name in enumerate(names):
        loss, difference = losses[name], losses[name] - losses[best]
        alone, paired = standard_error(loss), standard_error(difference)
        print(
            f"{name:18} loss {loss.mean():.5f} ± {alone:.5f}, less variance "
            f"{loss.mean() - LEVEL**2:.5f}, true error {errors[name]:.5f}, "
            f"difference {difference.mean():.5f} ± {paired:.5f}"
        )
        left.barh(row, LEVEL**2, color="0.8", label="variance of the noise")
        left.barh(row, loss.mean() - LEVEL**2, left=LEVEL**2, color="C0", label="the rest")
        left.plot(LEVEL**2 + errors[name], row, "k|", ms=14, label="variance + true error")
        right.errorbar(difference.mean(), row, xerr=alone, color="0.75", lw=6)
        right.errorbar(difference.mean(), row, xerr=paired, fmt="C0o", ms=4)
    left.set_yticks(range(len(names)), names)
    left.invert_yaxis()
    left.set(xlabel="loss", title="what it is made of")
    handles = dict(zip(*left.get_legend_handles_labels()[::-1]))  # one of each
    left.legend(handles.values(), handles, fontsize=8, loc="lower left")
    right.axvline(0, color="k", lw=0.5)
    right.set(xlabel="loss − least loss", title="which difference matters")
    save(figure, "reading_a_loss")


if __name__ == "__main__":
    main()
