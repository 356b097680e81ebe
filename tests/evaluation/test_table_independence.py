# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Each way by which a table fools the score is told, and its control is silent."""

import re
import time
import warnings

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import selfsupervised as ss
from selfsupervised.evaluation import independence
from selfsupervised.evaluation.table_independence import mean_where_rare, sums_of_genes


@pytest.fixture(autouse=True)
def _forget():
    independence._known.clear()


def said(action, *arguments, **keywords):
    """Its result, and what it warned of."""
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        out = action(*arguments, **keywords)
    return out, [str(warning.message) for warning in record]


def smooth_noise(rng, shape, sigma, axis):
    noise = rng.normal(size=shape)
    if sigma:
        noise = gaussian_filter1d(noise, sigma, axis=axis)
    return noise / noise.std()


def smooth_table(rng):
    scores = gaussian_filter1d(rng.normal(size=(3000, 3)), 60, axis=0)
    table = scores @ gaussian_filter1d(rng.normal(size=(3, 48)), 4, axis=1)
    return table / table.std()


def search_ranks(table, partition):
    return search_ranks_of(table, [1, 3, 6, 15], partition)


def search_ranks_of(table, ranks, partition="auto"):
    return GridSearchCV(
        ss.JInvariantWrapper(ss.PCARegression(), partition=partition),
        {"estimator__n_components": ranks},
        cv=ss.SameSplit(),
        error_score="raise",
    ).fit(table)


@pytest.mark.parametrize("sigma", [0.5, 1, 2, 4])
def test_neighbouring_columns(rng, sigma):
    clean = smooth_table(rng)
    noisy = clean + smooth_noise(rng, clean.shape, sigma, axis=1)
    search, messages = said(search_ranks, noisy, ss.FeatureBlocks())
    (message,) = messages  # once for all candidates
    assert re.search(r"neighbouring columns.*contiguous=True, gap=", message)
    # The remedy finds what is least wrong, and is not warned of.
    apart = ss.FeatureBlocks(12, contiguous=True, gap=min(round(4 * sigma), 12))
    remedy, messages = said(search_ranks, noisy, apart)
    assert not messages

    def error(rank, partition):
        wrapper = ss.JInvariantWrapper(ss.PCARegression(rank), partition=partition)
        return np.mean((wrapper.fit_transform(noisy) - clean) ** 2)

    chosen = error(search.best_params_["estimator__n_components"], ss.FeatureBlocks())
    assert error(remedy.best_params_["estimator__n_components"], apart) < chosen
    # Neighbours in a shuffled table are strangers.
    order = rng.permutation(48)
    assert not said(search_ranks, noisy[:, order], ss.FeatureBlocks())[1]


def test_independent_columns_are_passed_over(rng):
    clean = smooth_table(rng)
    for scale in (0.1, 1, 10):
        noisy = scale * clean + rng.normal(size=clean.shape)
        assert not said(search_ranks, noisy, ss.FeatureBlocks())[1]


@pytest.mark.parametrize("load", [load_breast_cancer, load_digits, load_wine])
def test_columns_that_are_alike_here_and_there_are_passed_over(load):
    """Radius, perimeter and area stand beside each other, and neighbouring pixels."""
    table = StandardScaler().fit_transform(load().data)
    assert not said(search_ranks_of, table, [1, 3, 5])[1]


def test_neighbouring_rows(rng):
    clean = smooth_table(rng)[:1000]
    noisy = clean + smooth_noise(rng, clean.shape, 2, axis=0)

    def search(table, cv):
        return GridSearchCV(
            ss.JInvariantWrapper(KNeighborsRegressor()),
            {"estimator__n_neighbors": [1, 10, 40]},
            cv=cv,
            error_score="raise",
        ).fit(table)

    fooled, (message,) = said(search, noisy, ss.SameSplit())
    assert re.search(r"neighbouring rows.*cv=KFold\(5\), unshuffled", message)
    assert fooled.best_params_ == {"estimator__n_neighbors": 1}
    independence._known.clear()
    remedy, messages = said(search, noisy, KFold(5))
    assert not messages
    assert remedy.best_params_ != {"estimator__n_neighbors": 1}
    shuffled = noisy[rng.permutation(len(noisy))]
    assert not said(search, shuffled, ss.SameSplit())[1]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_columns_tied_by_arithmetic(rng, dtype):
    signals = rng.normal(size=(2000, 4)) @ rng.normal(size=(4, 32))
    channels = signals + rng.normal(size=signals.shape)
    referenced = channels - channels.mean(axis=1, keepdims=True)
    wrapper = ss.JInvariantWrapper(LinearRegression(), partition=ss.FeatureBlocks(32))
    for table, expected in ((channels, 0), (referenced, 1)):
        table = table.astype(dtype)
        fitted = wrapper.fit(table)
        score, messages = said(fitted.score, table)
        assert len(messages) == expected == ("by arithmetic" in "".join(messages))
        assert (score > -1e-6) == expected
        independence._known.clear()
        messages = said(ss.LinearRegressionDenoiser().fit, table)[1]
        assert len(messages) == expected == ("by arithmetic" in "".join(messages))


def low_rank_counts(rng, n_cells=1000, n_genes=500, rank=3, depth=500):
    rates = rng.gamma(0.5, size=(n_cells, rank)) @ rng.gamma(0.5, size=(rank, n_genes))
    rates /= rates.sum(axis=1, keepdims=True)
    return rng.poisson(rates * depth * np.exp(rng.normal(0, 0.3, (n_cells, 1))))


def test_reads_without_umis(rng):
    molecules = low_rank_counts(rng)
    reads = molecules + rng.poisson(2 * molecules)
    (_, messages) = said(ss.PCADenoiserCV(10).fit, reads)
    assert re.search("mean of 3.* reads without UMIs.*overdispersion=.* instead of PC", messages[0])
    denoiser = ss.PCADenoiser(3, normalizer=ss.CountNormalizer())
    for table, partition, expected in (
        (reads, ss.MoleculeSplit(), 1),
        (reads, ss.MoleculeSplit(overdispersion=2.0), 0),
        (molecules, ss.MoleculeSplit(), 0),
    ):
        independence._known.clear()
        messages = said(ss.self_supervised_loss, denoiser, table, partition=partition)[1]
        assert len(messages) == expected
    assert not said(ss.PCADenoiserCV(10).fit, molecules)[1]
    nothing_rare = sums_of_genes(independence.as_counts(np.ones((20, 3))))
    assert np.isnan(mean_where_rare(nothing_rare, 20))


def test_copies_of_cells(rng):
    cells = low_rank_counts(rng, n_cells=200)
    twice = np.vstack([cells, cells])
    scorer = ss.SelfSupervisedScorer(partition=ss.MoleculeSplit(), loss="poisson")
    denoiser = ss.NeighborDiffusionDenoiser(2, n_components=3)
    (message,) = said(scorer, denoiser, twice)[1]
    assert "200 of 400 cells are exact copies" in message
    assert said(ss.PCADenoiserCV(5).fit, twice)[1] == [message]
    assert not said(scorer, denoiser, cells)[1]
    # Cells of few molecules are alike by chance.
    assert not said(scorer, denoiser, rng.poisson(0.05, (400, 60)))[1]


def test_a_loss_below_the_noise_variance(rng):
    signal = rng.normal(size=(2400, 2)) @ rng.normal(size=(2, 20)) * 20 + 300
    noisy = signal + rng.normal(0, 30, signal.shape)
    around = np.vstack([noisy, np.zeros((3600, 20))])
    wrapper = ss.JInvariantWrapper(Ridge(), mix="optimal", noise_variance=900.0)
    out, messages = said(wrapper.fit_transform, around)
    assert not messages  # empty rows are no evidence
    weight = wrapper.set_params(mix=None).fit_transform(around) - around
    weight = np.mean((out - around)[:2400] * weight[:2400]) / np.mean(weight[:2400] ** 2)
    loss = -wrapper.fit(noisy).score(noisy)
    assert weight < 0.98
    assert weight == pytest.approx(900 / loss, abs=0.1)
    wrapper.set_params(mix="optimal", noise_variance=4000.0)
    (message,) = said(wrapper.fit_transform, noisy)[1]
    assert re.search("noise_variance=4000 exceeds the self-supervised loss", message)
    assert not said(wrapper.set_params(noise_variance=900.0).fit_transform, noisy)[1]


def test_a_few_entries_make_the_loss(rng):
    spectra = rng.gamma(1, 1, (1000, 4)) @ rng.gamma(1, 1, (4, 120))
    noisy = spectra + rng.normal(0, 0.5, spectra.shape)
    wrapper = ss.JInvariantWrapper(ss.PCARegression(4))
    assert not said(wrapper.fit(noisy).score, noisy)[1]
    noisy.flat[rng.choice(noisy.size, 20, replace=False)] = 5000
    messages = said(wrapper.fit(noisy).score, noisy)[1]
    assert re.search("[0-9]+% of the loss is of 0.1% of the entries.*TableOutlier", messages[-1])
    regression = make_pipeline(SimpleImputer(), ss.PCARegression(4))
    remedy = make_pipeline(ss.TableOutlierRemover(), ss.JInvariantWrapper(regression)).fit(noisy)
    assert not said(remedy.score, noisy)[1]
    assert np.mean((remedy.transform(noisy) - spectra) ** 2) < 0.1
    assert np.mean((wrapper.transform(noisy) - spectra) ** 2) > 1


def test_said_once_for_the_same_table(rng):
    clean = smooth_table(rng)
    noisy = clean + smooth_noise(rng, clean.shape, 1, axis=1)
    wrapper = ss.JInvariantWrapper(Ridge()).fit(noisy)
    assert len(said(wrapper.score, noisy)[1]) == 1
    assert not said(wrapper.score, noisy)[1]
    assert len(said(wrapper.score, noisy[::-1])[1]) == 1


@pytest.mark.parametrize("shape", [(3000, 48), (500, 30), (1000, 120)])
def test_the_look_costs_less_than_a_tenth_of_a_search(rng, shape):
    noisy = rng.normal(size=(shape[0], 3)) @ rng.normal(size=(3, shape[1])) + rng.normal(size=shape)

    def seconds(action):
        start = time.process_time()
        action()
        return time.process_time() - start

    look = min(
        seconds(lambda: (independence.neighbor_correlations(noisy), independence.are_tied(noisy)))
        for _ in range(5)
    )
    # Measured: 0.02 to 0.04 of four candidates.
    assert look < 0.1 * (seconds(lambda: search_ranks_of(noisy, [1, 3, 6, 10])) - look)
