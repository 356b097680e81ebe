# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Calibrating classical denoisers without ground truth: Noise2Self's Fig. 2 and Table 1.

scikit-image's camera with white noise of standard deviation 0.1 on [0, 1], and the same grids
given to scikit-image's `calibrate_denoiser` in the same run.
"""

import json
import os
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import joblib
import numpy as np
from joblib.externals.loky import reusable_executor
from skimage import data, filters, morphology, restoration
from sklearn.model_selection import GridSearchCV

import selfsupervised as ss
from benchmarks.report import Report, options

SIGMA = 0.1
# Noise2Self, Table 1: loss, PSNR J-invariant, PSNR mixed, PSNR at default parameters.
PAPER = {
    "median": (0.0107, 27.5, 28.2, 27.1),
    "wavelet": (0.0113, 26.0, 26.9, 24.6),
    "nl-means": (0.0098, 30.4, 30.8, 28.9),
}


def pictures(quick=False):
    clean = data.camera() / 255.0
    if quick:
        clean = clean[140:268, 180:308]
    return clean, clean + np.random.default_rng(0).normal(0, SIGMA, clean.shape)


def median_by_radius(image, radius):
    """scikit-image's median filter, for `calibrate_denoiser`."""
    return filters.median(image, morphology.disk(radius), behavior="ndimage")


def families(noisy):
    """Name: our denoiser, its parameter, the grid, the same for scikit-image."""
    level = restoration.estimate_sigma(noisy)
    nl_means = {"patch_size": 5, "patch_distance": 6, "fast_mode": True}
    return {
        # The largest first, so that both workers end together.
        "median": (ss.MedianDenoiser(), "radius", [6, 5, 4, 3, 2, 1], median_by_radius, {}),
        "wavelet": (
            ss.WaveletDenoiser(mode="hard"),
            "sigma",
            np.arange(0.08, 0.30, 0.03),
            restoration.denoise_wavelet,
            {"mode": "hard"},
        ),
        "nl-means": (
            ss.NonLocalMeansDenoiser(**nl_means),
            "h",
            level * np.arange(0.5, 2.0, 0.2),
            restoration.denoise_nl_means,
            nl_means,
        ),
    }


def default_output(name, noisy):
    """What scikit-image returns when no parameter is given."""
    function = {
        "median": filters.median,
        "wavelet": restoration.denoise_wavelet,
        "nl-means": restoration.denoise_nl_means,
    }[name]
    return function(noisy)


def ours(noisy, family, n_jobs=2, backend=None):
    """The fitted search. The default backend starts processes, "threading" does not."""
    denoiser, parameter, grid, *_ = family
    search = GridSearchCV(
        ss.JInvariantWrapper(denoiser),
        {f"estimator__{parameter}": list(grid)},
        cv=ss.SameSplit(),
        n_jobs=n_jobs,
        error_score="raise",
    )
    with joblib.parallel_config(backend=backend) if backend else nullcontext():
        return search.fit(noisy[None])


def theirs(noisy, family):
    """The parameter that scikit-image chooses from the same grid, and all its losses."""
    _, parameter, grid, function, fixed = family
    parameters = {parameter: list(grid), **{name: [value] for name, value in fixed.items()}}
    _, (tested, losses) = restoration.calibrate_denoiser(
        noisy,
        function,
        parameters,
        approximate_loss=False,
        extra_output=True,
    )
    return tested[int(np.argmin(losses))][parameter]


def psnr(image, clean):
    return float(10 * np.log10(1 / np.mean(np.square(image - clean))))


def figure_2(report, clean, noisy):
    """Losses of the donut median and of the plain one, by radius."""
    rows = []
    for radius in range(1, 7):
        denoiser = ss.MedianDenoiser(radius)
        donut = ss.JInvariantWrapper(denoiser).fit_transform(noisy[None])[0]
        plain = denoiser.transform(noisy[None])[0]
        rows.append(
            [radius]
            + [float(np.mean((f - x) ** 2)) for f in (donut, plain) for x in (noisy, clean)]
        )
    report.table(
        "Fig. 2: median filters (paper: donut best at radius 3, plain self-supervised loss rising)",
        [
            "radius",
            "donut, self-supervised",
            "donut, true",
            "plain, self-supervised",
            "plain, true",
        ],
        rows,
    )
    table = np.array(rows)
    return {
        "best_radius": int(table[table[:, 1].argmin(), 0]),
        "best_radius_true": int(table[table[:, 2].argmin(), 0]),
        "plain_loss_rises": bool((np.diff(table[:, 3]) > 0).all()),
    }


def table_1(report, clean, noisy):
    """Each family calibrated by its self-supervised loss; true loss beside it."""
    rows, curves, figures = [], [], {"same_argmin": {}, "worst_gap": {}}
    noise_variance = float(np.mean((noisy - clean) ** 2))
    for name, family in families(noisy).items():
        denoiser, parameter, grid, *_ = family
        losses, errors, outputs = [], [], []
        for value in grid:
            wrapper = ss.JInvariantWrapper(denoiser).set_params(
                **{f"estimator__{parameter}": value}
            )
            outputs.append(wrapper.fit_transform(noisy[None])[0])
            losses.append(-wrapper.score(noisy[None]))
            errors.append(float(np.mean((outputs[-1] - clean) ** 2)))
            gap = (losses[-1] - errors[-1]) / noise_variance
            curves.append([name, float(value), losses[-1], errors[-1], gap])
        best = int(np.argmin(losses))
        wrapper.set_params(**{f"estimator__{parameter}": grid[best]})
        plain = wrapper.estimator.transform(noisy[None])[0]
        known = wrapper.set_params(mix="optimal", noise_variance=noise_variance)
        mixed = known.fit_transform(noisy[None])[0]
        blind = known.set_params(noise_variance=None).fit_transform(noisy[None])[0]
        rows.append(
            [
                name,
                f"{parameter}={grid[best]:.3g}",
                losses[best],
                psnr(outputs[best], clean),
                psnr(mixed, clean),
                psnr(blind, clean),
                psnr(plain, clean),
                psnr(default_output(name, noisy), clean),
                " / ".join(map(str, PAPER[name])),
            ]
        )
        figures["same_argmin"][name] = best == int(np.argmin(errors))
        figures["worst_gap"][name] = max(
            abs((loss - error) / noise_variance - 1)
            for loss, error in zip(losses, errors, strict=True)
        )
    report.table(
        "Table 1: calibrated without ground truth",
        [
            "method",
            "chosen",
            "loss",
            "PSNR",
            "mixed",
            "mixed, variance estimated",
            "not J-invariant",
            "default parameters",
            "paper: loss / PSNR / mixed / default",
        ],
        rows,
    )
    report.line(
        "\nThe paper used the camera picture that scikit-image had in 2019; it was replaced since, "
        "so its figures\ncannot be met. Default parameters are those of today's scikit-image."
    )
    report.table(
        "Self-supervised and true loss; their difference in units of the noise variance",
        ["method", "parameter", "self-supervised", "true", "difference"],
        curves,
    )
    figures["psnr"] = {row[0]: row[3] for row in rows}
    return figures


def noises(clean, noisy):
    """The same picture with other noise, on the same scale."""
    rng = np.random.default_rng(0)
    outliers = rng.integers(0, 2, clean.shape).astype(float)
    return {
        "Gaussian, 0.1": noisy,
        "Gaussian, 0.02": clean + rng.normal(0, 0.02, clean.shape),
        "Poisson, peak 30": rng.poisson(30 * clean) / 30,
        "salt and pepper, 10 %": np.where(rng.random(clean.shape) < 0.1, outliers, clean),
    }


def after_choosing(report, clean, noisy):
    """Four ways to use what the self-supervised loss chose, for several kinds of noise."""
    ways = {"J-invariant": None, "mixed": "optimal", "mixed locally": "local"}
    rows, figures = [], {}
    for noise, image in noises(clean, noisy).items():
        for name, family in families(image).items():
            chosen = ours(image, family).best_estimator_
            found = {
                way: chosen.set_params(mix=mix).transform(image[None]) for way, mix in ways.items()
            }
            found["whole image"] = chosen.estimator.transform(image[None])
            figures[f"{noise}, {name}"] = {way: psnr(x[0], clean) for way, x in found.items()}
            values = figures[f"{noise}, {name}"].values()
            rows.append([noise, name, psnr(image, clean), *values])
    report.table(
        "What the self-supervised loss chose, used in four ways, PSNR in dB",
        ["noise", "family", "noisy", *ways, "whole image"],
        rows,
    )
    return figures


def speed(report, noisy, repeats):
    """Seconds of `calibrate_denoiser` and of our search on the same grid, in turn."""
    rows, figures = [], {"same_choice": {}, "time_ratio": {}, "time_ratio_processes": {}}
    joblib.Parallel(n_jobs=2)(joblib.delayed(ss.MedianDenoiser)() for _ in range(2))
    report.line("\nThe times below are without starting the worker processes, once.")
    for name, family in families(noisy).items():
        times = {"theirs": [], "threads": [], "processes": []}
        for _ in range(repeats if name == "nl-means" else 3 * repeats):
            start = time.perf_counter()
            choice = theirs(noisy, family)
            times["theirs"].append(time.perf_counter() - start)
            for kind, backend in (("threads", "threading"), ("processes", None)):
                start = time.perf_counter()
                search = ours(noisy, family, backend=backend)
                times[kind].append(time.perf_counter() - start)
        best = {kind: min(values) for kind, values in times.items()}
        chosen = search.best_params_[f"estimator__{family[1]}"]
        rows.append(
            [
                name,
                float(choice),
                float(chosen),
                best["theirs"],
                best["threads"],
                best["processes"],
                best["threads"] / best["theirs"],
                best["processes"] / best["theirs"],
            ]
        )
        figures["same_choice"][name] = bool(choice == chosen)
        figures["time_ratio"][name] = best["threads"] / best["theirs"]
        figures["time_ratio_processes"][name] = best["processes"] / best["theirs"]
    report.table(
        f"calibrate_denoiser(approximate_loss=False) and GridSearchCV(n_jobs=2), seconds, best of "
        f"{repeats} for NL-means and of {3 * repeats} for the others",
        [
            "method",
            "their choice",
            "our choice",
            "theirs",
            "ours, threads",
            "ours, processes",
            "ratio, threads",
            "ratio, processes",
        ],
        rows,
    )
    return figures


def peak_memory(report, quick):
    """Largest resident memory, each in a process of its own, workers included."""
    rows, peaks = [], {}
    for kind in ("theirs", "threads", "processes"):
        command = [sys.executable, "-m", "benchmarks.calibration", "--only", kind]
        done = subprocess.run(
            command + ["--quick"] * quick, capture_output=True, text=True, check=True
        )
        peaks[kind] = json.loads(done.stdout.splitlines()[-1])["megabytes"]
        rows.append([kind, peaks[kind], peaks[kind] / peaks["theirs"]])
    report.table("Peak memory of the search over NL-means", ["search", "MB", "ratio"], rows)
    return {kind: peaks[kind] / peaks["theirs"] for kind in ("threads", "processes")}


def only(kind, noisy):
    """One search over NL-means, and what memory it took at most."""
    family = families(noisy)["nl-means"]
    if kind == "theirs":
        theirs(noisy, family)
    else:
        ours(noisy, family, backend="threading" if kind == "threads" else None)
    workers = reusable_executor._executor._processes if kind == "processes" else ()
    print(json.dumps({"megabytes": sum(map(peak_of, [os.getpid(), *workers])) / 1024}))


def peak_of(pid):
    """Peak resident memory of a process in kB; Linux only.

    What `getrusage` gives includes the memory that the parent had when it forked.
    """
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def main():
    arguments = options(
        __doc__, only=("", "ways: run that table; theirs, threads, processes: peak memory of one")
    )
    clean, noisy = pictures(arguments.quick)
    if arguments.only == "ways":
        report = Report("calibration", arguments.save, arguments.only)
        report.end(ways=after_choosing(report, clean, noisy))
        return
    if arguments.only:
        only(arguments.only, noisy)
        return
    report = Report("calibration", arguments.save)
    figures = {
        "figure_2": figure_2(report, clean, noisy),
        "table_1": table_1(report, clean, noisy),
        "ways": after_choosing(report, clean, noisy),
        "speed": speed(report, noisy, 1 if arguments.quick else 2),
        "memory_ratio": peak_memory(report, arguments.quick),
    }
    report.end(**figures)


if __name__ == "__main__":
    main()
