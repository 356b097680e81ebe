# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What was removed and cannot be noise is given back; and counts keep their mean.

Noise of a known strength exceeds so many standard deviations nowhere in an image, but in one of
a hundred. Where the residual does, part of the picture was removed; the same is asked of its sums
over small blocks, where faint structure shows.
"""

import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter, uniform_filter

MAX_CHANCE = 0.01  # that noise alone exceeds the bound anywhere
BLOCK_EDGES_PIXELS = (2, 4, 8)
# Where counts are so many that they are as good as normal; to no fewer than none they can drop; and
# that none are expected is not so sure.
NEARLY_NORMAL, SMALLEST_DROP, LEAST_COUNTS = 1e-4, -1 + 1e-9, 0.01
# Counts keep their mean around each pixel where there are fewer than this to a pixel, by a normal
# window of this standard deviation, which adds next to no noise.
FEW_COUNTS, MEAN_WINDOW_PIXELS = 5.0, 12.0
# No count where so many were expected: there is nothing.
EMPTY_EDGES_PIXELS, MIN_EXPECTED_COUNTS = (9, 15, 31), 10.0
LEAST_EXPECTED_COUNTS = 0.5  # in such a place less is next to nothing, too


def guarded(image, denoised, noise):
    """`denoised`, with what cannot have been noise given back.

    Parameters
    ----------
    image, denoised : ndarray of shape (*spatial) or (*spatial, n_channels)
        NaN in the image means "not measured".
    noise : ImageNoise

    Returns
    -------
    ndarray
    """
    return _by_channel(_guarded, image, denoised, noise)


def calibrated(image, denoised, noise):
    """`denoised`, with the mean that the counts have around each pixel.

    Where most pixels hold no count at all, a denoiser of stabilised values loses some of them.
    What is missing is given back in proportion to what there is, and what is empty stays so.
    """
    return _by_channel(_calibrated, image, denoised, noise)


def _by_channel(function, image, denoised, noise):
    if noise.channel_axis is None:
        return function(image, denoised, noise.channels[0])
    triples = zip(
        np.moveaxis(image, -1, 0), np.moveaxis(denoised, -1, 0), noise.channels, strict=True
    )
    return np.stack([function(*triple) for triple in triples], axis=-1)


def _guarded(image, denoised, noise):
    measured = ~np.isnan(image)
    variance = np.square(noise.std(denoised)) * np.ones(image.shape)
    least = np.log(image.size / MAX_CHANCE)
    gain = noise.as_line.gain
    residual = np.where(measured, image - denoised, 0)
    lost = _surprise(residual, variance, gain) > least
    out = np.where(lost, image, denoised).astype(denoised.dtype)
    if any(noise.correlation):
        return out
    for edge in BLOCK_EDGES_PIXELS:
        total = _block_sums(np.where(measured, image - out, 0), edge)
        lost = _surprise(total, _block_sums(variance, edge), gain) > least
        if lost.any():
            back = np.where(lost, total / edge**image.ndim, 0.0)
            out = out + _spread_out(back, edge, image.shape).astype(out.dtype)
    return out


def _surprise(residual, variance, gain):
    """Minus the logarithm of the chance that noise is so large, at least, by Bennett's inequality.

    With the variance v = n gain^2 of n counts, it is n h(residual / (n gain)) where
    h(u) = (1 + u) log(1 + u) - u; without gain that is residual^2 / 2 v, as of a normal law.
    """
    residual = np.asarray(residual, dtype=float)
    with np.errstate(over="ignore"):  # without noise, any residual is infinitely surprising
        variance = np.maximum(variance, np.finfo(float).tiny)
        if gain == 0:
            return np.square(residual) / (2 * variance)
        n = np.maximum(variance / gain**2, LEAST_COUNTS)
        u = np.maximum(residual / (n * gain), SMALLEST_DROP)
        normal = n * np.square(u) / 2
    return np.where(np.abs(u) > NEARLY_NORMAL, n * ((1 + u) * np.log1p(u) - u), normal)


def _block_sums(values, edge):
    """Sums over blocks side by side; what is left over at the ends is left out."""
    for axis, size in enumerate(values.shape):
        whole = size // edge * edge
        parts = values.take(range(whole), axis=axis)
        shape = (*parts.shape[:axis], size // edge, edge, *parts.shape[axis + 1 :])
        values = parts.reshape(shape).sum(axis=axis + 1)
    return values


def _spread_out(blocks, edge, shape):
    for axis in range(blocks.ndim):
        blocks = blocks.repeat(edge, axis=axis)
    widths = [(0, size - have) for size, have in zip(shape, blocks.shape, strict=True)]
    return np.pad(blocks, widths)


def _calibrated(image, denoised, noise):
    if not (noise.grows and noise.line.variance == 0 and noise.step == noise.line.gain):
        return denoised
    measured = ~np.isnan(image)
    dark = gaussian_filter(denoised, MEAN_WINDOW_PIXELS)
    weight = measured * denoised / np.maximum(denoised + dark, np.finfo(float).tiny)
    missing = gaussian_filter(np.where(measured, image - denoised, 0), MEAN_WINDOW_PIXELS)
    share = weight / np.maximum(gaussian_filter(weight, MEAN_WINDOW_PIXELS), 1e-3)
    out = denoised + np.where(dark < FEW_COUNTS * noise.step, share * missing, 0.0)
    for edge in EMPTY_EDGES_PIXELS:
        empty = maximum_filter(np.where(measured, image, np.inf), edge) == 0
        expected = uniform_filter(out, edge) * (edge**image.ndim / noise.step)
        sure = (expected > MIN_EXPECTED_COUNTS) | (expected < LEAST_EXPECTED_COUNTS)
        out = np.where(empty & sure, 0.0, out)
    return np.maximum(out, 0.0).astype(denoised.dtype)
