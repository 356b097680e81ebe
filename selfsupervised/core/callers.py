# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What scikit-learn is about to do with an estimator, which it tells nobody.

Frames of the interpreter are looked at where there is no other way. If a release of scikit-learn
changes its local names, what is here no longer helps, and nothing else changes.
"""

import sys
from pathlib import Path
from types import FrameType

import sklearn

PACKAGE = f"{Path(__file__).parent.parent}/"
SCIKIT_LEARN = f"{Path(str(sklearn.__file__)).parent}/"
SEARCHES = f"{SCIKIT_LEARN}model_selection/"
# What fits an estimator for its user, and for nothing else.
PLAIN = tuple(SCIKIT_LEARN + part for part in ("base.py", "pipeline.py", "utils/"))
DEFAULT_SPLITS = 5  # of ``cv=None``


def _frames():
    """Those above the caller's, the innermost first."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        yield frame
        frame = frame.f_back


def is_one_of_many():
    """Whether an estimator is being fitted to be compared with, or combined with, others.

    So it is in searches, cross-validation and ensembles of scikit-learn, and where this library
    fits clones to judge them.
    """
    paths = (frame.f_code.co_filename for frame in _frames())
    return any(
        path.startswith(f"{PACKAGE}evaluation/")
        or (path.startswith(SCIKIT_LEARN) and not path.startswith(PLAIN))
        for path in paths
    )


def check_splits():
    """Raise if a search or cross-validation is about to split fewer images than it makes splits.

    To be called from ``__sklearn_tags__`` of an estimator of images, which scikit-learn asks for
    before it splits.

    Raises
    ------
    ValueError
        That says what to pass.
    """
    for frame in _frames():
        path = frame.f_code.co_filename
        if not path.startswith((PACKAGE, SCIKIT_LEARN)):
            return
        known = frame.f_locals
        if path.startswith(SEARCHES) and "X" in known:
            if "cv" in known:
                return _check_number(known["X"], known["cv"])
            if frame.f_code.co_name == "fit":
                return _check_number(known["X"], getattr(known.get("self"), "cv", False))


def _check_number(X, cv):
    n_splits = DEFAULT_SPLITS if cv is None else cv
    whole = isinstance(n_splits, int) and not isinstance(n_splits, bool)
    is_list = isinstance(X, (list, tuple))
    if not whole or not (is_list or getattr(X, "ndim", 0) >= 3) or not 0 < len(X) < n_splits:
        return
    images = "one image, which" if len(X) == 1 else f"{len(X)} images, which"
    raise ValueError(
        f"Expected at least as many images as splits; got {images} cv={cv} would split in "
        f"{n_splits}: pass cv=SameSplit(), which splits nothing, as the self-supervised score "
        f"holds out pixels rather than images."
    )
