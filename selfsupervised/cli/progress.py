# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Progress over files, on a terminal."""

import sys
from contextlib import contextmanager

from tqdm import tqdm

from selfsupervised.core.progress import reporting

BAR = "{percentage:3.0f}%|{bar}| {elapsed}{postfix}"


class Progress:
    """How much of all files is done; shown on a terminal only."""

    def __init__(self, bar=None):
        self.bar, self.n_done = bar, 0

    @contextmanager
    def file(self):
        """What is done within, is done to the next file."""
        try:
            with reporting(None if self.bar is None else self._show):
                yield
        finally:
            self.n_done += 1

    def _show(self, share, message):
        self.bar.set_postfix_str(message, refresh=False)
        self.bar.update(self.n_done + share - self.bar.n)

    def clear(self):
        """Make place for a line of text."""
        if self.bar is not None:
            self.bar.clear()


def on_a_terminal():
    """Whether somebody looks on; in a pipe there is no progress."""
    return sys.stderr.isatty()


@contextmanager
def progress(n_files, *, shown):
    """A `Progress`, which is shown if it is wanted and the errors go to a terminal."""
    if not (shown and on_a_terminal()):
        yield Progress()
        return
    with tqdm(total=n_files, leave=False, dynamic_ncols=True, bar_format=BAR, miniters=0) as bar:
        yield Progress(bar)
