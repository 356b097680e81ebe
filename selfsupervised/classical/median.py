# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The median filter and its "donut" form (Noise2Self, Section 3 and Fig. 2)."""

from numbers import Integral

import numpy as np

from selfsupervised.classical.donut import DonutDenoiser
from selfsupervised.core.sklearn_compat import Interval
from selfsupervised.partitions.footprint import ball

# Values gathered at a time: few enough to stay in the cache, many enough to amortise calls.
VALUES_PER_BLOCK = 1 << 19


class MedianDenoiser(DonutDenoiser):
    """Median over a disk (2-D) or ball (3-D), of the pixels that are there.

    Beyond the border of the image and where the data are NaN nothing is there: the median is
    over fewer pixels, nothing is mirrored. Robust to outliers such as salt and pepper.

    Parameters
    ----------
    radius : int, default=2
        Radius of the footprint in pixels; it holds all pixels within this distance.
    channel_axis : {None, -1}, default=None
        Whether the last axis of the images holds channels, which are filtered one by one.

    See Also
    --------
    OutlierRemover : Replaces outliers alone.
    GaussianDenoiser : A mean rather than a median.

    Notes
    -----
    For an even number of pixels the median is the mean of the middle two. With infinity in the
    place of what is not there, the smaller half of each neighbourhood is found by one partial
    sort of a block of gathered neighbourhoods, in a few operations a value.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import MedianDenoiser
    >>> image = np.zeros((1, 5, 5))
    >>> image[0, 2, 2] = 9  # salt
    >>> float(MedianDenoiser(radius=1).transform(image).max())
    0.0
    """

    _drops_thin_axes = True
    _parameter_constraints: dict = {
        **DonutDenoiser._parameter_constraints,
        "radius": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, radius: int = 2, *, channel_axis: int | None = None) -> None:
        self.radius = radius
        self.channel_axis = channel_axis

    def _filter(self, channel, donut):
        return footprint_median(channel, neighbours(self.radius, channel.ndim, donut=donut))


def neighbours(radius, ndim, *, donut=False):
    """Steps from a pixel to all pixels within `radius`, an (n, ndim) array of int."""
    steps = np.argwhere(ball(radius, ndim)) - radius
    return steps[steps.any(axis=1)] if donut else steps


def footprint_median(image, steps):
    """Median over the pixels at `steps` from each pixel, NaN and the outside left out.

    Parameters
    ----------
    image : ndarray of float, at least 2-D
    steps : ndarray of int, shape (n_steps, image.ndim)

    Returns
    -------
    ndarray
        NaN where no pixel was there.
    """
    reach = np.abs(steps).max()
    there = ~np.isnan(image)
    padded = np.pad(np.where(there, image, np.inf), reach, constant_values=np.inf)
    n_there = _count(np.pad(there, reach), steps, image.shape)
    out = np.empty_like(image)
    width = image.shape[-1]
    n_rows = max(1, VALUES_PER_BLOCK // (width * len(steps)))
    block = np.empty((n_rows, width, len(steps)), dtype=image.dtype)
    for plane in np.ndindex(image.shape[:-2]):
        for start in range(0, image.shape[-2], n_rows):
            rows = slice(start, min(start + n_rows, image.shape[-2]))
            values = block[: rows.stop - rows.start]
            for number, step in enumerate(steps + reach):
                first = tuple(p + s for p, s in zip(plane, step[:-2], strict=True))
                values[..., number] = padded[
                    (*first, slice(rows.start + step[-2], rows.stop + step[-2]))
                ][:, step[-1] : step[-1] + width]
            out[(*plane, rows)] = _block_median(values, n_there[(*plane, rows)])
    return out


def _count(padded_there, steps, shape):
    """How many pixels are there around each pixel."""
    count = np.zeros(shape, dtype=np.int32)
    reach = np.abs(steps).max()
    for step in steps + reach:
        window = tuple(slice(s, s + size) for s, size in zip(step, shape, strict=True))
        count += padded_there[window]
    return count


def _block_median(values, n_there):
    """Median over the last axis, whose first `n_there` sorted values are there."""
    n = values.shape[-1]
    values.partition(n // 2, axis=-1)
    upper = values[..., n // 2]
    # After the partial sort, the smaller half lies in front.
    lower = upper if n % 2 else values[..., : n // 2].max(axis=-1)
    at_border = n_there < n
    out = 0.5 * lower + 0.5 * upper  # infinite where much is not there, replaced below
    if at_border.any():
        ordered, count = np.sort(values[at_border], axis=-1), n_there[at_border]
        row, last = np.arange(len(count)), np.maximum(count - 1, 0)
        middle = 0.5 * ordered[row, last // 2] + 0.5 * ordered[row, np.minimum(count // 2, last)]
        out[at_border] = np.where(count > 0, middle, np.nan)
    return out
