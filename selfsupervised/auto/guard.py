# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What was removed and cannot be noise is given back; and counts keep their mean.

Noise of a known strength exceeds so many standard deviations nowhere in an image, but in one of
a hundred. Where the residual does, part of the picture was removed; the same is asked of its sums
over small blocks, where faint structure shows.
"""

import numpy as np

MAX_CHANCE = 0.01  # that noise alone exceeds the bound anywhere
BLOCK_EDGES_PIXELS = (2, 4, 8)
# Counts are calibrated where there are fewer than this to a pixel.
FEW_COUNTS = 5.0
MIN_PIXELS_TO_CALIBRATE, MAX_CLASSES = 2000, 24


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
    """`denoised`, with the mean of the counts at each brightness.

    Where most pixels hold no count at all, a denoiser of stabilised values mixes dark and bright.
    What was measured in all pixels of one denoised brightness says what that is on average.
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
    bound = np.sqrt(2 * np.log(image.size / MAX_CHANCE))
    variance = np.square(noise.std(denoised)) * np.ones(image.shape)
    gain = noise.as_line.gain
    residual = np.where(measured, image - denoised, 0)
    # Of counts, which are skewed, by Bernstein's inequality.
    lost = np.abs(residual) > bound * np.sqrt(variance) + bound**2 * gain / 3
    out = np.where(lost, image, denoised).astype(denoised.dtype)
    if any(noise.correlation):
        return out
    for edge in BLOCK_EDGES_PIXELS:
        residual = np.where(measured, image - out, 0)
        total, spread = _block_sums(residual, edge), np.sqrt(_block_sums(variance, edge))
        lost = np.abs(total) > bound * spread + bound**2 * gain / 3
        if lost.any():
            back = np.where(lost, total / edge**image.ndim, 0.0)
            out = out + _spread_out(back, edge, image.shape).astype(out.dtype)
    return out


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
    counts = noise.grows and noise.line.variance == 0 and noise.step == noise.line.gain
    measured = ~np.isnan(image)
    if not counts or measured.sum() < 2 * MIN_PIXELS_TO_CALIBRATE:
        return denoised
    values, known = denoised[measured], image[measured]
    n_classes = int(min(MAX_CLASSES, values.size // MIN_PIXELS_TO_CALIBRATE))
    classes = np.array_split(np.argsort(values, kind="stable"), n_classes)
    brightness = np.array([values[part].mean() for part in classes])
    missing = np.array([known[part].mean() for part in classes]) - brightness
    missing = np.where(brightness < FEW_COUNTS * noise.step, missing, 0.0)
    out = denoised + np.interp(denoised, brightness, missing)
    return np.maximum(out, 0.0).astype(denoised.dtype)
