# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The level of white noise again, from what a denoiser leaves, where there is time for it.

What a denoiser that is nearly a linear filter of least risk takes away has the variance
``level**2 * (1 - d)``, where d is how much a pixel of the output follows the same pixel of the
input: for the filter S = C / (C + level**2) of a signal of covariance C, the mean square of
``(1 - S) y`` is level**2 times the mean of 1 - S. A small draw of noise measures d (Ramani et al.,
2008). Weak texture, which the first measurement takes for noise, is mostly in the output and does
not count; the quieter half of the image has the least of what is left.
"""

from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter

from selfsupervised.classical import NLRidgeDenoiser
from selfsupervised.evaluation.risk import PROBE_SHARE

SECONDS_PER_PIXEL = 1e-4  # of a budget, from which on the two runs of the denoiser are cheap
QUIET_SHARE = 0.5
SLOPE_PIXELS, AROUND_PIXELS = 1.0, 2.0
LEAST_RATIO = 0.85  # to the first measurement
OWN_SEED = 2846190375


def measured_again(image, noise, budget_s):
    """The noise, with the lower one of the level that was measured and that which is left.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        NaN means "not measured".
    noise : ImageNoise
        As measured. It stays as it is unless it is white, as strong everywhere and of one channel.
    budget_s : float or None
        With too little of it, or none, it stays as it is.

    Returns
    -------
    ImageNoise
    """
    (channel, *others) = noise.channels
    enough = budget_s is not None and budget_s > SECONDS_PER_PIXEL * image.size
    plain = image.ndim == 2 and not (others or channel.grows or any(channel.correlation))
    if not (enough and plain and channel.level):
        return noise
    level = float(np.clip(_left(image, channel.level) / channel.level, LEAST_RATIO, 1.0))
    level *= channel.level
    return replace(noise, channels=(replace(channel, level=level, low=min(channel.low, level)),))


def _left(image, level):
    """The level by what a denoiser leaves in the quieter half."""
    denoiser = NLRidgeDenoiser(level, n_jobs=-1)
    probe = np.random.default_rng(OWN_SEED).normal(size=image.shape)
    step = PROBE_SHARE * level
    out, moved = (denoiser.fit_transform(x[None])[0] for x in (image, image + step * probe))
    slope = sum(np.square(s) for s in np.gradient(gaussian_filter(out, SLOPE_PIXELS)))
    slope = gaussian_filter(slope, AROUND_PIXELS)
    quiet = ~np.isnan(image)
    quiet &= slope <= np.quantile(slope[quiet], QUIET_SHARE)
    follows = np.mean((probe * (moved - out))[quiet]) / step
    return np.sqrt(np.mean(np.square(image - out)[quiet]) / max(1 - follows, 0.1))
