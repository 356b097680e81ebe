# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Hidden pixels filled from the image at half its scale."""

from itertools import product

import numpy as np
import pytest

from cases import smooth_image
from selfsupervised import PixelGrid, fill_missing
from selfsupervised.partitions import matched


def hidden(shape, seed=0):
    return np.random.default_rng(seed).random(shape) < 0.2


def test_it_is_the_formula(rng):
    """The mean of the block means of least cost, one by one."""
    X = rng.normal(size=(1, 20, 22))
    X[0][hidden((20, 22))] = np.nan
    guess = fill_missing(X)[0]
    seen = np.isfinite(X[0])
    blocks = {}
    for i, j in product(range(19), range(21)):
        block = np.s_[i : i + 2, j : j + 2]
        blocks[i, j] = X[0][block][seen[block]].mean() if seen[block].any() else guess[block].mean()
    p = next(tuple(p) for p in np.argwhere(~seen) if (abs(p - 10) < 2).all())
    reach = matched.REACH_PIXELS[2]
    around = [d for d in product((-1, 0, 1), repeat=2) if any(d)]
    found = []
    for q in product(*(range(n - reach, n + reach + 1) for n in p)):
        cost = sum(
            (guess[p[0] + i, p[1] + j] - blocks[q[0] + 2 * i, q[1] + 2 * j]) ** 2 for i, j in around
        )
        found.append((cost, blocks[q]))
    expected = np.mean([value for _, value in sorted(found)[: matched.N_MATCHES]])
    assert fill_missing(X, "matched")[0][p] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("shape", [(24, 17), (6, 9, 10), (40,)])
def test_nothing_depends_on_what_is_hidden(shape, rng):
    image = rng.normal(size=shape)
    J = hidden(shape)

    def filled(values, where):
        return fill_missing(np.where(where, np.nan, values)[None], "matched")[0]

    out = filled(image, J)
    np.testing.assert_array_equal(out[~J], image[~J])
    np.testing.assert_array_equal(filled(np.where(J, 1e6, image), J), out)
    # Negative control: of a pixel that is hidden no more, others know.
    shown = J.copy()
    shown[tuple(np.argwhere(J)[0])] = False
    assert (filled(np.where(J, 1e6, image), shown) != out)[J & shown].any()


def test_it_is_closer_to_the_truth_than_neighbours(rng):
    clean = smooth_image((64, 64))
    J = PixelGrid(4).labels(clean.shape) == 3
    X = np.where(J, np.nan, clean + rng.normal(0, 0.15, clean.shape))[None]
    errors = [np.mean((fill_missing(X, f)[0] - clean)[J] ** 2) for f in ("matched", "neighbors")]
    assert errors[0] < 0.7 * errors[1]
    # Negative control: without matching, the means near are no better.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matched.np, "argpartition", lambda costs, *a, **k: np.zeros_like(costs, int))
        assert np.mean((fill_missing(X, "matched")[0] - clean)[J] ** 2) > errors[1]


def test_units_channels_and_blocks(rng, monkeypatch):
    X = rng.normal(size=(1, 20, 21))
    X[0][hidden((20, 21))] = np.nan
    out = fill_missing(X, "matched")
    np.testing.assert_allclose(fill_missing(1e30 * X, "matched") / 1e30, out, atol=1e-5)
    colours = fill_missing(np.stack([X, 3 * X], -1), "matched", channel_axis=-1)
    np.testing.assert_allclose(colours, np.stack([out, 3 * out], -1), atol=1e-5)
    monkeypatch.setattr(matched, "MAX_AT_ONCE", 7)
    np.testing.assert_array_equal(fill_missing(X, "matched"), out)
    as_it_is = X.copy()
    np.testing.assert_array_equal(fill_missing(X, "matched", copy=False), out)
    np.testing.assert_array_equal(fill_missing(as_it_is, "matched"), out)


@pytest.mark.parametrize("shape", [(1, 1, 2), (1, 2, 2), (1, 1, 5), (1, 3, 3), (2, 2, 1, 3)])
def test_images_of_a_few_pixels(shape):
    X = np.ones(shape)
    X[..., 0] = 3
    X[..., -1] = np.nan
    X.reshape(-1)[:1] = 1
    out = fill_missing(X, "matched")
    assert np.isfinite(out).all() and out.min() > 1 - 1e-6 and out.max() < 3 + 1e-6
