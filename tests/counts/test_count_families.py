# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Neighbour diffusion, the autoencoder, and the score by which they compete."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.stats import nbinom
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import selfsupervised as ss
from cases import HAS_NETWORKS

DIFFUSION = ss.NeighborDiffusionDenoiser(n_neighbors=4, n_components=3)
FAMILIES: list = [DIFFUSION]
if HAS_NETWORKS:
    import torch

    from selfsupervised.training.counts import NegativeBinomialLoss, SharedMolecules

    FAMILIES.append(ss.NegativeBinomialAutoencoder(n_latent=2, width=8, max_steps=4))
every = pytest.mark.parametrize("denoiser", FAMILIES, ids=lambda d: type(d).__name__)
needs_torch = pytest.mark.skipif(not HAS_NETWORKS, reason="needs torch")
POISSON = ss.SelfSupervisedScorer(partition=ss.MoleculeSplit(), loss="poisson")


def kinds_of_cells(n_cells=120, n_genes=40, n_kinds=3, depth=2.0, seed=0):
    """Expected counts of cells of a few kinds, which differ in their totals too, and counts."""
    rng = np.random.default_rng(seed)
    kinds = rng.gamma(0.5, 2, (n_kinds, n_genes))
    rates = kinds[np.arange(n_cells) % n_kinds] * rng.gamma(5, depth / 5, (n_cells, 1))
    return rates, rng.poisson(rates)


@pytest.fixture(scope="module")
def cells():
    return kinds_of_cells()


# -- both ----------------------------------------------------------------------------------------


@every
def test_a_new_cell_is_denoised_for_itself(denoiser, cells):
    X = cells[1]
    new = kinds_of_cells(30, seed=1)[1]
    fitted = clone(denoiser).fit(X)
    out = fitted.transform(np.vstack([X, new]))
    assert_allclose(out[:120], fitted.transform(X))
    assert_allclose(out[125:126], fitted.transform(new[5:6]))


@every
def test_empty_cells_and_genes(denoiser, cells):
    X = cells[1].copy()
    X[3], X[:, 5] = 0, 0
    out = clone(denoiser).fit(X).transform(X)
    assert np.isfinite(out).all()
    assert_allclose(out[3], 0, atol=1e-4)
    assert out[:, 5].max() < 0.2
    with pytest.raises(ValueError, match="without any molecule"):
        clone(denoiser).fit(np.zeros((9, 9)))


@every
def test_totals_and_units(denoiser, cells):
    """The output is in molecules of the cell, and twice the molecules give twice the output."""
    X = cells[1]
    fitted = clone(denoiser).fit(X)
    out = fitted.transform(X)
    assert_allclose(out.sum(axis=1), X.sum(axis=1), rtol=1e-4)
    assert_allclose(fitted.transform(2 * X), 2 * out, rtol=1e-4)


@every
@pytest.mark.parametrize("genes", [[7, 2], np.arange(40) % 9 == 0, np.array([3])])
def test_chosen_genes(denoiser, genes, cells):
    X = cells[1]
    fitted = clone(denoiser).fit(X)
    assert_allclose(fitted.transform(X, genes=genes), fitted.transform(X)[:, genes])


@every
def test_genes_by_name(denoiser, cells):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(cells[1], columns=[f"gene{n}" for n in range(40)])
    fitted = clone(denoiser).fit(X)
    assert_allclose(fitted.transform(X, genes=["gene7", "gene2"]), fitted.transform(X)[:, [7, 2]])
    with pytest.raises(ValueError, match=r"fitted without the genes \['Mpo'\]"):
        fitted.transform(X, genes=["gene7", "Mpo"])


@every
@pytest.mark.parametrize(
    ("X", "message"),
    [
        (-np.ones((9, 9)), "expected counts, got negative values"),
        (np.full((9, 9), np.nan), "NaN"),
        (np.ones((1, 9)), "1 sample"),
    ],
)
def test_bad_input(denoiser, X, message):
    with pytest.raises(ValueError, match=message):
        clone(denoiser).fit(X)


@every
def test_fractional_values_warn(denoiser, cells):
    with pytest.warns(UserWarning, match=r"fractional values.*layers\['counts'\]"):
        clone(denoiser).fit(cells[1] * 1.5)


@every
def test_the_score_judges_hidden_molecules_only(denoiser, cells):
    """A copy of the input fits the molecules it saw perfectly, and must score worse."""
    X = sparse.csr_array(cells[1])
    partition = ss.MoleculeSplit()
    if HAS_NETWORKS and isinstance(denoiser, ss.NegativeBinomialAutoencoder):
        denoiser = clone(denoiser).set_params(max_steps=60, lr=0.01)
    copy = ss.self_supervised_loss(np.copy, X.toarray(), partition=partition, loss="poisson")
    loss = ss.self_supervised_loss(denoiser, X, partition=partition, loss="poisson")
    truth = np.mean(cells[0] - cells[1] * np.log(cells[0])) / 2 + np.log(2) * X.mean() / 2
    assert truth < loss < copy - 0.2
    assert loss < truth + 0.12


@every
def test_the_wrapper_predicts_each_half_from_the_other(denoiser, cells):
    X = sparse.csr_array(cells[1])
    out = ss.JInvariantWrapper(clone(denoiser), partition=ss.MoleculeSplit()).fit_transform(X)
    halves = next(ss.MoleculeSplit().split(X))
    expected = sum(clone(denoiser).fit_transform(half) for half in (halves.seen, halves.judged))
    assert_allclose(out, expected, rtol=1e-10)


# -- diffusion -----------------------------------------------------------------------------------


def test_formula(cells):
    """As written down in the docstring, with dense matrices."""
    X = cells[1]
    fitted = clone(DIFFUSION).set_params(n_steps=3, shrinkage=0.2).fit(X)
    graph = fitted.graph_.toarray()
    assert_allclose(graph.sum(axis=1), 1)
    assert (np.diag(graph) > 0).all()
    pooled = np.linalg.matrix_power(graph, 3) @ X
    local, overall = pooled / pooled.sum(axis=1, keepdims=True), X.sum(axis=0) / X.sum()
    expected = (0.8 * local + 0.2 * overall) * X.sum(axis=1, keepdims=True)
    assert_allclose(fitted.transform(X), expected)


@pytest.mark.parametrize(("transformation", "back"), [("sqrt", np.square), ("log1p", np.expm1)])
def test_formula_after_a_transformation(transformation, back, cells):
    X = cells[1]
    fitted = clone(DIFFUSION).set_params(transformation=transformation, shrinkage=0).fit(X)
    totals = X.sum(axis=1, keepdims=True)
    profiles = getattr(np, transformation)(X * (np.median(totals) / totals))
    weights = np.linalg.matrix_power(fitted.graph_.toarray(), 2) * totals.T
    expected = back(weights @ profiles / weights.sum(axis=1, keepdims=True))
    assert_allclose(fitted.transform(X), expected * totals / np.median(totals))


def test_diffusion_denoises_and_the_score_finds_the_steps():
    rates, X = kinds_of_cells(300, depth=0.5)
    search = GridSearchCV(
        clone(DIFFUSION),
        {"n_steps": [1, 2, 3, 40]},
        scoring=POISSON,
        cv=ss.SameSplit(),
        error_score="raise",
    ).fit(sparse.csr_array(X))
    errors = [
        np.mean((clone(DIFFUSION).set_params(n_steps=n).fit_transform(X) - rates) ** 2)
        for n in (1, 2, 3, 40)
    ]
    assert search.best_index_ == np.argmin(errors)
    assert min(errors) < np.mean((X - rates) ** 2) / 3


def test_shrinkage_makes_what_no_neighbour_shows_possible():
    _, X = kinds_of_cells(depth=0.1)
    empty = clone(DIFFUSION).set_params(n_steps=1, shrinkage=0).fit_transform(X) == 0
    shrunken = clone(DIFFUSION).set_params(n_steps=1, shrinkage=0.1).fit_transform(X)
    measured = (X.sum(axis=0) > 0) & (X.sum(axis=1) > 0)[:, None]
    assert (empty & measured).any()
    assert (shrunken[measured] > 0).all()


def test_too_few_cells_or_genes():
    with pytest.raises(ValueError, match="n_components to be at most 5, got 10 for n_samples = 30"):
        ss.NeighborDiffusionDenoiser().fit(np.ones((30, 5)))
    with pytest.raises(ValueError, match="n_neighbors to be at most .* got 15 for n_samples = 12"):
        ss.NeighborDiffusionDenoiser(n_components=2).fit(np.ones((12, 5)))


# -- autoencoder ---------------------------------------------------------------------------------


@needs_torch
def test_likelihood():
    rng = np.random.default_rng(0)
    counts, mean, size = rng.poisson(2, (5, 7)), rng.gamma(2, 1, (5, 7)), rng.gamma(2, 1, 7)
    output = torch.from_numpy(np.log(mean)), torch.from_numpy(np.log(size))
    loss = NegativeBinomialLoss()(output, torch.from_numpy(counts.astype(float)))
    constant = torch.lgamma(torch.from_numpy(counts + 1.0)).mean()
    expected = -nbinom.logpmf(counts, size, size / (size + mean)).mean()
    assert_allclose(float(loss + constant), expected)


@needs_torch
def test_molecules_are_shared_out_in_each_step(cells):
    table = sparse.csr_array(cells[1])
    data = SharedMolecules(table, fraction=0.25, n_batches=4, batch_size=40, max_steps=9, seed=0)
    seen, judged = 0, 0
    for _ in range(3):
        inputs, target = data.__getitems__(range(40))
        seen, judged = seen + inputs["seen"].sum(axis=0), judged + target.sum(axis=0)
        assert_array_equal(inputs["total"][:, 0], target.sum(axis=1))
    # Three batches hold each cell once.
    assert_array_equal(seen + judged, cells[1].sum(axis=0))
    assert abs(seen.sum() / cells[1].sum() - 0.25) < 0.02


@needs_torch
def test_autoencoder_learns_and_keeps_the_best_state():
    rates, X = kinds_of_cells(300, depth=0.5)
    denoiser = ss.NegativeBinomialAutoencoder(n_latent=3, width=16, max_steps=80, lr=0.01)
    out = denoiser.fit_transform(X)
    assert np.mean((out - rates) ** 2) < np.mean((X - rates) ** 2) / 3
    assert denoiser.n_steps_ == 80
    assert denoiser.held_out_loss_ == denoiser.loss_curve_["held_out_loss"].min()
    assert denoiser.held_out_loss_ < denoiser.loss_curve_["held_out_loss"][0]


@needs_torch
def test_autoencoder_is_reproducible_and_leaves_torch_alone(cells):
    before = torch.get_rng_state()
    first = clone(FAMILIES[1]).fit_transform(cells[1])
    assert_array_equal(torch.get_rng_state(), before)
    torch.rand(3)
    assert_array_equal(clone(FAMILIES[1]).fit_transform(cells[1]), first)
    other = clone(FAMILIES[1]).set_params(random_state=1).fit_transform(cells[1])
    assert (other != first).any()


@needs_torch
def test_patience(cells):
    denoiser = clone(FAMILIES[1]).set_params(max_steps=400, lr=0.5, patience=20)
    assert denoiser.fit(cells[1]).n_steps_ < 400


# -- the loss between normalised cells -----------------------------------------------------------


def test_normalized_error_ignores_totals_and_negative_predictions(rng):
    judged, predicted = rng.poisson(3, (20, 8)), rng.gamma(3, 1, (20, 8))
    loss = ss.NormalizedSquaredError()
    assert_allclose(loss(judged, predicted), loss(judged, predicted * rng.gamma(2, 1, (20, 1))))
    negative = predicted.copy()
    negative[:, 0] = -5
    predicted[:, 0] = 0
    assert_allclose(loss(judged, negative), loss(judged, predicted))
    assert_allclose(loss(judged, 5 * judged), 0, atol=1e-20)


def test_normalized_error_as_a_loss_of_the_score(cells):
    X = sparse.csr_array(cells[1])
    partition = ss.MoleculeSplit(symmetric=False)
    pair = next(partition.split(X))
    loss = ss.NormalizedSquaredError(target_sum=100, transformation="sqrt")
    out = clone(DIFFUSION).fit_transform(pair.seen)
    judged = pair.judged.toarray()

    def normalized(table):
        return np.sqrt(100 * table / table.sum(axis=1, keepdims=True))

    expected = np.mean((normalized(judged) - normalized(out)) ** 2)
    got = ss.self_supervised_loss(clone(DIFFUSION), X, partition=partition, loss=loss)
    assert_allclose(got, expected)


@pytest.mark.parametrize(
    ("kwargs", "judged", "message"),
    [
        ({"target_sum": 0}, 1, "target_sum to be a positive number, got 0"),
        ({"transformation": "log"}, 1, "transformation to be one of .* got 'log'"),
        ({}, -1, "expected counts, got negative measurements"),
    ],
)
def test_normalized_error_errors(kwargs, judged, message):
    with pytest.raises(ValueError, match=message):
        ss.NormalizedSquaredError(**kwargs)(np.full((2, 2), judged), np.ones((2, 2)))
