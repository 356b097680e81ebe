# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""A machine with other work to do: threads that wait for each other, and steps that get slow.

The threads of a step meet some hundred times, and who comes first waits. OpenMP lets it spin, as
that is faster if all threads are at work. If one is not, since another process has its processor,
the others spin away what it needs, and a step takes up to forty times as long. With more threads
than processors, GNU's OpenMP has them sleep instead, after a hundred turns (GOMP_SPINCOUNT in its
manual): one more thread, asleep, is all it takes. Results are the same to the last bit, which
they would not be with another number of threads for a step.
"""

import threading
import time
import warnings
from contextlib import contextmanager

import joblib
import numpy as np
import torch
from skorch.callbacks import Callback

PARALLEL_ELEMENTS = 2**17  # of a tensor that torch shares out between threads
USUAL_STEPS = 20  # steps after which it is known how long one takes
SLOW_STEPS = 5  # steps in a row that must be slow
SLOW_FACTOR = 10


@contextmanager
def short_waits():
    """Have torch's threads wait asleep, and take no more of them than there are processors.

    Processors are those that this process may use (affinity, quota of a container). The number
    of threads is as it was afterwards. Where threads are not GNU's OpenMP, or fewer than
    processors, the waits are as they always are.

    Yields
    ------
    None
    """
    before, n_processors = torch.get_num_threads(), joblib.cpu_count()
    n_threads = min(before, n_processors)
    end = threading.Event()
    sleeper = threading.Thread(target=_be_a_thread_of_openmp, args=(end,), daemon=True)
    try:
        if n_threads < before:
            torch.set_num_threads(n_threads)
        if 1 < n_threads == n_processors:
            sleeper.start()
        yield
    finally:
        end.set()
        if sleeper.ident is not None:
            sleeper.join()
        if n_threads < before:
            torch.set_num_threads(before)


def _be_a_thread_of_openmp(end):
    """Start a team of threads of one's own, and sleep."""
    torch.ones(PARALLEL_ELEMENTS).add_(1)
    end.wait()


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
