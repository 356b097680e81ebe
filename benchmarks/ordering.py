# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Whether the score orders networks as their true error does: trained too little, well, too long.

For each scheme three networks on one small picture, noise of 25: one after a single step; one as
users train it; and one that had time to learn the noise: wide layers, a high rate, no turned crops,
and its last state. Told are their true errors, what `score` says, and as a control the loss in
training, by which the third looks better than when it began.
"""

import sys
from copy import deepcopy
from functools import partial

import numpy as np
from sklearn.base import clone
from skorch.callbacks import Callback

from benchmarks.networks import OTHERS, SAMPLED, SCHEMES, SIGMA, small_examples
from benchmarks.report import Report, options
from selfsupervised.networks import DnCNN, Noise2SelfUNet

EDGE, STEPS = 64, 400
WELL = partial(Noise2SelfUNet, width=8, depth=2, residual=True)
WIDE = partial(DnCNN, width=32, depth=5)
TOO_WEAK = SIGMA / 15  # what Recorrupted is told to learn the noise
FIRST = 10  # validations whose training loss is that of the beginning


class LastState(Callback):
    """Keeps the state of the end, which is not the one that the estimator keeps."""

    def on_epoch_end(self, net, **kwargs):
        self.state = {name: x.clone() for name, x in net.module_.state_dict().items()}
        self.losses = net.history[:, "train_loss"]


def own(name, noise):
    """Settings of a scheme: the noise that it is told, or fewer predictions."""
    if name == "Recorrupted":
        return {"noise": noise}
    return {"n_predictions": 20} if name in SAMPLED else {}


def three(name, scheme, X, steps):
    """Trained too little, well, and too long; and the training losses of the last."""
    last = LastState()
    settings = {"batch_size": 1, "augment": False, "lr": 5e-3, "callbacks": [last]}
    if name == "Neighbor2Neighbor":
        settings["gamma"] = 0
    long = scheme(WIDE, **settings, **own(name, TOO_WEAK))
    under = clone(long).set_params(max_steps=1).fit(X)
    well = scheme(WELL, max_steps=steps, **own(name, SIGMA)).fit(X)
    over = deepcopy(clone(long).set_params(max_steps=steps, callbacks=[last]).fit(X))
    over.net_.module_.load_state_dict(last.state)
    return [under, well, over], last.losses


def main():
    """Print the table."""
    arguments = options(
        __doc__,
        steps=(STEPS, "of the networks that are trained well and too long"),
        which=("", "of the schemes, with commas between; all by default"),
        pictures=("House,Peppers,camera", "with commas between"),
    )
    report = Report("ordering", arguments.save)
    steps = 40 if arguments.quick else arguments.steps
    pictures = arguments.pictures.split(",")[: 1 if arguments.quick else None]
    known, rows, figures = SCHEMES | OTHERS | SAMPLED, [], {}
    for name in arguments.which.split(",") if arguments.which else known:
        for picture, noisy, clean in small_examples(pictures, SIGMA, EDGE):
            X = noisy[None]
            fitted, in_training = three(name, known[name], X, steps)
            errors = [float(np.mean((f.transform(X)[0] - clean) ** 2)) for f in fitted]
            losses = [-float(f.score(X)) for f in fitted]
            right = bool((np.argsort(errors) == np.argsort(losses)).all())
            fooled = bool(in_training[-1] < min(in_training[:FIRST]))
            rows.append([name, picture, *errors, *losses, *map(_yes, (right, fooled))])
            figures[f"{name}, {picture}"] = {"errors": errors, "losses": losses, "right": right}
            print(rows[-1], file=sys.stderr, flush=True)
    states = "too little", "well", "too long"
    columns = [f"{what}, {state}" for what in ("error", "score") for state in states]
    report.table(
        f"Mean squared errors, and the loss that is scored, after 1 and {steps} steps",
        ["scheme", "picture", *columns, "same order", "training loss falls on"],
        rows,
    )
    report.end(ordering=figures)


def _yes(value):
    return "yes" if value else "no"


if __name__ == "__main__":
    main()
