# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The one place that touches scikit-learn's private parts.

Declared parameter constraints (``_parameter_constraints``) live in private modules of
scikit-learn, stable since 1.2. If a release moves them, only this file changes.
"""

from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

__all__ = ["HasMethods", "Interval", "StrOptions", "validate_parameters"]


def validate_parameters(estimator):
    """Check the constructor's parameters against ``_parameter_constraints``.

    Raises
    ------
    sklearn.utils._param_validation.InvalidParameterError
        A ``ValueError`` and ``TypeError`` that names the parameter, what it must be and what
        it is.
    """
    estimator._validate_params()
