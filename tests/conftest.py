# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor

from cases import smooth_image


@pytest.fixture(scope="session", autouse=True)
def _end_of_worker_processes():
    """joblib's workers write their coverage when they end, which must be before pytest does."""
    yield
    get_reusable_executor().shutdown(wait=True)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def clean():
    return smooth_image()


@pytest.fixture
def noisy(clean):
    return clean + np.random.default_rng(1).normal(0, 0.15, clean.shape)
