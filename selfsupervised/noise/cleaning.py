# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What is in an image that no denoiser of white noise removes: single pixels, offsets of lines.

Both are found at once, for each channel, and may be taken out before anything else is done.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import median_filter

from selfsupervised.noise.counted import count_step
from selfsupervised.noise.drawn import step_of
from selfsupervised.noise.isolated import isolated_pixels
from selfsupervised.noise.level import noise_level
from selfsupervised.noise.line_offsets import line_offsets
from selfsupervised.partitions.fill import fill_nan

# Beyond this share outliers are no longer single; a robust way through all of the image is needed.
MAX_SINGLE_SHARE = 0.01
# Of so many, most are at the ends of the range; or there are more still.
MIN_END_SHARE, MANY_SHARE = 0.5, 0.03
# Points on nothing are the picture itself, unless they are all about as high.
MAX_HEIGHT_VARIATION, MIN_SIDE_SHARE = 0.15, 0.1
MEDIAN_EDGE_PIXELS = 5
# Of so few values, as in a mask or a drawing, a single pixel belongs to it.
MAX_VALUES_OF_DRAWING = 16


@dataclass(frozen=True, eq=False)
class Cleaned:
    """A plane without its isolated pixels and offsets of lines, and what these were.

    Parameters
    ----------
    plane : ndarray
        Isolated pixels are filled from their neighbours, offsets subtracted; NaN stays.
    isolated : ndarray of bool
        Which pixels these were; if they are many, they are still there.
    offsets : tuple of ndarray
        Along each axis, in units of the plane; zeros where there were none.
    step : float
        In which the values came, 0 if they came in none.
    count : float
        What one count adds, if they are counts; these are left as they are.
    level_before : float
        `noise_level` of the plane as it came.
    """

    plane: Any
    isolated: Any
    offsets: tuple
    step: float = 0.0
    count: float = 0.0
    level_before: float = 0.0

    @property
    def changed(self):
        """Whether anything was taken out."""
        return bool((self.isolated.any() and not self.many) or any(self.offset_stds))

    @cached_property
    def many(self):
        """Whether outliers are too many to be taken out one by one: salt and pepper."""
        if self.isolated.mean() <= MAX_SINGLE_SHARE:
            return False
        values = self.plane[self.isolated]
        ends = (values == np.nanmin(self.plane)) | (values == np.nanmax(self.plane))
        if ends.mean() > MIN_END_SHARE:
            return True
        if self.isolated.mean() <= MANY_SHARE:
            return False
        # Of any value, they are bright and dark; what is bright only, and of all heights, is shown.
        filled = fill_nan(self.plane[None], channel_axis=None)[0]
        heights = values - median_filter(filled, MEDIAN_EDGE_PIXELS)[self.isolated]
        bright = (heights > 0).mean()
        alike = heights.std() < MAX_HEIGHT_VARIATION * abs(heights.mean())
        both = MIN_SIDE_SHARE < bright < 1 - MIN_SIDE_SHARE
        return bool(both or alike)

    @property
    def offset_stds(self):
        """Standard deviation of the offsets along each axis."""
        return tuple(float(offsets.std()) for offsets in self.offsets)

    def scaled(self, factor):
        """The same of the plane times a factor."""
        return replace(
            self,
            plane=self.plane * self.plane.dtype.type(factor),
            offsets=tuple(factor * along for along in self.offsets),
            step=factor * self.step,
            count=factor * self.count,
            level_before=factor * self.level_before,
        )


def clean_plane(plane):
    """Find and take out isolated pixels and offsets of lines.

    Parameters
    ----------
    plane : ndarray of 2 or 3 axes
        One channel of floats; NaN means "not measured".

    Returns
    -------
    Cleaned
    """
    missing = np.isnan(plane)
    filled = fill_nan(plane[None], channel_axis=None)[0]
    offsets = tuple(np.zeros(size, plane.dtype) for size in plane.shape)
    isolated = np.zeros(plane.shape, dtype=bool)
    level = noise_level(plane)
    if level == 0 or min(plane.shape) < 2:
        return Cleaned(plane, isolated, offsets, level_before=level)
    step, count = step_of(plane), count_step(filled)
    if count:
        return Cleaned(plane, isolated, offsets, step, count)
    isolated = isolated_pixels(filled, level) & ~missing
    if isolated.any() and len(np.unique(plane)) <= MAX_VALUES_OF_DRAWING:
        isolated = np.zeros_like(isolated)
    if isolated.mean() <= MAX_SINGLE_SHARE and isolated.any():
        without = _filled_by_medians(filled, isolated)
        if _are_the_picture(filled, without, isolated, level):
            isolated = np.zeros_like(isolated)
        else:
            filled = without.astype(plane.dtype, copy=False)
    elif not Cleaned(filled, isolated, offsets).many:
        isolated = np.zeros_like(isolated)
    offsets = tuple(line_offsets(filled, axis, level) for axis in range(plane.ndim))
    # Less than half of a step was added before the values were rounded, and belongs to the image.
    offsets = tuple(along if along.std() > step / 2 else 0 * along for along in offsets)
    for axis, along in enumerate(offsets):
        if along.any():
            shape = [1] * plane.ndim
            shape[axis] = -1
            filled = filled - along.reshape(shape)
    return Cleaned(np.where(missing, np.nan, filled), isolated, offsets, step, level_before=level)


def clean_channels(image, channel_axis):
    """`clean_plane` of each channel; one of which nothing was measured is taken for zeros.

    Parameters
    ----------
    image : ndarray of shape (*spatial) or (*spatial, n_channels)
    channel_axis : {None, -1}

    Returns
    -------
    list of Cleaned
    """
    planes = [image] if channel_axis is None else list(np.moveaxis(image, -1, 0))
    return [clean_plane(np.zeros_like(p) if np.isnan(p).all() else p) for p in planes]


def joined(cleaned, channel_axis):
    """The image whose channels are cleaned planes."""
    planes = [found.plane for found in cleaned]
    return planes[0] if channel_axis is None else np.stack(planes, axis=-1)


def _filled_by_medians(filled, isolated):
    """Isolated pixels as the median of their other neighbours, which no edge nearby moves far."""
    known = np.where(isolated, np.nan, filled)
    windows = sliding_window_view(np.pad(known, 1, constant_values=np.nan), (3,) * filled.ndim)
    around = windows[isolated].reshape(isolated.sum(), -1)
    out = fill_nan(known[None], channel_axis=None)[0]
    some = ~np.isnan(around).all(axis=1)
    places = tuple(index[some] for index in np.nonzero(isolated))
    out[places] = np.nanmedian(around[some], axis=1)
    return out


def _are_the_picture(filled, without, isolated, level):
    """Whether there is nothing but the isolated pixels, of heights of all kinds: stars."""
    heights = np.abs(filled - without)[isolated]
    if heights.std() < MAX_HEIGHT_VARIATION * heights.mean():
        return False
    signal = max(without.var() - level**2, 0.0)
    return bool(signal < level**2 and filled.var() - without.var() > signal)
