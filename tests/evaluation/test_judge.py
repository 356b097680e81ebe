# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""One engine: the wrapper, the scorer and every score say what it says."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

import selfsupervised as ss
from cases import shrink_to_mean
from selfsupervised.evaluation.functions import PlainFunction
from selfsupervised.evaluation.judge import Judge
from selfsupervised.evaluation.losses import mean_loss


@pytest.mark.parametrize(
    "estimator", [shrink_to_mean, ss.MedianDenoiser(), ss.WaveletDenoiser()], ids=str
)
@pytest.mark.parametrize("partition", ["auto", ss.PixelGrid(3), ss.RandomPixels(5)], ids=str)
def test_all_say_the_same_of_images(estimator, partition, noisy):
    X = noisy[None]
    judge = Judge(estimator, partition)
    measured = judge.measure(X)
    judge.fit(measured)
    wrapper = ss.JInvariantWrapper(estimator, partition=partition).fit(X)
    np.testing.assert_array_equal(judge.output(measured), wrapper.transform(X))
    loss = mean_loss(judge.judged(measured))
    assert loss == -wrapper.score(X) == ss.self_supervised_loss(estimator, X, partition=partition)
    assert loss == -ss.SelfSupervisedScorer(partition=partition)(estimator, X)
    if hasattr(estimator, "score") and partition == "auto":
        assert estimator.score(X) == -loss


def test_all_say_the_same_of_tables(rng):
    X = rng.normal(size=(60, 6))
    judge = Judge(Ridge())
    measured = judge.measure(X)
    wrapper = ss.JInvariantWrapper(Ridge()).fit(X)
    np.testing.assert_array_equal(judge.fit(measured).output(measured), wrapper.transform(X))
    assert mean_loss(judge.judged(measured)) == ss.self_supervised_loss(Ridge(), X)


def test_a_function_is_what_a_denoiser_of_it_is(noisy):
    holes = noisy.copy()
    holes[3:5, 7:9] = np.nan
    X = [holes, noisy[:30]]
    for judged, out in zip(
        PlainFunction(shrink_to_mean).fit(X).transform(X),
        ss.FunctionDenoiser(shrink_to_mean).fit_transform(X),
        strict=True,
    ):
        np.testing.assert_array_equal(judged, out)


class LeftHalf(ss.PixelGrid):
    """A partition of its own kind, whose `split` is not that of the base."""

    def split(self, X, *, channel_axis=None):
        for pair in super().split(X, channel_axis=channel_axis):
            where = pair.where.copy()
            where[..., where.shape[-1] // 2 :] = False
            yield ss.Pair(pair.seen, pair.seen[where] * 0 + 5, where)


def test_a_split_of_its_own_is_not_passed_over(noisy):
    judged = [judged for judged, _ in _judged(LeftHalf(4), noisy)]
    assert np.isnan(np.concatenate(judged)).all()  # hidden, times 0, plus 5
    judged = [judged for judged, _ in _judged(ss.PixelGrid(4), noisy)]
    assert np.isfinite(np.concatenate(judged)).all()


def _judged(partition, noisy):
    judge = Judge(ss.GaussianDenoiser(), partition)
    measured = judge.measure(noisy[None])
    return judge.fit(measured).judged(measured)


def test_images_are_checked_once(noisy, monkeypatch):
    """Inside, partitions of pixels take what is checked already."""
    asked = []
    of_images = ss.core.measurement.Measurement.of_images.__func__

    def counted(cls, X, **kwargs):
        asked.append(kwargs["caller"])
        return of_images(cls, X, **kwargs)

    monkeypatch.setattr(ss.core.measurement.Measurement, "of_images", classmethod(counted))
    ss.self_supervised_loss(shrink_to_mean, noisy[None], partition=ss.PixelGrid(2))
    assert "PixelGrid.split" not in asked
    list(ss.PixelGrid(2).split(noisy[None]))
    assert "PixelGrid.split" in asked
