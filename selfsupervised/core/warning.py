# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Warnings that point at the line of the user, however deep the reason lies."""

import sys
import warnings
from pathlib import Path

import joblib
import sklearn

# Where a line is not the user's; those of functools and contextlib call ours.
LIBRARIES = (
    *(f"{Path(str(package)).parent}/" for package in (sklearn.__file__, joblib.__file__)),
    f"{Path(__file__).parent.parent}/",
)
BETWEEN = ("functools.py", "contextlib.py")


def warn_user(message, category=UserWarning):
    """Warn at the innermost line that is neither of this library nor of scikit-learn.

    Parameters
    ----------
    message : str
        What to say.
    category : type, default=UserWarning
        Kind of warning.
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _is_inside(frame.f_code.co_filename):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _is_inside(path):
    return path.startswith(LIBRARIES) or path.endswith(BETWEEN)
