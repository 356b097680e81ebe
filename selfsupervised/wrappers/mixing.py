# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Mixing a J-invariant output with the noisy data (Noise2Self, Section 4.2, Supp. 3.2)."""

import numpy as np
from scipy.ndimage import gaussian_filter

from selfsupervised.core.validation import check_noise_variance, is_finite_number
from selfsupervised.core.warning import warn_user
from selfsupervised.noise.level import noise_variance as estimated_variance
from selfsupervised.noise.line import noise_line

MIXTURE_NAMES = ("optimal", "local")
MAX_VARIANCE_OF_LOSS = 1.05  # a noise variance cannot be larger than the loss, but for chance
WINDOW_AREA_PIXELS = 300  # that a local loss is, in effect, the mean of


def check_mix(mix, noise_variance):
    """Raise unless these are parameters of a `JInvariantWrapper`."""
    fraction = is_finite_number(mix) and 0 <= mix <= 1
    if not (mix is None or fraction or (isinstance(mix, str) and mix in MIXTURE_NAMES)):
        raise ValueError(
            f"JInvariantWrapper expected mix to be None, 'optimal', 'local' or a number from 0 to "
            f"1; got {mix!r}."
        )
    check_noise_variance(noise_variance, caller="JInvariantWrapper")


def mixed(out, data, mix, *, noise_variance=None, channel_axis=None):
    """``mix * f(x) + (1 - mix) * x``, for each image by itself, or for a whole table.

    f(x)_j and x_j are two uncorrelated estimates of the signal y_j, with variances U and V. The
    mean square of f(x)_j - x_j, the self-supervised loss, is U + V, and the mixture of least
    variance has the weight V / (U + V): noise variance / loss. Both means may be those of the
    whole image, as in the paper, or those around each pixel: what is hard to predict, such as
    an edge, is then left as it was measured, and what is flat is left to f, as in the filter of
    Lee (1980), where f is a local mean.

    Parameters
    ----------
    out, data : ndarray or list of ndarray
        J-invariant output f(x) and noisy data x; NaN in the data means "not measured", and is
        left to f.
    mix : float, "optimal" or "local"
        Weight of `out`, or over what to take the means.
    noise_variance : float, default=None
        V. By default it is estimated from each image: one for all pixels for "optimal", a line
        over the signal, here f(x), for "local".
    channel_axis : {None, -1}, default=None
        Whether the last axis of images holds channels; they have one local weight together.

    Returns
    -------
    ndarray or list of ndarray

    Raises
    ------
    ValueError
        If V would have to be estimated from a table, or local means would have to be taken.

    References
    ----------
    Lee, "Digital Image Enhancement and Noise Filtering by Use of Local Statistics", IEEE Trans.
    Pattern Anal. Mach. Intell. 2(2), 1980.
    """
    if not isinstance(data, list) and data.ndim == 2:
        if mix == "local":
            raise ValueError("mix='local' is for images; use mix='optimal' on a table.")
        if mix == "optimal" and noise_variance is None:
            raise ValueError("mix='optimal' on a table needs noise_variance; got None.")
        return _mixed_table(out, data, mix, noise_variance)
    return [_mixed(f, x, mix, noise_variance, channel_axis) for f, x in zip(out, data, strict=True)]


def _mixed_table(f, x, mix, noise_variance):
    if mix == "optimal":
        # Rows of one value, such as voxels outside of the head, are no evidence of any noise.
        told = (np.nanmax(x, axis=1) > np.nanmin(x, axis=1)) | np.isnan(x).all(axis=1)
        loss = np.nanmean(np.square(f - x)[told]) if told.any() else 0.0
        if noise_variance > MAX_VARIANCE_OF_LOSS * loss:
            warn_user(
                f"noise_variance={noise_variance:.4g} exceeds the self-supervised loss, "
                f"{loss:.4g}, which is that variance and an error beside it: the noise is weaker, "
                f"or the columns share it. The mixture takes the J-invariant output alone."
            )
        mix = _share(noise_variance, loss)
    return np.where(np.isnan(x), f, mix * f + (1 - mix) * x)


def _mixed(f, x, mix, noise_variance, channel_axis):
    if mix == "optimal":
        if noise_variance is None:
            noise_variance = estimated_variance(x, channel_axis=channel_axis)
        mix = _share(noise_variance, np.nanmean(np.square(f - x, dtype=np.float64)))
    elif mix == "local":
        line = noise_line(x, channel_axis=channel_axis) if noise_variance is None else None
        V = np.square(line.std(f)) if line else np.full(f.shape, noise_variance)
        loss = np.square(f - x, dtype=np.float64)
        mix = _share(_around(V, x, channel_axis), _around(loss, x, channel_axis))
    return np.where(np.isnan(x), f, mix * f + (1 - mix) * x)


def _share(variance, loss):
    """V / (U + V), where variance is V and loss U + V, up to a factor that both have."""
    ratio = np.divide(variance, loss, out=np.ones(np.shape(loss)), where=np.asarray(loss) > 0)
    return np.minimum(ratio, 1)


def _around(values, x, channel_axis):
    """Sums of what was measured, by Gaussian weights around each pixel, over channels."""
    values = np.where(np.isnan(x), 0, values)
    if channel_axis is not None:
        values = values.sum(axis=-1, keepdims=True)
    axes = tuple(range(x.ndim - (channel_axis is not None)))
    # Weights of a Gaussian have an effective number of (4 pi sigma^2)^(d / 2).
    sigma = WINDOW_AREA_PIXELS ** (1 / len(axes)) / np.sqrt(4 * np.pi)
    return gaussian_filter(values, sigma, axes=axes)
