# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Draw how three kinds of evidence judge a Gaussian filter, and where each of them fails."""

import warnings

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from _small import save
from scipy.ndimage import gaussian_filter
from skimage.data import camera

import selfsupervised as ss

LEVEL = 0.1  # of the noise; the image has the range [0, 1]
STRENGTHS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.2, 1.4, 1.7, 2.0)  # pixels
EVIDENCE = {"hidden pixels": "C0", "a model of the noise": "C1", "a second exposure": "C2"}


def situations():
    """A clean image, two exposures and the level of noise that is told, for each situation."""
    rng = np.random.default_rng(0)
    scene = camera()[100:229, 150:278] / 255
    clean, moved = scene[:-1], scene[1:]
    stars = 0.1 + 0.9 * (rng.random(clean.shape) < 0.01)

    def white():
        return LEVEL * rng.normal(size=clean.shape)

    def shared():
        noise = gaussian_filter(rng.normal(size=clean.shape), 0.8, mode="wrap")
        return LEVEL * noise / noise.std()

    first = white()
    return {
        "independent noise": (clean, clean + first, clean + white(), LEVEL),
        "noise that neighbours share": (clean, clean + shared(), clean + shared(), LEVEL),
        "a level told twice too high": (clean, clean + first, clean + white(), 2 * LEVEL),
        "stars of one pixel": (stars, stars + white(), stars + white(), LEVEL),
        "moved by a pixel in between": (clean, clean + first, moved + white(), LEVEL),
    }


def judged(clean, noisy, second, told):
    """True error of each strength, and what each kind of evidence takes it for."""
    model = ss.ImageNoise((ss.ChannelNoise(told, told, told, correlation=(0.0, 0.0)),))
    both = np.stack([noisy, second])[None]
    rows = []
    for strength in STRENGTHS:
        denoiser = ss.GaussianDenoiser(strength)
        hidden = ss.self_supervised_loss(denoiser, noisy[None])
        repeats = ss.self_supervised_loss(denoiser, both, partition=ss.Repeats())
        rows.append(
            (
                np.mean((denoiser.fit_transform(noisy[None])[0] - clean) ** 2),
                hidden - LEVEL**2,
                ss.estimated_risk(denoiser, noisy[None], noise=model, method="sure"),
                repeats - LEVEL**2,
            )
        )
    return np.transpose(rows)


def main():
    figure, axes = plt.subplots(2, 3, figsize=(9, 5.6), layout="constrained", sharey=True)
    for ax, (name, facts) in zip(axes.flat, situations().items()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ss.CorrelatedNoiseWarning)
            truth, *estimates = judged(*facts)
        psnr = -10 * np.log10(truth)
        print(f"{name}: best {STRENGTHS[np.argmin(truth)]}, {psnr.max():.1f} dB")
        ax.plot(STRENGTHS, 1e3 * (truth - truth.min()), "k", lw=4, alpha=0.3, label="true error")
        for row, ((kind, colour), estimate) in enumerate(zip(EVIDENCE.items(), estimates), 1):
            least = np.argmin(estimate)
            ax.plot(STRENGTHS, 1e3 * (estimate - estimate.min()), color=colour, label=kind)
            ax.plot(STRENGTHS[least], -0.7 * row, "^", color=colour, ms=7)
            print(
                f"    {kind}: {STRENGTHS[least]}, {psnr[least]:.1f} dB, {1e3 * estimate.min():.1f}"
            )
        ax.axvline(STRENGTHS[np.argmin(truth)], color="k", lw=4, alpha=0.12)
        ax.set(title=name, xlabel="strength in pixels", ylim=(-2.6, 8))
        ax.title.set_fontsize(10)
    for row in axes:
        row[0].set_ylabel("error over its least, in thousandths")
    axes[1, 2].axis("off")
    axes[1, 2].legend(*ax.get_legend_handles_labels(), frameon=False, loc="center")
    save(figure, "evidence")
    draw_failure(*situations()["noise that neighbours share"][:2])


def draw_failure(clean, noisy):
    """What hidden pixels choose where neighbours share noise, and what is best."""
    figure, axes = plt.subplots(1, 3, figsize=(7.5, 2.8), layout="constrained")
    for ax, strength in zip(axes, (None, min(STRENGTHS), 1.2)):
        denoised = noisy
        if strength is not None:
            denoised = ss.GaussianDenoiser(strength).fit_transform(noisy[None])[0]
        psnr = -10 * np.log10(np.mean((denoised - clean) ** 2))
        names = {None: "noisy", min(STRENGTHS): "chosen by hidden pixels", 1.2: "best"}
        ax.imshow(denoised[:100, :100], cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[], title=f"{names[strength]}, {psnr:.1f} dB")
        ax.title.set_fontsize(10)
    save(figure, "shared_noise", n_colours=48)


if __name__ == "__main__":
    main()
