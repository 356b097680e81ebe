# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Threads on a machine with other work to do."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from selfsupervised.training import busy  # noqa: E402
from selfsupervised.training.busy import Pace, slowed, threads_that_fit  # noqa: E402


def test_no_more_threads_than_processors_and_as_before_after(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setattr(busy.joblib, "cpu_count", lambda: 2)
    within = []

    def interrupted():
        with threads_that_fit():
            within.append(torch.get_num_threads())
            raise RuntimeError("interrupted")

    try:
        for n_threads in (5, 1):
            torch.set_num_threads(n_threads)
            with pytest.raises(RuntimeError, match="interrupted"):
                interrupted()
            assert torch.get_num_threads() == n_threads
    finally:
        torch.set_num_threads(before)
    assert within == [2, 1]


def test_slow_steps_are_told_from_usual_ones():
    usual = [0.01] * 30
    assert slowed(usual) is None
    assert slowed([*usual, *[0.2] * 4]) is None  # not yet for sure
    assert slowed([*usual, *[0.2] * 5]) == pytest.approx((0.01, 0.2))
    assert slowed([*usual, 0.2, 0.2, 0.01, 0.2, 0.2]) is None
    assert slowed([*usual, *[0.05] * 5]) is None
    assert slowed([0.2] * 5) is None  # nothing is known to be usual


@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_slow_machine_is_told_of_once(n_threads, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: n_threads)
    now = [0.0]
    monkeypatch.setattr(busy.time, "perf_counter", lambda: now[0])
    pace, told = Pace(), []
    pace.on_train_begin(None)
    for length in [1.0] * 30 + [20.0] * 20:
        pace.on_batch_begin(None, training=True)
        now[0] += length
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(busy.warnings, "warn", lambda text, *_, **__: told.append(text))
            pace.on_batch_end(None, training=True)
    assert len(told) == (1 if n_threads > 1 else 0)
    assert all("OMP_NUM_THREADS=1" in text and "where 1e+03 were usual" in text for text in told)
