# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Noise that neighbours share: denoise(), told nothing, beside peers.

Grey crops of 256 x 256 from the middle of real and made pairs (the green channel of colours). BM3D
is told the standard deviation, or the true power spectrum of the very noise that is to be removed,
which nobody knows: an upper reference. scikit-image's non-local means is calibrated by
`calibrate_denoiser`, as its documentation shows. With --steps, a network in place of the peers:
`RecorruptedDenoiser` with the noise that it measures, and the same told direct neighbours alone.
"""

import sys
from dataclasses import replace

import numpy as np
from skimage.restoration import calibrate_denoiser, denoise_nl_means

from benchmarks._shared_pairs import CORRELATED
from benchmarks.classical import bm3d, psnr, timed
from benchmarks.report import Report, options
from selfsupervised import RecorruptedDenoiser, denoise

EDGE = 256
NOT_SHARED = ("FMD, confocal", "FMD, two-photon", "N2F, confocal")


def crops(name, n_images):
    """Noisy and clean crops of some images, evenly through the set."""
    triples = CORRELATED[name](False)
    for number in np.linspace(0, len(triples) - 1, min(n_images, len(triples))).astype(int):
        stem, noisy, clean, axis = triples[number]
        if axis is not None:
            noisy, clean = noisy[..., 1], clean[..., 1]
        inside = tuple(
            slice(max(s - EDGE, 0) // 2, max(s - EDGE, 0) // 2 + EDGE) for s in clean.shape
        )
        yield stem, np.asarray(noisy[inside], float), np.asarray(clean[inside], float)


def calibrated(noisy):
    """scikit-image's non-local means, with the parameter that it finds to be best."""
    parameters = {"h": np.std(noisy) * np.array([0.1, 0.2, 0.4, 0.8]), "patch_size": [5]}
    return calibrate_denoiser(noisy, denoise_nl_means, parameters)(noisy)


def networks(noisy, steps):
    """By name, functions without arguments."""
    made = RecorruptedDenoiser(max_steps=steps)

    def by_neighbours():
        (channel,) = made.noise_.channels  # of the row before
        near = replace(made.noise_, channels=(replace(channel, autocovariance=None),))
        return RecorruptedDenoiser(noise=near, max_steps=steps).fit_transform(noisy[None])[0]

    return {
        "denoise()": lambda: denoise(noisy),
        "network": lambda: made.fit_transform(noisy[None])[0],
        "network, direct neighbours": by_neighbours,
    }


def methods(noisy, clean):
    """By name, functions without arguments."""
    noise = noisy - clean
    found = {"denoise()": lambda: denoise(noisy), "scikit-image": lambda: calibrated(noisy)}
    if bm3d is not None:
        spectrum = np.square(np.abs(np.fft.fft2(noise)))
        found["BM3D, told the level"] = lambda: bm3d.bm3d(noisy, noise.std())
        found["BM3D, told the spectrum"] = lambda: bm3d.bm3d(noisy, spectrum)
    return found


def main():
    arguments = options(
        __doc__,
        images=(3, "images of each set"),
        steps=(0, "of a network in place of the peers; 0 trains none"),
    )
    report = Report("shared_noise", arguments.save, "networks" if arguments.steps else "")
    rows, figures = [], {}
    for name in CORRELATED:
        if name in NOT_SHARED:
            continue
        reached, seconds = {"noisy": []}, {}
        for stem, noisy, clean in crops(name, 1 if arguments.quick else arguments.images):
            reached["noisy"].append(psnr(noisy, clean))
            steps = arguments.steps
            chosen = networks(noisy, steps) if steps else methods(noisy, clean)
            for method, run in chosen.items():
                out, wall, _ = timed(lambda _, run=run: run(), noisy)
                reached.setdefault(method, []).append(psnr(out, clean))
                seconds.setdefault(method, []).append(wall)
            print(name, stem, {k: round(v[-1], 2) for k, v in reached.items()}, file=sys.stderr)
        means = {method: float(np.mean(values)) for method, values in reached.items()}
        times = [f"{np.mean(seconds[method]):.2g}" for method in seconds]
        rows.append([name, len(reached["noisy"]), *means.values(), " / ".join(times)])
        figures[name] = means
    columns = ["images", "n", *means, "seconds of each method"]
    report.table("PSNR in dB, means", columns, rows)
    report.end(shared_noise=figures)


if __name__ == "__main__":
    main()
