# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""CountNormalizer, PCADenoiser and PCADenoiserCV."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse, stats
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline

import selfsupervised as ss
from selfsupervised.counts import _choice, _ranks
from selfsupervised.evaluation.losses import poisson_loss

RANKS = {"estimator__n_components": range(1, 6)}


def make_rates(rank=3, n=240, g=60, seed=0, depth=1.5):
    """Expected counts of cells that mix `rank` programmes of genes."""
    rng = np.random.default_rng(seed)
    return depth * rng.gamma(0.7, 1, (n, rank)) @ rng.gamma(0.5, 1, (rank, g))


@pytest.fixture
def rates():
    return make_rates()


@pytest.fixture
def X(rates):
    return np.random.default_rng(1).poisson(rates)


# -- CountNormalizer ---------------------------------------------------------------------------


@pytest.mark.parametrize("transformation", ["sqrt", "log1p", None])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix, sparse.csr_array])
def test_normalizer(X, transformation, container):
    X[3] = 0
    normalizer = ss.CountNormalizer(transformation=transformation)
    Z = normalizer.fit_transform(container(X))
    assert type(Z) is type(container(X))
    assert normalizer.target_sum_ == np.median(np.delete(X.sum(axis=1), 3))
    back = {"sqrt": np.square, "log1p": np.expm1, None: np.asarray}[transformation]
    dense = Z.toarray() if sparse.issparse(Z) else Z
    totals = back(dense).sum(axis=1)
    assert_allclose(np.delete(totals, 3), normalizer.target_sum_)
    assert totals[3] == 0
    again = normalizer.inverse_transform(Z, X.sum(axis=1))
    assert_allclose(again.toarray() if sparse.issparse(again) else again, X, atol=1e-9)


def test_normalizer_parameters(X):
    fixed = ss.CountNormalizer(1e4, None).fit(X)
    assert fixed.target_sum_ == 1e4
    assert_allclose(fixed.transform(X).sum(axis=1), 1e4)
    assert_allclose(fixed.inverse_transform(fixed.transform(X)).sum(axis=1), 1e4)
    assert ss.CountNormalizer(7).fit(np.zeros((2, 3))).target_sum_ == 7
    for bad in (0, "mean", None):
        with pytest.raises(ValueError, match="'target_sum' parameter of CountNormalizer"):
            ss.CountNormalizer(bad).fit(X)
    with pytest.raises(ValueError, match="without any molecule, which has no median"):
        ss.CountNormalizer().fit(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="Negative values in data passed to"):
        ss.CountNormalizer().fit(-X)


@pytest.mark.parametrize("transformation", ["sqrt", "log1p", None])
def test_expected_counts_are_unbiased(transformation):
    """From exact expectations of transformed Poisson counts, their means come back."""
    means = np.array([[0.0, 0.01, 0.3, 2.0, 30.0, 99.0, 150.0, 3000.0]])
    totals = np.array([500.0])
    normalizer = ss.CountNormalizer(1000, transformation).fit(means)
    x = np.arange(6000)[:, None]
    forward = {"sqrt": np.sqrt, "log1p": np.log1p, None: np.asarray}[transformation]
    values = stats.poisson.pmf(x, means).T @ forward(x * 1000 / 500)
    out = normalizer.expected_counts(values.T, totals)
    assert_allclose(out, means, rtol=2e-3, atol=1e-6)
    # The negative control: the plain inverse makes far too few of small means.
    if transformation == "sqrt":
        assert normalizer.inverse_transform(values.T, totals)[0, 1] < 0.1 * means[0, 1]
    assert not normalizer.expected_counts(values.T, np.zeros(1)).any()


# -- PCADenoiser -------------------------------------------------------------------------------


def test_reconstruction_is_truncated_svd(X):
    X = X.astype(float)
    U, S, V = np.linalg.svd(X, full_matrices=False)
    for table in (X, sparse.csr_array(X)):
        denoiser = ss.PCADenoiser(4).fit(table)
        assert_allclose(denoiser.transform(table), U[:, :4] * S[:4] @ V[:4], atol=1e-8)
        assert_allclose(denoiser.singular_values_, S[:4])
        assert_array_equal(denoiser.shrinkage_, 1)


def test_regression_is_least_squares(X, rng):
    X, Y = X.astype(float), rng.poisson(make_rates()).astype(float)
    denoiser = ss.PCADenoiser(4, form="regression").fit(X, sparse.csr_array(Y))
    scores = X @ denoiser.components_.T
    assert_allclose(
        denoiser.transform(X), scores @ np.linalg.lstsq(scores, Y, rcond=None)[0], atol=1e-8
    )


def test_shrinkage_is_least_squares_of_each_component(X, rng):
    X, Y = X.astype(float), rng.poisson(make_rates()).astype(float)
    denoiser = ss.PCADenoiser(6, shrink=True).fit(X, Y)
    U, S, V = np.linalg.svd(X, full_matrices=False)
    parts = [np.outer(U[:, j] * S[j], V[j]) for j in range(6)]
    best = [max(np.sum(part * Y) / np.sum(part**2), 0) for part in parts]
    assert_allclose(denoiser.shrinkage_, best, atol=1e-8)
    assert denoiser.shrinkage_[0] > 0.9
    assert denoiser.shrinkage_[5] < 0.3
    assert_allclose(denoiser.transform(X), np.tensordot(best, parts, 1), atol=1e-8)


def test_normalizer_inside_gives_expected_counts(rates):
    rates = 30 * rates
    X = np.random.default_rng(0).poisson(rates)
    denoiser = ss.PCADenoiser(3, normalizer=ss.CountNormalizer(), mean_weight=0)
    out = denoiser.fit_transform(X)
    assert_allclose(out.sum(axis=1), X.sum(axis=1))
    assert np.mean((out - rates) ** 2) < 0.5 * np.mean((X - rates) ** 2)
    pipeline = make_pipeline(ss.CountNormalizer(), ss.PCADenoiser(3)).fit(X)
    units = ss.CountNormalizer().fit(X)
    expected = units.expected_counts(pipeline.transform(X), X.sum(axis=1))
    assert_allclose(expected * (out.sum(axis=1) / expected.sum(axis=1))[:, None], out)
    assert_allclose(expected.sum(), X.sum(), rtol=0.02)
    mixed = denoiser.set_params(mean_weight=0.3).fit_transform(X)
    means = np.outer(X.sum(axis=1), X.sum(axis=0) / X.sum())
    assert_allclose(mixed, 0.7 * out + 0.3 * means)
    assert_allclose(denoiser.transform(X, genes=[3, 1]), mixed[:, [3, 1]])


@pytest.mark.parametrize("depth", [0.7, 2, 2000])
def test_expected_counts_are_no_worse_than_gene_means(depth):
    shares = make_rates(3, 300, 60)
    shares /= shares.sum(axis=1, keepdims=True)
    X = np.random.default_rng(0).poisson(depth * shares)
    denoiser = ss.PCADenoiser(3, normalizer=ss.CountNormalizer())
    out = denoiser.fit_transform(X)
    assert_allclose(out.sum(axis=1), X.sum(axis=1), rtol=1e-6)

    def loss(estimator):
        return ss.self_supervised_loss(estimator, X, partition=ss.MoleculeSplit(), loss="poisson")

    means = loss(clone(denoiser).set_params(mean_weight=1))
    assert loss(denoiser) <= means * 1.001
    # The negative control: components alone.
    alone = loss(clone(denoiser).set_params(mean_weight=0))
    assert (alone > 1.02 * means) == (depth < 2000)
    assert (denoiser.mean_weight_ == 1) == (depth < 2000)


def test_fractions_cannot_be_shared_out(X):
    denoiser = ss.PCADenoiser(3, normalizer=ss.CountNormalizer()).fit(X * 1.5)
    assert denoiser.mean_weight_ == 0


def test_void_components_predict_nothing(rng):
    X = rng.normal(size=(40, 2)) @ rng.normal(size=(2, 6))
    Y = X + 0.1 * rng.normal(size=X.shape)
    three = ss.PCADenoiser(3, form="regression").fit(X, Y).transform(X)
    assert_allclose(three, ss.PCADenoiser(2, form="regression").fit(X, Y).transform(X), atol=1e-8)


@pytest.mark.parametrize("shape", [(700, 610), (610, 700)])
def test_large_tables(shape):
    """The iteration finds the axes of an exact decomposition, and their number does not matter."""
    rng = np.random.default_rng(0)
    Z = sparse.csr_array(rng.poisson(make_rates(5, *shape)).astype(np.float32))
    components, singular_values, scores = _ranks.leading_axes(Z, 5, np.random.default_rng(1))
    _, S, V = np.linalg.svd(Z.toarray(), full_matrices=False)
    assert_allclose(singular_values, S[:5], rtol=1e-4)
    assert_allclose(np.abs(np.sum(components * V[:5], axis=1)), 1, atol=1e-4)
    assert_allclose(scores, Z @ components.T, rtol=1e-3, atol=1e-3)
    assert_allclose(components @ components.T, np.eye(5), atol=1e-5)
    assert (components[np.arange(5), np.abs(components).argmax(axis=1)] > 0).all()


def test_denoiser_errors(X):
    with pytest.raises(ValueError, match=r"at most min\(n_samples, n_features\)=60, got 61"):
        ss.PCADenoiser(61).fit(X)
    with pytest.raises(ValueError, match="expected a second measurement y .* got y=None"):
        ss.PCADenoiser(2, form="regression").fit(X)
    with pytest.raises(ValueError, match=r"the shape of X, \(240, 60\); got \(9, 60\)"):
        ss.PCADenoiser(2, shrink=True).fit(X, X[:9])
    with pytest.raises(ValueError, match="a regression has found its weights already"):
        ss.PCADenoiser(2, form="regression", shrink=True).fit(X, X)
    with pytest.raises(ValueError, match="'form' parameter of PCADenoiser"):
        ss.PCADenoiser(2, form="plain").fit(X)
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        ss.PCADenoiser(1).fit(X[:1])


# -- agreement of one decomposition with a search --------------------------------------------


def search(X, denoiser, halves, cv, **kwargs):
    return GridSearchCV(
        ss.JInvariantWrapper(denoiser, partition=halves), RANKS, cv=cv, **kwargs
    ).fit(X)


FORMS = [{}, {"form": "regression"}, {"shrink": True}]
FOLDS = KFold(2, shuffle=True, random_state=4)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix, sparse.csr_array])
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_agrees_with_grid_search(X, form, container):
    table = container(X.astype(float))
    chosen = ss.PCADenoiserCV(5, **form, symmetric=True, cv=FOLDS).fit(table)
    halves = ss.MoleculeSplit(normalizer=ss.CountNormalizer())
    cv = FOLDS if form else ss.SameSplit()
    found = search(table, ss.PCADenoiser(**form), halves, cv, error_score="raise", refit=False)
    assert_allclose(chosen.loss_path_, -found.cv_results_["mean_test_score"], rtol=1e-6)
    assert chosen.n_components_ == found.best_params_["estimator__n_components"]
    assert chosen.loss_path_splits_.shape == (2, 5)
    assert_allclose(chosen.loss_path_splits_.mean(axis=0), chosen.loss_path_)


@pytest.mark.parametrize("transformation", ["sqrt", "log1p", None])
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_poisson_agrees_with_grid_search(X, form, transformation):
    normalizer = ss.CountNormalizer(1000, transformation)
    settings = {"target_sum": 1000, "transformation": transformation, "loss": "poisson"}
    chosen = ss.PCADenoiserCV(5, **form, **settings, cv=FOLDS).fit(X.astype(float))
    found = search(
        X,
        ss.PCADenoiser(**form, normalizer=normalizer, mean_weight=0),
        ss.MoleculeSplit(symmetric=False),
        FOLDS if form else ss.SameSplit(),
        scoring=ss.SelfSupervisedScorer(loss="poisson"),
        error_score="raise",
        refit=False,
    )
    assert_allclose(chosen.loss_path_, -found.cv_results_["mean_test_score"], rtol=1e-6)


def test_blocks_of_samples_change_nothing(X, monkeypatch):
    whole = ss.PCADenoiserCV(4, loss="poisson").fit(X).loss_path_
    monkeypatch.setattr(_ranks, "ENTRIES_PER_BLOCK", 500)
    assert_allclose(ss.PCADenoiserCV(4, loss="poisson").fit(X).loss_path_, whole, rtol=1e-6)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_losses_by_definition(X, form):
    """Both losses are those of the dense predictions of every rank."""
    first, second = (
        half.astype(float) for half in next(ss.MoleculeSplit().split(X)) if half is not None
    )
    axes = _ranks.leading_axes(first, 6, np.random.default_rng(0))
    decoder, _ = _ranks.fit_decoder(
        axes, second, **{"form": "reconstruction", "shrink": False} | form
    )
    squared = _ranks.squared_losses(axes[2], decoder, sparse.csr_array(second))
    poisson = _ranks.poisson_losses(axes[2], decoder, second, lambda values, part: values)
    for k in range(1, 7):
        predicted = axes[2][:, :k] @ decoder[:k]
        assert_allclose(squared[:, k - 1], np.square(predicted - second).sum(axis=1))
        assert_allclose(poisson[:, k - 1], poisson_loss(second, predicted).sum(axis=1))


# -- PCADenoiserCV -----------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [2, 4])
def test_chosen_rank_is_the_best(rank):
    """The loss is least where the true error is, and exceeds it by the variance of the noise."""
    rates = make_rates(rank, 400, 50, depth=6)
    X = np.random.default_rng(2).poisson(rates)
    chosen = ss.PCADenoiserCV(8, transformation=None, target_sum=1000).fit(X)
    half = next(ss.MoleculeSplit(symmetric=False).split(X))
    units = ss.CountNormalizer(1000, None).fit(X)
    Z, truth = units.transform(half.seen), units.transform(rates)
    errors = [np.mean((ss.PCADenoiser(k).fit_transform(Z) - truth) ** 2) for k in range(1, 9)]
    assert chosen.n_components_ == 1 + np.argmin(errors) == rank
    excess = chosen.loss_path_ - errors
    assert_allclose(excess, excess.mean(), rtol=0.05)


def test_judged_on_what_it_saw_more_is_better(X):
    """The negative control: without held-out molecules the largest rank wins."""
    Z = ss.CountNormalizer().fit_transform(X)
    losses = [np.mean((ss.PCADenoiser(k).fit_transform(Z) - Z) ** 2) for k in range(1, 9)]
    assert np.argmin(losses) == 7


def test_regression_needs_other_cells(X):
    """Judged on the cells it learned from it is refused; by hand, the largest rank would win."""
    denoiser = ss.PCADenoiser(2, form="regression")
    halves = ss.MoleculeSplit(normalizer=ss.CountNormalizer())
    wrapper = ss.JInvariantWrapper(denoiser, partition=halves).fit(X[:100])
    assert np.isfinite(wrapper.score(X[100:]))
    assert wrapper.transform(X).shape == X.shape
    with pytest.raises(ValueError, match=r"other samples .* by cv=5 in GridSearchCV"):
        wrapper.score(X[:100])
    with pytest.raises(ValueError, match="other samples than the estimator learned from"):
        ss.self_supervised_loss(denoiser, X, partition=halves)
    seen, judged, _ = next(halves.split(X))
    losses = [
        np.mean(
            (ss.PCADenoiser(k, form="regression").fit(seen, judged).transform(seen) - judged) ** 2
        )
        for k in range(1, 30)
    ]
    assert np.argmin(losses) == 28


def test_result_is_of_all_molecules(X):
    chosen = ss.PCADenoiserCV(8).fit(X.astype(float))
    Z = ss.CountNormalizer().fit_transform(X)
    whole = ss.PCADenoiser(chosen.n_components_).fit(Z)
    assert_allclose(chosen.components_, whole.components_, atol=1e-8)
    assert_allclose(chosen.singular_values_, whole.singular_values_)
    assert_allclose(chosen.transform(X.astype(float)), whole.transform(Z), atol=1e-8)
    scores, components = chosen.transform_factors(X)
    assert scores.shape == (240, chosen.n_components_)
    assert_allclose(scores @ components, chosen.transform(X))
    assert chosen.transform(X).dtype == np.float32  # of integers
    assert_allclose(chosen.fit_transform(X), chosen.transform(X))


@pytest.mark.parametrize("n_splits", [1, 2])
def test_regression_is_what_was_judged(X, n_splits):
    """The output is least squares of one half on the other, and not the projection."""
    chosen = ss.PCADenoiserCV(8, form="regression", n_splits=n_splits).fit(X.astype(float))
    pairs = list(ss.MoleculeSplit(n_splits=n_splits, random_state=0).split(X))
    units = ss.CountNormalizer()
    V = chosen.components_.T
    seen, judged = (
        np.vstack([units.fit_transform(getattr(pair, name)) for pair in pairs])
        for name in ("seen", "judged")
    )
    assert_allclose(chosen.decoder_, np.linalg.lstsq(seen @ V, judged)[0], atol=1e-8)
    Z = ss.CountNormalizer().fit_transform(X)
    out = chosen.transform(X.astype(float))
    assert_allclose(out, Z @ V @ chosen.decoder_, atol=1e-8)
    assert np.abs(out - Z @ V @ V.T).max() > 0.1
    scores, basis = chosen.transform_factors(X.astype(float))
    assert_allclose(basis @ basis.T, np.eye(len(basis)), atol=1e-10)
    assert_allclose(scores @ basis, out, atol=1e-8)
    assert_allclose(chosen.transform(X.astype(float), genes=[3, 5]), out[:, [3, 5]], atol=1e-8)
    assert_allclose(ss.PCADenoiserCV(8).fit(X).decoder_, ss.PCADenoiserCV(8).fit(X).components_)


def test_regression_denoises_better_than_its_components():
    """Of more components than reconstruction would have, regression takes what each is worth."""
    rates = make_rates(4, 400, 60, depth=0.5)
    draws = [np.random.default_rng(seed).poisson(rates).astype(float) for seed in range(2, 22)]
    X = draws[0]
    chosen = ss.PCADenoiserCV(12, form="regression").fit(X)
    Z = chosen.normalizer_.transform(X)
    truth = np.mean([chosen.normalizer_.transform(other) for other in draws[1:]], axis=0)
    projected = Z @ chosen.components_.T @ chosen.components_
    errors = [np.mean((out - truth) ** 2) for out in (chosen.transform(X), projected, Z)]
    assert errors[0] < 0.8 * errors[1] < errors[2]


def test_shrinkage_of_all_molecules(X):
    chosen = ss.PCADenoiserCV(8, shrink=True).fit(X)
    assert chosen.shrinkage_.shape == (chosen.n_components_,)
    assert (np.diff(chosen.shrinkage_[:3]) < 0).all()
    assert 0.8 < chosen.shrinkage_[0] <= 1.05
    Z = ss.CountNormalizer().fit_transform(X)
    weighted = (Z @ chosen.components_.T * chosen.shrinkage_) @ chosen.components_
    assert_allclose(chosen.transform(X), weighted, rtol=1e-3, atol=1e-3)


def test_genes(X):
    names = [f"g{number}" for number in range(60)]
    chosen = ss.PCADenoiserCV(5).fit(pd.DataFrame(X, columns=names))
    frame = pd.DataFrame(X, columns=names)
    all_genes = chosen.transform(frame)
    for genes in ([7, 3], ["g7", "g3"], np.array(["g7", "g3"])):
        assert_allclose(chosen.transform(frame, genes=genes), all_genes[:, [7, 3]])
    mask = np.arange(60) < 2
    assert_allclose(chosen.transform(frame, genes=mask), all_genes[:, :2])
    with pytest.raises(ValueError, match=r"fitted without the genes \['Mpo'\]"):
        chosen.transform(frame, genes=["g7", "Mpo"])
    with pytest.raises(ValueError, match="names are known where fit was given a data frame"):
        ss.PCADenoiserCV(5).fit(X).transform(X, genes=["g7"])


def test_order_and_seed(X):
    path = ss.PCADenoiserCV(6).fit(X).loss_path_
    order = np.random.default_rng(0).permutation(len(X))
    assert_allclose(ss.PCADenoiserCV(6).fit(X[order]).loss_path_, path, rtol=1e-5)
    assert (ss.PCADenoiserCV(6, random_state=1).fit(X).loss_path_ != path).all()


def test_one_standard_error():
    """It takes the smallest rank that is not clearly worse."""
    rng = np.random.default_rng(0)
    noise, gain = rng.normal(0, 1, (1000, 1)), rng.normal(0, 0.1, (1000, 4))
    losses = noise + gain + [1.0, 0.002, 0.001, 0]  # the noise is common to all ranks
    assert _choice.simplest(losses, 3) == 1
    assert _choice.simplest(np.tile(noise, 4), 2) == 0
    X = rng.poisson(make_rates(4, 150, 40, depth=0.7))
    kwargs = {"n_components": 8, "n_splits": 2}
    simple = ss.PCADenoiserCV(**kwargs, one_standard_error=True).fit(X)
    best = ss.PCADenoiserCV(**kwargs).fit(X)
    assert simple.n_components_ <= best.n_components_
    assert_array_equal(simple.loss_path_, best.loss_path_)


def test_warns_at_the_largest_rank(X):
    with pytest.warns(UserWarning, match="largest rank it was to consider, n_components=2"):
        ss.PCADenoiserCV(2).fit(X)


def test_empty_cells_and_genes(X):
    X[7], X[:, 5] = 0, 0
    chosen = ss.PCADenoiserCV(6).fit(sparse.csr_matrix(X))
    out = chosen.transform(X)
    assert_array_equal(out[7], 0)
    assert_allclose(out[:, 5], 0, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: -X, "Negative values in data passed to"),
        (lambda X: np.where(X == 3, np.nan, X), "got NaN or infinity"),
        (lambda X: 0 * X, "without any molecule"),
        (lambda X: X[:1], "minimum of 2 is required"),
        (lambda X: X[:, :7], r"at most min\(n_samples, n_features\)=7, got 8"),
        (lambda X: X[:9], "lower n_components"),
    ],
)
def test_bad_counts(X, change, message):
    with pytest.raises(ValueError, match=message):
        ss.PCADenoiserCV(8, form="regression").fit(change(X))


def test_other_kinds_of_counts(X):
    path = ss.PCADenoiserCV(4).fit(X).loss_path_
    for same in (X.astype(np.float16), X.astype(np.uint8), sparse.csc_matrix(X), X.tolist()):
        assert_allclose(ss.PCADenoiserCV(4).fit(same).loss_path_, path, rtol=1e-5)
    with pytest.warns(
        UserWarning, match=r"PCADenoiserCV expected whole .* adata.layers\['counts'\]"
    ) as w:
        ss.PCADenoiserCV(4).fit(np.log1p(X))
    assert sum("expected whole" in str(warning.message) for warning in w) == 1
    with pytest.raises(ValueError, match="'loss' parameter of PCADenoiserCV"):
        ss.PCADenoiserCV(loss="mae").fit(X)


def test_normalized_halves(X):
    first, second, where = next(ss.MoleculeSplit(normalizer=ss.CountNormalizer(9, None)).split(X))
    assert where is None
    for half in (first, second):
        assert set(half.sum(axis=1).round(9)) <= {0, 9}
    wrapper = ss.JInvariantWrapper(
        ss.PCADenoiser(3), partition=ss.MoleculeSplit(normalizer=ss.CountNormalizer(100, None))
    )
    assert_allclose(wrapper.fit_transform(X).sum(axis=1).mean(), 100, rtol=0.05)
    with pytest.raises(ValueError, match=r"fraction=0.5 and capture_rate=None, .*got 0.9"):
        next(ss.MoleculeSplit(0.9, normalizer=ss.CountNormalizer()).split(X))


@pytest.mark.parametrize("loss", ["mse", "poisson"])
def test_gene_means_are_the_baseline(loss):
    rng = np.random.default_rng(0)
    shares = rng.gamma(0.5, size=(300, 3)) @ rng.gamma(0.5, size=(3, 100))
    shares /= shares.sum(axis=1, keepdims=True)
    deep = ss.PCADenoiserCV(6, loss=loss).fit(rng.poisson(500 * shares))
    assert deep.n_components_ == 3
    assert deep.loss_path_.min() < 0.9 * deep.loss_of_means_
    with pytest.warns(UserWarning, match="found no structure.*gene means"):
        shallow = ss.PCADenoiserCV(6, loss=loss).fit(rng.poisson(4 * shares))
    assert shallow.loss_of_means_ < shallow.loss_path_.min()
    alike = rng.poisson(100 * rng.dirichlet(np.ones(100)), (300, 100))
    with pytest.warns(UserWarning, match="found no structure"):
        ss.PCADenoiserCV(6, loss=loss).fit(alike)
