# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Networks trained on noisy pictures alone: on one picture, and on a small folder of them.

By default, all methods in one table: each trained for a few steps on one small picture, and on a
folder, with three seeds, beside clean targets and NL-Ridge (a quarter of an hour on one core).
--only runs another section, of which some take hours.

Noise is Gaussian with a standard deviation of 25 on [0, 255], seeded, neither clipped nor
rounded; each picture has one noisy version, made once. PSNR is of unclipped output.

On a machine that is busy with other things too, set OMP_WAIT_POLICY=PASSIVE: threads that wait
for others by spinning make small networks many times slower there.
"""

import sys
import time
from functools import partial
from itertools import pairwise

import numpy as np
from skimage import color, data
from sklearn.base import clone
from skorch.callbacks import Callback

from benchmarks._pictures import centre, clean_pictures, gaussian, psnr, with_noise
from benchmarks._since import SINCE
from benchmarks._supervised import FOLDER, supervised
from benchmarks.calibration import families, ours
from benchmarks.report import Report, options
from selfsupervised import (
    Neighbor2NeighborDenoiser,
    NLRidgeDenoiser,
    Noise2SameDenoiser,
    Noise2SelfDenoiser,
    RandomPixels,
    RecorruptedDenoiser,
    Self2SelfDenoiser,
    Self2SelfPlusDenoiser,
)
from selfsupervised.images._network import N_EPOCHS

SIGMA = 25
# Settings are for two slow cores: all sections together take about two hours.
MINUTES = 1.2  # of training, for each scheme and picture of `one`
MARKS = (1, 2, 5, 10)  # minutes in the table of `one`
TRIAL_STEPS = 10  # by which the number of steps in those minutes is predicted
FOLDER_STEPS = 4000
SMALL_STEPS, SMALL_EDGE = 200, 128  # of `lambda` and `gamma`: steps, and edge of the pictures
QUICK_STEPS, QUICK_PATCH = 4, 32
SCHEMES = {
    "Noise2Self": Noise2SelfDenoiser,
    "Noise2Same": Noise2SameDenoiser,
    "Neighbor2Neighbor": Neighbor2NeighborDenoiser,
}
OTHERS = {"Recorrupted": RecorruptedDenoiser, **SINCE}
SAMPLED = {"Self2Self": Self2SelfDenoiser, "Self2Self+": Self2SelfPlusDenoiser}
METHOD_STEPS, METHOD_EDGE = 300, 128  # of `methods`
# What the paper's own text has: random values, few pixels, and the whole image in the end
# (Section 5.4, which finds that 0.5 dB better than the J-invariant output).
PAPER = {"partition": RandomPixels(25), "fill": "uniform", "inference": "direct"}


def say(*what):
    print(*what, file=sys.stderr, flush=True)


def timed(function, *arguments):
    start = time.perf_counter()
    out = function(*arguments)
    return out, time.perf_counter() - start


# -- one picture ---------------------------------------------------------------------------


class Curve(Callback):
    """PSNR and seconds of training at each validation; its own time is left out."""

    def __init__(self, estimator, noisy, clean, peak):
        self.estimator, self.noisy, self.clean, self.peak = estimator, noisy, clean, peak

    def on_train_begin(self, net, **kwargs):
        self.points, self.start = [], time.perf_counter()

    def on_epoch_end(self, net, **kwargs):
        now = time.perf_counter()
        self.estimator.net_ = net
        out = self.estimator.transform(self.noisy[None])[0]
        loss = net.history[-1, "valid_loss"]
        self.points.append((now - self.start, float(loss), psnr(out, self.clean, self.peak)))
        self.start += time.perf_counter() - now

    def at(self, minutes):
        """PSNR of the state that a fit ended then would have kept: of least held-out loss."""
        known = [(loss, value) for seconds, loss, value in self.points if seconds <= 60 * minutes]
        return min(known)[1] if known and self.points[-1][0] > 50 * minutes else ""


class Stopwatch(Callback):
    """Seconds of training and of validation in each epoch."""

    def on_train_begin(self, net, **kwargs):
        self.epochs = []

    def on_epoch_begin(self, net, **kwargs):
        self.start = time.perf_counter()

    def on_batch_end(self, net, training, **kwargs):
        if training:
            self.trained = time.perf_counter()

    def on_epoch_end(self, net, **kwargs):
        now = time.perf_counter()
        self.epochs.append((self.trained - self.start, now - self.trained))


def steps_in(minutes, estimator, noisy):
    """How many steps fit into the time, judged by a few, each of which is an epoch."""
    watch = Stopwatch()
    estimator.set_params(max_steps=TRIAL_STEPS, callbacks=[watch]).fit(noisy[None])
    step, validation = np.median(watch.epochs, axis=0)
    return max(int((60 * minutes - N_EPOCHS * validation) / step), TRIAL_STEPS)


def single_pictures(quick):
    """Yield (name, noisy, clean, peak)."""
    names = {"02": "House", "03": "Peppers"}
    for stem, noisy, clean in with_noise("Set12", gaussian(SIGMA)):
        if stem in names:
            size = 64 if quick else 256
            yield names[stem], centre(noisy, size), centre(clean, size), 255.0
    clean = data.camera() / 255
    noisy = clean + np.random.default_rng(0).normal(0, 0.1, clean.shape)
    if not quick:
        yield "camera, 0.1", noisy, clean, 1.0


def one(report, arguments):
    """Each scheme trained on the one picture it denoises."""
    quick, rows, curves, figures = arguments.quick, [], [], {}
    for label, noisy, clean, peak in single_pictures(quick):
        search, seconds = timed(ours, noisy, families(noisy)["nl-means"])
        best = search.best_estimator_
        forms = {
            "whole image": best.estimator,
            "mixed": clone(best).set_params(mix="optimal"),
            "mixed locally": clone(best).set_params(mix="local"),
        }
        reached = {
            form: psnr(estimator.fit(noisy[None]).transform(noisy[None])[0], clean, peak)
            for form, estimator in forms.items()
        }
        reference = max(reached["whole image"], reached["mixed"])
        for form, value in reached.items():
            rows.append([label, f"NL-means, calibrated, {form}", 0, seconds, value, ""])
        out, seconds = timed(NLRidgeDenoiser().fit_transform, noisy[None])
        rows.append([label, "NL-Ridge", 0, seconds, psnr(out[0], clean, peak), ""])
        for name, scheme in SCHEMES.items():
            estimator = scheme(random_state=0)
            if quick:
                estimator.set_params(patch_size=QUICK_PATCH)
            steps = QUICK_STEPS if quick else steps_in(arguments.minutes, estimator, noisy)
            curve = Curve(estimator, noisy, clean, peak)
            estimator.set_params(max_steps=steps, callbacks=[curve])
            _, seconds = timed(estimator.fit, noisy[None])
            value = psnr(estimator.transform(noisy[None])[0], clean, peak)
            rows.append([label, name, steps, curve.points[-1][0], value, value - reference])
            if scheme is Noise2SelfDenoiser:
                estimator.set_params(inference="local")
                other = psnr(estimator.transform(noisy[None])[0], clean, peak)
                spent = rows[-1][2:4]
                rows.append([label, f"{name}, mixed locally", *spent, other, other - reference])
            curves.append([label, name, *(curve.at(mark) for mark in MARKS)])
            figures[f"{label}, {name}"] = {
                "psnr": value,
                "gain": value - reference,
                "curve": [[round(x, 4) for x in point] for point in curve.points],
            }
            say(rows[-1])
    report.table(
        "One picture: the whole image denoised",
        ["picture", "method", "steps", "seconds", "PSNR, dB", "gain over NL-means, dB"],
        rows,
    )
    report.line("\nThe gain is over the better of the whole image and mixed.")
    report.table(
        "PSNR against minutes of training",
        ["picture", "method", *(f"{mark} min" for mark in MARKS)],
        curves,
    )
    return figures


# -- all methods ---------------------------------------------------------------------------


def all_methods(steps, arguments, edge):
    """Functions by name: of noisy pictures, clean ones, those to be denoised and a seed."""

    def of(scheme, **settings):
        made = partial(scheme, max_steps=steps, **settings)

        def outputs(noisy, clean, test, seed):
            return made(random_state=seed).fit(noisy).transform(test)

        return outputs

    def clean_targets(noisy, clean, test, seed):
        return [*map(supervised(noisy, clean, steps, None, seed), test)]

    few = {"n_predictions": 50}  # of 500 in Self2Self+, with which it takes longer than training
    found = {
        "NL-Ridge": lambda noisy, clean, test, seed: NLRidgeDenoiser().fit_transform(test),
        "clean targets": clean_targets,
        **{name: of(scheme) for name, scheme in (SCHEMES | OTHERS).items()},
        **{name: of(scheme, **few) for name, scheme in SAMPLED.items()},
    }
    if arguments.papers and not arguments.quick:
        cut = {"patch_size": edge}  # not larger than the picture
        for name, scheme in (SCHEMES | SAMPLED).items():
            own = few if name in SAMPLED else cut
            own = own | ({"iqa": None} if name == "Self2Self+" else {})
            found[f"{name}, from_paper"] = of(scheme.from_paper, **own)
    return found


def small_examples(names, sigma, edge):
    """Yield (name, noisy, clean) of the middles of pictures of these names."""
    pictures = {"House": "02", "Peppers": "03"}
    noisy = {stem: pair for stem, *pair in with_noise("Set12", gaussian(sigma))}
    noisy["camera"] = gaussian(sigma)(data.camera().astype(float))
    for name in names:
        yield name, *(centre(x, edge) for x in noisy[pictures.get(name, name)])


def learned(names, arguments, edge):
    """What is learned from, noisy and clean, and what is tested on, by name."""
    found = {
        name: ([noisy], [clean], [noisy], [clean])
        for name, noisy, clean in small_examples(names, arguments.sigma, edge)
    }
    clean, noisy, _ = training_pictures(None, arguments.quick, arguments.sigma)
    test = list(with_noise("Set12", gaussian(arguments.sigma), every=3, edge=edge))
    _, *test = zip(*test[: 1 if arguments.quick else None], strict=True)
    return found | {"folder": (noisy, clean, *map(list, test))}


def methods(report, arguments):
    """Every method on pictures and on a folder, with as many steps."""
    edge = FOLDER["patch_size"] if arguments.quick else arguments.edge
    steps = QUICK_STEPS if arguments.quick else arguments.steps or METHOD_STEPS
    n_seeds = 1 if arguments.quick else arguments.seeds
    examples = learned(arguments.pictures.split(","), arguments, edge)
    rows, figures = [], {}
    known = all_methods(steps, arguments, edge)
    for name in arguments.which.split(",") if arguments.which else known:
        values = {example: [] for example in examples}
        start = time.process_time()
        for seed in range(1 if name == "NL-Ridge" else n_seeds):
            for example, (noisy, clean, test, truth) in examples.items():
                outputs = known[name](noisy, clean, test, seed)
                values[example].append(float(np.mean([*map(psnr, outputs, truth)])))
        reached = np.array([*values.values()])
        seconds = (time.process_time() - start) / reached.size
        figures[name] = {"psnr": values, "seconds": seconds}
        spread = float(np.ptp(reached, axis=1).max())
        rows.append([name, *map(float, reached.mean(axis=1)), float(reached.mean())])
        rows[-1] += [spread, seconds]
        say(rows[-1])
    report.table(
        f"{steps} steps on the middle {edge} x {edge} pixels, noise of {arguments.sigma}: PSNR in "
        f"dB, mean of {n_seeds} seed(s)",
        ["method", *examples, "mean", "widest range over seeds", "CPU seconds each"],
        rows,
    )
    report.line(
        "\nEach picture is denoised by what learned from it. The folder is 16 pictures of BSD300, "
        "in grey, the test the middles of every third of Set12."
    )
    return figures


# -- a folder ------------------------------------------------------------------------------


def training_pictures(axis, quick, sigma=SIGMA):
    """Clean pictures, and two noisy versions of each."""
    pictures = [x for _, x in clean_pictures("BSD300_train16")][: 2 if quick else None]
    if axis is None:
        pictures = [255 * color.rgb2gray(x / 255) for x in pictures]
    rng = np.random.default_rng(0)
    first, second = ([x + rng.normal(0, sigma, x.shape) for x in pictures] for _ in range(2))
    return pictures, first, second


def crop_for(scheme):
    """Edge of crops from which a scheme makes inputs of the patch size of all."""
    return scheme.patch_multiple * FOLDER["patch_size"]


def fitted(scheme, noisy, steps, axis, **settings):
    estimator = scheme(**FOLDER, max_steps=steps, channel_axis=axis, random_state=0)
    estimator.set_params(**settings).fit(noisy)
    return lambda image: estimator.transform(image[None])[0]


def halves(pictures):
    """The four pictures that have one pixel of each 2 x 2."""
    return [x[i::2, j::2] for x in pictures for i in (0, 1) for j in (0, 1)]


def mean_psnr(denoise, pictures):
    return float(np.mean([psnr(denoise(noisy), clean) for _, noisy, clean in pictures]))


def folder(report, arguments):
    """Trained on sixteen noisy pictures, applied to others."""
    quick, axis = arguments.quick, -1 if arguments.colour else None
    clean, noisy, again = training_pictures(axis, quick)
    steps = QUICK_STEPS if quick else arguments.steps or FOLDER_STEPS
    trainings = {
        "clean targets": partial(supervised, noisy, clean, steps, axis),
        "noisy pairs (Noise2Noise)": partial(supervised, noisy, again, steps, axis),
        # What the scale of its pictures alone costs Neighbor2Neighbor.
        "clean targets, half size": partial(supervised, *map(halves, (noisy, clean)), steps, axis),
    }
    for name, scheme in SCHEMES.items():
        trainings[name] = partial(fitted, scheme, noisy, steps, axis, patch_size=crop_for(scheme))
    trainings["Noise2Self as in its paper"] = partial(
        fitted, Noise2SelfDenoiser, noisy, steps, axis, **PAPER
    )
    test_name = "Set12" if axis is None else "Set9"
    test = list(with_noise(test_name, gaussian(SIGMA), quick=quick))
    rows, figures = [], {}
    for name, train in trainings.items():
        denoise, seconds = timed(train)
        value = mean_psnr(denoise, test)
        figures[name] = value
        rows.append([name, steps, seconds, value, value - figures["clean targets"]])
        say(rows[-1])
    report.table(
        f"Trained on one noisy version of each of {len(noisy)} pictures, tested on {test_name}",
        ["training", "steps", "seconds", "PSNR, dB", "against clean targets, dB"],
        rows,
    )
    gap = {name: figures["clean targets"] - figures[name] for name in SCHEMES}
    reached = {
        "Neighbor2Neighbor within 0.35 dB of clean targets": gap["Neighbor2Neighbor"] <= 0.35,
        "Noise2Same within 0.8 dB of clean targets": gap["Noise2Same"] <= 0.8,
        "Noise2Self within 0.8 dB of clean targets": gap["Noise2Self"] <= 0.8,
        "Noise2Same 0.3 dB above Noise2Self": gap["Noise2Same"] + 0.3 <= gap["Noise2Self"],
        "Noise2Same 0.3 dB above Noise2Self as in its paper": figures["Noise2Same"]
        >= figures["Noise2Self as in its paper"] + 0.3,
    }
    for sentence, yes in reached.items():
        report.line(f"\n{sentence}: {'yes' if yes else 'no'}.")
    return {"psnr": figures, **reached}


# -- ablations of the papers -----------------------------------------------------------------


def small_pictures(sigma, quick):
    """(name, noisy, clean) of the middles of pictures."""
    edge = QUICK_PATCH if quick else SMALL_EDGE
    return list(with_noise("Set12", gaussian(sigma), every=2, edge=edge))


def stack_of(pictures):
    return np.stack([noisy for _, noisy, _ in pictures])


def ablation(scheme, parameter, values, pictures, quick):
    """PSNR on the pictures that were trained on, for each value of the parameter."""
    found = []
    for value in values:
        steps = QUICK_STEPS if quick else SMALL_STEPS
        patch_size = QUICK_PATCH if quick else crop_for(scheme)
        settings = {parameter: value, "patch_size": patch_size}
        denoise = fitted(scheme, stack_of(pictures), steps, None, **settings)
        found.append(mean_psnr(denoise, pictures))
        say(scheme.__name__, settings, found[-1])
    return found


def best_lambda(report, arguments):
    """Noise2Same, Fig. 4: the best weight of the invariance term follows the noise."""
    quick = arguments.quick
    sigmas = (10, 50) if quick else (10, 25, 50)
    values = (0.5, 2.0) if quick else (0.25, 0.5, 1.0, 2.0, 4.0)
    rows, best = [], []
    for sigma in sigmas:
        pictures = small_pictures(sigma, quick)
        theory = 2 * sigma / stack_of(pictures).std()
        found = ablation(Noise2SameDenoiser, "lambda_inv", values, pictures, quick)
        best.append(values[int(np.argmax(found))])
        rows.append([sigma, theory, *found, best[-1]])
    report.table(
        "Noise2Same by lambda, PSNR in dB; theory: 2 sigma in units of the data's deviation",
        ["sigma", "theory", *(f"lambda {value}" for value in values), "best"],
        rows,
    )
    seen = all(a <= b for a, b in pairwise(best)) and best[0] < best[-1]
    report.line(f"\nThe best lambda grows with the noise, as in Fig. 4: {'yes' if seen else 'no'}.")
    return {"best": dict(zip(map(str, sigmas), best, strict=True)), "seen": seen}


def best_gamma(report, arguments):
    """Neighbor2Neighbor, Table 3: too little regularisation blurs, too much keeps noise."""
    quick = arguments.quick
    values = (0.0, 2.0) if quick else (0.0, 2.0, 8.0, 20.0)
    pictures = small_pictures(SIGMA, quick)
    found = ablation(Neighbor2NeighborDenoiser, "gamma", values, pictures, quick)
    report.table(
        "Neighbor2Neighbor by gamma, PSNR in dB (paper: 31.77, 32.08, 32.02, 31.95)",
        [f"gamma {value:g}" for value in values],
        [found],
    )
    seen = int(np.argmax(found)) == 1
    report.line(f"\nGamma of 2 is best, as in Table 3: {'yes' if seen else 'no'}.")
    return {"psnr": dict(zip(map(str, values), found, strict=True)), "seen": seen}


SECTIONS = {
    "methods": methods,
    "one": one,
    "folder": folder,
    "lambda": best_lambda,
    "gamma": best_gamma,
}


def main():
    arguments = options(
        __doc__,
        only=("methods", f"the section to run: {', '.join(SECTIONS)}"),
        minutes=(MINUTES, "minutes of each training on one picture"),
        steps=(0, f"of each training: {METHOD_STEPS} of methods, {FOLDER_STEPS} of folder"),
        pictures=("House", "for methods, with commas between: House, Peppers, camera"),
        which=("", "of the methods, with commas between; all by default"),
        edge=(METHOD_EDGE, "of the part of them that is taken, for methods"),
        sigma=(SIGMA, "of its noise"),
        seeds=(3, "seeds of each training of methods"),
        papers=(0, "1: methods also as in their papers, but for the steps; for GPUs"),
        colour=(0, "1: train and test the folder in colour"),
    )
    if arguments.only not in SECTIONS:
        raise SystemExit(f"--only takes one of {', '.join(SECTIONS)}; got {arguments.only}.")
    part = arguments.only + "-colour" * (arguments.only == "folder" and arguments.colour)
    report = Report("networks", arguments.save, part)
    report.end(**{arguments.only: SECTIONS[arguments.only](report, arguments)})


if __name__ == "__main__":
    main()
