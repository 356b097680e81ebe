# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""How the C library treats memory that is freed and soon asked for again."""

import numpy as np

# The largest block from which glibc learns, less its own header.
LEARNED_BYTES = 2**25 - 2**16


def keep_freed_memory():
    """Have freed arrays of a few megabytes stay with the process, to be used again.

    By default glibc hands them back to the system each time, so that in a loop every new array
    is mapped and zeroed page by page: for arrays that are worked on for a millisecond this takes
    as long as the work. It raises its threshold for that to the size of a block that was freed;
    one that is never written to costs nothing. Up to 64 MiB may then stay with the process.
    Elsewhere than under glibc this does nothing.
    """
    np.empty(LEARNED_BYTES, dtype=np.uint8)
