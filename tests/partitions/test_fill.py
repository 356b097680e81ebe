# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from selfsupervised import fill_missing

NAN = np.nan


def slow_neighbor_mean(image):
    """Mean of the visible direct neighbours of every missing pixel, one by one."""
    out = image.copy()
    for at in np.argwhere(np.isnan(image)):
        values = []
        for axis in range(image.ndim):
            for step in (-1, 1):
                to = at.copy()
                to[axis] += step
                if 0 <= to[axis] < image.shape[axis] and not np.isnan(image[tuple(to)]):
                    values.append(image[tuple(to)])
        out[tuple(at)] = np.mean(values) if values else NAN
    return out


@pytest.mark.parametrize("shape", [(9, 11), (5, 6, 7)])
def test_neighbors_equal_a_loop(rng, shape):
    X = rng.normal(size=(2, *shape))
    X[rng.random(X.shape) < 0.2] = NAN  # adjacent pixels and borders included
    filled = fill_missing(X)
    for image, result in zip(X, filled):
        slow = slow_neighbor_mean(image)
        reached = ~np.isnan(slow)
        assert_allclose(result[reached], slow[reached], rtol=1e-12)
        assert np.isfinite(result).all()


def test_neighbors_at_border_and_wide_holes():
    X = np.array([[[NAN, 2.0, 5.0], [4.0, NAN, 6.0], [7.0, 8.0, 9.0]]])
    assert_allclose(fill_missing(X)[0, 0, 0], 3)
    assert_allclose(fill_missing(X)[0, 1, 1], 5)
    row = np.array([[[1.0, NAN, NAN, NAN, 3.0]]])
    assert_allclose(fill_missing(row), [[[1, 1, 2, 3, 3]]])


def test_channels_are_filled_from_themselves():
    X = np.zeros((1, 3, 3, 2))
    X[..., 1] = 10
    X[0, 1, 1, 1] = NAN
    assert fill_missing(X, channel_axis=-1)[0, 1, 1, 1] == 10
    assert fill_missing(X)[0, 1, 1, 1] != 10  # as a volume, the other "channel" is a neighbour


def test_blank_channel_gets_the_image_mean():
    X = np.full((1, 2, 2, 2), 4.0)
    X[..., 1] = NAN
    assert_allclose(fill_missing(X, channel_axis=-1), 4.0)


def test_random_neighbor_is_never_itself_and_from_the_window(rng):
    X = np.arange(1.0, 82).reshape(1, 9, 9)
    mask = rng.random(X.shape) < 0.3
    hidden = np.where(mask, NAN, X)
    filled = fill_missing(hidden, "random_neighbor", random_state=3)
    visible = set(hidden[~mask])
    for _, i, j in np.argwhere(mask):
        assert filled[0, i, j] in visible
        window = X[0, max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
        if (~mask[0, max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]).any():
            assert filled[0, i, j] in window
    assert (filled != fill_missing(hidden, "random_neighbor", random_state=4)).any()


def test_random_neighbor_covers_all_neighbors():
    X = np.arange(9.0).reshape(1, 3, 3)
    X[0, 1, 1] = NAN
    drawn = {
        float(fill_missing(X, "random_neighbor", random_state=seed)[0, 1, 1]) for seed in range(200)
    }
    assert drawn == {0, 1, 2, 3, 5, 6, 7, 8}


def test_random_neighbor_keeps_colours_together():
    X = np.arange(27.0).reshape(1, 3, 3, 3)
    X[0, 1, 1] = NAN
    red, green, blue = fill_missing(X, "random_neighbor", channel_axis=-1)[0, 1, 1]
    assert (green, blue) == (red + 1, red + 2)


def test_uniform_spans_the_visible_range(rng):
    X = rng.uniform(2, 3, (1, 60, 60))
    X[0, :30] = NAN
    X[0, 50, 50] = 3.0
    filled = fill_missing(X, "uniform", random_state=1)[0, :30]
    assert filled.min() >= 2
    assert filled.max() <= 3
    assert abs(filled.mean() - 2.5) < 0.02


def test_uniform_draws_for_each_channel(rng):
    X = rng.normal(size=(2, 8, 8, 3))
    X[:, ::2, ::2] = NAN
    filled = fill_missing(X, "uniform", channel_axis=-1)[0, ::2, ::2]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (filled[..., one] != filled[..., other]).all()


def test_constant_and_untouched():
    X = np.array([[[1.0, NAN], [3.0, 4.0]]])
    assert fill_missing(X, -7)[0, 0, 1] == -7
    assert_array_equal(fill_missing(X)[~np.isnan(X)], X[~np.isnan(X)])
    assert np.isnan(X[0, 0, 1])
    whole = np.ones((1, 2, 2))
    assert fill_missing(whole) is whole


@pytest.mark.parametrize("fill", ["neighbors", "uniform", "random_neighbor", 0.5])
def test_images_are_filled_alike_in_any_stack(rng, fill):
    X = rng.normal(size=(3, 8, 8)).astype(np.float32)
    X[:, ::3, ::3] = NAN
    together = fill_missing(X, fill)
    assert together.dtype == np.float32
    assert_array_equal(fill_missing(X[2:], fill)[0], together[2])
    assert_array_equal(fill_missing(list(X), fill)[1], together[1])


def test_random_states(rng):
    X = np.where(rng.random((1, 8, 8)) < 0.5, NAN, 1.0)
    for state in (None, np.random.RandomState(0), np.random.default_rng(0)):
        assert np.isfinite(fill_missing(X, "uniform", random_state=state)).all()


def test_errors():
    with pytest.raises(ValueError, match=r"fill to be 'neighbors', .* got 'nearest'"):
        fill_missing(np.ones((1, 2, 2)), "nearest")
    for bad in (True, np.inf, None):
        with pytest.raises(ValueError, match="finite number"):
            fill_missing(np.ones((1, 2, 2)), bad)
    with pytest.raises(ValueError, match="nothing to see"):
        fill_missing(np.full((1, 2, 2), NAN))
