# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Make movie.png: frames around a flash, as measured and denoised; run from the root."""

import matplotlib.pyplot as plt
import numpy as np

import selfsupervised as ss
from benchmarks.movies import made

noisy, clean, scene, flashes = made(20.0)
methods = {
    "clean": clean,
    "photons": noisy,
    "denoise(), frame by frame": ss.denoise(noisy, axes="TYX"),
    "as a volume": ss.MovieDenoiser(threshold=np.inf).transform(noisy[None])[0],
    "MovieDenoiser": ss.MovieDenoiser().transform(noisy[None])[0],
}
t, at, _ = flashes[0]
part = tuple(slice(max(place.start - 18, 0), place.stop + 18) for place in at)
figure, axes = plt.subplots(3, len(methods), figsize=(10, 6.3), layout="constrained")
for column, (name, movie) in zip(axes.T, methods.items(), strict=True):
    for ax, frame in zip(column, (t - 1, t, t + 1), strict=True):
        ax.imshow(movie[(frame, *part)], cmap="gray", vmin=0, vmax=clean[t][part].max())
        ax.set_axis_off()
    column[0].set_title(name, fontsize=9)
figure.savefig("docs/images/movie.png", dpi=80, pil_kwargs={"optimize": True})
