# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Images of very large or small numbers, in a unit whose squares neither overflow nor vanish.

The unit is a power of two, so that to divide by it loses no digit, and is 1 for ordinary numbers.
"""

import numpy as np

MIN_ORDINARY_VALUE, MAX_ORDINARY_VALUE = 2.0**-20, 2.0**20


def image_unit(image):
    """A power of two near the largest value of an image; 1 for ordinary values, and for zeros.

    Parameters
    ----------
    image : ndarray of float
        NaN means "not measured".

    Returns
    -------
    float
        In units of the image.
    """
    largest = float(np.nanmax(np.abs(image), initial=0.0))
    if largest == 0 or MIN_ORDINARY_VALUE <= largest <= MAX_ORDINARY_VALUE:
        return 1.0
    return float(2.0 ** np.floor(np.log2(largest)))


def in_unit(image):
    """An image in units of `image_unit`, itself where that is 1, and that unit."""
    unit = image_unit(image)
    return (image if unit == 1 else image / image.dtype.type(unit)), unit
