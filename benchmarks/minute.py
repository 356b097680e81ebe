# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""One picture in a minute: what `denoise(budget_s=60)` gains over NL-Ridge and over `denoise()`.

House, Peppers (Set12) and the camera, the middle of 192 x 192 pixels and whole, noise of 25, or
others of Set12 by their file names. The budget is counted in seconds of CPU time, so that the
figures are those of a machine with nothing else to do and, with OMP_NUM_THREADS=1, of one core.
`--wall` counts real seconds instead, as a user has them: all cores, nothing else running.
"""

import time
from types import SimpleNamespace

import numpy as np
from skimage import data

from benchmarks._pictures import centre, clean_pictures, psnr
from benchmarks.report import Report, options
from selfsupervised import NLRidgeDenoiser, denoise
from selfsupervised.auto import choose, decide, with_network

SIGMA = 25
SET12 = {"House": "02", "Peppers": "03"}
MODULES = (choose, decide, with_network)  # whose clock is that of the CPU


def pictures(edge, names, seed):
    """Yield (name, noisy, clean)."""
    found = dict(clean_pictures("Set12"), camera=data.camera().astype(float))
    for name in names:
        clean = found[SET12.get(name, name)]
        clean = centre(clean, edge) if edge else clean
        yield name, clean + np.random.default_rng(seed).normal(0, SIGMA, clean.shape), clean


def row(name, noisy, clean, seconds):
    """Figures of one picture."""
    plain = psnr(NLRidgeDenoiser(SIGMA).fit_transform(noisy[None])[0], clean)
    today = psnr(denoise(noisy), clean)
    start, wall = time.process_time(), time.perf_counter()
    out, found = denoise(noisy, budget_s=seconds, return_search=True)
    spent = time.process_time() - start, time.perf_counter() - wall
    chosen, score = found.denoiser_, psnr(out, clean)
    weight = getattr(chosen, "weight_", 0.0)
    alone, steps = np.nan, 0
    if weight:
        alone = psnr(chosen.network_.transform(noisy[None])[0], clean)
        steps = chosen.n_steps_
    size = f"{noisy.shape[0]} x {noisy.shape[1]}"
    scores = [f"{value:.2f}" for value in (plain, today, alone, score)]
    gains = [f"{score - before:+.2f}" for before in (plain, today)]
    return [name, size, *scores, *gains, f"{weight:.2f}", steps, *(f"{s:.0f}" for s in spent)]


def main():
    chosen = options(
        __doc__,
        seconds=(60.0, "the budget, of CPU time"),
        edges=("192,0", "edges of the middle that is taken, 0 for all"),
        pictures=("House,Peppers,camera", "which"),
        seed=(0, "of the noise"),
        wall=(False, "count real seconds, not those of the CPU"),
    )
    part = ["" if "," in chosen.edges else chosen.edges]
    part += [f"seed{chosen.seed}" if chosen.seed else "", "wall" if chosen.wall else ""]
    report = Report("minute", chosen.save, "-".join(filter(None, part)))
    for module in () if chosen.wall else MODULES:
        module.time = SimpleNamespace(monotonic=time.process_time)
    edges = [int(edge) for edge in chosen.edges.split(",")]
    seconds = 2.0 if chosen.quick else chosen.seconds
    rows = []
    for edge in edges[:1] if chosen.quick else edges:
        for name, noisy, clean in pictures(edge, chosen.pictures.split(","), chosen.seed):
            rows.append(row(name, noisy, clean, seconds))
            print(*rows[-1], flush=True)
    columns = ["picture", "pixels", "NL-Ridge", "denoise()", "network", "budget", "over NL-Ridge"]
    columns += ["over denoise()", "weight", "steps", "CPU s", "s"]
    report.table(f"budget_s={seconds:g}", columns, rows)
    gains = np.array([[float(r[6]), float(r[7])] for r in rows])
    report.end(
        mean_gain_over_nl_ridge=round(float(gains[:, 0].mean()), 3),
        mean_gain_over_denoise=round(float(gains[:, 1].mean()), 3),
        least_gain=float(gains.min()),
    )


if __name__ == "__main__":
    main()
