# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""How the noise of one image is correlated, from the power of its flattest blocks.

Blocks are turned into cosines, and those with least power in one half of their frequencies chosen
at each brightness alike. What they have in the other half is noise, nearly: texture is strong or
weak at all frequencies of a block, while noise that is weak at one by chance is not so at another.
The lowest frequencies, which hold what is left of the image, are continued from a Gaussian that is
fitted to the next ones: right for optics, demosaicking and resampling, whose noise is blurred.
"""

from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import dctn, irfftn, rfftn
from scipy.stats import norm

from selfsupervised.core.measurement import Measurement
from selfsupervised.core.types import Array
from selfsupervised.core.validation import check_channel_axis

BLOCK_EDGE_PIXELS = {2: 16, 3: 8}
MIN_EDGE_PIXELS = {n_spatial: 2 * edge for n_spatial, edge in BLOCK_EDGE_PIXELS.items()}
MAX_BLOCKS = 20_000
N_BRIGHTNESSES = 8
# Of the blocks of each brightness the flattest are looked at, and not fewer than so many.
FLAT_BLOCK_SHARE, MIN_FLAT_BLOCKS = 0.1, 16
MAX_STRENGTH = 20.0  # of one coefficient in the rank of a block, in units of the noise's variance
MAX_SATURATED_SHARE = 0.02  # pixels of a block that may lie at an end of the range
# Sums of frequencies (halves of a cycle in a block): below the first the blocks are ranked, and
# between both the Gaussian is fitted.
FIRST_NOISE_FREQUENCY, LAST_FITTED_FREQUENCY = 4, 10
FIRST_HIGHEST_FREQUENCY = 15
# As strong at all brightnesses: strongest over weakest, and how far a line over the brightnesses
# rises or falls.
MAX_STRENGTH_RATIO, MAX_TREND = 1.3, 0.12
UNFADED_SHARE = 0.25  # of the lags
# Of tiles that are filtered one by one, by number of axes, and how much is taken in around them.
TILE_EDGE_PIXELS, TILE_MARGIN_PIXELS = {2: 1024, 3: 96}, {2: 64, 3: 16}


def noise_autocovariance(image: Any, *, channel_axis: int | None = None) -> Array:
    """Estimate the autocovariance of the noise of one image from that image alone.

    Parameters
    ----------
    image : array-like of shape (*spatial) or (*spatial, n_channels)
        Noisy image of any numeric dtype, of 32 pixels or more along each of two spatial axes (16
        of three). NaN means "not measured"; blocks with it are left out.
    channel_axis : {None, -1}, default=None
        Whether the last axis holds channels.

    Returns
    -------
    ndarray of shape (17, 17), or (9, 9, 9) for volumes; with channels (..., n_channels)
        Covariance of the noise between pixels at each lag, in squared units of the image, with lag
        0 at the centre: that is the variance, averaged over brightness.

    Raises
    ------
    ValueError, TypeError
        If the image is none, or too small.

    See Also
    --------
    noise_correlation : Of noise by itself, such as a residual.
    NoiseWhitener : Denoises images with such noise.
    estimate_noise : How strong the noise is.

    Notes
    -----
    Texture as fine as a few pixels cannot be told from noise that neighbours share, so that on
    images of grass or text the estimate is too high and claims a correlation that is not there.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import noise_autocovariance
    >>> noise = np.random.default_rng(0).normal(0, 10, size=(200, 200))
    >>> noise[:, 1:] += noise[:, :-1]
    >>> found = noise_autocovariance(noise)
    >>> bool(abs(found[8, 8] - 200) < 20), bool(abs(found[8, 9] - 100) < 20)
    (True, True)
    """
    caller = "noise_autocovariance"
    check_channel_axis(channel_axis, caller=caller)
    image = Measurement.of_array(image, caller=caller).data
    n_spatial = image.ndim - (channel_axis is not None)
    least = MIN_EDGE_PIXELS.get(n_spatial)
    if least is None or min(image.shape[:n_spatial]) < least:
        raise ValueError(
            f"{caller} expected one image of two spatial axes of 32 pixels or more, or of three of "
            f"16, with channel_axis={channel_axis}; got shape {image.shape}."
        )
    if channel_axis is None:
        return _autocovariance(image)
    channels = np.moveaxis(image, -1, 0)
    return np.stack([_autocovariance(channel) for channel in channels], axis=-1)


def _autocovariance(channel):
    """That of one channel, up to lags of half a block."""
    edge = BLOCK_EDGE_PIXELS[channel.ndim]
    cosines = cosines_by_brightness(channel, edge)
    flattest = [power_of_flattest(part) for part in cosines]
    quietest = [power_of_quietest(*each) for each in zip(cosines, flattest, strict=True)]
    # Where noise is not as strong at all brightnesses, as of cameras that smooth and compress, the
    # quietest blocks have less than others.
    return autocovariance_of(quietest if is_steady(quietest) else flattest)


def autocovariance_of(powers):
    """From the power in the flattest blocks of each brightness, up to lags of half a block."""
    power = np.mean([_continued(power) for power in powers], axis=0)
    # Cosines of a block stand for frequencies from 0 to half a cycle a pixel, and for their mirror.
    edge = len(power)
    power = np.pad(power, [(0, 1)] * power.ndim, mode="edge")
    mirrored = np.abs(np.fft.fftfreq(2 * edge, 1 / (2 * edge))).astype(int)
    spectrum = power[np.ix_(*[mirrored] * power.ndim)]
    covariance = np.fft.fftshift(np.fft.ifftn(spectrum).real)
    inside = slice(edge - edge // 2, edge + edge // 2 + 1)
    return covariance[(inside,) * power.ndim]


def cosines_by_brightness(channel, edge, max_blocks=MAX_BLOCKS):
    """Cosines of blocks, by the brightness they have on average: (n_blocks, *block) each."""
    n_axes = channel.ndim
    step = max(2, int((channel.size / max_blocks) ** (1 / n_axes)))
    windows = sliding_window_view(channel, (edge,) * n_axes)[(slice(None, None, step),) * n_axes]
    blocks = windows.reshape(-1, *[edge] * n_axes)
    within = tuple(range(1, n_axes + 1))
    at_end = (blocks == np.nanmin(channel)) | (blocks == np.nanmax(channel))
    good = (at_end.mean(axis=within) <= MAX_SATURATED_SHARE) & ~np.isnan(blocks).any(axis=within)
    good = good if good.sum() >= N_BRIGHTNESSES else ~np.isnan(blocks).any(axis=within)
    blocks = blocks[good]
    if len(blocks) == 0:
        raise ValueError(
            f"noise_autocovariance found no block of {edge} pixels without missing ones; fill the "
            f"image first, by fill_missing."
        )
    order = np.argsort(blocks.mean(axis=within), kind="stable")
    parts = [blocks[part] for part in np.array_split(order, N_BRIGHTNESSES) if len(part)]
    return [dctn(part, axes=within, norm="ortho") for part in parts]


def is_steady(powers):
    """Whether middle frequencies are as strong at all brightnesses."""
    if len(powers) < N_BRIGHTNESSES or not strength_ratio(powers) < MAX_STRENGTH_RATIO:
        return False
    strengths = _strengths(powers)
    trend, _ = np.polyfit(np.linspace(-0.5, 0.5, len(strengths)), strengths / strengths.mean(), 1)
    return bool(abs(trend) < MAX_TREND)


def strength_ratio(powers):
    """Standard deviation of middle frequencies where they are strongest over the weakest."""
    strengths = _strengths(powers)
    return strengths.max() / strengths.min() if strengths.min() > 0 else np.inf


def _strengths(powers):
    return np.sqrt([bands([power])[1] for power in powers])


def bands(powers):
    """Mean power in the flattest blocks at low, middle and the highest frequencies."""
    power = np.mean(powers, axis=0)
    total = np.indices(power.shape).sum(axis=0)
    low = (total > 0) & (total < FIRST_NOISE_FREQUENCY)
    middle = (total >= FIRST_NOISE_FREQUENCY) & (total <= LAST_FITTED_FREQUENCY)
    highest = total >= FIRST_HIGHEST_FREQUENCY
    return power[low].mean(), power[middle].mean(), power[highest].mean()


def power_of_flattest(cosines):
    """Power at each frequency of the flattest blocks of one brightness, their own structure too.

    The flattest are those with least power at low frequencies.
    """
    total = np.indices(cosines.shape[1:]).sum(axis=0)
    low = (total > 0) & (total < FIRST_NOISE_FREQUENCY)
    return _power(cosines, np.square(cosines[:, low]).sum(axis=1))


def power_of_quietest(cosines, flattest, share=FLAT_BLOCK_SHARE):
    """Power at each frequency of the blocks of one brightness that are quietest at others.

    Blocks are ranked by every other frequency, as by the white fields of a chessboard, in units of
    `flattest`, the power of those; what is measured are the black ones. And the other way round.
    Looked at is the quietest `share` of them.
    """
    unit = _continued(flattest)
    if not unit.all():  # drawn, not measured
        return unit
    total = np.indices(unit.shape).sum(axis=0)
    power = np.empty_like(unit)
    for parity in (0, 1):
        judged, measured = (total % 2 == parity) & (total > 0), total % 2 != parity
        strength = np.minimum(np.square(cosines[:, judged]) / unit[judged], MAX_STRENGTH)
        power[measured] = _power(cosines[:, measured], strength.sum(axis=1), share)
    return power


def _power(cosines, strength, share=FLAT_BLOCK_SHARE):
    """Power of the share with least `strength`."""
    n_flat = max(MIN_FLAT_BLOCKS, int(share * len(cosines)))
    flattest = np.argsort(strength, kind="stable")[:n_flat]
    # The median, which a few coefficients of structure do not move.
    return np.square(np.median(np.abs(cosines[flattest]), axis=0) / norm.ppf(0.75))


def _continued(power):
    """Power of the noise: at low frequencies not what was measured, but continued from the next."""
    frequency = np.indices(power.shape)
    total, squared = frequency.sum(axis=0), np.square(frequency).sum(axis=0)
    fitted = (total >= FIRST_NOISE_FREQUENCY) & (total <= LAST_FITTED_FREQUENCY)
    if not power[fitted].all():  # drawn, not measured
        return np.where(total < FIRST_NOISE_FREQUENCY, power[fitted].mean(), power)
    terms = np.stack([np.ones(fitted.sum()), squared[fitted]], axis=1)
    (constant, slope), *_ = np.linalg.lstsq(terms, np.log(power[fitted]), rcond=None)
    gaussian = np.exp(constant + min(slope, 0.0) * squared)
    return np.where(total < FIRST_NOISE_FREQUENCY, gaussian, power)


def faded(autocovariance):
    """Falling to 0 just beyond the largest lag, by a cosine along each axis from a quarter on."""
    for axis, size in enumerate(autocovariance.shape):
        lag = np.abs(np.arange(size) - size // 2) / (size // 2 + 1)
        beyond = np.maximum(lag - UNFADED_SHARE, 0.0) / (1 - UNFADED_SHARE)
        line = (1 + np.cos(np.pi * beyond)) / 2
        others = [other for other in range(autocovariance.ndim) if other != axis]
        autocovariance = autocovariance * np.expand_dims(line, others)
    return autocovariance


def root_spectrum(autocovariance, shape, floor=0.0):
    """Root of the power of the noise at each frequency of an image of `shape`.

    Where the power is less than a share `floor` of its peak, it is taken as that share.
    """
    half = [size // 2 for size in autocovariance.shape]
    circle = np.zeros(shape)
    # Lags that are longer than the image come round it.
    lags = np.meshgrid(*(np.arange(-n, n + 1) for n in half), indexing="ij")
    places = tuple(lag % size for lag, size in zip(lags, shape, strict=True))
    np.add.at(circle, places, autocovariance)
    power = rfftn(circle).real
    # A smooth maximum, so that the filters fade within a few pixels. What is above the floor has
    # unit power then, and what is below it less: told that all has, a denoiser is careful there.
    return np.sqrt(np.hypot(power, floor * power.max()))


def filtered(plane, response):
    """A plane with its Fourier transform multiplied by a response."""
    return irfftn(rfftn(plane) * response, plane.shape)


def filtered_in_tiles(plane, response_of):
    """The same for a large plane, tile by tile, as the filter does not reach far.

    Parameters
    ----------
    plane : ndarray of 2 or 3 axes
        Taken to go on around its ends, as by the Fourier transform of all of it.
    response_of : callable
        From a shape to the response at each of its frequencies.

    Returns
    -------
    ndarray
    """
    edge, margin = TILE_EDGE_PIXELS[plane.ndim], TILE_MARGIN_PIXELS[plane.ndim]
    if max(plane.shape) <= 2 * edge:
        return filtered(plane, response_of(plane.shape))
    response_of = lru_cache(maxsize=1)(response_of)  # most tiles are alike
    out = np.empty_like(plane)
    for starts in product(*(range(0, size, edge) for size in plane.shape)):
        ends = [min(start + edge, size) for start, size in zip(starts, plane.shape, strict=True)]
        limits = list(zip(starts, ends, strict=True))
        around = [
            np.arange(start - margin, end + margin) % size
            for (start, end), size in zip(limits, plane.shape, strict=True)
        ]
        part = plane[np.ix_(*around)]
        inside = tuple(slice(margin, -margin) for _ in limits)
        tile = tuple(slice(*limit) for limit in limits)
        out[tile] = filtered(part, response_of(part.shape))[inside]
    return out
