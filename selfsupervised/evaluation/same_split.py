# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Cross-validation splitters for self-supervised scores."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from selfsupervised.core.types import Array


class SameSplit:
    """One split whose training and test samples are the same: all of them.

    Right for self-supervised scores, which never judge a denoiser on an entry that it saw, and
    the only possible splitter for a single image. Wrong for any other score.

    See Also
    --------
    SelfSupervisedScorer : A score for which it is right.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import SameSplit
    >>> list(SameSplit().split(np.zeros((2, 8, 8))))
    [(array([0, 1]), array([0, 1]))]
    """

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Array, Array]]:
        """Yield the indices of all samples, twice."""
        everything = np.arange(X.shape[0] if hasattr(X, "shape") else len(X))
        yield everything, everything.copy()

    def get_n_splits(self, X: Any | None = None, y: Any = None, groups: Any = None) -> int:
        """One."""
        return 1

    def __repr__(self) -> str:
        return "SameSplit()"


InSample = SameSplit  # the former name, in this release
