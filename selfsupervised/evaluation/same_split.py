# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Cross-validation splitters for self-supervised scores."""

import numpy as np


class SameSplit:
    """One split whose training and test samples are the same: all of them.

    Right for self-supervised scores, which never judge a denoiser on an entry that it saw, and
    the only possible splitter for a single image. Wrong for any other score.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import SameSplit
    >>> list(SameSplit().split(np.zeros((2, 8, 8))))
    [(array([0, 1]), array([0, 1]))]
    """

    def split(self, X, y=None, groups=None):
        """Yield the indices of all samples, twice."""
        everything = np.arange(X.shape[0] if hasattr(X, "shape") else len(X))
        yield everything, everything.copy()

    def get_n_splits(self, X=None, y=None, groups=None):
        """One."""
        return 1

    def __repr__(self):
        return "SameSplit()"


InSample = SameSplit  # the former name, in this release
