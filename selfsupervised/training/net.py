# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Training of a network by a nearly stock skorch net."""

import warnings
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import GradientNormClipping, LRScheduler
from skorch.helper import predefined_split
from torch.optim.lr_scheduler import LambdaLR

from selfsupervised.core.callers import is_one_of_many
from selfsupervised.core.validation import is_finite_number
from selfsupervised.training.busy import Pace, threads_that_fit
from selfsupervised.training.callbacks import Average, BestState, Progress, Reported


def as_is(batch):
    """The batch that a dataset made is the batch."""
    return batch


def halved(step, *, at, max_steps):
    """Factor of the learning rate at a step: half of it after each share in `at` of all steps."""
    return 0.5 ** sum(step >= share * max_steps for share in at)


def check_course(estimator, *, caller):
    """Raise unless the rate is halved, and training stopped, by what there is.

    Parameters
    ----------
    estimator : estimator
        With `halvings`, `patience` and `held_out`, each of its own allowed types.
    caller : str
        Its name.
    """
    if not all(is_finite_number(share) and 0 <= share <= 1 for share in estimator.halvings):
        raise ValueError(
            f"{caller} expected halvings to be shares of the steps, numbers from 0 to 1; got "
            f"{estimator.halvings!r}."
        )
    if estimator.patience is not None and not estimator.held_out:
        raise ValueError(
            f"{caller} expected patience=None with held_out=0, as it is the held-out loss that "
            f"stops training; got patience={estimator.patience}."
        )


def as_optimizer(optimizer):
    """A class of `torch.optim` by its name, or the class or function itself.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if isinstance(optimizer, str):
        found = getattr(torch.optim, optimizer, None)
        if not isinstance(found, type):
            raise ValueError(
                f"Expected optimizer to be the name of a class in torch.optim, such as 'Adam', or "
                f"a class; got {optimizer!r}."
            )
        return found
    if not callable(optimizer):
        raise ValueError(f"Expected optimizer to be a name or a class; got {optimizer!r}.")
    return optimizer


def new_net(
    passes,
    criterion,
    *,
    device,
    max_steps=1,
    lr=1e-3,
    optimizer="Adam",
    halvings=(),
    averaging=None,
    clip=None,
    patience=None,
    valid=None,
    callbacks=None,
    compiled=False,
    verbose=0,
):
    """A skorch net around `passes`, initialised.

    Parameters
    ----------
    passes : Passes
        The network.
    criterion : torch.nn.Module
        Of the scheme.
    device : torch.device
        Where.
    max_steps : int
        Steps in all, for the schedule.
    lr : float
        Learning rate of the first step.
    optimizer : str or callable
        A class of `torch.optim`, by name or itself.
    halvings : sequence of float
        Shares of all steps after which the learning rate is halved.
    averaging : float or None
        See `Average`; weights are not averaged by default, nor with 0.
    clip : float or None
        Longest gradient, over all weights; longer ones are shortened to it.
    patience : int or None
        See `BestState`.
    valid : Dataset or None
        What is held out.
    callbacks : list or None
        Further callbacks of skorch.
    compiled : bool
        Whether torch compiles the network.
    verbose : int
        Above 0, progress is shown.

    Returns
    -------
    skorch.NeuralNet
    """
    # The callbacks of the user come first: they see a step before the best state is judged.
    all_callbacks: list = [*(callbacks or []), ("best", BestState(patience))]
    all_callbacks.append(("reported", Reported(max_steps)))
    if averaging:
        all_callbacks.append(("average", Average(averaging)))
    if clip is not None:
        all_callbacks.append(("clip", GradientNormClipping(clip)))
    if halvings:
        schedule = partial(halved, at=tuple(halvings), max_steps=max_steps)
        all_callbacks.append(
            ("schedule", LRScheduler(LambdaLR, lr_lambda=schedule, step_every="batch"))
        )
    if torch.device(device).type == "cpu":
        all_callbacks.append(("pace", Pace()))
    if verbose:
        all_callbacks.append(("progress", Progress(max_steps)))
    split = predefined_split(valid) if valid is not None and len(valid) else None
    return NeuralNet(
        passes,
        criterion=criterion,
        optimizer=as_optimizer(optimizer),
        lr=lr,
        train_split=split,
        iterator_train__collate_fn=as_is,
        iterator_valid__batch_size=1,  # images differ in size
        callbacks=all_callbacks,
        callbacks__print_log=None,
        device=str(device),
        compile=compiled,
        verbose=0,
    ).initialize()


def train(net, crops):
    """Train until `crops` has given its steps, training is stopped, or the user interrupts it.

    Parameters
    ----------
    net : skorch.NeuralNet
        From `new_net`.
    crops : Crops or SharedMolecules
        The data.

    Returns
    -------
    int
        Number of steps.

    Raises
    ------
    FloatingPointError
        If the loss becomes NaN or infinite.
    MemoryError
        If the device runs out of memory.
    KeyboardInterrupt
        If the user interrupts it in a search, a cross-validation or an ensemble, which end then.

    Warns
    -----
    UserWarning
        If training was interrupted, or steps on a CPU became ten times as slow as they were.
    """
    best = dict(net.callbacks_)["best"]
    n_epochs = -(-crops.max_steps // crops.n_batches)
    net.set_params(batch_size=crops.batch_size, max_epochs=n_epochs)
    try:
        with threads_that_fit():
            net.partial_fit(crops, y=None)
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
        raise MemoryError(
            f"{net.device} ran out of memory with batch_size={crops.batch_size} and "
            f"{crops.size}, or use a smaller module."
        ) from error
    if best.step_ < crops.max_steps and not best.stopped_:
        if is_one_of_many():
            raise KeyboardInterrupt  # half a training is no match for whole ones
        warnings.warn(
            f"Training was interrupted after {best.step_} of {crops.max_steps} steps; the best "
            f"state so far is kept.",
            UserWarning,
            stacklevel=4,
        )
    return best.step_


def loss_curve(net, unit=1.0):
    """How training went, in named columns.

    Parameters
    ----------
    net : skorch.NeuralNet
        After `train`.
    unit : float, default=1.0
        What losses are multiplied by.

    Returns
    -------
    dict of ndarray of shape (n_epochs,)
        At the end of each epoch the ``"step"``, the mean ``"train_loss"``, and the
        ``"held_out_loss"``, NaN if nothing is held out.
    """
    rows = [row for row in net.history if "train_loss" in row]
    return {
        "step": np.cumsum([row["train_batch_count"] for row in rows], dtype=int),
        "train_loss": unit * np.array([row["train_loss"] for row in rows]),
        "held_out_loss": unit * np.array([row.get("valid_loss", np.nan) for row in rows]),
    }


def _is_out_of_memory(error):
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    return any(
        words in str(error) for words in ("out of memory", "not enough memory", "can't allocate")
    )


@contextmanager
def seeded(seed, device):
    """Torch's random numbers from a seed within, and as they were after."""
    on_cuda = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_cuda else []):
        # Not torch.manual_seed, which also seeds devices that are not restored.
        torch.default_generator.manual_seed(seed)
        if on_cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield
