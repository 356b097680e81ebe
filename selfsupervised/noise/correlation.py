# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Whether the noise of neighbouring pixels is independent, as the score assumes."""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from selfsupervised.core.measurement import Measurement
from selfsupervised.core.scale import in_unit
from selfsupervised.core.types import Array
from selfsupervised.core.validation import check_channel_axis, is_whole_number

# One and two pixels apart; and farther, where only stripes reach, on average.
LAG_GROUPS_PIXELS = ((1,), (2,), (4, 5, 6, 7, 8))

# Second differences to measure, fourth ones to be sure that what is measured is no structure.
DIFFERENCE_ORDERS = (2, 4)

# Blocks of 16 x 16 hold enough pixels to be ranked by their roughness, and impulse noise of a few
# percent in each. The quietest fifth of them shows the noise of all but the busiest pictures.
BLOCK_EDGE_PIXELS = {2: 16, 3: 8}
MAX_BLOCKS = 1024
MAX_IMAGES = 4
QUIET_BLOCK_SHARE = 0.2
MIN_QUIET_BLOCKS = 8

# Correlated from here on; in a picture of few pixels only if there is no doubt, since there may be
# no block without structure (docs/correlated_noise.md).
MIN_NEIGHBOR_CORRELATION, NEIGHBOR_DOUBT_PIXELS = 0.18, 600.0
MIN_STRIPE_CORRELATION, STRIPE_DOUBT_PIXELS = 0.11, 300.0


@dataclass(frozen=True)
class CorrelationVerdict:
    """What one noisy picture says about the correlation of its noise.

    Parameters
    ----------
    lags : ndarray of shape (n_spatial, 3)
        Correlation along each spatial axis between pixels one and two apart, and on average
        between those four to eight apart.
    correlated : tuple of bool, one for each spatial axis
        Where the correlation, of neighbours or of whole lines, is beyond doubt.
    """

    lags: Any
    correlated: tuple

    @property
    def footprint(self):
        """The `footprint` for a partition of pixels; None for white noise."""
        *rest, vertical, horizontal = self.correlated
        if any(rest) or (vertical and horizontal):
            return "disk"
        if horizontal:
            return "horizontal"
        return "vertical" if vertical else None


def noise_correlation(residual: Any, *, max_lag: int = 2, channel_axis: int | None = None) -> Array:
    """Autocorrelation of noise: how much neighbouring pixels share.

    Parameters
    ----------
    residual : array-like of 2 or 3 spatial axes, and a channel axis if `channel_axis` is given
        Noise alone: noisy minus clean, minus denoised, or a picture of nothing. NaN means "not
        measured" and is left out. Its mean is subtracted, of each channel its own.
    max_lag : int, default=2
        Largest distance along each axis, in pixels.
    channel_axis : {None, -1}, default=None
        Whether the last axis holds channels, over which the correlations are averaged.

    Returns
    -------
    ndarray of shape (2 * max_lag + 1, ...), one axis for each spatial axis
        Correlation at each lag, symmetric, with 1 at the centre. About zero elsewhere for
        noise that is independent between pixels; NaN where no two measured pixels are so far
        apart.

    Raises
    ------
    ValueError
        If the residual is constant, not an image, or not larger than `max_lag`.

    See Also
    --------
    noise_autocovariance : From a noisy image, in its units.
    CorrelatedNoiseWarning : Says that pixels share noise.

    Notes
    -----
    A residual also holds what the denoiser removed of the picture, or failed to remove of the
    noise; the former looks like correlated noise. Outliers are part of the noise and count.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import noise_correlation
    >>> noise = np.random.default_rng(0).normal(size=(200, 200))
    >>> noise[:, 1:] += noise[:, :-1]
    >>> noise_correlation(noise, max_lag=1).round(1) + 0.0
    array([[0. , 0. , 0. ],
           [0.5, 1. , 0.5],
           [0. , 0. , 0. ]])
    """
    if not is_whole_number(max_lag) or max_lag < 1:
        raise ValueError(
            f"noise_correlation expected max_lag to be a positive integer; got {max_lag!r}."
        )
    check_channel_axis(channel_axis, caller="noise_correlation")
    residual = Measurement.of_array(residual, caller="noise_correlation").data.astype(np.float64)
    channels = residual[..., None] if channel_axis is None else residual
    if channels.ndim not in (3, 4):
        raise ValueError(
            f"noise_correlation expected one image of 2 or 3 spatial axes, got shape "
            f"{residual.shape} with channel_axis={channel_axis}."
        )
    if min(channels.shape[:-1]) <= max_lag:
        raise ValueError(
            f"noise_correlation with max_lag={max_lag} needs more than {max_lag} pixels along each "
            f"axis; got shape {residual.shape}."
        )
    return np.mean([_autocorrelation(c, max_lag) for c in np.moveaxis(channels, -1, 0)], axis=0)


def _autocorrelation(channel, max_lag):
    measured = ~np.isnan(channel)
    values = np.where(measured, channel, 0)
    values = np.where(measured, values - values.sum() / max(measured.sum(), 1), 0)
    variance = _mean_product(values, values, measured)
    if not variance > 0:
        raise ValueError(
            "noise_correlation got a channel that is constant or not measured: there is no noise."
        )
    out = np.empty((2 * max_lag + 1,) * channel.ndim)
    for lag in product(range(-max_lag, max_lag + 1), repeat=channel.ndim):
        here = tuple(slice(max(0, -d), -d if d > 0 else None) for d in lag)
        there = tuple(slice(max(0, d), d if d < 0 else None) for d in lag)
        both = measured[here] & measured[there]
        place = tuple(d + max_lag for d in lag)
        out[place] = _mean_product(values[here], values[there], both) / variance
    return out


def _mean_product(left, right, both):
    """Mean product of entries of which both are measured; the others are zero."""
    count = both.sum()
    return (left * right).sum() / count if count else np.nan


def correlated_noise(X, *, channel_axis=None):
    """Measure the correlation of the noise in noisy images, nothing else being known.

    Along each axis, smooth structure is removed by differences along the *other* axes, which
    leave the correlation along this one as it was. Of small blocks, only the quietest count;
    what structure is left in them is mostly too little to pass for noise. Second differences
    say how strong the correlation is; fourth ones, which leave less structure, must agree that
    there is any.

    Parameters
    ----------
    X : ndarray of shape (n_images, *spatial) or (n_images, *spatial, n_channels), or list
        Noisy images as floats. Of many images a few are looked at, of large ones some blocks.
    channel_axis : {None, -1}, default=None
        Whether the last axis holds channels; correlations are averaged over them.

    Returns
    -------
    CorrelationVerdict
        Biased towards zero, more so where the correlation is not the same along all lines.
    """
    channels = [
        in_unit(channel)[0]
        for image in some_images(X)
        for channel in ([image] if channel_axis is None else np.moveaxis(image, -1, 0))
    ]
    lags, correlated = [], []
    blocks = [_blocks(channel) for channel in channels]
    for axis in range(1, blocks[0].ndim):
        (plain, n_pixels), (strict, _) = (
            _mean_along(blocks, axis, order) for order in DIFFERENCE_ORDERS
        )
        lags.append(plain)
        correlated.append(_beyond_doubt(plain, n_pixels) and _beyond_doubt(strict, n_pixels))
    return CorrelationVerdict(np.array(lags), tuple(correlated))


def _blocks(channel):
    """Blocks side by side, or of a large channel some of them, (n_blocks, *block)."""
    size = tuple(min(BLOCK_EDGE_PIXELS[channel.ndim], n) for n in channel.shape)
    apart = int((channel.size / MAX_BLOCKS) ** (1 / channel.ndim))
    steps = tuple(slice(None, None, max(apart, n)) for n in size)
    return sliding_window_view(channel, size)[steps].reshape(-1, *size)


def _mean_along(channels, axis, order):
    """Mean over channels of the correlation along `axis`, and the pixels behind it."""
    correlations, counts = zip(*(_along(blocks, axis, order) for blocks in channels), strict=True)
    return np.mean(correlations, axis=0), sum(counts)


def _beyond_doubt(lags, n_pixels):
    near, _, far = lags
    return bool(
        near * n_pixels > MIN_NEIGHBOR_CORRELATION * n_pixels + NEIGHBOR_DOUBT_PIXELS
        or far * n_pixels > MIN_STRIPE_CORRELATION * n_pixels + STRIPE_DOUBT_PIXELS
    )


def _along(blocks, axis, order):
    """Correlation along `axis` of the noise in the quiet blocks, and their pixels."""
    differences = blocks
    for other in range(1, blocks.ndim):
        if other != axis and blocks.shape[other] > 2:
            differences = np.diff(differences, min(order, blocks.shape[other] - 1), axis=other)
    differences = np.moveaxis(differences, axis, -1).reshape(
        len(differences), -1, blocks.shape[axis]
    )
    quiet_blocks, measured = _quietest_blocks(differences)
    variance = _mean_product(quiet_blocks, quiet_blocks, measured)
    if not variance > 1e-6 * np.nanvar(blocks):  # drawn, not measured
        return np.zeros(len(LAG_GROUPS_PIXELS)), 0
    correlation = [
        _mean_lagged(quiet_blocks, measured, lags) / variance for lags in LAG_GROUPS_PIXELS
    ]
    return np.array(correlation), int(measured.sum())


def _quietest_blocks(differences):
    """The blocks of least power, and where they were measured; zero where they were not."""
    measured = ~np.isnan(differences)
    differences = np.where(measured, differences, 0)
    n_quiet_blocks = min(
        len(differences), max(MIN_QUIET_BLOCKS, int(QUIET_BLOCK_SHARE * len(differences)))
    )
    # In saturated blocks there is no noise to see; where most are, the rest tells nothing.
    alive = np.count_nonzero(differences, axis=(1, 2)) * 4 > differences[0].size
    differences, measured = differences[alive], measured[alive]
    if len(differences) < n_quiet_blocks:
        return differences[:0], measured[:0]
    power = (differences**2).sum(axis=(1, 2)) / measured.sum(axis=(1, 2))
    quiet_blocks = np.argpartition(power, n_quiet_blocks - 1)[:n_quiet_blocks]
    return differences[quiet_blocks], measured[quiet_blocks]


def _mean_lagged(values, measured, lags):
    """Mean product of entries so far apart along the last axis, over all lags that fit in."""
    means = [
        _mean_product(
            values[..., lag:], values[..., :-lag], measured[..., lag:] & measured[..., :-lag]
        )
        for lag in lags
        if lag < values.shape[-1]
    ]
    return float(np.nan_to_num(np.mean(means))) if means else 0.0


def some_images(images):
    return images[:: -(-len(images) // MAX_IMAGES)]
