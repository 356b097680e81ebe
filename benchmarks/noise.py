# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""How well the level of the noise is estimated, by several estimators on hard images.

What is estimated over what is true: the median over images of a kind, and the largest. One is
right; "none" is how often there is said to be no noise. The estimators: the median absolute
deviation of wavelets (scikit-image), `estimate_noise` as it is by default, the level in flat places
alone, and what `estimate_noise(image, "full")` makes of these.
"""

import numpy as np
from skimage.restoration import estimate_sigma

from benchmarks._hard_pictures import IMAGES, photons, white
from benchmarks.report import Report, options
from selfsupervised import estimate_noise
from selfsupervised.noise.flat_level import flat_level

EDGE_PIXELS = 128
KINDS = {
    "drawings": ("stars", "wide stars", "chart", "thin lines", "mask", "shapes", "horse"),
    "text": ("page", "text 9", "text 12", "text Pillow", "screen"),
    "photographs": ("camera", "coins", "moon", "cell", "clock", "astronaut", "hubble", "brick"),
    "texture": ("grass", "gravel"),
    "smooth": ("gradient", "flat", "checkerboard"),
}
NOISES = {f"white {sigma}": white(sigma) for sigma in (0.5, 2.0, 4.0, 15.0, 50.0)}
NOISES |= {f"Poisson {peak}": photons(peak) for peak in (3, 30)}
ESTIMATORS = {
    "wavelets": lambda image: float(estimate_sigma(image)),
    "default": lambda image: estimate_noise(image),
    "flat places": lambda image: flat_level(image, np.ones(image.shape, bool)).level,
    "full": lambda image: estimate_noise(image, "full").channels[0].level,
}


def main():
    arguments = options(__doc__, edge=(EDGE_PIXELS, "edge of the images in pixels"))
    report = Report("noise", arguments.save)
    noises = list(NOISES)[2:4] if arguments.quick else list(NOISES)
    rows, figures = [], {}
    for kind, names in KINDS.items():
        for noise in noises:
            ratios = []
            for name in names:
                noisy, clean = NOISES[noise](IMAGES[name](arguments.edge), np.random.default_rng(0))
                true = np.sqrt(np.mean(np.square(noisy - clean)))
                ratios.append([estimate(noisy) / true for estimate in ESTIMATORS.values()])
            ratios = np.array(ratios)
            middle = [_text(column[column > 0]) for column in ratios.T]
            none = int((ratios[:, -1] == 0).sum())
            rows.append([kind, noise, *middle, f"{none} of {len(names)}"])
            figures[f"{kind}, {noise}"] = dict(zip(ESTIMATORS, np.median(ratios, axis=0).tolist()))
    title = "Level, estimated over true: median (largest) of the images"
    report.table(title, ["images", "noise", *ESTIMATORS, "none"], rows)
    report.end(**figures)


def _text(ratios):
    return f"{np.median(ratios):.2f} ({ratios.max():.2f})" if len(ratios) else ""


if __name__ == "__main__":
    main()
