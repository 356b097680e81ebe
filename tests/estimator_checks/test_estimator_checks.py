# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The battery catches what it is there to catch."""

import numpy as np
import pytest

import selfsupervised as ss
from cases import PatchMemory
from selfsupervised.estimator_checks import check_denoiser
from selfsupervised.estimator_checks.extreme_images import (
    check_degenerate_images,
    check_extreme_values,
)


class Peeker(ss.GaussianDenoiser):
    """Its one-pass form is not J-invariant: it is the plain filter."""

    def transform_donut(self, X):
        return self.transform(X)


class Rescaler(ss.MedianDenoiser):
    def transform(self, X):
        out = np.asarray(super().transform(X))
        return (out - out.min()) / np.ptp(out)


class Overwriter(ss.FunctionDenoiser):
    def transform(self, X):
        X[...] = 0
        return X.copy()


class GlobalRandom(ss.FunctionDenoiser):
    def _denoise(self, image):
        return image + 1e-3 * np.random.rand(*image.shape)


class Careless(ss.FunctionDenoiser):
    """Takes anything that NumPy takes."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.asarray(X, dtype=float)


class Whitener(ss.FunctionDenoiser):
    """Divides by what may be zero, and squares what may be large."""

    def _denoise(self, image):
        variance = np.mean(np.square(image - image.mean()))
        return image / np.sqrt(variance) * np.sqrt(variance)


class Inverter(ss.FunctionDenoiser):
    """Solves a system that is singular where rows are alike."""

    def _denoise(self, image):
        rows = image - image.mean(axis=1, keepdims=True)
        return np.linalg.inv(rows @ rows.T) @ (rows @ rows.T) @ image


def identity(image):
    return image


@pytest.mark.parametrize(
    ("bad", "check"),
    [
        (Peeker(), "check_score_honest|check_donut"),
        (Rescaler(), "check_.*"),
        (Overwriter(identity), "check_.*"),
        (GlobalRandom(identity), "check_.*"),
        (Careless(identity), "check_.*"),
        (PatchMemory(), "check_.*"),
    ],
)
def test_bad_denoisers_fail(bad, check):
    with pytest.raises(AssertionError, match=check):
        check_denoiser(bad)


@pytest.mark.parametrize("bad", [Whitener(identity), Inverter(identity)])
def test_careless_arithmetic_fails_on_degenerate_images(bad):
    check_degenerate_images(ss.FunctionDenoiser(identity))
    with pytest.raises(AssertionError, match="constant areas|repeated patches|zeros"):
        check_degenerate_images(bad)


def test_overflow_of_large_values_fails():
    check_extreme_values(ss.FunctionDenoiser(identity))
    with pytest.raises(AssertionError, match=r"1e\+30 in .*float32.*overflow|1e-30"):
        check_extreme_values(Whitener(identity))


def test_expected_failures():
    with pytest.raises(AssertionError, match=r"check_units_kept passed, though .*: no reason"):
        check_denoiser(
            ss.MedianDenoiser(), expected_failed_checks={"check_units_kept": "no reason"}
        )
    failing = {"check_donut_is_leaving_out": "peeks", "check_score_honest": "peeks"}
    passed = check_denoiser(Peeker(), expected_failed_checks=failing)
    assert "check_score_honest" not in passed
    assert "check_shape_kept" in passed
