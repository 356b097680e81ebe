# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What there is to be seen before anything is tried: single pixels, offsets of lines, noise."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from selfsupervised.noise.cleaning import clean_channels, clean_plane, joined
from selfsupervised.noise.measure import noise_of_channels
from selfsupervised.noise.model import ImageNoise

# Edge above which the noise is estimated from parts of the image.
MAX_EDGE_PIXELS = 1024


@dataclass(frozen=True, eq=False)
class Look:
    """An image after the first steps, and what its noise is.

    Parameters
    ----------
    image : ndarray of shape (*spatial) or (*spatial, n_channels)
        Without isolated pixels and offsets of lines.
    noise : ImageNoise
        Of what is left.
    many_outliers : bool
        Whether there are too many to be taken out one by one.
    """

    image: Any
    noise: ImageNoise
    many_outliers: bool

    @property
    def correlated(self):
        """Whether neighbours share noise in some channel."""
        return any(any(channel.correlation) for channel in self.noise.channels)

    @property
    def shared(self):
        """Whether neighbours share noise in all channels with noise, and how they do is known."""
        noisy = [channel for channel in self.noise.channels if channel.level]
        return bool(noisy) and all(channel.autocovariance is not None for channel in noisy)

    def first_steps(self):
        """What was taken out before, in words; empty if nothing was."""
        steps = []
        for channel in self.noise.channels:
            if channel.outlier_share and not self.many_outliers:
                steps.append(f"isolated pixels filled ({channel.outlier_share:.2%})")
            names = ("planes", "rows", "columns")[-len(channel.line_offsets) :]
            offsets = zip(names, channel.line_offsets, strict=True)
            steps += [f"offsets of {name} subtracted" for name, offset in offsets if offset]
        return ", ".join(dict.fromkeys(steps))


def look_at(image, channel_axis):
    """Take out what no denoiser of noise removes, and measure the noise.

    Parameters
    ----------
    image : ndarray of shape (*spatial) or (*spatial, n_channels)
        Floats; NaN means "not measured".
    channel_axis : {None, -1}

    Returns
    -------
    Look
    """
    cleaned = clean_channels(image, channel_axis)
    channels = noise_of_channels([_part(whole) for whole in cleaned])
    many = any(found.many for found in cleaned)
    return Look(joined(cleaned, channel_axis), ImageNoise(channels, channel_axis), many)


def _part(whole):
    """What stands for a plane while its noise is measured: of a very large one, parts of it."""
    plane = whole.plane
    if max(plane.shape) <= 2 * MAX_EDGE_PIXELS:
        return whole
    return clean_plane(mosaic(plane, plane.ndim))


def mosaic(image, n_spatial):
    """Parts of a very large image side by side; their seams are too few to matter."""
    for axis in range(n_spatial):
        if image.shape[axis] > 2 * MAX_EDGE_PIXELS:
            starts = np.linspace(0, image.shape[axis] - MAX_EDGE_PIXELS // 4, 4).astype(int)
            image = np.concatenate(
                [image.take(range(s, s + MAX_EDGE_PIXELS // 4), axis=axis) for s in starts],
                axis=axis,
            )
    return image
