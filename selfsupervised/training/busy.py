# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""A machine with other work to do: no more threads than processors, and steps that get slow.

The threads of a step meet some hundred times, and who comes first waits. OpenMP lets it spin, as
that is faster if all threads are at work. If one is not, since another process has its processor,
the others spin away what it needs. Having them sleep instead, from within the process, was tried:
it takes a quarter off the mean of steps on a busy machine and adds half to those on a quiet one.
So the cure is left to the user, who is told of it when steps get slow.
"""

import time
import warnings
from contextlib import contextmanager

import joblib
import numpy as np
import torch
from skorch.callbacks import Callback

USUAL_STEPS = 20  # steps after which it is known how long one takes
SLOW_STEPS = 5  # steps in a row that must be slow
SLOW_FACTOR = 10


@contextmanager
def threads_that_fit():
    """Have torch take no more threads than there are processors, and as many as before after.

    Processors are those that this process may use (affinity, quota of a container).

    Yields
    ------
    None
    """
    before = torch.get_num_threads()
    n_threads = min(before, joblib.cpu_count())
    try:
        if n_threads < before:
            torch.set_num_threads(n_threads)
        yield
    finally:
        if n_threads < before:
            torch.set_num_threads(before)


class Pace(Callback):
    """Warns, once, when steps on several threads take ten times as long as they usually did.

    Attributes
    ----------
    seconds_ : list of float
        What the steps took so far.
    """

    def on_train_begin(self, net, **kwargs):
        """Forget what was before."""
        self.seconds_: list = []
        self._warned = torch.get_num_threads() == 1

    def on_batch_begin(self, net, training, **kwargs):
        """Start the clock."""
        self._start = time.perf_counter()

    def on_batch_end(self, net, training, **kwargs):
        """Compare with the usual."""
        if not training or self._warned:
            return
        self.seconds_.append(time.perf_counter() - self._start)
        slow = slowed(self.seconds_)
        if slow is None:
            return
        self._warned = True
        usual, now = slow
        warnings.warn(
            f"A training step takes {1e3 * now:.3g} ms, where {1e3 * usual:.3g} were usual: other "
            f"processes seem to be at work, and the {torch.get_num_threads()} threads of torch to "
            f"wait for each other. Start Python with OMP_NUM_THREADS=1, or with "
            f"OMP_WAIT_POLICY=PASSIVE, where the machine is shared.",
            UserWarning,
            stacklevel=2,
        )


def slowed(seconds):
    """The usual length of a step and the present one, if that is ten times as long.

    Parameters
    ----------
    seconds : list of float
        Of all steps so far.

    Returns
    -------
    (usual, now) or None
        In seconds. None as long as all is well, or too few steps are known.
    """
    if len(seconds) < USUAL_STEPS + SLOW_STEPS:
        return None
    usual, now = np.median(seconds[:-SLOW_STEPS]), min(seconds[-SLOW_STEPS:])
    return (usual, now) if now > SLOW_FACTOR * usual else None
