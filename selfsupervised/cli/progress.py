# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Progress over images, on a terminal."""

import sys
from contextlib import contextmanager

from tqdm import tqdm


class Progress:
    """Counts images; shown on a terminal only."""

    def __init__(self, bar=None):
        self.bar = bar

    def __call__(self):
        """One more is done."""
        if self.bar is not None:
            self.bar.update()

    def expect(self, n):
        """So many more are to be done."""
        if self.bar is not None:
            self.bar.total = (self.bar.total or 0) + n
            self.bar.refresh()

    def clear(self):
        """Make place for a line of text."""
        if self.bar is not None:
            self.bar.clear()


def on_a_terminal():
    """Whether somebody looks on; in a pipe there is no progress."""
    return sys.stderr.isatty()


@contextmanager
def progress(unit, *, shown):
    """A `Progress`, which is shown if it is wanted and the errors go to a terminal."""
    if not (shown and on_a_terminal()):
        yield Progress()
        return
    with tqdm(unit=unit, total=0, leave=False, dynamic_ncols=True) as bar:
        yield Progress(bar)
