# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Denoising without training: against BM3D, without knowing the noise, and without harm.

Noise is seeded alike for each image and neither clipped nor rounded; PSNR is of unclipped
output, averaged over images. All methods run in turn on each image. CPU seconds are beside
those of the clock, as the machine may do other things, and as BM3D may use fewer cores.
"""

import json
import os
import subprocess
import sys
import time
import warnings
from collections import Counter

import numpy as np
from joblib.externals.loky import reusable_executor
from sklearn.base import clone

from benchmarks import _pictures
from benchmarks._pictures import (
    clean_pictures,
    gaussian,
    multiplicative,
    pairs,
    poisson,
    psnr,
    salt_and_pepper,
    with_noise,
)
from benchmarks._shared_pairs import CORRELATED
from benchmarks.calibration import peak_of
from benchmarks.report import Report, options
from selfsupervised import (
    CorrelatedNoiseWarning,
    FunctionDenoiser,
    NLRidgeDenoiser,
    VarianceStabilizer,
    denoise,
)

try:
    import bm3d

    np.trapz = np.trapezoid  # noqa: NPY201 which it still asks for where noise is correlated
except ImportError:
    bm3d = None

OURS, PEER, BLIND = "NLRidgeDenoiser", "BM3D", "denoise()"
STABILIZED, ORACLE = "stabilized", "stabilized BM3D, told"
LARGE = 4096


def timed(method, *arguments):
    """What it returns, seconds by the clock, and CPU seconds of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    out = method(*arguments)
    return out, time.perf_counter() - wall, time.process_time() - cpu


def contest(label, triples, methods, peak):
    """Mean of PSNR, seconds and CPU seconds of each method, shape (n_methods, 3); and how many."""
    rows = []
    for _, noisy, clean in triples:
        rows.append([])
        for method in methods.values():
            out, *seconds = timed(method, noisy, clean)
            rows[-1].append([psnr(out, clean, peak), *seconds])
        print(label, len(rows), np.array(rows[-1]).round(2).tolist(), file=sys.stderr, flush=True)
    return np.mean(rows, axis=0), len(rows)


def versus(report, title, rounds, reference):
    """A table of rounds, each (label, triples, methods, peak), against one of the methods."""
    rows, figures = [], {}
    for label, triples, methods, peak in rounds:
        means, n_images = contest(label, triples, methods, peak)
        names = list(methods)
        others = [name for name in names if name != reference]
        psnrs, seconds, cpu = (dict(zip(names, map(float, column))) for column in means.T)
        row = [label, n_images, *psnrs.values()]
        figure = {"psnr": psnrs, "seconds": seconds, "cpu_seconds": cpu}
        if reference in names:
            difference = {name: psnrs[name] - psnrs[reference] for name in others}
            ratio = {name: seconds[name] / seconds[reference] for name in others}
            cpu_ratio = {name: cpu[name] / cpu[reference] for name in others}
            row += [f"{value:+.3f}" for value in difference.values()]
            figure |= {"difference": difference, "ratio": ratio, "cpu_ratio": cpu_ratio}
        row += seconds.values()
        if reference in names:
            row += [*ratio.values(), *cpu_ratio.values()]
        rows.append(row)
        figures[label] = figure
    columns = ["images", "n", *(f"{name}, dB" for name in names)]
    if reference in names:
        columns += [f"{name} - {reference}, dB" for name in others]
    columns += [f"{name}, s" for name in names]
    if reference in names:
        columns += [f"{name} / {reference}, time" for name in others]
        columns += [f"{name} / {reference}, CPU time" for name in others]
    report.table(title, columns, rows)
    return figures


def nl_ridge(sigma, channel_axis=None):
    """NLRidgeDenoiser as a function of a noisy and a clean image, as all methods are here."""
    denoiser = NLRidgeDenoiser(float(sigma), channel_axis=channel_axis)
    return lambda noisy, clean: denoiser.fit_transform(noisy[None])[0]


def blind(noisy, clean):
    return denoise(noisy)


def grey(report, quick):
    """White noise of known strength."""
    rounds = []
    for name in ("Set12", "BSD68"):
        for sigma in (25,) if quick else (15, 25, 50):
            methods = {OURS: nl_ridge(sigma)}
            if bm3d:
                methods[PEER] = lambda noisy, clean, sigma=sigma: bm3d.bm3d(noisy, sigma)
            triples = with_noise(name, gaussian(sigma), quick=quick)
            rounds.append((f"{name}, {sigma}", triples, methods, 255))
    return versus(report, "Grey, white noise of known standard deviation", rounds, PEER)


def colour(report, quick):
    """The same in colour."""
    rounds = []
    for sigma in (25,) if quick else (25, 50):
        methods = {OURS: nl_ridge(sigma, channel_axis=-1)}
        if bm3d:
            methods[PEER] = lambda noisy, clean, sigma=sigma: bm3d.bm3d_rgb(noisy, sigma)
        triples = with_noise("Set9", gaussian(sigma), quick=quick)
        rounds.append((f"Set9, {sigma}", triples, methods, 255))
    return versus(report, "Colour, white noise of known standard deviation", rounds, PEER)


def unknown(report, quick):
    """Nothing known, against the same method told the truth."""
    rounds = []
    for name, every in (("Set12", 1), ("BSD68", 4)):
        for sigma in (25,) if quick else (15, 25, 50):
            methods = {BLIND: blind, OURS: nl_ridge(sigma)}
            triples = with_noise(name, gaussian(sigma), quick=quick, every=every)
            rounds.append((f"{name}, {sigma}", triples, methods, 255))
    report.line("\nOf BSD68 every fourth image.")
    title = "Grey, white noise: denoise() told nothing, NLRidgeDenoiser told the standard deviation"
    return versus(report, title, rounds, OURS)


def stabilized_bm3d(noise):
    """BM3D told the noise, (gain, variance), or for None what the true image says of it."""

    def method(noisy, clean):
        gain, variance = noise or true_noise(noisy, clean)
        inner = FunctionDenoiser(bm3d.bm3d, {"sigma_psd": 1.0})
        stabilizer = VarianceStabilizer(inner, gain=gain, variance=variance)
        return stabilizer.fit_transform(noisy[None])[0]

    return method


def true_noise(noisy, clean):
    """Gain and variance by regression of squared errors on the clean image."""
    squares = np.square(noisy - clean).ravel()
    gain, variance = map(float, np.polyfit(clean.ravel(), squares, 1))
    return (gain, variance) if gain > 0 else (0.0, float(squares.mean()))


def photons(report, quick):
    """Noise that grows with the signal, unknown; the peer is told the truth."""
    stabilizer = VarianceStabilizer(NLRidgeDenoiser(1.0))
    ours = {
        BLIND: blind,
        STABILIZED: lambda noisy, clean: stabilizer.fit_transform(noisy[None])[0],
    }
    cases = []
    for peak, read_out in ((5, 0), (30, 0), (30, 2)):
        noise = poisson(peak, read_out)
        triples = with_noise("Set12", noise, quick=quick)
        cases.append((f"Set12, {noise.name}", triples, (1.0, float(read_out**2)), peak))
    cases.append(("N2F_Confocal", pairs("N2F_Confocal", quick=quick), None, 255))
    for start in ("Confocal", "TwoPhoton"):
        triples = pairs("FMD_testmix", start, quick=quick)
        cases.append((f"FMD_testmix, {start}", triples, None, 255))
    rounds = [
        (label, triples, ours | ({ORACLE: stabilized_bm3d(noise)} if bm3d else {}), peak)
        for label, triples, noise, peak in (cases[1::2] if quick else cases)
    ]
    report.line("\nStabilized is VarianceStabilizer, around NLRidgeDenoiser(1) where not BM3D.")
    title = "Photon noise: nothing known, against BM3D told gain and variance"
    return versus(report, title, rounds, ORACLE)


def decibels(image, clean, peak, loss):
    """PSNR, or the same of the mean absolute error, so that ratios of either are in dB."""
    if loss == "mse":
        return psnr(image, clean, peak)
    return float(20 * np.log10(peak / np.mean(np.abs(image - clean))))


def kind(estimator):
    """Names of the classes of an estimator and of those inside."""
    inner = f"({kind(estimator.denoiser)})" if hasattr(estimator, "denoiser") else ""
    return type(estimator).__name__ + inner


def choice(report, quick):
    """What choosing among the candidates without ground truth loses to the best of them."""
    noises = [(gaussian(sigma), "mse") for sigma in (10, 25, 50)]
    noises += [(poisson(peak), "mse") for peak in (5, 30)]
    noises += [(salt_and_pepper(0.1), "mae"), (multiplicative(0.2), "mse")]
    rows, figures = [], {}
    for noise, loss in noises[2::3] if quick else noises:
        results, chosen, seconds = [], Counter(), []
        for stem, noisy, clean in with_noise("Set12", noise, quick=quick, edge=256):
            start = time.perf_counter()
            out, search = denoise(noisy, loss=loss, return_search=True)
            seconds.append(time.perf_counter() - start)
            tried = [params["estimator"] for params in search.cv_results_["params"]]
            true = [
                decibels(clone(estimator).fit_transform(noisy[None])[0], clean, noise.peak, loss)
                for estimator in tried
            ]
            names = [kind(estimator) for estimator in tried]
            reached = decibels(out, clean, noise.peak, loss)
            results.append((max(true) - reached, stem, reached, max(true)))
            pick, best = names[search.best_index_], names[int(np.argmax(true))]
            chosen[pick if pick == best else f"{pick} (best: {best})"] += 1
            print(noise.name, stem, pick, best, results[-1], file=sys.stderr, flush=True)
        regrets = [result[0] for result in results]
        rows.append(
            [
                f"{noise.name}, {loss}",
                len(results),
                float(np.mean([result[2] for result in results])),
                float(np.mean([result[3] for result in results])),
                f"{np.mean(regrets):+.3f}",
                "{:+.3f} ({})".format(*max(results)[:2]),
                ", ".join(f"{n} x {name}" for name, n in chosen.most_common()),
                float(np.mean(seconds)),
            ]
        )
        figures[noise.name] = {"mean": float(np.mean(regrets)), "worst": max(regrets)}
    report.line("\nOf the larger images of Set12 the 256 x 256 in the middle.")
    report.table(
        "Regret of denoise() in dB against its best candidate, known from ground truth",
        [
            "noise, loss",
            "n",
            "reached",
            "best",
            "mean regret",
            "worst regret (image)",
            "chosen",
            "seconds",
        ],
        rows,
    )
    return figures


def correlated(report, quick):
    """Noise that neighbours share, of real images and made: denoise() told nothing."""
    rows, figures = [], {}
    for name, triples in CORRELATED.items():
        results, warned, seconds = [], 0, []
        for stem, noisy, clean, axis in triples(quick):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                out, wall, _ = timed(lambda x, axis=axis: denoise(x, channel_axis=axis), noisy)
            warned += any(issubclass(w.category, CorrelatedNoiseWarning) for w in caught)
            seconds.append(wall)
            before, after = psnr(noisy, clean), psnr(out, clean)
            results.append((after - before, stem, before, after))
            print(name, *results[-1], file=sys.stderr, flush=True)
        before, after = (float(np.mean([result[i] for result in results])) for i in (2, 3))
        worst, where, *_ = min(results)
        gain, least = f"{after - before:+.3f}", f"{worst:+.3f} ({where})"
        rows.append([name, len(results), before, after, gain, least, warned, np.mean(seconds)])
        figures[name] = {"mean_gain": after - before, "worst_gain": worst, "warned": warned}
    report.table(
        "Noise that neighbours share: PSNR of denoise() and of the noisy image",
        ["images", "n", "noisy", "denoised", "mean gain", "worst gain", "warned", "seconds"],
        rows,
    )
    return figures


def speed(report, quick):
    """denoise() with nothing known: 512 x 512, and 4096 x 4096 in a process of its own."""
    seconds = []
    for _, noisy, _ in with_noise("Set12", gaussian(25), quick=quick):
        if quick or noisy.shape == (512, 512):
            seconds.append(timed(denoise, noisy)[1])
            size = f"{noisy.shape[0]} x {noisy.shape[1]}"
    rows = [[size, len(seconds), float(np.median(seconds)), max(seconds), "", ""]]
    figures = {size: float(np.median(seconds))}
    if not quick:
        command = [sys.executable, "-m", "benchmarks.classical", "--only", "large"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        result = json.loads(done.stdout.splitlines()[-1])
        peak, image = result["megabytes"], LARGE**2 * 8 / 2**20
        size = f"{LARGE} x {LARGE}"
        rows.append([size, 1, result["seconds"], result["seconds"], peak, peak / image])
        figures[size] = result
    report.table(
        "denoise() of a grey image, white noise of standard deviation 25, nothing known",
        ["pixels", "n", "seconds, median", "seconds, worst", "peak MB", "peak / image in float64"],
        rows,
    )
    return figures


def large():
    """Seconds and peak memory, workers included, of one image of mirrored copies."""
    picture = next(x for _, x in clean_pictures("Set12") if x.shape == (512, 512))
    noisy, _ = gaussian(25)(np.pad(picture, (0, LARGE - 512), "symmetric"))
    _, seconds, _ = timed(denoise, noisy)
    executor = reusable_executor._executor
    workers = executor._processes if executor else ()
    megabytes = sum(map(peak_of, [os.getpid(), *workers])) / 1024
    print(json.dumps({"seconds": seconds, "megabytes": megabytes}))


SECTIONS = {
    "grey": grey,
    "colour": colour,
    "unknown": unknown,
    "poisson": photons,
    "choice": choice,
    "correlated": correlated,
    "time": speed,
}


def main():
    arguments = options(
        __doc__,
        only=("", f"run one section: {', '.join(SECTIONS)}"),
        every=(1, "take every n-th image of each set"),
    )
    _pictures.EVERY = arguments.every
    if arguments.only == "large":
        large()
        return
    if arguments.only and arguments.only not in SECTIONS:
        raise SystemExit(f"--only takes one of {', '.join(SECTIONS)}; got {arguments.only}.")
    report = Report("classical", arguments.save, arguments.only)
    if bm3d is None:
        report.line("BM3D is left out, as it is not installed; `pip install bm3d` adds it.")
    sections = [arguments.only] if arguments.only else SECTIONS
    report.end(**{name: SECTIONS[name](report, arguments.quick) for name in sections})


if __name__ == "__main__":
    main()
