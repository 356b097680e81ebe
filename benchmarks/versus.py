# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Noise2Same against Noise2Self, both as in their papers, but for what one core can train.

Trained on one noisy version of each of 16 pictures (BSD300_train16, grey), tested on every fourth
of BSD68; Gaussian noise with a standard deviation of 25 on [0, 255], PSNR of unclipped output.
Steps and crops are cut alike for all, and what stands in the place of hidden pixels is varied for
both. The paper of Noise2Same compares schemes that train the same network; so do we, in two ways:

- `--training paper`: its network, 24 features wide rather than 96, with its rate and schedule;
  and Noise2Self as in its own paper, which has another network, beside them.
- `--training few`: the default network of this library, its rate, schedule and limit of
  gradients, which are made for few steps.
"""

import sys
import time
from functools import partial

import numpy as np
from skimage import color
from skorch.callbacks import Callback

from benchmarks._pictures import centre, clean_pictures, gaussian, psnr, with_noise
from benchmarks.report import Report, options
from selfsupervised import Noise2SameDenoiser, Noise2SelfDenoiser
from selfsupervised.networks import ResidualUNet

SIGMA = 25
STEPS, BATCH, PATCH, WIDTH = 600, 4, 64, 24  # of 50,000, 64, 64 and 96 in the paper
EVERY, EDGE, N_MARKS = 4, 160, 10  # pictures tested; their middle, on the way; how often
# What both schemes share in the paper of Noise2Same: all but what is one's own.
TRAINING = ("module", "augment", "lr", "optimizer", "halvings", "max_gradient_norm")


def contenders(width):
    """Functions of further settings that make an estimator, by name; None trains as for few."""
    if width is None:
        shared = {name: Noise2SameDenoiser().get_params()[name] for name in TRAINING}
    else:
        shared = {name: Noise2SameDenoiser.paper[name] for name in TRAINING}
        shared["module"] = partial(ResidualUNet, width=width)
    same = partial(Noise2SameDenoiser.from_paper, **shared)
    alike = partial(Noise2SelfDenoiser.from_paper, **shared)
    found = {
        "Noise2Same, from_paper": same,
        "Noise2Self, trained like it": alike,
        "Noise2Self, trained like it, filled by neighbors": partial(alike, fill="neighbors"),
        "Noise2Same, filled by neighbors": partial(same, fill="neighbors"),
        "Noise2Same, lambda from the noise, filled by neighbors": partial(
            same, fill="neighbors", lambda_inv="noise"
        ),
    }
    if width is not None:
        found["Noise2Self, from_paper"] = Noise2SelfDenoiser.from_paper
    return found


class Marks(Callback):
    """PSNR on the middles of the test pictures at ten times of the training."""

    def __init__(self, estimator, pictures, max_steps):
        self.estimator, self.pictures, self.max_steps = estimator, pictures, max_steps

    def on_train_begin(self, net, **kwargs):
        self.points, self.steps = [], 0

    def on_batch_end(self, net, training, **kwargs):
        self.steps += bool(training)

    def on_epoch_end(self, net, **kwargs):
        if self.steps * N_MARKS >= (len(self.points) + 1) * self.max_steps:
            self.estimator.net_ = net
            self.points.append([self.steps, tested(self.estimator, self.pictures)])


def tested(estimator, pictures):
    values = [psnr(estimator.transform(noisy[None])[0], clean) for noisy, clean in pictures]
    return float(np.mean(values))


def noisy_folder(quick):
    """One noisy version of each training picture, in grey."""
    rng = np.random.default_rng(0)
    clean = [x for _, x in clean_pictures("BSD300_train16")][: 2 if quick else None]
    clean = [255 * color.rgb2gray(x / 255) for x in clean]
    return [x + rng.normal(0, SIGMA, x.shape) for x in clean]


def main():
    arguments = options(
        __doc__,
        steps=(STEPS, "of each training"),
        seeds=(1, "of each training"),
        training=("paper", "or few: of both schemes, see above"),
        which=("", "numbers of the contenders, from 0, with commas between; all by default"),
    )
    report = Report("versus", arguments.save, arguments.training)
    quick = arguments.quick
    steps = 4 if quick else arguments.steps
    width = {"paper": 8 if quick else WIDTH, "few": None}[arguments.training]
    noisy = noisy_folder(quick)
    whole = [(n, c) for _, n, c in with_noise("BSD68", gaussian(SIGMA), every=EVERY, quick=quick)]
    middles = [(centre(n, EDGE), centre(c, EDGE)) for n, c in whole]
    known = contenders(width)
    names = list(known)
    if arguments.which:
        names = [names[int(number)] for number in arguments.which.split(",")]
    rows, curves, figures = [], [], {}
    for name in names:
        runs, points = [], []
        for seed in range(arguments.seeds):
            cut = {"max_steps": steps, "batch_size": BATCH, "patch_size": PATCH}
            estimator = known[name](**cut, random_state=seed)
            marks = Marks(estimator, middles, steps)
            start = time.process_time()
            estimator.set_params(callbacks=[marks]).fit(noisy)
            seconds = time.process_time() - start
            runs.append([tested(estimator, whole), seconds])
            points.append(marks.points)
            if hasattr(estimator, "inference"):
                estimator.set_params(inference="j_invariant")
                runs[-1].append(tested(estimator, middles))
            print(name, seed, runs[-1], marks.points, file=sys.stderr, flush=True)
        values = [run[0] for run in runs]
        invariant = float(np.mean([run[2] for run in runs])) if len(runs[0]) > 2 else ""
        mean_curve = np.mean(points, axis=0)
        on_middles = float(mean_curve[-1, 1])
        spread = float(np.ptp(values))
        rows.append([name, float(np.mean(values)), spread, on_middles, invariant, runs[0][1]])
        curves.append([name, *map(float, mean_curve[:, 1])])
        figures[name] = {"psnr": values, "curves": points}
    report.table(
        f"{steps} steps of {BATCH} crops, {arguments.seeds} seed(s), {len(whole)} pictures tested",
        ["", "PSNR, dB", "range", f"middle {EDGE}", "J-invariant, middle", "CPU seconds"],
        rows,
    )
    done = [int(step) for step, _ in points[0]]
    report.table("PSNR on the middles after so many steps", ["", *map(str, done)], curves)
    report.end(**figures)


if __name__ == "__main__":
    main()
