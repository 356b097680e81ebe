# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Whether denoise() makes an image worse, on images and noises of many kinds.

Harm is what an image loses against the noisy one; regret is what the best candidate has, by
ground truth, that denoise() has not. The candidates: nothing at all, NL-Ridge told the standard
deviation, or stabilised and told the gain, after the removal of outliers, and simple filters.
PSNR is over the range of the clean image. Without noise an image must come back as it was.
"""

import sys
import time
import warnings

import numpy as np

from benchmarks._hard_pictures import IMAGES, NOISES, channel_noise, colour_like
from benchmarks.report import Report, options
from selfsupervised import (
    GaussianDenoiser,
    MedianDenoiser,
    NLRidgeDenoiser,
    OutlierRemover,
    VarianceStabilizer,
    denoise,
)

EDGE_PIXELS = 128
MOST_DECIBELS = 100.0  # beyond, all is well
QUICK = {
    "images": ("stars", "chart", "text 9", "camera", "grass", "checkerboard"),
    "noises": ("none", "white 4", "white 15", "Poisson 3", "hot pixels"),
    "edge": 64,
}
CHANNELS = ("camera x 200 + 500", "coins + 100", "moon / 50 + 1")


def decibels(image, clean):
    """PSNR over the range of the clean image; infinite where nothing differs."""
    error = np.mean(np.square(np.asarray(image, float) - clean))
    peak = np.ptp(clean) or 1.0
    return min(float(10 * np.log10(peak**2 / error)), MOST_DECIBELS) if error else np.inf


def candidates(noise, sigma):
    """Denoisers that are told what the noise is."""
    told = NLRidgeDenoiser(sigma)
    found = {"NL-Ridge": told, "median": MedianDenoiser(1), "Gaussian": GaussianDenoiser(1.4)}
    if noise.startswith("Poisson"):
        found["stabilised"] = VarianceStabilizer(NLRidgeDenoiser(1.0), gain=1.0, variance=0.0)
    if noise == "hot pixels":
        found["without outliers"] = OutlierRemover(NLRidgeDenoiser(10.0))
    return found


def trial(image, noise, noisy, clean):
    """A row of the table, and its figures."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reached = decibels(denoise(noisy), clean)
        seconds = time.perf_counter() - start
        before = decibels(noisy, clean)
        scores = {"nothing": before}
        if np.isfinite(before):
            sigma = float(np.sqrt(np.mean(np.square(noisy - clean))))
            for name, denoiser in candidates(noise, sigma).items():
                out = denoiser.fit_transform(np.asarray(noisy, float)[None])[0]
                scores[name] = decibels(out, clean)
    best = max(scores, key=scores.get)
    return row(image, noise, before, reached, best, scores[best], seconds)


def row(image, noise, before, reached, best, best_decibels, seconds):
    reached = reached if np.isinf(before) else min(reached, MOST_DECIBELS)
    regret = 0.0 if reached == best_decibels else best_decibels - reached
    harm = 0.0 if reached == before else before - reached
    cells = [image, noise, before, reached, best_decibels, best, harm, regret, seconds]
    print(*cells, file=sys.stderr, flush=True)
    return cells


def channel_trials(edge):
    """Three channels on scales of their own, each against itself alone."""
    noisy, clean = channel_noise(colour_like(edge), np.random.default_rng(0))
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = denoise(noisy, channel_axis=-1)
    seconds = time.perf_counter() - start
    for c, name in enumerate(CHANNELS):
        sigma = float(np.sqrt(np.mean(np.square(noisy[..., c] - clean[..., c]))))
        told = NLRidgeDenoiser(sigma).fit_transform(noisy[None, ..., c])[0]
        parts = [decibels(x[..., c], clean[..., c]) for x in (noisy, out)]
        yield row(name, "channels", *parts, "NL-Ridge", decibels(told, clean[..., c]), seconds)


def main():
    arguments = options(
        __doc__,
        edge=(EDGE_PIXELS, "edge of the images in pixels"),
        image=("", "only images whose name holds this"),
        noise=("", "only noises whose name holds this"),
    )
    report = Report("harm", arguments.save)
    quick = arguments.quick
    edge = QUICK["edge"] if quick else arguments.edge
    images = [name for name in (QUICK["images"] if quick else IMAGES) if arguments.image in name]
    noises = [name for name in (QUICK["noises"] if quick else NOISES) if arguments.noise in name]
    rows = []
    for image in images:
        for noise in noises:
            noisy, clean = NOISES[noise](IMAGES[image](edge), np.random.default_rng(0))
            rows.append(trial(image, noise, noisy, clean))
    if arguments.noise in "channels" and not arguments.image and not quick:
        rows += channel_trials(edge)
    columns = ["image", "noise", "noisy", "denoise()", "best", "by", "harm", "regret", "seconds"]
    report.table("PSNR in dB", columns, rows)
    report.end(**figures(rows))


def figures(rows):
    """Mean and worst regret, worst harm, and what was changed that had no noise."""
    noisy = [cells for cells in rows if np.isfinite(cells[2])]
    changed = [cells[0] for cells in rows if np.isinf(cells[2]) and np.isfinite(cells[3])]
    found = {"n": len(noisy), "changed_without_noise": changed}
    if noisy:
        regrets, harms = ([cells[k] for cells in noisy] for k in (7, 6))
        found |= {
            "mean_regret": float(np.mean(regrets)),
            "worst_regret": max(regrets),
            "worst_regret_of": noisy[int(np.argmax(regrets))][:2],
            "worst_harm": max(harms),
            "worst_harm_of": noisy[int(np.argmax(harms))][:2],
            "harmed": sum(harm > 0.1 for harm in harms),
        }
    return found


if __name__ == "__main__":
    main()
