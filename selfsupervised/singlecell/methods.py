# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What denoises: principal components, neighbours, an autoencoder, or what predicts best."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.base import clone

from selfsupervised.core.warning import warn_user
from selfsupervised.counts import (
    CountNormalizer,
    NeighborDiffusionDenoiser,
    PCADenoiser,
    PCADenoiserCV,
)
from selfsupervised.counts._families import AS_IT_IS, GENE_MEANS, judge, r2
from selfsupervised.counts._gene_means import r2_of_genes
from selfsupervised.counts._ranks import leading_axes
from selfsupervised.counts._row_blocks import is_streamed
from selfsupervised.counts._tables import CELLS_PER_BLOCK
from selfsupervised.counts.normalizer import row_totals
from selfsupervised.counts.pca_cv import whole_counts
from selfsupervised.singlecell.units import values_of_components, values_of_counts

METHODS = ("pca", "diffusion", "autoencoder", "auto")
FAR_OFF = 1.1  # times the loss of gene means, which are hard to beat in a batch of one kind
NEIGHBOURS = (  # what is tried, unless the user says
    {"n_neighbors": 5, "n_steps": 1},
    {"n_neighbors": 15, "n_steps": 1},
    {"n_neighbors": 15, "n_steps": 2},
    {"n_neighbors": 30, "n_steps": 2, "shrinkage": 0.3},
)


@dataclass
class Outcome:
    """What a method makes of counts.

    Parameters
    ----------
    method : str
        Which was taken.
    scores : ndarray of shape (n_cells, K)
        Where the cells are.
    components : ndarray of shape (K, n_genes) or None
        Their product with `scores` is the denoised table; None if there is no such product.
    values : callable
        ``(columns, units)`` to denoised values.
    facts : dict
        What is to be known of it.
    params : dict
        Of the estimator.
    r2 : ndarray of shape (n_genes,) or None
    """

    method: str
    scores: np.ndarray
    components: np.ndarray | None
    values: Callable
    facts: dict
    params: dict
    r2: np.ndarray | None = None
    losses: dict = field(default_factory=dict)


class _FixedRank(PCADenoiserCV):
    """So many components, judged beside fewer, but not chosen."""

    def _best(self, by_cell, largest):
        return self.n_components - 1


def rank_model(n_comps, max_comps, shape, seed, params):
    """The `PCADenoiserCV` that chooses, or takes, a number of components."""
    if isinstance(n_comps, str) and n_comps == "auto":
        return PCADenoiserCV(min(max_comps, *shape), random_state=seed, **params)
    if not isinstance(n_comps, Integral) or isinstance(n_comps, bool):
        raise ValueError(f"Expected n_comps to be a whole number or 'auto', got {n_comps!r}.")
    return _FixedRank(int(n_comps), random_state=seed, **params)


def by_components(counts, model, seed):
    """Principal components, as many as `model` says."""
    model = model.fit(counts)
    scores, components = map(np.asarray, model.transform_factors(counts))

    def values(columns, units):
        return values_of_components(model, counts, scores, components, columns, units)

    facts = {
        "n_comps": model.n_components_,
        "loss_path": model.loss_path_,
        "loss_of_means": model.loss_of_means_,
        "loss_path_splits": model.loss_path_splits_,
        "singular_values": model.singular_values_,
        "shrinkage": model.shrinkage_,
        "target_sum": model.normalizer_.target_sum_,
    }
    told = None
    if not is_streamed(counts):
        normalizer = CountNormalizer(model.target_sum, model.transformation)
        told = r2_of_genes(whole(counts), normalizer, model.n_components_, seed)
    return Outcome("pca", scores, components, values, facts, model.get_params(), told)


def by_family(method, counts, model, seed, params, batches):
    """The family, and its parameters, that predict held-out molecules best by Poisson loss."""
    if is_streamed(counts):
        raise ValueError(
            f"Expected counts in memory with method={method!r}, got a table in blocks: use "
            f"method='pca', or read the table."
        )
    if method == "auto" and params:
        raise ValueError(
            f"Expected no parameters of a denoiser with method='auto', got {sorted(params)}: name "
            f"the method."
        )
    table = whole(counts)
    chosen = model.fit(counts)
    candidates = candidates_of(method, chosen, table.shape, seed, params)
    results = judge(table, candidates, seed, batches)
    name = min(candidates, key=lambda name: results[name].loss)
    family = name.split(",")[0]
    losses = {key: result.loss for key, result in results.items()}
    if family == "pca":
        outcome = by_components(counts, model, seed)
    else:
        outcome = _denoised_by(clone(candidates[name]).fit(table), table, chosen, family)
        outcome.r2 = r2(results[name], results[GENE_MEANS])
    outcome.facts["losses"] = losses
    better = [base for base in (AS_IT_IS, GENE_MEANS) if losses[base] <= losses[name]]
    if better:
        warn_user(
            f"Held-out molecules are predicted better by {better[0]!r} (loss "
            f"{losses[better[0]]:.4g}) than by {name} ({losses[name]:.4g}): do not denoise "
            f"these counts so."
        )
    if batches is not None:
        outcome.losses = {
            "of cells": results[name].of_cells,
            "of means": results[f"{GENE_MEANS} of the batch"].of_cells,
        }
    return outcome


def candidates_of(method, chosen, shape, seed, params):
    """Estimators that are tried, by name: the family, and what of it."""
    rank = chosen.n_components_
    found: dict = {}
    if method in ("auto", "pca"):
        normalizer = CountNormalizer(chosen.target_sum, chosen.transformation)
        found["pca"] = PCADenoiser(rank, normalizer=normalizer, random_state=seed)
    if method in ("auto", "diffusion"):
        for setting in NEIGHBOURS:
            few = {"n_neighbors": min(setting["n_neighbors"], max(shape[0] // 2, 1))}
            setting = {"n_components": rank, "random_state": seed} | setting | few | params
            said = ", ".join(
                f"{key}={value}" for key, value in setting.items() if key != "random_state"
            )
            found[f"diffusion, {said}"] = NeighborDiffusionDenoiser(**setting)
    if method in ("auto", "autoencoder"):
        try:
            from selfsupervised.counts.autoencoder import NegativeBinomialAutoencoder
        except ImportError:
            if method == "autoencoder":
                raise
        else:
            found["autoencoder"] = NegativeBinomialAutoencoder(**{"random_state": seed} | params)
    return found


def _denoised_by(fitted, table, chosen, family):
    """What a denoiser that gives expected counts makes of cells, block by block."""
    totals, target = row_totals(table), chosen.normalizer_.target_sum_
    rng = np.random.default_rng(0)
    components = leading_axes(chosen.normalizer_.transform(table), chosen.n_components_, rng)[0]
    scores = np.empty((table.shape[0], len(components)), dtype=table.dtype)
    for start in range(0, table.shape[0], CELLS_PER_BLOCK):
        part = slice(start, start + CELLS_PER_BLOCK)
        roots = values_of_counts(fitted.transform(table[part]), totals[part], target, "sqrt")
        scores[part] = roots @ components.T

    def values(columns, units):
        genes = np.arange(table.shape[1])[columns]
        return values_of_counts(fitted.transform(table, genes=genes), totals, target, units)

    facts = {"n_comps": len(components), "target_sum": target}
    return Outcome(family, scores, None, values, facts, fitted.get_params())


def whole(counts):
    """A clean table; of fractions, the user has heard."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return whole_counts(counts if not sparse.issparse(counts) else sparse.csr_array(counts))


def report_of_batches(names, number, of_cells, of_means):
    """Losses by batch; warns of batches that are denoised worse than by their own gene means.

    Parameters
    ----------
    names : list of str
    number : ndarray of int of shape (n_cells,)
        Which batch each cell is of.
    of_cells, of_means : ndarray of shape (n_cells,)
        Losses of the method, and of the means of genes in the batch.
    """
    loss, means = (
        np.array([x[number == b].mean() for b in range(len(names))]) for x in (of_cells, of_means)
    )
    off = loss / means > FAR_OFF
    if off.any() and not off.all():
        worst = ", ".join(
            f"{name!r} ({a:.4g}, of its own gene means {b:.4g})"
            for name, a, b, far in zip(names, loss, means, off, strict=True)
            if far
        )
        warn_user(
            f"Some batches are predicted worse than by the mean of each gene within them: {worst}. "
            f"They look like nothing in the other batches: denoise each batch by itself."
        )
    return {"names": np.array(names, dtype=str), "loss": loss, "loss_of_means": means}
