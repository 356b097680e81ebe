# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The one place that touches scikit-learn's private parts.

Declared parameter constraints (``_parameter_constraints``) live in private modules of
scikit-learn, stable since 1.2. If a release moves them, only this file changes.
"""

from functools import wraps

from sklearn import config_context
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils._set_output import ADAPTERS_MANAGER, _get_output_config

__all__ = [
    "HasMethods",
    "Interval",
    "StrOptions",
    "as_the_user_wants",
    "plain_inside",
    "validate_parameters",
]


def validate_parameters(estimator):
    """Check the constructor's parameters against ``_parameter_constraints``.

    Raises
    ------
    sklearn.utils._param_validation.InvalidParameterError
        A ``ValueError`` and ``TypeError`` that names the parameter, what it must be and what
        it is.
    """
    estimator._validate_params()


def plain_inside(method):
    """Let what a method calls return arrays, whatever ``set_config(transform_output=...)`` says.

    scikit-learn applies that setting to every `transform`, also of steps inside of an estimator;
    what the method itself returns is put into a frame afterwards.
    """

    @wraps(method)
    def plain(*arguments, **keywords):
        with config_context(transform_output="default"):
            return method(*arguments, **keywords)

    return plain


def as_the_user_wants(values, X, estimator, names):
    """Output of a `transform` in the container that `set_output` or `set_config` asks for.

    For methods that scikit-learn does not wrap by itself, as their columns are not always those of
    `get_feature_names_out`.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
    X : array-like or data frame
        What the user gave, for the index.
    estimator : transformer
        Whose output it is.
    names : callable
        Without arguments, the names of the columns; only called for frames.
    """
    container = _get_output_config("transform", estimator)["dense"]
    if container == "default":
        return values
    adapter = ADAPTERS_MANAGER.adapters[container]
    return adapter.create_container(values, X, columns=names())
