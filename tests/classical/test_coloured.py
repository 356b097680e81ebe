# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""NL-Ridge for correlated noise: its weights against brute force, and what they gain."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import selfsupervised as ss
from cases import smooth_image
from selfsupervised.classical._coloured import (
    combine_coloured_groups,
    noise_gram,
    valid_correlation,
)
from selfsupervised.classical._groups import combine_groups

# Correlation 0.6 along rows, 0.2 along columns.
CORRELATION = np.outer([0.2, 1, 0.2], [0.1, 0.6, 1, 0.6, 0.1])


def constrained_least_squares(quadratic, linear):
    """The minimiser of ``theta^T Q theta - 2 l^T theta`` where theta sums to one."""
    n = len(linear)
    system = np.block([[quadratic, np.ones((n, 1))], [np.ones((1, n)), np.zeros((1, 1))]])
    return np.linalg.solve(system, np.append(linear, 1))[:n]


@pytest.mark.parametrize("exact", [False, True])
def test_weights_are_those_of_brute_force(exact):
    rng = np.random.default_rng(0)
    n_similar, n_pixels, variance = 5, 40, 0.8
    group = np.array([[3, 4, 14, 26, 17]])
    D = noise_gram(group, (6, 10), valid_correlation(CORRELATION, (5, 9))).astype(float)
    assert D[0, 0, 1] == pytest.approx(0.6, abs=0.03)
    clean = 3 * rng.normal(size=(1, n_similar, n_pixels))
    noisy = clean + rng.normal(size=clean.shape)
    known = clean if exact else noisy
    out, precision = combine_coloured_groups(noisy, known, variance, exact, D)
    X, noise = known[0], n_pixels * variance * D[0]
    for i in range(n_similar):
        if exact:  # |theta^T X - X_i|^2 + theta^T noise theta
            theta = constrained_least_squares(X @ X.T + noise, X @ X[i])
        else:  # |theta^T Y - Y_i|^2 + 2 theta^T noise e_i, Stein's estimate of the risk
            theta = constrained_least_squares(X @ X.T, X @ X[i] - noise[i])
        # A thousandth of the noise stands on the diagonal.
        np.testing.assert_allclose(out[0, i], theta @ noisy[0], atol=5e-3)
        assert precision[0, i] == pytest.approx(1 / (theta @ D[0] @ theta), rel=5e-3)
    white, _ = combine_groups(noisy, known, variance, exact)
    assert np.abs(out - white).max() > 0.05  # it matters


@pytest.mark.parametrize("exact", [False, True])
def test_white_is_a_special_case(exact):
    rng = np.random.default_rng(0)
    noisy = 4 * rng.normal(size=(3, 6, 20))
    D = np.tile(np.eye(6), (3, 1, 1))
    out, precision = combine_coloured_groups(noisy, noisy + 1, 0.5, exact, D)
    white, white_precision = combine_groups(noisy, noisy + 1, 0.5, exact)
    np.testing.assert_allclose(out, white, atol=3e-3)
    np.testing.assert_allclose(precision, white_precision, rtol=3e-3)
    image = smooth_image() + rng.normal(0, 0.1, (64, 64))
    told = ss.NLRidgeDenoiser(0.1, noise_correlation=np.pad([[2.0]], 1)).transform(image[None])
    np.testing.assert_array_equal(told, ss.NLRidgeDenoiser(0.1).transform(image[None]))


def test_correlations_at_the_distances_of_patches():
    positions, table = (7, 9), valid_correlation(CORRELATION, (6, 8))
    group = np.random.default_rng(0).permutation(63)[:12].reshape(2, 6)
    D = noise_gram(group, positions, table)
    for number, places in enumerate(group):
        at = np.stack(np.unravel_index(places, positions), axis=1)
        for i, a in enumerate(at):
            for j, b in enumerate(at):
                row, column = a - b
                assert D[number, i, j] == table[6 + row, 8 + column]
    assert (np.linalg.eigvalsh(D) > -1e-5).all()


def test_a_correlation_that_no_noise_has_is_mended():
    box = np.ones((3, 3))  # its spectrum is negative at places
    table = valid_correlation(box, (10, 10))
    circle = np.roll(np.pad(table, 3), (-13, -13), axis=(0, 1))
    assert table[10, 10] == 1
    assert np.fft.fft2(circle).real.min() > -0.02 * np.fft.fft2(circle).real.max()
    padded = np.roll(np.pad(box, 12), (-13, -13), axis=(0, 1))
    assert np.fft.fft2(padded).real.min() < -0.1 * np.fft.fft2(padded).real.max()
    np.testing.assert_allclose(
        valid_correlation(CORRELATION / 4 + np.pad([[0.75]], ((1, 1), (2, 2))), (1, 2)),
        CORRELATION / 4 + np.pad([[0.75]], ((1, 1), (2, 2))),
        atol=1e-6,
    )


def test_being_told_the_correlation_helps():
    rng, clean = np.random.default_rng(0), smooth_image((96, 96))
    blur = (0, 1.0)  # along rows
    noise = gaussian_filter(rng.normal(size=(96, 96)), blur)
    noisy = clean + 0.15 * noise / noise.std()
    known = ss.noise_correlation(gaussian_filter(rng.normal(size=(500, 500)), blur), max_lag=4)

    def error(correlation):
        denoiser = ss.NLRidgeDenoiser(0.15, noise_correlation=correlation)
        return np.mean((denoiser.transform(noisy[None])[0] - clean) ** 2)

    assert error(known) < 0.7 * error(None)
    assert error(known) < 0.8 * error(known.T)  # another correlation does not


def test_volumes_and_channels():
    rng = np.random.default_rng(0)
    volume = smooth_image((12, 16, 16)) + 0.1 * gaussian_filter(
        rng.normal(size=(12, 16, 16)), (0, 0, 0.6)
    )
    correlation = np.array([0.3, 1, 0.3]).reshape(1, 1, 3)
    denoiser = ss.NLRidgeDenoiser(0.07, patch_size=3, window=5, noise_correlation=correlation)
    assert denoiser.transform(volume[None]).std() < volume.std()
    colour = np.stack([volume[0]] * 3, axis=-1)
    denoiser.set_params(channel_axis=-1, noise_correlation=correlation[0])
    assert denoiser.transform(colour[None]).shape == (1, 16, 16, 3)


@pytest.mark.parametrize(
    "bad", [np.ones(3), np.ones((2, 3)), np.full((3, 3), np.nan), np.zeros((3, 3))]
)
def test_bad_correlations(bad):
    with pytest.raises(ValueError, match="noise_correlation to be finite, of 2 axes of odd sizes"):
        ss.NLRidgeDenoiser(1, noise_correlation=bad).transform(np.eye(20)[None])
