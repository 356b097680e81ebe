# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import replace

import numpy as np
import pytest

import selfsupervised as ss
from cases import smooth_image
from selfsupervised.auto.level_again import LEAST_RATIO, measured_again

LEVEL = 0.1


def noise(level, **options):
    return ss.ImageNoise((ss.ChannelNoise(level, 0.9 * level, 1.1 * level, **options),))


@pytest.fixture
def noisy(rng):
    return smooth_image((96, 96)) + rng.normal(0, LEVEL, (96, 96))


def test_a_level_that_is_too_high_is_lowered(noisy):
    noisy[3:5, 7] = np.nan
    found = measured_again(noisy, noise(1.08 * LEVEL), 60).channels[0]
    assert abs(found.level / LEVEL - 1) < 0.03
    assert found.low <= found.level <= found.high
    # By so much at most, and never raised.
    assert np.isclose(measured_again(noisy, noise(2 * LEVEL), 60).channels[0].level, 0.17)
    assert LEAST_RATIO == 0.85
    low = noise(0.9 * LEVEL)
    assert measured_again(noisy, low, 60).channels[0].level == low.channels[0].level


@pytest.mark.parametrize("budget_s", [None, 0.1])
def test_without_time_it_stays(noisy, budget_s):
    before = noise(1.1 * LEVEL)
    assert measured_again(noisy, before, budget_s) is before


def test_other_noise_stays(noisy):
    growing = noise(1.1 * LEVEL, line=ss.NoiseModel(0.1, 0.0))
    shared = noise(1.1 * LEVEL, correlation=(0.3, 0.0))
    none = noise(0.0)
    for before in (growing, shared, none):
        assert measured_again(noisy, before, 60) is before
    colours = replace(none, channels=noise(0.2).channels * 3, channel_axis=-1)
    assert measured_again(np.stack([noisy] * 3, -1), colours, 60) is colours
