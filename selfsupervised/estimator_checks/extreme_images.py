# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Images that are finite and still break a careless denoiser, as checks.

Where nothing varies, everything is alike or all numbers are huge, matrices become singular,
scales zero and squares infinite. A result must come out all the same, and without a warning.
"""

import warnings

import numpy as np

from selfsupervised.estimator_checks.table_checks import run

SHAPE = (20, 24)
SCALES = (1e-30, 1e30)


def degenerate_images():
    """Images by name, without noise or with too much alike in them."""
    rng = np.random.default_rng(0)
    halves, bright, spots = np.zeros(SHAPE), np.full(SHAPE, 10.0), np.full(SHAPE, 100.0)
    halves[:, 12:] = 50
    bright[7, 9] = 1e6
    spots[4::8, 4::8] = 3000
    spots[5::8, 4::8] = 900
    return {
        "constant areas": halves,
        "repeated patches": np.tile(rng.normal(0, 1, (4, 4)), (5, 6)),
        "two grey levels": rng.choice([0.0, 255.0], SHAPE),
        "one bright pixel": bright,
        "one bright pixel in noise": bright + rng.normal(0, 1, SHAPE),
        "spots on a flat ground": spots,
        "a ramp": np.add.outer(np.arange(20.0), np.arange(24.0)),
        "zeros": np.zeros(SHAPE),
    }


def check_degenerate_images(estimator):
    """Constant areas, repeated patches, two grey levels, lone bright pixels: a finite result."""
    for name, image in degenerate_images().items():
        out = _quietly(estimator, image[None], name)
        largest = 2 * np.abs(image).max() + 1e-3
        assert np.abs(out).max() <= largest, f"{name}: values far outside those of the image"


def check_extreme_values(estimator):
    """Values of 1e-30 and 1e30, in float32 too, come out in their units."""
    rng = np.random.default_rng(1)
    X = 100 + 20 * np.sin(np.add.outer(np.linspace(0, 3, 20), np.linspace(0, 3, 24)))
    X = X[None] + rng.normal(0, 5, (1, *SHAPE))
    for dtype in (np.float64, np.float32):
        for scale in SCALES:
            out = _quietly(estimator, (X * scale).astype(dtype), f"values x {scale:g} in {dtype}")
            gap = abs(out.astype(float).mean() / scale - X.mean())
            assert gap < 5, f"values x {scale:g} in {dtype}: the mean moved by {gap:.3g} of 100"


def _quietly(estimator, X, what):
    """The result, without warnings of NumPy; raise if it is not finite."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            out = run(estimator, X)
        except (RuntimeWarning, ArithmeticError, np.linalg.LinAlgError) as error:
            raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
    assert out.shape == X.shape and np.isfinite(out).all(), f"{what}: not finite"
    return out
