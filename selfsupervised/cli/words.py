# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What is said at a shell: warnings without lines of source, tables, progress."""

import sys
import warnings
from contextlib import contextmanager

# Of warnings by their class: what they say to somebody at a shell.
IN_WORDS = {
    "CorrelatedNoiseWarning": (
        "neighbouring pixels share noise, as after demosaicing, JPEG or resampling. It is removed "
        "gently or not at all; denoise the raw picture if there is one"
    ),
}


def to_stderr(message):
    """Print a message of the program, whatever the standard output is for."""
    sys.stderr.write(f"selfsupervised {message}\n")


@contextmanager
def warnings_in_words(name):
    """Warnings are collected, and said in words of a shell, each once, with the name of a file.

    Yields
    ------
    list of str
        What was said, complete when the context is left.
    """
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield said
    for warning in caught:
        kind = warning.category.__name__
        if issubclass(warning.category, (DeprecationWarning, FutureWarning)):
            continue
        message = IN_WORDS.get(kind, str(warning.message))
        if message not in said:
            said.append(message)
            to_stderr(f"{name}: {message}")


def table(rows):
    """Rows of text, the first of which are headings, in columns as wide as they need."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
