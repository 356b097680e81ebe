# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import os
from contextlib import contextmanager

# One thread a process, before any library looks: tests run in several processes, and threads
# that wait for each other spin. Numba, which scanpy uses, sets the number that torch takes, too.
for library in ("MKL", "NUMBA", "OMP", "OPENBLAS"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from joblib.externals.loky import get_reusable_executor  # noqa: E402

from cases import HAS_NETWORKS, smooth_image  # noqa: E402

ANSWERS = {"no": [False], "yes": [True], "both": [False, True]}


def pytest_addoption(parser):
    parser.addoption(
        "--bfloat16",
        choices=list(ANSWERS),
        default="both",
        help="what precision='auto' finds faster, whatever the machine: bfloat16 or not; with "
        "'both' (the default) tests of networks run twice, the others in float32",
    )


def pytest_generate_tests(metafunc):
    if "bfloat16" in metafunc.fixturenames:
        answers = ANSWERS[metafunc.config.getoption("bfloat16")]
        ids = ["bfloat16" if answer else "float32" for answer in answers]
        metafunc.parametrize("bfloat16", answers, ids=ids, indirect=True, scope="module")


@contextmanager
def auto_precision(*, bfloat16):
    """precision="auto" is bfloat16 or not, whatever this machine is faster in."""
    with pytest.MonkeyPatch.context() as patch:
        if HAS_NETWORKS:
            where = "selfsupervised.training.passes.bfloat16_is_faster"
            patch.setattr(where, lambda device: bfloat16)
        yield bfloat16


@pytest.fixture(scope="session", autouse=True)
def _one_precision_on_all_machines(request):
    with auto_precision(bfloat16=request.config.getoption("bfloat16") == "yes"):
        yield


@pytest.fixture(scope="module")
def bfloat16(request):
    """Both worlds: whether precision="auto" is bfloat16, once so and once not."""
    with auto_precision(bfloat16=request.param) as answer:
        yield answer


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
