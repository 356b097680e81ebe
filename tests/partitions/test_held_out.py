# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pixels held out of learning, and what is judged on them."""

import numpy as np
import pytest

import selfsupervised as ss
from cases import PatchMemory
from selfsupervised.partitions.held_out import held_out


class HoldingMemory(PatchMemory):
    """Remembers what it was fitted on, but for the pixels that it holds out; counts its fits."""

    n_fits = 0

    @property
    def held_out_partition_(self):
        if not hasattr(self, "memory_"):
            raise AttributeError("not fitted")
        return ss.HeldOutPixels()

    def fit(self, X, y=None):
        type(self).n_fits += 1
        (pair,) = ss.HeldOutPixels().split(X)
        return super().fit(ss.fill_missing(pair.seen))


@pytest.mark.parametrize("fraction", [1 / 16, 0.3, 0.5])
@pytest.mark.parametrize("shape", [(300, 400), (40, 50, 60)])
def test_share_and_evenness(shape, fraction):
    mask = held_out(shape, fraction, 0)
    n = np.prod(shape)
    tolerance = 4 * np.sqrt(fraction * (1 - fraction))
    assert abs(mask.mean() - fraction) < tolerance / np.sqrt(n)
    for axis in range(len(shape)):
        # Neither lines nor neighbours have more or less than their share.
        others = tuple(a for a in range(len(shape)) if a != axis)
        spread = mask.mean(axis=others).std() * np.sqrt(n / shape[axis])
        assert spread == pytest.approx(np.sqrt(fraction * (1 - fraction)), rel=0.35)
        both = mask & np.roll(mask, 1, axis=axis)
        assert abs(both.mean() - fraction**2) < tolerance / np.sqrt(n)


def test_place_decides():
    whole = held_out((50, 60), 1 / 16, 7)
    np.testing.assert_array_equal(held_out((20, 30), 1 / 16, 7, start=(13, 9)), whole[13:33, 9:39])
    np.testing.assert_array_equal(held_out((90, 60), 1 / 16, 7)[:50], whole)
    other = held_out((50, 60), 1 / 16, 8)
    assert (whole & other).mean() == pytest.approx(1 / 256, abs=0.003)
    assert held_out((50, 60), 0.3, 7)[whole].all()  # a larger share keeps the pixels
    # Negative control: the axes are told apart.
    assert (held_out((60, 60), 1 / 16, 7) != held_out((60, 60), 1 / 16, 7).T).any()


def test_one_pair_alike_in_every_image(rng):
    X = rng.normal(size=(3, 32, 40, 2))
    (pair,) = ss.HeldOutPixels().split(X, channel_axis=-1)
    expected = held_out((32, 40), 1 / 16, 0)
    for where in pair.where:
        for channel in (0, 1):
            np.testing.assert_array_equal(where[..., channel], expected)
    np.testing.assert_array_equal(np.isnan(pair.seen), pair.where)
    np.testing.assert_array_equal(pair.judged, X[pair.where])
    assert ss.HeldOutPixels().get_n_splits(X, channel_axis=-1) == 1
    (wide,) = ss.HeldOutPixels(footprint="horizontal").split(X, channel_axis=-1)
    assert np.isnan(wide.seen).sum() > 3 * wide.where.sum()


def test_judges_classical_denoisers(noisy):
    loss = ss.self_supervised_loss(
        ss.GaussianDenoiser(), noisy[None], partition=ss.HeldOutPixels(0.25)
    )
    assert loss == pytest.approx(
        ss.self_supervised_loss(ss.GaussianDenoiser(), noisy[None]), rel=0.1
    )


@pytest.mark.parametrize("X", [np.ones((1, 16, 16)), [np.ones((16, 16)), np.ones((12, 9))]])
def test_does_not_denoise(X):
    wrapper = ss.JInvariantWrapper(ss.GaussianDenoiser(), partition=ss.HeldOutPixels()).fit(X)
    with pytest.raises(ValueError, match="covers the data.*PixelGrid"):
        wrapper.transform(X)


@pytest.mark.parametrize("fraction", [0, 0.51, -1, None, np.nan, "some", True])
def test_bad_fraction(fraction):
    with pytest.raises(ValueError, match="fraction to be a number above 0 and up to 0.5; got"):
        ss.HeldOutPixels(fraction).get_n_splits(np.ones((1, 4, 4)))


def test_holding_estimator_is_judged_on_its_own_pixels(noisy):
    X = noisy[None]
    HoldingMemory.n_fits = 0
    fitted = HoldingMemory().fit(X)
    scorer = ss.SelfSupervisedScorer()
    score = scorer(fitted, X)
    assert HoldingMemory.n_fits == 1
    assert scorer(HoldingMemory(), X) == score
    assert HoldingMemory.n_fits == 2
    explicit = ss.SelfSupervisedScorer(partition=ss.HeldOutPixels())
    assert explicit(fitted, X) == score
    assert HoldingMemory.n_fits == 2
    # Other pixels than its own: it remembers those, and must be fitted anew.
    other = ss.SelfSupervisedScorer(partition=ss.HeldOutPixels(random_state=1))
    assert other(fitted, X) < 0.5 * score
    assert HoldingMemory.n_fits == 3  # once, and none for the explicit own pixels
    # Negative control: used as it is, the memory would win.
    dishonest = ss.SelfSupervisedScorer(partition=ss.HeldOutPixels(random_state=1), refit=False)
    assert dishonest(fitted, X) > 0.2 * score
