# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a network has learned after so many seconds: PSNR by network, precision and layout.

Noise2Self on the middle of one picture, which it denoises; Gaussian noise with a standard deviation
of 25 on [0, 255]. For each time there is a training of its own, as the schedule follows from the
number of steps: as many as fit, judged by a few. Seconds are CPU seconds of training alone, all
validation included; with OMP_NUM_THREADS=1 those of one core. How long a step takes, and how far
that is from what the machine can do, is told by `benchmarks.training_speed`.
"""

import sys
import time

import torch
from torch import nn

from benchmarks._pictures import psnr
from benchmarks._small_networks import NETWORKS
from benchmarks.networks import SIGMA, small_examples
from benchmarks.report import Report, options
from selfsupervised import Noise2SelfDenoiser

TRIALS = 50, 150  # steps by which it is known how long one takes
FORMS = ("float32", "float32 last", "bfloat16")


class ChannelsLast(nn.Module):
    """A network with its features last in memory, where the estimator would lay them out first."""

    def __init__(self, network):
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.multiple = network.multiple

    def forward(self, x):
        return self.network(x.contiguous(memory_format=torch.channels_last))


def denoiser(name, form, seed):
    """Noise2Self with a network of `NETWORKS`; bfloat16 has channels last in any case."""
    make = NETWORKS[name]
    precision, *last = form.split()
    module = (lambda: ChannelsLast(make())) if last else make
    return Noise2SelfDenoiser(module, precision=precision, random_state=seed)


def fitted(estimator, noisy, steps):
    """The estimator after so many steps, and their CPU seconds."""
    start = time.process_time()
    estimator.set_params(max_steps=steps).fit(noisy[None])
    return estimator, time.process_time() - start


def seconds_of(name, form, noisy):
    """Of a step, and of all that a training has beside its steps."""
    few, more = (fitted(denoiser(name, form, 0), noisy, n)[1] for n in TRIALS)
    step = (more - few) / (TRIALS[1] - TRIALS[0])
    return step, max(few - TRIALS[0] * step, 0.0)


def main():
    """Print the table."""
    arguments = options(
        __doc__,
        networks=("default", f"with commas between: {', '.join(NETWORKS)}"),
        forms=("float32,bfloat16", f"of each: {', '.join(FORMS)}"),
        seconds=("30,60,180", "of each training"),
        pictures=("House,Peppers,camera", "with commas between"),
        edge=(128, "of the part of them that is taken"),
        seed=(0, "of the trainings"),
    )
    report = Report("learning_speed", arguments.save)
    report.line(f"{torch.get_num_threads()} thread(s)")
    pictures = arguments.pictures.split(",")[: 1 if arguments.quick else None]
    seconds = [2.0] if arguments.quick else [float(x) for x in arguments.seconds.split(",")]
    examples = list(small_examples(pictures, SIGMA, arguments.edge))
    rows, figures = [], {}
    for name in arguments.networks.split(","):
        for form in arguments.forms.split(","):
            step, rest = seconds_of(name, form, examples[0][1])
            for budget in seconds:
                values, taken, steps = [], [], max(int((budget - rest) / step), 1)
                for _, noisy, clean in examples:
                    made = denoiser(name, form, arguments.seed)
                    estimator, spent = fitted(made, noisy, steps)
                    values.append(psnr(estimator.transform(noisy[None])[0], clean))
                    taken.append(spent)
                mean = sum(values) / len(values)
                rows.append([name, form, budget, sum(taken) / len(taken), steps, *values, mean])
                figures[f"{name}, {form}, {budget:g}"] = {"psnr": values, "seconds": taken}
                print(rows[-1], file=sys.stderr, flush=True)
    report.table(
        f"PSNR in dB after so many CPU seconds, middle {arguments.edge} x {arguments.edge} pixels",
        ["network", "form", "seconds", "taken", "steps", *pictures, "mean"],
        rows,
    )
    report.end(learning_speed=figures)


if __name__ == "__main__":
    main()
