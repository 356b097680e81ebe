# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""
What is lost by not looking at the pixel itself
===============================================

Figure 4 of *Noise2Self*: Gaussian processes on a torus of 33 × 33 pixels, smooth over a length
ℓ, with noise of standard deviation 0.5. For them the best predictors are known.
"""

# %%
# The best predictor of all is linear, and the same at every pixel: E[y | x] = W x, a convolution.
# The best one that does not see the pixel itself is W without its centre w, divided by 1 − w.
import matplotlib.pyplot as plt
import numpy as np

import selfsupervised as ss

N, SIGMA = 33, 0.5
steps = np.minimum(np.arange(N), N - np.arange(N))  # on a torus
squared_distance = np.add.outer(steps**2, steps**2)
rng = np.random.default_rng(0)


def example(length):
    """A clean and a noisy image, the best J-invariant prediction, and the best of all."""
    spectrum = np.fft.fft2(np.exp(-squared_distance / (2 * length**2))).real.clip(0)
    white = np.fft.fft2(rng.normal(size=(N, N)))
    clean = np.fft.ifft2(np.sqrt(spectrum) * white).real
    noisy = clean + rng.normal(0, SIGMA, clean.shape)
    wiener = spectrum / (spectrum + SIGMA**2)
    centre = wiener.mean()
    best = np.fft.ifft2(wiener * np.fft.fft2(noisy)).real
    return clean, noisy, (best - centre * noisy) / (1 - centre), best, centre


lengths = [0.5, 1.0, 1.5, 2.0, 3.0, 4.0]
examples = [example(length) for length in lengths]
names = ["clean", "noisy", "best without the pixel", "best of all"]
fig, axes = plt.subplots(4, 4, figsize=(7, 7), layout="constrained")
for row, at in zip(axes, (1, 2, 3, 5)):
    for ax, image in zip(row, examples[at]):
        ax.imshow(image, cmap="gray", vmin=-2.5, vmax=2.5)
        ax.set(xticks=[], yticks=[])
    row[0].set_ylabel(f"ℓ = {lengths[at]:g}")
for ax, name in zip(axes[0], names):
    ax.set_title(name, fontsize=10)

# %%
# The smoother the signal, the less is lost. The self-supervised loss, less the variance of the
# noise, tells the error of the first without the truth.
errors = np.array(
    [[np.mean((f - y) ** 2), np.mean((best - y) ** 2)] for y, _, f, best, _ in examples]
)
losses = [np.mean((f - x) ** 2) for _, x, f, _, _ in examples]
_, ax = plt.subplots(figsize=(5, 3.5), layout="constrained")
ax.plot(lengths, errors[:, 0], "o-", label="best without the pixel")
ax.plot(lengths, np.array(losses) - SIGMA**2, "x", color="C0", label="its loss − noise variance")
ax.plot(lengths, errors[:, 1], "o-", label="best of all")
ax.set(xlabel="length ℓ in pixels", ylabel="mean squared error", ylim=(0, None))
ax.legend(frameon=False)

# %%
# What was lost can be had back. Section 4.2 of the paper mixes the noisy pixel in again, with the
# weight 1 − noise variance / loss; for Gaussian processes that is the best of all predictors, as
# 1 − w is the noise variance over the expected loss.
for length, (y, x, f, best, centre), loss in zip(lengths, examples, losses):
    weight = SIGMA**2 / loss
    mixed = weight * f + (1 - weight) * x
    print(f"ℓ = {length:3.1f}: weight {weight:.3f} (1 − w = {1 - centre:.3f}), ", end="")
    print(f"error mixed {np.mean((mixed - y) ** 2):.4f}, best {np.mean((best - y) ** 2):.4f}")

# %%
# Of a real image neither W nor the noise is known. A donut filter that is chosen by its loss, and
# mixed with the image, goes the same way.
y, x, *_ = examples[3]
filters = [ss.GaussianDenoiser(sigma) for sigma in (0.5, 0.7, 1.0, 1.4)]
chosen = min(filters, key=lambda denoiser: ss.self_supervised_loss(denoiser, x[None]))
for mix in (None, "optimal"):
    donut = ss.JInvariantWrapper(chosen, mix=mix, noise_variance=SIGMA**2)
    error = np.mean((donut.fit_transform(x[None])[0] - y) ** 2)
    print(f"{chosen}, mix={mix!r}: error {error:.4f}")
