# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""One bare image: described at the door, denoised, and given back as it was."""

from selfsupervised.auto.auto_denoiser import AutoDenoiser, checked_method
from selfsupervised.core.bare_image import warn_if_channels
from selfsupervised.core.measurement import Measurement


def denoise_image(
    image, method, *, channel_axis=None, dtype=None, keep_missing=False, named=True, **settings
):
    """Denoise one image.

    Parameters
    ----------
    image, method, channel_axis, dtype, keep_missing
        As of `denoise`.
    named : bool, default=True
        Whether it was said what the axes are; if not, it is warned of one that looks like channels.
    **settings
        Parameters of `AutoDenoiser`.

    Returns
    -------
    denoised : ndarray or MaskedArray
    found : AutoDenoiser
        What was chosen.
    """
    measured = Measurement.of_image(
        image,
        channel_axis=channel_axis,
        dtype=dtype,
        keep_missing=keep_missing,
        caller="denoise()",
    )
    if channel_axis is None and not named:
        warn_if_channels(measured.bare_image.shape)
    axis, stack = measured.channel_axis, measured.data
    if isinstance(method, AutoDenoiser):
        fresh = checked_method(method, axis)
        found = method if hasattr(method, "application_") else fresh
    else:
        found = AutoDenoiser(method, channel_axis=axis, **settings)
    chosen = hasattr(found, "application_")
    return measured.give_back(
        found.transform(stack) if chosen else found.fit_transform(stack)
    ), found
