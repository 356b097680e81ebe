# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Names for what signatures take and give."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray


class SupportsArray(Protocol):
    """What NumPy makes an array of: arrays, masked ones, memory maps, dask, zarr, HDF5, torch."""

    def __array__(self) -> NDArray[Any]:
        """The array."""


Array: TypeAlias = NDArray[Any]
# One array, or nested sequences of numbers.
ArrayLike: TypeAlias = SupportsArray | Sequence[Any]
# A stack of images, or nested sequences of numbers; a list of arrays, where sizes differ, comes
# back as a list.
Stack: TypeAlias = SupportsArray | Sequence[Sequence[Any]]
Images: TypeAlias = Stack | Sequence[SupportsArray]
# Arrays, sparse matrices, data frames, dask arrays and files, which no protocol has in common.
Table: TypeAlias = Any
# Whatever follows scikit-learn's conventions, which are not types either.
Estimator: TypeAlias = Any
RandomState: TypeAlias = int | np.random.RandomState | np.random.Generator | None
