# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Seeds, so that what is drawn can be drawn again."""

import numpy as np
from sklearn.utils import check_random_state


def as_seed(random_state):
    """A seed from anything that scikit-learn takes as `random_state`.

    Integers, and tuples of them, are seeds already; generators are drawn from once, and None
    is a seed from the operating system: the global random state is neither used nor moved.
    """
    if isinstance(random_state, (int, np.integer, tuple)):
        return random_state
    if random_state is None:
        random_state = np.random.default_rng()
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31))
    return int(check_random_state(random_state).randint(2**31 - 1))
