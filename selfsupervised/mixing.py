# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Mixing a J-invariant output with the noisy data (Noise2Self, Section 4.2, Supp. 3.2)."""

import numpy as np

from selfsupervised._validation import is_finite_number
from selfsupervised.noise import noise_level


def check_mix(mix, noise_variance):
    """Raise unless these are parameters of a `JInvariantWrapper`."""
    fraction = is_finite_number(mix) and 0 <= mix <= 1
    if not (mix is None or fraction or (isinstance(mix, str) and mix == "optimal")):
        raise ValueError(
            f"JInvariantWrapper expected mix to be None, 'optimal' or a number from 0 to 1; got "
            f"{mix!r}."
        )
    check_noise_variance(noise_variance, caller="JInvariantWrapper")


def check_noise_variance(noise_variance, *, caller):
    """Raise unless `noise_variance` is None or a finite number of at least 0."""
    known = is_finite_number(noise_variance) and noise_variance >= 0
    if noise_variance is not None and not known:
        raise ValueError(
            f"{caller} expected noise_variance to be a finite number >= 0, or None; got "
            f"{noise_variance!r}."
        )


def mixed(out, data, mix, *, noise_variance=None, channel_axis=None):
    """``mix * f(x) + (1 - mix) * x``, for each image by itself, or for a whole table.

    f(x)_j and x_j are two uncorrelated estimates of the signal y_j, with variances U and V. The
    mean square of f(x)_j - x_j, the self-supervised loss, is U + V, and the mixture of least
    variance has the weight V / (U + V): noise variance / loss.

    Parameters
    ----------
    out, data : ndarray or list of ndarray
        J-invariant output f(x) and noisy data x; NaN in the data means "not measured", and is
        left to f.
    mix : float or "optimal"
        Weight of `out`.
    noise_variance : float, default=None
        V, for "optimal"; by default estimated from each image.
    channel_axis : {None, -1}, default=None
        Whether the last axis of images holds channels.

    Returns
    -------
    ndarray or list of ndarray

    Raises
    ------
    ValueError
        If V would have to be estimated from a table.
    """
    if not isinstance(data, list) and data.ndim == 2:
        if mix == "optimal" and noise_variance is None:
            raise ValueError("mix='optimal' on a table needs noise_variance; got None.")
        return _mixed(out, data, mix, noise_variance)
    images = []
    for f, x in zip(out, data, strict=True):
        variance = noise_variance
        if mix == "optimal" and variance is None:
            variance = noise_level(x, channel_axis=channel_axis) ** 2
        images.append(_mixed(f, x, mix, variance))
    return images


def _mixed(f, x, mix, noise_variance):
    if mix == "optimal":
        loss = np.nanmean(np.square(f - x))
        mix = min(1.0, noise_variance / loss) if loss > 0 else 1.0
    return np.where(np.isnan(x), f, mix * f + (1 - mix) * x)
