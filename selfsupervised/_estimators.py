# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What kind of thing is to be wrapped or judged."""

from sklearn.base import is_regressor
from sklearn.utils import get_tags

from selfsupervised._function import FunctionDenoiser


def as_denoiser(estimator):
    """The estimator itself, or a plain function as a `FunctionDenoiser`."""
    if callable(estimator) and not hasattr(estimator, "get_params"):
        return FunctionDenoiser(estimator)
    return estimator


def why_no_denoiser(estimator):
    """Why `estimator` cannot be wrapped, or None."""
    expected = (
        "JInvariantWrapper expected an estimator with fit and transform or predict, or a function "
        "image -> image"
    )
    if isinstance(estimator, type):
        return f"{expected}; got the class {estimator.__name__}, pass {estimator.__name__}()."
    acts = hasattr(estimator, "transform") or hasattr(estimator, "predict")
    if callable(estimator) or (acts and hasattr(estimator, "get_params")):
        return None
    return f"{expected}; got {estimator!r}."


def learns(estimator):
    """Whether `estimator` must be fitted before use, so that it may remember what it saw."""
    return is_regressor(estimator) or get_tags(estimator).requires_fit


def channel_axis_of(estimator):
    """The `channel_axis` of an estimator, of what it wraps, or of a pipeline's steps."""
    if hasattr(estimator, "steps"):
        axes = [channel_axis_of(step) for _, step in estimator.steps]
        return next((axis for axis in axes if axis is not None), None)
    if hasattr(estimator, "channel_axis"):
        return estimator.channel_axis
    return channel_axis_of(estimator.estimator) if hasattr(estimator, "estimator") else None
