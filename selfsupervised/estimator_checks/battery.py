# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The checks that apply to a denoiser, one by one or all at once."""

from collections.abc import Iterator
from typing import Any

from sklearn.utils import get_tags

from selfsupervised.core.types import Estimator
from selfsupervised.estimator_checks.checks import (
    check_global_random_state,
    check_memory_layouts,
    check_pickle_and_clone,
    check_reproducible,
    image_checks,
)
from selfsupervised.estimator_checks.table_checks import table_checks


def check_denoiser(estimator: Estimator, *, expected_failed_checks: Any = None) -> Any:
    """Run all checks of `yield_denoiser_checks` on a denoiser of images or of counts.

    Parameters
    ----------
    estimator : estimator
        An estimator of images, or of tables by its tags, with parameters that make it quick.
        Its `channel_axis`, if any, is set by the checks. Tables have 40 rows and 12 columns.
    expected_failed_checks : dict of {str: str}, default=None
        Names of checks that are known to fail, with the reason.

    Returns
    -------
    list of str
        Names of the checks that passed.

    Raises
    ------
    AssertionError
        At the first check that fails unexpectedly, or that passes though it was expected to
        fail.

    See Also
    --------
    yield_denoiser_checks : The checks one by one.
    RowsAsImages : For scikit-learn's own checks.

    Examples
    --------
    >>> from selfsupervised import MedianDenoiser
    >>> from selfsupervised.estimator_checks import check_denoiser
    >>> len(check_denoiser(MedianDenoiser())) > 15
    True
    """
    expected = expected_failed_checks or {}
    passed = []
    for instance, check in yield_denoiser_checks(estimator):
        name = check.__name__
        try:
            check(instance)
        except Exception as error:
            if name not in expected:
                raise AssertionError(f"{name} failed for {estimator!r}: {error}") from error
            continue
        if name in expected:
            raise AssertionError(f"{name} passed, though it was expected to fail: {expected[name]}")
        passed.append(name)
    return passed


def yield_denoiser_checks(estimator: Estimator) -> Iterator[Any]:
    """Yield pairs of `estimator` and a check, for ``pytest.mark.parametrize``.

    Parameters
    ----------
    estimator : estimator
        Of images or of tables; checks that do not apply to it are left out.

    See Also
    --------
    check_denoiser : Runs them all.

    Examples
    --------
    >>> from selfsupervised import MedianDenoiser
    >>> from selfsupervised.estimator_checks import yield_denoiser_checks
    >>> checks = [check.__name__ for _, check in yield_denoiser_checks(MedianDenoiser())]
    >>> "check_missing" in checks
    True
    """
    general = [
        check_memory_layouts,
        check_pickle_and_clone,
        check_reproducible,
        check_global_random_state,
    ]
    of_images = not get_tags(estimator).input_tags.two_d_array
    for check in general + (image_checks(estimator) if of_images else table_checks(estimator)):
        yield estimator, check
