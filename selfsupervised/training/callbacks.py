# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What happens between steps: the best state is kept, training stops, progress is shown."""

import sys

import numpy as np
from skorch.callbacks import Callback
from skorch.utils import to_tensor
from tqdm import tqdm

from selfsupervised.core.progress import report


class Average(Callback):
    """Has a running mean of the weights judged and kept in their place.

    The weights of single steps scatter about where training leads, the more the larger the
    learning rate is; their mean does not.

    Parameters
    ----------
    decay : float
        How much of the mean stays at each step, in [0, 1): it goes back about
        ``1 / (1 - decay)`` steps, and less far at first.
    """

    def __init__(self, decay):
        self.decay = decay

    def on_train_begin(self, net, **kwargs):
        """Start from the weights as they are."""
        self._n_steps = 0
        net.module_.start_average()

    def on_batch_end(self, net, training, **kwargs):
        """Add the weights of a step."""
        if training:
            self._n_steps += 1
            n = self._n_steps
            net.module_.update_average(min(self.decay, n / (n + 9)))

    def on_train_end(self, net, **kwargs):
        """Let the mean be the network; `BestState`, called before, has put the best one back."""
        net.module_.settle()


class BestState(Callback):
    """Keeps the weights of least held-out loss, restores them at the end, and stops early.

    Of many states with about the same loss, the least is that of one with luck. The last one, of
    the smallest learning rate, is as good or better: at the end of all steps it stays, unless the
    best has a smaller loss by more than the standard error of their difference, where the
    criterion tells the `entries` of the loss.

    Parameters
    ----------
    patience : int or None
        Stop after so many steps without a smaller held-out loss.

    Attributes
    ----------
    step_ : int
        Steps so far.
    best_loss_ : float
        The least held-out loss, infinite as long as there is none.
    loss_ : float
        That of the state which is there at the end; NaN if nothing is held out.
    stopped_ : bool
        Whether it stopped the training.
    """

    def __init__(self, patience=None):
        self.patience = patience

    def on_train_begin(self, net, **kwargs):
        """Forget what was before."""
        self.step_, self.best_step_ = 0, 0
        self.best_loss_, self.stopped_ = np.inf, False
        self.loss_ = np.nan
        self._state, self._judged = None, False
        self._entries: list = []
        self._best_entries: list = []

    def on_batch_end(self, net, training, batch=None, y_pred=None, **kwargs):
        """Count, and refuse a loss that is no number."""
        if not training:
            if hasattr(net.criterion_, "entries"):
                targets = to_tensor(batch[1], net.device)
                self._entries.append(net.criterion_.entries(y_pred, targets).cpu().numpy())
            return
        self.step_ += 1
        self._entries, self._judged = [], False
        loss = net.history[-1, "batches", -1, "train_loss"]
        if not np.isfinite(loss):
            raise FloatingPointError(
                f"The training loss became {loss} in step {self.step_}: try a smaller lr"
                + (", precision='float32'" if net.module_.in_bfloat16 else "")
                + ", or another module."
            )

    def on_epoch_end(self, net, **kwargs):
        """Compare with the best so far."""
        loss = net.history[-1].get("valid_loss")
        if loss is None:  # nothing is held out of an image of a few pixels
            return
        self._judged = True
        if loss < self.best_loss_:
            self.best_loss_, self.best_step_ = loss, self.step_
            self._best_entries = self._entries
            state = net.module_.state_dict()
            self._state = {name: tensor.clone() for name, tensor in state.items()}
        if self.patience is not None and self.step_ - self.best_step_ >= self.patience:
            self.stopped_ = True
            raise KeyboardInterrupt  # what skorch ends its loop by

    def on_train_end(self, net, **kwargs):
        """Go back to the best state, unless the last is as good."""
        if self._state is None:
            return
        if self._ended(net) and self._as_good():
            self.loss_ = net.history[-1, "valid_loss"]
        else:
            self.loss_ = self.best_loss_
            net.module_.load_state_dict(self._state)
        self._state = None

    def _ended(self, net):
        """Whether the weights are those of the last validation, after all steps."""
        return self._judged and not self.stopped_ and len(net.history) == net.max_epochs

    def _as_good(self):
        """Whether the last losses are no larger than the best, but for chance."""
        if not self._entries:
            return False
        excess = np.concatenate(self._entries) - np.concatenate(self._best_entries)
        return excess.sum() <= np.sqrt(excess.size) * excess.std()


class Progress(Callback):
    """A bar on standard error that says how far training is, written anew at each epoch.

    Parameters
    ----------
    max_steps : int
        Steps in all.
    """

    def __init__(self, max_steps):
        self.max_steps = max_steps

    def on_train_begin(self, net, **kwargs):
        """Start the clock."""
        self.bar_ = tqdm(total=self.max_steps, unit="step", file=sys.stderr)

    def on_epoch_end(self, net, **kwargs):
        """Move on."""
        row = net.history[-1]
        losses = {"loss": row["train_loss"]}
        if "valid_loss" in row:
            losses["held-out loss"] = row["valid_loss"]
        self.bar_.set_postfix(losses, refresh=False)
        self.bar_.update(dict(net.callbacks_)["best"].step_ - self.bar_.n)

    def on_train_end(self, net, **kwargs):
        """End the line."""
        self.bar_.close()


class Reported(Callback):
    """Tells who listens (`core.progress`) how far training is; they may end it by an error.

    Parameters
    ----------
    max_steps : int
        Steps in all.
    """

    def __init__(self, max_steps):
        self.max_steps = max_steps

    def on_train_begin(self, net, **kwargs):
        """Count from zero."""
        self._n_steps = 0

    def on_batch_end(self, net, training, **kwargs):
        """Say how many steps are done."""
        if training:
            self._n_steps += 1
            share = self._n_steps / self.max_steps
            report(share, f"training: step {self._n_steps} of {self.max_steps}")
