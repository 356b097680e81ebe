# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest

from cases import smooth_image


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def clean():
    return smooth_image()


@pytest.fixture
def noisy(clean):
    return clean + np.random.default_rng(1).normal(0, 0.15, clean.shape)
