# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""scikit-learn's battery and ours, on every estimator."""

import warnings

import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

import selfsupervised as ss
from cases import (
    AUTO,
    CLASSICAL_DENOISERS,
    COUNT_DENOISERS,
    IMAGE_DENOISERS,
    NETWORK_DENOISERS,
    TABLE_ESTIMATORS,
    WRAPPED,
    RowsAsMosaics,
    Slices,
    public,
)
from selfsupervised.estimator_checks import RowsAsImages, yield_denoiser_checks


def expected_failures(estimator):
    if isinstance(estimator, RowsAsImages) and isinstance(estimator.estimator, ss.AutoDenoiser):
        return {
            "check_fit2d_1feature": "one pixel leaves nothing to see, which is said in words of "
            "images, not of tables"
        }
    if isinstance(estimator, RowsAsImages) and hasattr(estimator.estimator, "max_steps"):
        return {
            "check_fit2d_1feature": "a lone pixel that is held out leaves nothing to see, which is "
            "said in words of images, not of tables"
        }
    if isinstance(estimator, RowsAsImages) and isinstance(
        estimator.estimator, ss.JInvariantWrapper
    ):
        reasons = {
            "check_estimators_pickle": "puts NaN into rows of three pixels, so that a single one "
            "is left: hiding it leaves nothing to see, which must be an error"
        }
        if isinstance(
            estimator.estimator.estimator, (ss.TotalVariationDenoiser, ss.VarianceStabilizer)
        ):
            reasons["check_fit2d_1feature"] = (
                "one pixel leaves nothing to see, which is said in words of images, not of tables"
            )
        return reasons
    return {}


def scikit_learn_battery(estimators):
    return parametrize_with_checks(estimators, expected_failed_checks=expected_failures)


def denoiser_battery(estimators):
    pairs = [
        pytest.param(*pair, id=f"{type(pair[0]).__name__}{number}-{pair[1].__name__}")
        for number, estimator in enumerate(estimators)
        for pair in yield_denoiser_checks(estimator)
    ]
    return pytest.mark.parametrize(("estimator", "check"), pairs)


def run_quietly(check, estimator):
    with warnings.catch_warnings():
        # Those of scikit-learn's own checks about the checks they skip.
        warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")
        # They take fractions for counts.
        warnings.filterwarnings("ignore", ".*got fractional values", category=UserWarning)
        check(estimator)


@scikit_learn_battery(
    [
        *TABLE_ESTIMATORS,
        *map(RowsAsImages, [*AUTO, *CLASSICAL_DENOISERS]),
        *map(RowsAsImages, WRAPPED),
        RowsAsMosaics(ss.BayerPacker()),
    ]
)
def test_scikit_learn_battery(estimator, check):
    run_quietly(check, estimator)


@scikit_learn_battery([RowsAsImages(clone(e).set_params(max_steps=1)) for e in NETWORK_DENOISERS])
def test_scikit_learn_battery_of_networks(estimator, check):
    """In one precision and one step: habits of an estimator, which neither changes."""
    run_quietly(check, estimator)


@denoiser_battery(
    [
        *AUTO,
        *CLASSICAL_DENOISERS,
        *WRAPPED,
        *COUNT_DENOISERS,
        Slices(ss.GaussianDenoiser(0.5)),
    ]
)
def test_denoiser_battery(estimator, check):
    check(estimator)


@denoiser_battery(NETWORK_DENOISERS)
def test_denoiser_battery_of_networks(estimator, check, bfloat16):
    check(estimator)


def test_every_public_estimator_is_in_the_batteries():
    tested = {type(estimator) for estimator in [*IMAGE_DENOISERS, *WRAPPED, *TABLE_ESTIMATORS]}
    known = {
        obj
        for _, obj in public()
        if isinstance(obj, type) and (hasattr(obj, "transform") or hasattr(obj, "predict"))
    }
    # The packer, which is no denoiser, is in scikit-learn's battery only; of movies, `Slices` is.
    assert known - {ss.ImageDenoiser, ss.BayerPacker, ss.MovieDenoiser} == tested
