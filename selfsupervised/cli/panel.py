# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""noisy | denoised | residual, side by side, as grey or colour values to look at."""

import numpy as np

from selfsupervised.files.pictures import write_array

SHOWN_PERCENT = (0.1, 99.9)  # of the values, between black and white
RESIDUAL_STDS = 4.0


def write_panel(path, noisy, denoised, axes, *, like=None):
    """Write the panel of an array; of many images, and of volumes, the middle one.

    Parameters
    ----------
    path : Path
    noisy, denoised : ndarray
    axes : Axes
    like : Path, default=None
        The file that it shows.

    Returns
    -------
    str
        What was written, in words.
    """
    pictures, spread = views(noisy, denoised, axes)
    write_array(path, np.concatenate(pictures, axis=1), like=like)
    return (
        f"wrote {path}: noisy | denoised | residual (grey is zero, white and black +-{spread:.3g})"
    )


def views(noisy, denoised, axes):
    """The three pictures to look at, uint8, grey or in three colours.

    Returns
    -------
    list of ndarray of shape (height, width) or (height, width, 3)
    float
        The residual that is shown white.
    """
    noisy, denoised = (middle(array, axes).astype(float) for array in (noisy, denoised))
    residual = noisy - denoised
    low, high = np.nanpercentile(noisy, SHOWN_PERCENT)
    spread = RESIDUAL_STDS * float(np.nanstd(residual)) or 1.0
    shown = [_stretched(image, low, high) for image in (noisy, denoised)]
    shown.append(_stretched(residual, -spread, spread))
    if noisy.ndim == 3 and noisy.shape[-1] != 3:
        shown = [image.mean(axis=-1).astype(np.uint8) for image in shown]
    return shown, spread


def middle(array, axes):
    """The image in the middle, and of a volume its middle plane; colours last."""
    images = axes.to_images(np.asarray(array))
    n_image_axes = 2 + (axes.channel is not None)
    while images.ndim > n_image_axes:
        images = images[len(images) // 2]
    return images


def _stretched(image, low, high):
    """Grey values 0 to 255 for `low` to `high`."""
    scaled = np.nan_to_num((image - low) / max(high - low, np.finfo(float).tiny))
    return np.rint(255 * np.clip(scaled, 0, 1)).astype(np.uint8)
