# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Ctrl-C is remembered: a network's training ends early by it, and what it has is not a result."""

import signal
import threading

INTERRUPTED_STATUS = 130  # 128 and the number of the signal, as shells have it


class Interrupts:
    """While this context is entered, Ctrl-C raises `KeyboardInterrupt` and is remembered."""

    def __init__(self):
        self.seen = False

    def __enter__(self):
        self._main = threading.current_thread() is threading.main_thread()
        if self._main:
            self._before = signal.signal(signal.SIGINT, self._remember)
        return self

    def __exit__(self, *error):
        if self._main:
            signal.signal(signal.SIGINT, self._before)

    def check(self):
        """Raise again what a library has caught."""
        if self.seen:
            raise KeyboardInterrupt

    def _remember(self, *_):
        self.seen = True
        raise KeyboardInterrupt
