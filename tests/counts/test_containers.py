# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Frames, views and missing values, as notebooks have them."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

import selfsupervised as ss
from cases import COUNT_DENOISERS

pd = pytest.importorskip("pandas")

HALVES = ss.MoleculeSplit(normalizer=ss.CountNormalizer())
ESTIMATORS = [
    *COUNT_DENOISERS,
    ss.JInvariantWrapper(Ridge()),
    ss.JInvariantWrapper(ss.PCADenoiser(n_components=2), partition=HALVES),
    ss.JInvariantWrapper(
        ss.PCADenoiser(n_components=2, normalizer=ss.CountNormalizer()),
        partition=ss.MoleculeSplit(),
    ),
    ss.LinearRegressionDenoiser(),
]
NAMES = np.array([f"g{number}" for number in range(12)], dtype=object)


@pytest.fixture
def counts(rng):
    return rng.poisson(rng.gamma(1, 3, (60, 2)) @ rng.gamma(1, 1, (2, 12))).astype(float)


def frame(counts, library="pandas"):
    if library == "polars":
        return pytest.importorskip("polars").DataFrame(counts, schema=list(NAMES))
    return pd.DataFrame(counts, columns=NAMES, index=[f"c{i}" for i in range(len(counts))])


@pytest.mark.parametrize("container", ["dense", "CSR", "pandas", "polars"])
@pytest.mark.parametrize("output", ["pandas", "polars"])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: repr(e)[:70])
def test_only_the_outermost_output_is_a_frame(counts, estimator, output, container):
    pytest.importorskip(output)
    if container == "CSR":
        if not get_tags(estimator).input_tags.sparse:
            pytest.skip("takes dense tables only")
        X = sparse.csr_array(counts)
    else:
        X = counts if container == "dense" else frame(counts, container)
    expected = clone(estimator).fit(X).transform(X)
    with config_context(transform_output=output):
        if sparse.issparse(expected):
            with pytest.raises(ValueError, match="sparse matrix"):  # scikit-learn's own rule
                clone(estimator).fit(X).transform(X)
            return
        out = clone(estimator).fit(X).transform(X)
        again = clone(estimator).fit_transform(X)
    assert type(out).__module__.startswith(output)
    assert_array_equal(np.asarray(out), expected)
    assert_array_equal(np.asarray(again), expected)
    if container == "pandas" == output:
        assert list(out.index) == list(X.index)
    if container in ("pandas", "polars"):
        assert list(out.columns) == list(NAMES)
    by_itself = clone(estimator).set_output(transform=output).fit(X).transform(X)
    assert type(by_itself) is type(out)


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_scores_do_not_depend_on_the_output(counts, output):
    pytest.importorskip(output)
    denoiser = ss.PCADenoiser(n_components=2)
    wrapper = ss.JInvariantWrapper(denoiser.set_output(transform=output), partition=HALVES)
    plain = ss.JInvariantWrapper(ss.PCADenoiser(n_components=2), partition=HALVES)
    expected = plain.fit(counts).score(counts)
    scorer = ss.SelfSupervisedScorer(partition=HALVES)
    with config_context(transform_output=output):
        assert wrapper.fit(counts).score(counts) == expected
        assert scorer(ss.PCADenoiser(n_components=2), counts) == expected
        image = np.random.default_rng(0).normal(size=(1, 16, 16))
        filtered = ss.JInvariantWrapper(ss.GaussianDenoiser()).fit_transform(image)
        assert isinstance(filtered, np.ndarray)  # images have no columns


@pytest.mark.parametrize("estimator", COUNT_DENOISERS[1:], ids=lambda e: repr(e)[:60])
def test_some_genes_as_a_frame(counts, estimator):
    X = frame(counts)
    estimator = clone(estimator).fit(X)
    whole = estimator.transform(X)
    assert_allclose(estimator.transform(X, genes=["g7", "g2"]), whole[:, [7, 2]], rtol=1e-6)
    out = estimator.set_output(transform="pandas").transform(X, genes=["g7", "g2"])
    assert list(out.columns) == ["g7", "g2"] and list(out.index) == list(X.index)
    mask = np.arange(12) < 3
    assert list(estimator.transform(X, genes=mask).columns) == ["g0", "g1", "g2"]


def test_wrapper_in_a_column_transformer(counts):
    X = frame(counts)
    X["batch"] = 1.0
    columns = ColumnTransformer(
        [("denoised", ss.JInvariantWrapper(Ridge()), list(NAMES))], remainder="passthrough"
    ).set_output(transform="pandas")
    out = columns.fit_transform(X)
    assert list(out.columns) == [*(f"denoised__{name}" for name in NAMES), "remainder__batch"]
    assert list(out.index) == list(X.index)
    wrapper = ss.JInvariantWrapper(ss.GaussianDenoiser()).fit(np.ones((1, 8, 8)))
    assert not hasattr(wrapper, "get_feature_names_out")


def holes(rng, shape=(200, 12)):
    """Noisy values of rank 3, and where they shall be missing."""
    clean = rng.normal(size=(shape[0], 3)) @ rng.normal(size=(3, shape[1])) + 5
    noisy = clean + rng.normal(0, 0.5, clean.shape)
    where = rng.random(shape) < 0.05
    return noisy, where


IMPUTERS = [
    make_pipeline(SimpleImputer(), ss.PCARegression(3)),
    make_pipeline("passthrough", SimpleImputer(), Ridge()),
    HistGradientBoostingRegressor(max_iter=5),
]


@pytest.mark.parametrize("regressor", IMPUTERS, ids=lambda e: repr(e)[:50])
def test_missing_entries_are_neither_judged_nor_learned_from(rng, regressor):
    noisy, where = holes(rng)
    wrapper = ss.JInvariantWrapper(regressor)
    X = np.where(where, np.nan, noisy)
    out = wrapper.fit_transform(X)
    assert np.isfinite(out).all()
    judged = np.concatenate([measured for measured, _ in wrapper.judge(X)])
    assert np.isnan(judged).sum() == where.sum()
    expected = -np.mean((out[~where] - noisy[~where]) ** 2)
    assert wrapper.score(X) == pytest.approx(expected)
    # The control: a value in the place of what is missing changes what is learned and judged.
    filled = ss.JInvariantWrapper(regressor).fit(np.where(where, 100, noisy))
    assert filled.score(np.where(where, 100, noisy)) < 10 * expected


def test_missing_entries_of_frames(rng):
    noisy, where = holes(rng)
    wrapper = ss.JInvariantWrapper(make_pipeline(SimpleImputer(), ss.PCARegression(3)))
    X = np.where(where, np.nan, np.rint(noisy * 10))
    expected = clone(wrapper).fit_transform(X)
    table = pd.DataFrame(X, columns=NAMES).astype("Int64")
    assert table.isna().to_numpy().sum() == where.sum()
    assert_array_equal(clone(wrapper).fit_transform(table), expected)
    polars = pytest.importorskip("polars")
    table = polars.DataFrame(X, schema=list(NAMES)).fill_nan(None)
    assert_array_equal(clone(wrapper).fit_transform(table), expected)


def test_missing_entries_without_an_imputer_are_refused(rng):
    noisy, where = holes(rng)
    X = np.where(where, np.nan, noisy)
    for regressor in (Ridge(), make_pipeline(ss.PCARegression(3))):
        with pytest.raises(ValueError, match="contains NaN"):
            ss.JInvariantWrapper(regressor).fit(X)


def test_search_over_a_pipeline_with_an_imputer(rng):
    noisy, where = holes(rng, (400, 40))
    search = GridSearchCV(
        ss.JInvariantWrapper(make_pipeline(SimpleImputer(), ss.PCARegression())),
        {"estimator__pcaregression__n_components": [1, 2, 3, 4, 5]},
        cv=ss.SameSplit(),
        error_score="raise",
    ).fit(np.where(where, np.nan, noisy))
    assert search.best_params_ == {"estimator__pcaregression__n_components": 3}


# -- what is said --------------------------------------------------------------------------


def test_counts_that_went_through_a_logarithm_are_counts(counts, recwarn):
    again = np.expm1(np.log1p(counts.astype(np.float32)))
    assert (again != np.rint(again)).any()
    ss.PCADenoiserCV(2).fit(again).transform(again)
    ss.NeighborDiffusionDenoiser(n_neighbors=5, n_components=2).fit(again)
    assert not [w for w in recwarn if "fractional" in str(w.message)]
    with pytest.warns(UserWarning, match=r"fractional.*adata.raw.to_adata\(\)"):
        ss.PCADenoiserCV(2).fit(np.log1p(counts))


@pytest.mark.parametrize(
    "estimator",
    [
        ss.PCADenoiserCV(2),
        ss.NeighborDiffusionDenoiser(n_neighbors=5, n_components=2),
        ss.JInvariantWrapper(ss.PCADenoiser(2), partition=ss.MoleculeSplit()),
    ],
    ids=lambda e: type(e).__name__,
)
def test_missing_counts_are_told_what_to_do(counts, estimator):
    counts[3, 2] = np.nan
    for table in (counts, sparse.csr_array(counts), frame(counts)):
        with pytest.raises(ValueError, match="got NaN or infinity: drop such rows, or put zeros"):
            estimator.fit(table)


@pytest.mark.parametrize(
    "denoiser",
    [ss.PCADenoiserCV(2), make_pipeline(ss.CountNormalizer(), ss.PCADenoiser(2))],
    ids=["PCADenoiserCV", "pipeline"],
)
def test_normalized_values_are_not_scored_against_counts(counts, denoiser):
    halves = ss.MoleculeSplit()
    for score in (
        lambda: ss.SelfSupervisedScorer(partition=halves, loss="poisson")(denoiser, counts),
        lambda: ss.self_supervised_loss(
            denoiser.fit(counts), counts, partition=halves, refit=False
        ),
        lambda: ss.JInvariantWrapper(denoiser, partition=halves).fit(counts),
    ):
        with pytest.raises(ValueError, match="gives normalised values.*normalizer=CountNormalizer"):
            score()
    # Both ways that are named.
    expected = ss.PCADenoiser(2, normalizer=ss.CountNormalizer())
    assert ss.self_supervised_loss(expected, counts, partition=halves) > 0
    assert ss.self_supervised_loss(ss.PCADenoiser(2), counts, partition=HALVES) > 0


def fractional(counts):
    return counts + 0.25 * (counts > 0)


WARNERS = {
    "fit": lambda X: ss.PCADenoiserCV(2).fit(X),
    "fit_transform": lambda X: ss.NeighborDiffusionDenoiser(5, n_components=2).fit_transform(X),
    "wrapper": lambda X: ss.JInvariantWrapper(
        ss.PCADenoiser(2), partition=ss.MoleculeSplit()
    ).fit_transform(X),
    "score": lambda X: ss.self_supervised_loss(ss.PCADenoiser(2), X, partition=ss.MoleculeSplit()),
    "search": lambda X: GridSearchCV(
        ss.PCADenoiser(),
        {"n_components": [2]},
        scoring=ss.SelfSupervisedScorer(partition=ss.MoleculeSplit()),
        cv=ss.SameSplit(),
        refit=False,
    ).fit(X),
}


@pytest.mark.parametrize("warner", WARNERS.values(), ids=WARNERS)
def test_warnings_point_at_the_line_of_the_user(counts, warner):
    with pytest.warns(UserWarning, match="fractional") as record:
        warner(fractional(counts))
    assert {Path(warning.filename).name for warning in record} == {Path(__file__).name}
