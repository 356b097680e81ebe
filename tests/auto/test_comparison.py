# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest

from cases import smooth_image
from selfsupervised.auto.comparison import (
    NOTHING,
    SURE_STDS,
    _near_clipping,
    compare,
    in_words,
)
from selfsupervised.core.words import in_short
from selfsupervised.noise.measure import measure_noise

METHODS = ["nl_ridge", "gaussian", "median", "wavelet"]
CLEAN = 100 * smooth_image((128, 128))


def compared(clean=CLEAN, level=10.0, seed=0, methods=METHODS, **options):
    noisy = clean + np.random.default_rng(seed).normal(0, level, clean.shape)
    return compare(noisy, methods, **options)


@pytest.mark.parametrize("seed", [0, 1])
def test_estimates_agree_with_the_truth(seed):
    """The truth is the error at the noise that methods were shown, 12 % stronger."""
    found, noise = compared(seed=seed)
    for one in found:
        true = np.mean((one.output - CLEAN) ** 2)
        assert 0.8 * true - 2 * one.standard_error < one.error
        assert one.error < 1.6 * true + 2 * one.standard_error
    order = [one.method for one in sorted(found, key=lambda o: np.mean((o.output - CLEAN) ** 2))]
    assert found[0].method == order[0]
    assert found[-1].method == NOTHING
    assert noise.channels[0].level == pytest.approx(10, rel=0.1)


def test_pairs_of_blocks_are_surer_than_either():
    found, _ = compared()
    best, other = found[0], found[1]
    excess, error = other.excess_over(best)
    assert excess > 0
    assert error < np.hypot(best.standard_error, other.standard_error)
    assert best.excess_over(best) == (0.0, 0.0)


def test_the_same_twice_is_within_the_error():
    found, _ = compared(methods=["gaussian", "gaussian"])
    first, second = found[:2]
    assert abs(second.excess_over(first)[0]) <= SURE_STDS * second.excess_over(first)[1]
    assert "within 2 standard errors of it: gaussian" in in_words(found)


def test_colours_missing_values_and_ranges():
    colours = np.stack([CLEAN, 0.7 * CLEAN, CLEAN], axis=-1)
    found, _ = compared(colours, methods=["auto", "gaussian"], channel_axis=-1, data_range=255.0)
    assert found[-1].method == NOTHING
    assert found[0].psnr == pytest.approx(10 * np.log10(255**2 / found[0].error))
    holes = CLEAN.copy()
    holes[30:50, 30:50] = np.nan
    found, _ = compared(holes, methods=["gaussian"])
    assert np.isfinite(found[0].error)
    assert "gaussian has the least estimated error" in in_words(found)


def test_without_noise_nothing_can_be_judged():
    with pytest.raises(ValueError, match="No noise is to be seen"):
        compare(np.tile(np.arange(64.0), (64, 1)), METHODS)
    found, _ = compared(methods=["gaussian"], level=0.5)
    assert "Nothing that was tried" in in_words([one for one in found if one.method == NOTHING])


def test_numbers_are_short():
    assert in_short("Denoiser(sigma=20.332830425219683, h=0.5)") == "Denoiser(sigma=20.33, h=0.5)"
    assert in_short("Denoiser(radius=3)") == "Denoiser(radius=3)"


def test_clipped_values_do_not_make_errors_small():
    """Where values are clipped there is less noise; believing its level, errors fell below zero."""
    clean = np.clip(3 * (CLEAN - 40), 0, 255)
    noisy = np.clip(clean + np.random.default_rng(0).normal(0, 20, clean.shape), 0, 255)
    for colours in (False, True):
        image = np.stack([noisy, noisy[::-1]], axis=-1) if colours else noisy
        axis = -1 if colours else None
        found, noise = compare(image, ["gaussian", "median"], channel_axis=axis)
        near = _near_clipping(image, noise)
        truth = np.stack([clean, clean[::-1]], axis=-1) if colours else clean
        assert near[(truth < 2) | (truth > 253)].mean() > 0.95
        assert 0.1 < near.mean() < 0.9
        for one in found[:2]:
            true = np.mean(np.square(one.output - truth)[~near])
            assert 0.7 * true - 2 * one.standard_error < one.error < 1.6 * true + 50
    unclipped = noisy + np.random.default_rng(1).normal(0, 1, noisy.shape)
    assert not _near_clipping(unclipped, measure_noise(unclipped, None)).any()
