# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Self2Self and Self2Self+ on single noisy pictures, beside BM3D and NL-Ridge.

Noise is Gaussian, seeded and added to pictures on [0, 255]; "8-bit" noise is then rounded and
clipped to what a file holds. PSNR and SSIM are of unclipped output. Sections, by ``--only``:

- house: Set12's House, all noises, both methods, PSNR against steps and minutes;
- ablation: what each part of Self2Self brings (the paper's Table 4), on the middle of House, by
  the paper's network with half the features;
- set9, cbsd68, set11, polyu: the sets of the papers (Set9 in colour with both kinds of noise,
  CBSD68 for Self2Self+, inpainting of Set11 with 70 % of the pixels missing, real noise of
  cameras), which take a GPU, or many hours.

Results are kept line by line in ``benchmarks/results/self2self.jsonl`` when ``--save`` is given,
and what is there already is not run again, so that a run may be stopped and taken up.
"""

import json
import sys
import time
from functools import partial

import numpy as np
from skimage.metrics import structural_similarity
from skorch.callbacks import Callback

from benchmarks._pictures import centre, clean_pictures, pairs, psnr
from benchmarks.report import RESULTS, Report, options
from selfsupervised import NLRidgeDenoiser, Self2SelfDenoiser, Self2SelfPlusDenoiser, fill_missing
from selfsupervised.networks import Self2SelfUNet

SECTIONS = ("house", "ablation", "set9", "cbsd68", "set11", "polyu")
MARKS = (100, 200, 500, 1000, 1500, 2000, 4000, 8000, 16000, 32000)  # steps, of the curves
FEW = 10  # predictions, on the way
QUICK_STEPS, QUICK_EDGE = 10, 32
# Few steps for the paper's network; on a small picture, a narrow one shows in them what it does.
ABLATION_STEPS, ABLATION_EDGE, ABLATION_WIDTH = 2000, 96, 24
# In units of the picture's range; the papers' figures, to be printed beside ours.
PAPER = {
    ("set9", "sigma 25"): ("Self2Self", 31.74),
    ("set9", "sigma 25, 8-bit"): ("Self2Self", 31.36),
    ("set11", "70 % missing"): ("Self2Self", 31.06),
    ("cbsd68", "sigma 25"): ("Self2Self+", 28.71),
}


def say(*what):
    print(*what, file=sys.stderr, flush=True)


# -- pictures ------------------------------------------------------------------------------


def noisy_version(clean, sigma, eight_bit=False):
    noisy = clean + np.random.default_rng(0).normal(0, sigma, clean.shape)
    return np.clip(np.rint(noisy), 0, 255) if eight_bit else noisy


def pictures(section, quick):
    """Yield (name, noise, noisy, clean, sigma or None); what is missing is NaN in `noisy`."""
    if section in ("house", "ablation"):
        noises = [(25, False), (50, False), (25, True), (50, True)]
        for stem, clean in clean_pictures("Set12"):
            if stem == "02":
                edge = QUICK_EDGE if quick else ABLATION_EDGE if section == "ablation" else None
                clean = centre(clean, edge) if edge else clean
                for sigma, eight_bit in noises[: 1 if quick or section == "ablation" else None]:
                    noise = f"sigma {sigma}{', 8-bit' if eight_bit else ''}"
                    yield "House", noise, noisy_version(clean, sigma, eight_bit), clean, sigma
    elif section in ("set9", "cbsd68"):
        kinds = (False, True) if section == "set9" else (False,)
        for stem, clean in clean_pictures(
            {"set9": "Set9", "cbsd68": "CBSD68"}[section], quick=quick
        ):
            for eight_bit in kinds:
                noise = f"sigma 25{', 8-bit' if eight_bit else ''}"
                yield stem, noise, noisy_version(clean, 25, eight_bit), clean, 25
    elif section == "set11":
        for stem, clean in clean_pictures("Set11", quick=quick):
            clean = clean if clean.ndim == 2 else clean[..., 0]
            missing = np.random.default_rng(0).random(clean.shape) < 0.7
            yield stem, "70 % missing", np.where(missing, np.nan, clean), clean, None
    elif section == "polyu":
        for number, (stem, noisy, clean) in enumerate(pairs("PolyU", quick=quick)):
            if number % 5 == 0:
                yield stem, "camera", noisy, clean, None


# -- methods -------------------------------------------------------------------------------


class Marks(Callback):
    """Step, seconds of training and PSNR whenever a mark is passed; its own time is left out."""

    def __init__(self, estimator, noisy, clean):
        self.estimator, self.noisy, self.clean = estimator, noisy, clean

    def on_train_begin(self, net, **kwargs):
        self.points, self.step, self.start = [], 0, time.perf_counter()

    def on_batch_end(self, net, training, **kwargs):
        self.step += training

    def on_epoch_end(self, net, **kwargs):
        passed = len(self.points) < len(MARKS) and self.step >= MARKS[len(self.points)]
        if not passed:
            return
        now, all_predictions = time.perf_counter(), self.estimator.n_predictions
        self.estimator.net_ = net
        out = self.estimator.set_params(n_predictions=FEW).transform(self.noisy[None])[0]
        self.estimator.set_params(n_predictions=all_predictions)
        self.points.append([self.step, round(now - self.start, 1), round(psnr(out, self.clean), 3)])
        say(*self.points[-1])
        self.start += time.perf_counter() - now


def trained(estimator, noisy, clean):
    """A network's output, and seconds and curve of its training."""
    marks = Marks(estimator, noisy, clean)
    start = time.perf_counter()
    estimator.set_params(callbacks=[marks]).fit(noisy[None])
    fitted = time.perf_counter() - start
    out = estimator.transform(noisy[None])[0]
    seconds = {"fit": round(fitted, 1), "transform": round(time.perf_counter() - start - fitted, 1)}
    return out, {**seconds, "steps": estimator.n_steps_, "curve": marks.points}


def narrow(**parameters):
    return partial(Self2SelfUNet, width=ABLATION_WIDTH, **parameters)


def bm3d_of(noisy, sigma):
    import bm3d

    return (bm3d.bm3d if noisy.ndim == 2 else bm3d.bm3d_rgb)(noisy, sigma)


def methods(section, noisy, sigma, arguments):
    """Functions of the noisy and the clean picture, by name; they return output and figures."""
    colour = -1 if noisy.ndim == 3 else None
    steps = arguments.steps or (QUICK_STEPS if arguments.quick else None)
    shared = {"device": arguments.device, "channel_axis": colour}
    shared |= {"max_steps": steps} if steps else {}
    real = {"drop_probability": 0.7} if section == "polyu" else {}
    kinds = {
        "Self2Self": (Self2SelfDenoiser, {**shared, **real}),
        "Self2Self+": (Self2SelfPlusDenoiser, {**shared, **real}),
    }
    if section == "ablation":
        shared["max_steps"] = steps or ABLATION_STEPS
        edge = QUICK_EDGE if arguments.quick else ABLATION_EDGE
        paper = {"lr": 1e-3, "patch_size": edge, "batch_size": 1, "dropout": 0.3}
        full = {**shared, **paper, "module": narrow()}
        kinds = {
            "without sampling": (Self2SelfDenoiser, {**full, "sampling": False}),
            "without dropout": (Self2SelfDenoiser, {**full, "dropout": 0.0}),
            "without ensemble": (Self2SelfDenoiser, {**full, "n_predictions": 1}),
            "without partial convolution": (
                Self2SelfDenoiser,
                {**full, "module": narrow(partial=False)},
            ),
            "full": (Self2SelfDenoiser, full),
            "the default": (Self2SelfDenoiser, shared),
        }
    for name, (kind, parameters) in kinds.items():
        yield name, lambda x, y, kind=kind, p=parameters: trained(kind(**p), x, y)
    if section == "ablation":
        return
    if section == "set11":
        yield "mean of neighbours", lambda x, y: (fill_missing(x[None])[0], {})
        return
    ridge = NLRidgeDenoiser(sigma=sigma, channel_axis=colour)
    yield "NL-Ridge", lambda x, y: (ridge.transform(x[None])[0], {})
    yield "BM3D", lambda x, y: (bm3d_of(x, sigma if sigma else ridge._noise_level(x)), {})


# -- results -------------------------------------------------------------------------------


def judged(run, noisy, clean):
    out, figures = run(noisy, clean)
    ssim = structural_similarity(
        clean,
        out,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=-1 if clean.ndim == 3 else None,
    )
    return {"psnr": round(psnr(out, clean), 3), "ssim": round(float(ssim), 4), **figures}


def known(path):
    """Results so far, by (section, picture, noise, method, steps)."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {tuple(json.loads(line)["key"]): json.loads(line)["result"] for line in lines}


def results(section, arguments, path):
    """Run what is not known yet, and return all of this section."""
    so_far, chosen = known(path), []
    for name, noise, noisy, clean, sigma in pictures(section, arguments.quick):
        if arguments.images and name not in arguments.images.split(","):
            continue
        for method, run in methods(section, noisy, sigma, arguments):
            key = (section, name, noise, method, arguments.steps or "default", arguments.device)
            if method in ("NL-Ridge", "BM3D", "mean of neighbours"):
                key = (*key[:4], "", "")
            if key not in so_far:
                say(*key)
                so_far[key] = judged(run, noisy, clean)
                if arguments.save and not arguments.quick:
                    path.parent.mkdir(exist_ok=True)
                    with path.open("a") as file:
                        file.write(json.dumps({"key": key, "result": so_far[key]}) + "\n")
            chosen.append((key, so_far[key]))
    return chosen


def tables(report, section, chosen):
    rows, curves = [], []
    for (_, name, noise, method, *_), result in chosen:
        took = [result.get(part, "") for part in ("steps", "fit", "transform")]
        rows.append([name, noise, method, *took, result["psnr"], result["ssim"]])
        for step, seconds, value in result.get("curve", []):
            curves.append([name, noise, method, step, seconds / 60, value])
    took = ["steps", "seconds of fit", "of transform"]
    report.table(section, ["picture", "noise", "method", *took, "PSNR, dB", "SSIM"], rows)
    if curves:
        report.table(
            f"{section}: on the way, mean of {FEW} predictions",
            ["picture", "noise", "method", "step", "minutes", "PSNR, dB"],
            curves,
        )
    means, groups = [], sorted({(row[1], row[2]) for row in rows})
    for noise, method in groups:
        values = [row[-2] for row in rows if (row[1], row[2]) == (noise, method)]
        paper = PAPER.get((section, noise), ("", ""))
        means.append(
            [
                noise,
                method,
                len(values),
                float(np.mean(values)),
                paper[1] if paper[0] == method else "",
            ]
        )
    report.table(f"{section}: means", ["noise", "method", "pictures", "PSNR, dB", "paper"], means)
    return {f"{noise}, {method}": round(value, 3) for noise, method, _, value, _ in means}


def main():
    arguments = options(
        __doc__,
        only=("house", f"a section: {', '.join(SECTIONS)}"),
        images=("", "names of pictures, with commas between; all by default"),
        steps=(0, "steps of training; those of the estimator by default"),
        device=("auto", "cpu, cuda, ..."),
    )
    if arguments.only not in SECTIONS:
        raise SystemExit(f"--only takes one of {', '.join(SECTIONS)}; got {arguments.only}.")
    report = Report("self2self", arguments.save, part=arguments.only)
    chosen = results(arguments.only, arguments, RESULTS / "self2self.jsonl")
    report.end(**tables(report, arguments.only, chosen))


if __name__ == "__main__":
    main()
