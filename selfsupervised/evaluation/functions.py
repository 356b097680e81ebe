# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Functions from an image to an image: how they are applied, and judged without an estimator."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from selfsupervised.core.measurement import Measurement
from selfsupervised.partitions.fill import fill_nan


def apply_to_each(function, measured, *, caller, sees_missing=False):
    """Outputs of a function for each image of a `Measurement`, given back as the user gave them.

    Parameters
    ----------
    function : callable
        From a writable, C-contiguous float image, which it must not change, to one of its shape.
    measured : Measurement
        The images.
    caller : str
        Whose function it is, for messages.
    sees_missing : bool, default=False
        Whether it copes with NaN, which is filled from neighbours otherwise.

    Returns
    -------
    ndarray or list of ndarray
    """
    images = measured.data
    if not sees_missing:
        images = fill_nan(images, channel_axis=measured.channel_axis)
    return measured.give_back([_checked(function, image, caller) for image in images])


def _checked(function, image, caller):
    out = np.asarray(function(np.require(image, requirements=["C", "W"])))
    if out.shape != image.shape:
        raise ValueError(
            f"{caller} expected an output of the image's shape {image.shape}, got {out.shape}."
        )
    return out.astype(image.dtype, copy=False)


class PlainFunction(TransformerMixin, BaseEstimator):
    """A function ``image -> image`` in the form of what is judged; it remembers nothing."""

    def __init__(self, func):
        self.func = func

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags

    def fit(self, X, y=None):
        """Do nothing."""
        return self

    def transform(self, X):
        """The function's outputs for a stack, or a list, of images without a channel axis."""
        measured = Measurement.of_images(X, caller="FunctionDenoiser")
        return apply_to_each(
            lambda image: self.func(image.copy()), measured, caller="FunctionDenoiser"
        )
