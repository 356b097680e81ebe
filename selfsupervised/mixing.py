# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Mixing a J-invariant output with the noisy data (Noise2Self, Section 4.2, Supp. 3.2)."""

import numpy as np

from selfsupervised._noise import noise_level
from selfsupervised._validation import is_finite_number


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


def mixed(f, x, mix, *, noise_variance=None, channel_axis=None):
    """``mix * f + (1 - mix) * x``; what was not measured is left to f.

    f(x)_j and x_j are two uncorrelated estimates of the signal y_j, with variances U and V. The
    mean square of f(x)_j - x_j, the self-supervised loss, is U + V, and the mixture of least
    variance has the weight V / (U + V): noise variance / loss.

    Parameters
    ----------
    f, x : ndarray
        J-invariant output and noisy data, of equal shape; NaN in `x` means "not measured".
    mix : float or "optimal"
        Weight of `f`.
    noise_variance : float, default=None
        V, for "optimal"; by default estimated from `x`, which must be an image then.
    channel_axis : {None, -1}, default=None
        Whether the last axis of `x` holds channels.

    Returns
    -------
    ndarray
    """
    if mix == "optimal":
        if noise_variance is None:
            noise_variance = noise_level(x, channel_axis=channel_axis) ** 2
        loss = np.nanmean(np.square(f - x))
        mix = min(1.0, noise_variance / loss) if loss > 0 else 1.0
    return np.where(np.isnan(x), f, mix * f + (1 - mix) * x)
