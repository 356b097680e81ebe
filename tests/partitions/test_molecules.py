# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse, stats

import selfsupervised as ss
from selfsupervised.partitions import draws
from selfsupervised.partitions import thinning as _molecules


def correlation(first, second):
    """Mean over columns of the correlation between the two sides."""
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    scale = np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
    return float(np.mean((first * second).sum(axis=0) / scale))


def sides(X, **kwargs):
    pair = next(ss.MoleculeSplit(**kwargs).split(X))
    return pair.seen, pair.judged


def test_totals_kept_and_only_nonzeros_touched(rng):
    X = rng.poisson(0.4, (50, 30)) * rng.integers(1, 9, (50, 30))
    first, second = sides(X)
    assert_array_equal(first + second, X)
    assert (first >= 0).all()
    assert (second >= 0).all()
    assert first.dtype == X.dtype


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_sparse_as_dense(rng, container, dtype):
    X = rng.poisson(0.5, (20, 10)).astype(dtype)
    first, second = sides(container(X))
    assert isinstance(first, sparse.sparray) == issubclass(container, sparse.sparray)
    assert first.format == "csr"
    assert first.dtype == dtype
    dense = sides(X)
    assert_array_equal(first.toarray(), dense[0])
    assert_array_equal(second.toarray(), dense[1])
    assert (first.data > 0).all()


def test_unsorted_and_duplicate_indices():
    X = sparse.csr_array(
        (np.array([1, 2, 3, 4]), np.array([2, 0, 2, 1]), np.array([0, 3, 4])), shape=(2, 3)
    )
    before = X.data.copy()
    first, second = sides(X)
    assert_array_equal((first + second).toarray(), [[2, 0, 4], [0, 4, 0]])
    assert_array_equal(X.data, before)


def test_a_row_is_split_alike_anywhere(rng):
    X = rng.poisson(2, (40, 10))
    order = rng.permutation(40)
    assert_array_equal(sides(X[order][:7])[0], sides(X)[0][order][:7])
    assert (sides(X, random_state=1)[0] != sides(X)[0]).any()


def test_a_row_is_split_alike_in_any_block(rng, monkeypatch):
    X = sparse.csr_array(rng.poisson(0.5, (300, 50)))
    whole = sides(X)[0]
    monkeypatch.setattr(_molecules, "ENTRIES_PER_BLOCK", 64)
    assert_array_equal(sides(X)[0].toarray(), whole.toarray())


def test_equal_rows_draw_in_turn():
    """Each of them is one more independent draw."""
    first, _ = sides(np.full((4000, 6), 3))
    assert len(np.unique(first, axis=0)) > 1000
    assert abs(np.corrcoef(first[:-1].ravel(), first[1:].ravel())[0, 1]) < 0.03


@pytest.mark.parametrize("count", [1, 2, 5, 63, 64, 65, 130, 1000, 5000])
def test_halves_have_the_binomial_law(count):
    """Chi-squared of draws against the exact law, of fair coins that are counted bits of a hash."""
    draws = np.concatenate(
        [sides(np.full((2000, 50), count), random_state=seed)[0].ravel() for seed in (0, 1)]
    )
    law = stats.binom(count, 0.5)
    edges = np.unique(law.ppf(np.linspace(0, 1, 11)[1:-1]))
    observed = np.bincount(np.searchsorted(edges, draws), minlength=len(edges) + 1)
    expected = np.diff(np.concatenate([[0], law.cdf(edges), [1]])) * draws.size
    filled = expected > 0
    assert observed[~filled].sum() == 0
    assert stats.chisquare(observed[filled], expected[filled]).pvalue > 1e-4
    # The negative control: a coin that is hardly unfair would be found out.
    unfair = np.random.default_rng(0).binomial(count, 0.51, draws.size)
    observed = np.bincount(np.searchsorted(edges, unfair), minlength=len(edges) + 1)
    assert stats.chisquare(observed[filled], expected[filled]).pvalue < 1e-4


def test_halves_of_neighbours_are_independent(rng):
    """Neither between rows, nor columns, nor seeds, nor from one count to the next."""
    X = rng.integers(1, 9, (3000, 40))
    draws = (sides(X)[0] - X / 2) / np.sqrt(X / 4)  # mean 0, variance 1
    other = (sides(X, random_state=1)[0] - X / 2) / np.sqrt(X / 4)
    more = np.where(np.arange(40) == 0, X + 1, X)  # one count differs: all draws are new
    changed = (sides(more)[0] - more / 2) / np.sqrt(more / 4)
    error = 4 / np.sqrt(X.size)
    assert abs(draws.mean()) < error
    assert abs(draws.var() - 1) < 2 * error
    for twin in (np.roll(draws, 1, axis=0), np.roll(draws, 1, axis=1), other, changed):
        assert abs(np.mean(draws * twin)) < error
    # The negative control: the other half of the same molecules.
    assert np.mean(draws * (X - sides(X)[0] - X / 2) / np.sqrt(X / 4)) < -0.9


def test_counting_bits_without_numpy_2(rng, monkeypatch):
    bits = rng.integers(0, 2**64, 1000, dtype=np.uint64)
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    assert_array_equal(draws._bit_count(bits), [int(x).bit_count() for x in bits])


def test_pairs_and_shares(rng):
    X = rng.poisson(3, (30, 8))
    partition = ss.MoleculeSplit(0.8, n_splits=2)
    pairs = list(partition.split(X))
    assert len(pairs) == partition.get_n_splits() == 4
    assert_array_equal(pairs[0].seen, pairs[1].judged)
    assert (pairs[0].seen != pairs[2].seen).any()
    assert_allclose([pairs[0].seen_share, pairs[0].judged_share], [0.8, 0.2])
    assert_allclose(pairs[0].select(np.ones((30, 8))), 0.25)
    assert len(list(ss.MoleculeSplit(symmetric=False).split(X))) == 1


def test_poisson_sides_are_independent_and_binomial(rng):
    X = rng.poisson(6, (20000, 4))
    first, second = sides(X, fraction=0.3)
    assert abs(correlation(first, second)) < 0.015
    assert_allclose(first.mean(), 0.3 * 6, rtol=0.02)
    assert_allclose(first.var(axis=0), 0.3 * 6, rtol=0.05)


def test_negative_binomial_sides(rng):
    """Beta-binomial splitting makes them independent; binomial thinning does not."""
    mean, alpha = 5.0, 0.5
    X = rng.poisson(rng.gamma(1 / alpha, mean * alpha, (20000, 4)))
    assert correlation(*sides(X)) > 0.3
    first, second = sides(X, overdispersion=alpha)
    assert abs(correlation(first, second)) < 0.02
    # Each side is negative binomial: mean m/2, variance m/2 + 2 a (m/2)^2.
    assert_allclose(first.mean(), mean / 2, rtol=0.03)
    assert_allclose(first.var(), mean / 2 + 2 * alpha * (mean / 2) ** 2, rtol=0.08)
    assert_array_equal(first + second, X)


def test_overdispersion_per_feature(rng):
    alpha = np.array([0.0, 0.8])
    rate = np.column_stack([np.full(20000, 4.0), rng.gamma(1 / 0.8, 4 * 0.8, 20000)])
    first, second = sides(rng.poisson(rate), overdispersion=alpha)
    for column in (slice(0, 1), slice(1, 2)):
        assert abs(correlation(first[:, column], second[:, column])) < 0.025


def test_overlap_correction(rng):
    """With 30 % of 50 molecules captured, corrected sides are like two captures."""
    cells, genes = 20000, 4
    X = rng.binomial(50, 0.3, (cells, genes))
    plain = correlation(*sides(X, fraction=0.9))
    first, second = sides(X, fraction=0.9, capture_rate=0.3)
    assert plain < -0.1
    assert abs(correlation(first, second)) < 0.02
    assert (first + second >= X).all()
    assert (np.maximum(first, second) <= X).all()
    pair = next(ss.MoleculeSplit(0.9, capture_rate=np.full(cells, 0.3)).split(X))
    assert pair.seen_share.shape == (cells, 1)
    assert_allclose(first.mean() / X.mean(), pair.seen_share[0, 0], rtol=0.01)
    assert_allclose(second.mean() / X.mean(), pair.judged_share[0, 0], rtol=0.02)


@pytest.mark.parametrize(
    ("X", "kwargs", "message"),
    [
        (-np.ones((2, 2)), {}, "negative values .* Pass the raw counts"),
        (np.full((2, 2), np.nan), {}, "NaN or infinity"),
        (np.zeros((2, 2)), {}, "without any molecule"),
        (np.ones(3), {}, r"shape \(n_samples, n_features\), got shape \(3,\)"),
        (np.ones((2, 2)), {"fraction": 1.0}, "between 0 and 1, got 1.0"),
        (np.ones((2, 2)), {"fraction": "half"}, "between 0 and 1"),
        (np.ones((2, 2)), {"fraction": [0.5]}, "between 0 and 1"),
        (np.ones((2, 2)), {"n_splits": 0}, "n_splits to be an integer of at least 1"),
        (np.ones((2, 2)), {"overdispersion": -1}, "number >= 0 or one for each of the 2"),
        (np.ones((2, 2)), {"overdispersion": [1, 2, 3]}, "one for each of the 2 features"),
        (np.ones((2, 2)), {"capture_rate": 1.5}, "capture_rate to lie between 0 and 1"),
        (np.ones((2, 2)), {"capture_rate": 0.5, "overdispersion": 1}, "not both"),
    ],
)
def test_errors(X, kwargs, message):
    with pytest.raises(ValueError, match=message):
        list(ss.MoleculeSplit(**kwargs).split(X))


def test_masked_counts():
    with pytest.raises(ValueError, match="without a mask"):
        list(ss.MoleculeSplit().split(np.ma.array([[1, 2]], mask=[[True, False]])))


def test_not_numbers():
    with pytest.raises(TypeError, match="counts, got an array of dtype"):
        list(ss.MoleculeSplit().split(np.array([["a"]])))


def test_fractional_values_warn():
    with pytest.warns(UserWarning, match=r"fractional values.*layers\['counts'\]"):
        first, second = sides(np.full((4, 3), 2.6))
    assert_array_equal(first + second, 3.0)
