# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""A denoiser that was fitted before, where a choice is expected."""

from selfsupervised.auto.application import Application
from selfsupervised.auto.auto_denoiser import AutoDenoiser
from selfsupervised.auto.decide import LOSS, Decision


def already_fitted(denoiser):
    """An `AutoDenoiser` that applies a fitted denoiser, and fits nothing.

    Parameters
    ----------
    denoiser : estimator
        Fitted, such as a network that was loaded.

    Returns
    -------
    AutoDenoiser
    """
    axis = denoiser.channel_axis
    found = AutoDenoiser(denoiser, channel_axis=axis)
    found._record(Decision(Application(denoiser, axis), None, denoiser, None, LOSS))
    return found
