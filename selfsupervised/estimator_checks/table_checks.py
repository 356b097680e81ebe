# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What every denoiser of count tables must keep; part of `selfsupervised.estimator_checks`."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.utils import get_tags

from selfsupervised.evaluation.scoring import self_supervised_loss
from selfsupervised.partitions import MoleculeSplit


def table_checks(estimator):
    """The checks of tables that apply."""
    checks = [
        check_table_float_dtype_kept,
        check_table_containers,
        check_table_unsorted,
        check_table_input_unmodified,
        check_table_each_row_alone,
        check_table_empty_rows_and_columns,
        check_table_bad_values_refused,
    ]
    normalized = getattr(estimator, "_gives_normalized", False)  # is no estimate of counts
    if not (get_tags(estimator).target_tags.required or normalized):
        checks.append(check_table_score_honest)
    return checks


def counts(n_samples=40, n_features=12, seed=0):
    """Poisson counts of about 0 to 10, whose rates have rank 2."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(1, 1, (n_samples, 2)) @ rng.gamma(1, 1, (2, n_features))
    return rng.poisson(rate).astype(float)


def run(estimator, X):
    """Fit a clone, on `X` as its own second measurement if it needs one, and transform."""
    return fitted(estimator, X).transform(X)


def fitted(estimator, X):
    """A fitted clone, see `run`."""
    needs_second = get_tags(estimator).target_tags.required
    return clone(estimator).fit(X, X if needs_second else None)


def dense(out):
    """The output as an array."""
    return out.toarray() if sparse.issparse(out) else out


def check_table_float_dtype_kept(estimator):
    """float32 and float64 come back as they are, and agree; the shape is kept."""
    X = counts()
    exact = dense(run(estimator, X))
    assert exact.shape == X.shape and exact.dtype == np.float64 and np.isfinite(exact).all()
    single = dense(run(estimator, X.astype(np.float32)))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, exact, rtol=1e-3, atol=1e-3)


def check_table_containers(estimator):
    """Integers, CSR, CSC and COO tables of both interfaces give what a dense table gives."""
    X = counts()
    exact = dense(run(estimator, X))
    tables: list[Any] = [X.astype(np.int64), X.astype(np.uint16), np.asfortranarray(X)]
    if get_tags(estimator).input_tags.sparse:
        tables += [sparse.csr_matrix(X), sparse.csr_array(X), sparse.csc_array(X)]
        tables += [sparse.coo_matrix(X), sparse.csr_array(X.astype(np.int32))]
    for table in tables:
        np.testing.assert_allclose(dense(run(estimator, table)), exact, rtol=1e-3, atol=1e-3)


def check_table_unsorted(estimator):
    """CSR tables with unsorted, duplicate or explicit zero entries mean what they add up to."""
    if not get_tags(estimator).input_tags.sparse:
        return
    X = sparse.csr_array(counts())
    data = np.concatenate([X.data[::-1] - 1, np.ones(X.nnz)])
    places = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    rows, columns = np.tile(places, 2), np.tile(X.indices, 2)
    rows[: X.nnz], columns[: X.nnz] = places[::-1], X.indices[::-1]
    order = np.argsort(rows, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=X.shape[0]))])
    messy = sparse.csr_array((data[order], columns[order], indptr), shape=X.shape)
    before = messy.data.copy()
    np.testing.assert_allclose(
        dense(run(estimator, messy)), dense(run(estimator, X)), rtol=1e-6, atol=1e-8
    )
    np.testing.assert_array_equal(messy.data, before)


def check_table_input_unmodified(estimator):
    """`fit` and `transform` leave their input alone, dense or sparse."""
    X = counts()
    before = X.copy()
    run(estimator, X)
    np.testing.assert_array_equal(X, before)
    if get_tags(estimator).input_tags.sparse:
        table = sparse.csr_array(X)
        run(estimator, table)
        np.testing.assert_array_equal(table.toarray(), before)


def check_table_each_row_alone(estimator):
    """A fitted estimator denoises each row by itself, whatever stands beside it."""
    X = counts()
    once = fitted(estimator, X)
    out = dense(once.transform(X))
    np.testing.assert_allclose(dense(once.transform(X[3:5])), out[3:5], rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(dense(once.transform(X[::-1])), out[::-1], rtol=1e-5, atol=1e-8)


def check_table_empty_rows_and_columns(estimator):
    """Cells and genes without any molecule give numbers, and disturb no others."""
    X = counts()
    X[4], X[:, 2] = 0, 0
    out = dense(run(estimator, X))
    assert np.isfinite(out).all()


def check_table_bad_values_refused(estimator):
    """Complex and object arrays, other shapes, NaN, infinity and negative counts are refused."""
    X = counts()
    missing, infinite = X.copy(), X.copy()
    missing[1, 2], infinite[1, 2] = np.nan, np.inf
    refused: list[Any] = [X.astype(complex), X[0], X[None], X[:0], missing, infinite, []]
    if get_tags(estimator).input_tags.positive_only:
        refused += [X - 5, sparse.csr_array(X - 5)]
    for bad in refused:
        try:
            run(estimator, bad)
        except (ValueError, TypeError):
            continue
        raise AssertionError(f"expected an error for {bad!r}, nothing was raised")


def check_table_score_honest(estimator):
    """The score refuses to reward remembering: on pure noise nothing beats the mean.

    Where output is in the units of the input. Half of counts of mean 8 has a variance of 4.
    """
    X = np.random.default_rng(5).poisson(8.0, (60, 20)).astype(float)
    loss = self_supervised_loss(clone(estimator), X, partition=MoleculeSplit())
    assert loss > 0.9 * 4, f"a loss of {loss:.3f} on noise of 4 is too good to be true"
