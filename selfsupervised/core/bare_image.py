# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""One bare image: its thin axes, its integers, and how a result is given back like it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from selfsupervised.core.warning import warn_user

# Half of what was taken away from a noisy image of integers is less than this for noise of one
# unit. Rounding an estimate that is better than that loses more than it keeps.
MAX_LOST_MEDIAN_UNITS = 0.67
MIN_LOST_MEDIAN_UNITS = 1e-3  # below, there was no noise, and the result is nearly the integers

MIN_LONG_AXIS_PIXELS = 16  # beside axes of this length, one of 2 to 4 looks like channels


@dataclass(frozen=True, eq=False)
class BareImage:
    """What must be known of a bare image to give a result back.

    Parameters
    ----------
    shape : tuple of int
        Channels last, thin axes included.
    given : dtype
        That of the image.
    wanted : dtype or None
        What a result is to be in, if the user said so.
    keep_missing : bool
        Whether what was not measured comes back as NaN, or masked.
    masked : bool
        Whether the image was a masked array.
    """

    shape: tuple
    given: Any
    wanted: Any = None
    keep_missing: bool = False
    masked: bool = False

    def give_back(self, output, image):
        """A result of the shape of the image, channels last.

        Parameters
        ----------
        output, image : ndarray of float
            The result, and what it was made from, without thin axes.

        Returns
        -------
        ndarray or MaskedArray
            In the dtype that was asked for, or that of the image; integers are rounded, and
            clipped to their range. Of an image of integers whose noise is less than about one of
            them, float64.
        """
        missing = np.isnan(image)
        dtype = np.dtype(self.wanted or self.given)
        if self.wanted is None and dtype.kind in "iu" and _rounding_loses(output, image):
            warn_user(
                f"The noise of this image of {dtype} is less than about one unit, so that "
                f"rounding would lose what denoising gains: the result is float64. Pass "
                f"dtype={str(dtype)!r} for rounded values, or dtype=float to say that you know."
            )
            dtype = np.dtype(np.float64)
        output = rounded(output, dtype)
        if self.keep_missing and missing.any():
            if self.masked:
                output = np.ma.array(output, mask=missing)
            elif dtype.kind == "f":
                output = np.where(missing, dtype.type(np.nan), output)
            else:
                raise ValueError(
                    f"keep_missing=True expected a floating dtype for NaN, got dtype={dtype}; use "
                    f"a masked array, or dtype=float."
                )
        return output.reshape(self.shape)


def _rounding_loses(output, image):
    taken_away = float(np.nanmedian(np.abs(image - output)))
    return MIN_LOST_MEDIAN_UNITS < taken_away < MAX_LOST_MEDIAN_UNITS


def rounded(output, dtype):
    """`output` in `dtype`; integers rounded and clipped to what it can hold."""
    if dtype.kind == "f":
        return output.astype(dtype)
    if dtype.kind == "b":
        return output >= 0.5
    limits = np.iinfo(dtype)
    # float64 rounds the limits of 64-bit integers up, where the conversion would overflow.
    top = np.nextafter(float(limits.max), 0) if dtype.itemsize == 8 else limits.max
    return np.clip(np.rint(output), limits.min, top).astype(dtype)


def without_thin_axes(shape, n_channel_axes=0):
    """A shape without spatial axes of length one, of which two are left at least.

    Parameters
    ----------
    shape : tuple of int
        Channels last.
    n_channel_axes : {0, 1}, default=0

    Returns
    -------
    tuple of int
    """
    n_spatial = len(shape) - n_channel_axes
    spatial, channels = list(shape[:n_spatial]), shape[n_spatial:]
    while len(spatial) > 2 and 1 in spatial:
        spatial.remove(1)
    return (*spatial, *channels)


def warn_if_channels(shape):
    """Warn of a first or last axis that looks like channels, where there are said to be none.

    Parameters
    ----------
    shape : tuple of int
        Of an image without a channel axis.
    """
    thick = [axis for axis, size in enumerate(shape) if size > 1]
    if len(thick) != 3:
        return
    for axis in (thick[-1] - len(shape), thick[0]):
        others = sorted(shape)[-2:]
        if 2 <= shape[axis] <= 4 and min(others) >= MIN_LONG_AXIS_PIXELS:
            warn_user(
                f"An image of shape {shape} is taken as a volume. If its axis {axis} holds "
                f"channels, pass channel_axis={axis}, which is faster and better; otherwise "
                f"ignore this."
            )
            return
