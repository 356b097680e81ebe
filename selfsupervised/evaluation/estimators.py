# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What kind of thing is to be wrapped or judged."""

import numpy as np
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from selfsupervised.core.validation import is_ragged
from selfsupervised.evaluation.functions import PlainFunction


def is_function(estimator):
    """Whether `estimator` is a plain function rather than an estimator."""
    return callable(estimator) and not hasattr(estimator, "get_params")


def as_denoiser(estimator, of_tables=False):
    """The estimator itself, or a plain function as an estimator of images or tables."""
    if is_function(estimator):
        if of_tables:
            return FunctionTransformer(estimator, accept_sparse=True)
        return PlainFunction(estimator)
    return estimator


def why_no_denoiser(estimator, caller="JInvariantWrapper", methods=("transform", "predict")):
    """Why `estimator`, which must have one of `methods`, cannot be wrapped, or None."""
    expected = (
        f"{caller} expected an estimator with fit and {' or '.join(methods)}, or a function "
        f"image -> image"
    )
    if isinstance(estimator, type):
        return f"{expected}; got the class {estimator.__name__}, pass {estimator.__name__}()."
    if is_function(estimator):
        return None
    acts = any(hasattr(estimator, method) for method in methods)
    if not (acts and hasattr(estimator, "fit") and hasattr(estimator, "get_params")):
        return f"{expected}; got {estimator!r}."
    if not hasattr(estimator, "__sklearn_tags__"):
        return f"{expected}, derived from sklearn.base.BaseEstimator; got {estimator!r}."
    if is_classifier(estimator):
        return f"{expected}; got the classifier {estimator!r}."
    return None


def learns(estimator):
    """Whether `estimator` must be fitted before use, so that it may remember what it saw."""
    if hasattr(estimator, "steps"):
        return any(learns(step) for _, step in estimator.steps if hasattr(step, "fit"))
    return is_regressor(estimator) or get_tags(estimator).requires_fit


def copes_with_nan(estimator):
    """Whether `estimator` takes missing values, or begins with an imputer that does."""
    if hasattr(estimator, "steps"):  # whose own tag is that of none of its steps
        steps = [step for _, step in estimator.steps if step not in (None, "passthrough")]
        return bool(steps) and copes_with_nan(steps[0])
    return get_tags(estimator).input_tags.allow_nan


def check_gives_counts(estimator):
    """Raise if what `estimator` says of counts is in other units than they are.

    A class whose outputs are normalised has the attribute ``_gives_normalized = True``.
    """
    steps = [step for _, step in estimator.steps] if hasattr(estimator, "steps") else [estimator]
    for step in steps:
        if getattr(step, "_gives_normalized", False):
            raise ValueError(
                f"{type(step).__name__} gives normalised values, which cannot be compared with "
                f"counts: pass PCADenoiser(n_components, normalizer=CountNormalizer()), which "
                f"gives expected counts, or a denoiser of normalised values with "
                f"partition=MoleculeSplit(normalizer=CountNormalizer())."
            )


def holds_out(estimator):
    """Whether `fit` of `estimator` holds out entries by itself, on which it can be judged.

    Its class has a property `held_out_partition_` then: the partition that hides these entries.
    A parameter `held_out` of 0 says that it holds out none.
    """
    can = hasattr(type(estimator), "held_out_partition_")
    return can and getattr(estimator, "held_out", None) != 0


def check_forgets(estimator):
    """Raise if some part of `estimator` stays fitted when cloned, as frozen parts do."""
    fresh = clone(estimator)
    for part in [fresh, *fresh.get_params(deep=True).values()]:
        # Of a pipeline, the steps are looked at one by one. A partition has parameters and no fit.
        is_estimator = hasattr(part, "__sklearn_tags__") and hasattr(part, "fit")
        is_estimator = is_estimator and not hasattr(part, "steps")
        if is_estimator and not isinstance(part, type) and _remembers(part):
            raise ValueError(
                f"Expected an estimator that can be fitted anew, got {type(part).__name__} that "
                f"stays fitted when cloned; if it learned from other measurements, pass it bare to "
                f"the scorer with refit=False."
            )


def _remembers(estimator):
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return learns(estimator)


def has_one_pass(estimator):
    """Whether `estimator` has a one-pass form that belongs to its own `transform`.

    A subclass that overrides `transform` but inherits `transform_donut` has none.
    """

    def depth(name):
        owners = (number for number, cls in enumerate(type(estimator).__mro__) if name in vars(cls))
        return next(owners, len(type(estimator).__mro__))

    if not hasattr(estimator, "transform_donut"):
        return False
    return depth("transform_donut") <= min(depth("transform"), depth("_denoise"))


def channel_axis_of(estimator):
    """The `channel_axis` of an estimator, of what it wraps, or of a pipeline's steps."""
    if hasattr(estimator, "steps"):
        axes = [channel_axis_of(step) for _, step in estimator.steps]
        return next((axis for axis in axes if axis is not None), None)
    if hasattr(estimator, "channel_axis"):
        return estimator.channel_axis
    return channel_axis_of(estimator.estimator) if hasattr(estimator, "estimator") else None


def shapes_of(images):
    """The shape of an array, or those of a list."""
    return [image.shape for image in images] if is_ragged(images) else np.shape(images)


def check_nested(name, part):
    """Raise if `part`, of which a nested parameter is to be set, has none."""
    if hasattr(part, "set_params"):
        return
    hint = "pass a partition such as PixelGrid() to search its parameters"
    if name.startswith("estimator"):
        hint = "search the arguments of a function as estimator__kw_args of a FunctionDenoiser"
    raise ValueError(
        f"Invalid parameter {name!r} of JInvariantWrapper: {part!r} has no parameters; {hint}."
    )
