# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Threads on a machine with other work to do."""

import threading

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from selfsupervised.training import busy  # noqa: E402
from selfsupervised.training.busy import Pace, short_waits, slowed  # noqa: E402


def test_no_more_threads_than_processors_and_as_before_after(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setattr(busy.joblib, "cpu_count", lambda: 2)
    try:
        torch.set_num_threads(5)
        running = threading.active_count()
        within = []

        def interrupted():
            with short_waits():
                within.extend([torch.get_num_threads(), threading.active_count()])
                raise RuntimeError("interrupted")

        with pytest.raises(RuntimeError, match="interrupted"):
            interrupted()
        assert within == [2, running + 1]  # the one more sleeps
        assert torch.get_num_threads() == 5
        assert threading.active_count() == running
        torch.set_num_threads(1)  # none to wait for
        with short_waits():
            assert torch.get_num_threads() == 1
            assert threading.active_count() == running
    finally:
        torch.set_num_threads(before)


def test_results_are_the_same_in_every_bit():
    x = torch.linspace(-1, 1, 2**18)
    plain = (x.sin() * x.exp()).sum()
    with short_waits():
        assert (x.sin() * x.exp()).sum() == plain


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
