# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""
A loss that can be minimised, and one that cannot
=================================================

Figure 2 of *Noise2Self* (Batson & Royer, 2019), on another image: a median filter and its "donut",
which leaves out the pixel itself. How large should it be?
"""

# %%
# The donut is what `JInvariantWrapper` makes of a median filter, in one pass.
import matplotlib.pyplot as plt
import numpy as np
from skimage.data import camera

import selfsupervised as ss

clean = camera()[100:292, 150:342] / 255
noisy = clean + np.random.default_rng(0).normal(0, 0.1, clean.shape)
radii = range(1, 7)


def losses(make):
    """Mean squared distance to the noisy and to the clean image, for each radius."""
    outputs = [make(radius).fit_transform(noisy[None])[0] for radius in radii]
    return [[np.mean((out - image) ** 2) for out in outputs] for image in (noisy, clean)]


donut, donut_truth = losses(lambda radius: ss.JInvariantWrapper(ss.MedianDenoiser(radius)))
plain, plain_truth = losses(ss.MedianDenoiser)
chosen = radii[int(np.argmin(donut))]
print("radius by the loss of the donut:", chosen, " by the truth:", radii[np.argmin(donut_truth)])
print("radius by the loss of the median:", radii[np.argmin(plain)], "(always the smallest)")

# %%
# The loss of the donut is its true error plus the variance of the noise, so both are least at the
# same radius. The loss of the median itself always prefers the smallest: it comes nearest to what
# was given, noise and all.
fig = plt.figure(figsize=(9, 5), layout="constrained")
grid = fig.add_gridspec(3, 4)
ax = fig.add_subplot(grid[:, :3])
for loss, truth, name, colour in (
    (donut, donut_truth, "donut", "C0"),
    (plain, plain_truth, "median", "C1"),
):
    ax.plot(radii, loss, "o-", color=colour, label=f"{name}, self-supervised loss")
    ax.plot(radii, truth, "o--", color=colour, label=f"{name}, true error")
least = min(donut)
ax.annotate(
    "",
    (chosen, min(donut_truth)),
    (chosen, least),
    arrowprops={"arrowstyle": "<->", "color": "C3"},
)
ax.text(chosen + 0.1, 0.5 * (least + min(donut_truth)), "variance of the noise", color="C3")
ax.set(xlabel="radius", ylabel="mean squared distance", ylim=(0, 0.022))
ax.legend(frameon=False, ncols=2, loc="upper left")
for row, radius in enumerate((1, chosen, 6)):
    ax = fig.add_subplot(grid[row, 3])
    filtered = ss.MedianDenoiser(radius).fit_transform(noisy[None])[0]
    ax.imshow(filtered, cmap="gray", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[], title=f"radius {radius}")
