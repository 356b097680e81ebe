# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Any function from an image to an image as a denoiser."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import clone

from selfsupervised.base import ImageDenoiser
from selfsupervised.evaluation.estimators import is_function, learns, why_no_denoiser


class FunctionDenoiser(ImageDenoiser):
    """Denoise each image by a function of your own.

    Parameters
    ----------
    func : callable
        ``func(image, **kw_args) -> image`` of the same shape. It gets one float image of shape
        (*spatial) or (*spatial, n_channels), in the units of the data, which it may overwrite.
        It must compute its result from the image it is given and remember nothing.
    kw_args : dict, default=None
        Further arguments. To search them, give a list of dictionaries as
        ``{"estimator__kw_args": [{"sigma": 1}, {"sigma": 2}]}``.
    channel_axis : {None, -1}, default=None
        Whether the last axis of the images holds channels.

    See Also
    --------
    ImageDenoiser : Base of a denoiser that is a class.
    self_supervised_loss : Takes a function of a stack as it is.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import uniform_filter
    >>> from selfsupervised import FunctionDenoiser
    >>> FunctionDenoiser(uniform_filter, {"size": 3}).fit_transform(np.ones((1, 4, 4))).shape
    (1, 4, 4)
    """

    _parameter_constraints: dict = {
        **ImageDenoiser._parameter_constraints,
        "func": [callable],
        "kw_args": [dict, None],
    }

    def __init__(
        self,
        func: Callable[..., Any],
        kw_args: dict[str, Any] | None = None,
        *,
        channel_axis: int | None = None,
    ) -> None:
        self.func = func
        self.kw_args = kw_args
        self.channel_axis = channel_axis

    def _denoise(self, image):
        return self.func(image.copy(), **(self.kw_args or {}))


def denoiser_of(estimator):
    """The estimator itself, or a plain function ``image -> image`` as a `FunctionDenoiser`."""
    return FunctionDenoiser(estimator) if is_function(estimator) else estimator


def denoiser_for(estimator, channel_axis):
    """A clone of a denoiser within another, told of the channels where it was told nothing."""
    inner = clone(denoiser_of(estimator))
    axes = {
        name: channel_axis
        for name, value in inner.get_params().items()
        if name.split("__")[-1] == "channel_axis" and value is None
    }
    return inner.set_params(**axes)


def check_learns_nothing(estimator, caller):
    """Raise unless this is a denoiser that computes, and learns nothing."""
    problem = why_no_denoiser(estimator, caller, ("transform",))
    if problem is None and learns(denoiser_of(estimator)):
        problem = (
            f"{caller} expected a denoiser that learns nothing, got {estimator!r}; put a learning "
            f"one after it in a pipeline."
        )
    if problem:
        raise TypeError(problem)


def output_of(inner, image, caller):
    """What a denoiser within another makes of one image; an error if that has another shape."""
    out = np.asarray(inner.transform(image[None]))
    if out.shape != (1, *image.shape):
        raise ValueError(
            f"{caller} expected {type(inner).__name__} to return the shape it was given, "
            f"{(1, *image.shape)}; got {out.shape}."
        )
    return out[0]
