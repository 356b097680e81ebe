# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Counts that are read by blocks: the same results as in memory, whatever the blocks."""

import os
import signal

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.model_selection import GridSearchCV, ShuffleSplit

import selfsupervised as ss
from selfsupervised.counts import _moments, _row_blocks, streaming

da = pytest.importorskip("dask.array")

LEARNED = "loss_path_splits_", "n_components_", "components_", "singular_values_", "shrinkage_"


def made_counts(n=120, g=30, rank=3, depth=3, seed=0):
    rng = np.random.default_rng(seed)
    rates = rng.gamma(0.5, size=(n, rank)) @ rng.gamma(0.5, size=(rank, g))
    return rng.poisson(depth * rates).astype(float)


def in_blocks(X, step, container=sparse.csr_matrix):
    lazy = da.from_array(X, chunks=(step, -1))
    return lazy if container is None else lazy.map_blocks(container)


def assert_same(fitted, expected, rtol=1e-10):
    for name in LEARNED:
        mine, theirs = getattr(fitted, name), getattr(expected, name)
        assert_allclose(mine, theirs, rtol=rtol, atol=rtol * np.max(np.abs(theirs)), err_msg=name)
    assert_allclose(fitted.normalizer_.target_sum_, expected.normalizer_.target_sum_)


@pytest.mark.filterwarnings("ignore:.*exact copies")
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"n_splits": 2, "symmetric": True},
        {"transformation": None, "target_sum": 100.0},
        {"transformation": "log1p"},
        {"shrink": True, "cv": 3},
        {"form": "regression"},
        {"form": "regression", "transformation": "log1p", "target_sum": 100.0},
    ],
    ids=str,
)
def test_any_blocks_as_in_memory(params):
    X = made_counts()
    X[[5, 50, 100]] = X[7]  # equal cells, in one block and in others
    X[60:90] = 0  # a block of cells without molecules
    estimator = ss.PCADenoiserCV(6, **params)
    expected = estimator.fit(sparse.csr_array(X)).transform(X)
    for step, container in [(120, None), (30, sparse.csr_matrix), (17, sparse.csr_array)]:
        lazy = in_blocks(X, step, container)
        fitted = ss.PCADenoiserCV(6, **params).fit(lazy)
        assert_same(fitted, estimator)
        assert_allclose(fitted.decoder_, estimator.decoder_, atol=1e-8)
        assert_allclose(fitted.transform(lazy).compute(), expected, atol=1e-10)


@pytest.mark.filterwarnings("ignore:.*exact copies")
def test_equal_cells_take_turns_across_blocks(monkeypatch):
    """Without the second look, equal cells in different blocks would be split alike."""
    X = np.repeat(made_counts(4), 10, axis=0)
    expected = ss.PCADenoiserCV(8).fit(X)
    assert_same(ss.PCADenoiserCV(8).fit(in_blocks(X, 1)), expected)
    monkeypatch.setattr(_moments, "turns", lambda keys: np.zeros(len(keys), dtype=int))
    unaware = ss.PCADenoiserCV(8).fit(in_blocks(X, 1))
    with pytest.raises(AssertionError, match="loss_path"):
        assert_same(unaware, expected)


def test_what_is_said_of_counts_in_memory_is_said_of_blocks():
    X = made_counts(600, 120, depth=0.3)
    reads = X + np.random.default_rng(0).poisson(2 * X)
    for table, message in [(reads, "reads without UMIs"), (np.vstack([X, X]), "exact copies")]:
        said = []
        for container in (table, in_blocks(table, 170)):
            with pytest.warns(ss.CorrelatedNoiseWarning, match=message) as record:
                ss.PCADenoiserCV(10).fit(container)
            said.append({str(w.message) for w in record if "largest rank" not in str(w.message)})
        assert said[0] == said[1]
    ss.PCADenoiserCV(10).fit(in_blocks(X, 170))  # which is silent


def test_no_structure_is_said_of_blocks_too():
    flat = np.random.default_rng(0).poisson(0.5, (200, 30)).astype(float)
    for container in (flat, in_blocks(flat, 70)):
        with pytest.warns(UserWarning, match=r"found no structure.*\(loss"):
            assert ss.PCADenoiserCV(6).fit(container).n_components_ == 1


def test_single_precision():
    X = made_counts().astype(np.float32)
    fitted = ss.PCADenoiserCV(6).fit(in_blocks(X, 17))
    assert_same(fitted, ss.PCADenoiserCV(6).fit(X), rtol=1e-4)
    assert fitted.components_.dtype == np.float32
    assert fitted.transform(in_blocks(X, 17)).dtype == np.float32


def test_each_block_is_read_once():
    """One pass, unless cells are equal; two for the logarithm of medians."""
    X, read = made_counts(depth=100), []
    assert len(np.unique(X, axis=0)) == len(X)

    def reading(block):
        read.append(len(block))
        return sparse.csr_matrix(block)

    lazy = da.from_array(X, chunks=(30, -1)).map_blocks(reading, meta=sparse.csr_matrix((0, 0)))
    ss.PCADenoiserCV(6).fit(lazy)
    assert len(read) == 4 + 1  # and the first rows, to warn of what are no counts
    read.clear()
    ss.PCADenoiserCV(6, transformation="log1p").fit(lazy)
    assert len(read) == 8 + 1


def test_files(tmp_path, monkeypatch):
    zarr = pytest.importorskip("zarr")
    monkeypatch.setattr(_row_blocks, "BLOCK_BYTES", 30 * 8 * 16)
    X = made_counts()
    table = zarr.create_array(str(tmp_path / "counts.zarr"), data=X)
    expected = ss.PCADenoiserCV(6).fit(X)
    fitted = ss.PCADenoiserCV(6).fit(table)
    assert_same(fitted, expected)
    assert_allclose(fitted.transform(table, genes=[2, 3]), expected.transform(X, genes=[2, 3]))


@pytest.mark.parametrize(
    ("X", "params", "message"),
    [
        (da.zeros((9, 9), chunks=(3, 3)), {}, "blocks of whole rows, got 3 blocks of columns"),
        (da.zeros((9, 9, 2), chunks=3), {}, r"shape \(n_samples, n_features\), got shape"),
        (da.zeros((9, 9)), {}, "without any molecule"),
        (da.zeros((0, 9)), {}, r"at least one row and column, got shape \(0, 9\)"),
        (-da.ones((9, 9)), {}, "negative values"),
        (da.full((9, 9), np.nan), {}, "NaN or infinity"),
        (da.ones((9, 2)), {}, "n_components to be at most"),
        (da.ones((9, 9)), {"loss": "poisson"}, "do not tell what loss='poisson' asks for"),
        (da.ones((9, 9)), {"one_standard_error": True}, "one_standard_error=True asks for"),
        (
            da.ones((9, 9)),
            {"form": "regression", "cv": ShuffleSplit(2, random_state=0)},
            "judge each cell once",
        ),
        (
            da.ones((9, 9)),
            {"shrink": True, "transformation": "log1p"},
            "own median total before the logarithm",
        ),
    ],
    ids=range(11),
)
def test_errors(X, params, message):
    with pytest.raises(ValueError, match=message):
        ss.PCADenoiserCV(3, **params).fit(X)


def test_late_errors_and_other_types():
    X = made_counts()
    X[110, 0] = -1
    with pytest.raises(ValueError, match="negative values"):
        ss.PCADenoiserCV(3).fit(in_blocks(X, 30))
    with pytest.raises(TypeError, match="counts, got an array of dtype"):
        ss.PCADenoiserCV(3).fit(da.from_array(np.full((9, 9), "a")))
    lazy = in_blocks(made_counts(), 30)
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        ss.PCADenoiserCV(3).fit(lazy[da.ones(120, chunks=30) > 0])
    fitted = ss.PCADenoiserCV(6).fit(lazy)
    with pytest.raises(ValueError, match="X has 4 features, but PCADenoiserCV is expecting 30"):
        fitted.transform(lazy[:, :4])


def test_fractions_warn_once():
    X = made_counts() + 0.25
    with pytest.warns(UserWarning, match="fractional values") as caught:
        ss.PCADenoiserCV(6).fit(in_blocks(X, 30))
    assert sum("fractional" in str(warning.message) for warning in caught) == 1


def test_many_genes_warn(monkeypatch):
    monkeypatch.setattr(streaming, "MIN_GENES_TO_WARN", 29)
    with pytest.warns(UserWarning, match="four tables of 30 x 30 genes, 0.0 GB each"):
        ss.PCADenoiserCV(6).fit(in_blocks(made_counts(), 60))


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
    ):
        yield cluster


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(cluster):
    from distributed import SchedulerPlugin, get_client

    class Killer(SchedulerPlugin):
        killed = None

        def transition(self, key, start, finish, *args, worker=None, **kwargs):
            if finish == "memory" and str(key).startswith("_sum_of") and not self.killed:
                self.killed = pids[worker]
                os.kill(self.killed, signal.SIGKILL)

    pids = get_client().run(os.getpid)
    lazy = in_blocks(made_counts(), 3)
    undisturbed = ss.PCADenoiserCV(6).fit(lazy)
    killer = Killer()
    cluster.scheduler.add_plugin(killer)
    disturbed = ss.PCADenoiserCV(6).fit(lazy)
    assert killer.killed
    for name in LEARNED:
        assert_array_equal(getattr(disturbed, name), getattr(undisturbed, name))


@pytest.mark.slow
def test_search_on_a_cluster(cluster):
    import joblib

    X = made_counts().astype(int)
    search = GridSearchCV(
        ss.JInvariantWrapper(
            ss.PCADenoiser(), partition=ss.MoleculeSplit(normalizer=ss.CountNormalizer())
        ),
        {"estimator__n_components": [1, 2, 3, 4]},
        cv=ss.SameSplit(),
        error_score="raise",
    )
    here = search.fit(X).cv_results_["mean_test_score"]
    with joblib.parallel_config("dask"):
        there = search.fit(X).cv_results_["mean_test_score"]
    assert_allclose(there, here, rtol=1e-12)
