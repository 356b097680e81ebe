# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""How well each rank predicts held-out molecules."""

from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import KFold, check_cv

from selfsupervised.counts._expected import keeping_totals, shares_of_genes
from selfsupervised.counts._ranks import (
    fit_decoder,
    leading_axes,
    poisson_losses,
    regression_decoder,
    squared_losses,
)
from selfsupervised.counts.normalizer import row_totals
from selfsupervised.counts.pca import check_rank
from selfsupervised.partitions import MoleculeSplit


def judge_ranks(denoiser, counts, normalizer, seed):
    """Losses of all ranks, by split and by sample.

    Parameters
    ----------
    denoiser : PCADenoiserCV
        Holds the settings.
    counts : csr_array of shape (n, g)
        Whole numbers in a float dtype.
    normalizer : CountNormalizer
        Not fitted; each half is normalised by itself.
    seed : int

    Returns
    -------
    paths : ndarray of shape (n_pairs, K)
        Mean loss of an entry.
    by_sample : ndarray of shape (n, K)
        Sum of the losses of each sample over all pairs.
    shrinkage : ndarray of shape (K,)
        Mean factors by which components are shrunk.
    """
    by_sample = np.zeros((counts.shape[0], denoiser.n_components))
    paths, shrinkages = [], []
    for pair in _halves(denoiser, seed, denoiser.symmetric).split(counts):
        losses, folds = np.empty_like(by_sample), []
        for train, test in folds_of(denoiser, counts.shape[0], seed):
            losses[test], shrinkage = _judge(denoiser, normalizer, pair, train, test, seed)
            folds.append(losses[test].mean(axis=0))
            shrinkages.append(shrinkage)
        paths.append(np.mean(folds, axis=0) / counts.shape[1])
        by_sample += losses
    return np.array(paths), by_sample, np.mean(shrinkages, axis=0)


def learn_regression(denoiser, counts, normalizer, components, seed):
    """The regression that was judged, of the halves of all samples, on the final components.

    Parameters
    ----------
    denoiser : PCADenoiserCV
        Holds the settings.
    counts : csr_array of shape (n, g)
        As in `judge_ranks`.
    normalizer : CountNormalizer
        Not fitted; each half is normalised by itself.
    components : ndarray of shape (K, g)
        Of all molecules.
    seed : int
        That of `judge_ranks`, for the same halves.

    Returns
    -------
    ndarray of shape (K, g)
        W; each half predicts the other, over all splits.
    """
    gram, cross = np.zeros((len(components),) * 2), np.zeros(components.shape)
    for pair in _halves(denoiser, seed, symmetric=True).split(counts):
        Z1, Z2 = (clone(normalizer).fit_transform(half) for half in (pair.seen, pair.judged))
        scores = np.asarray(Z1 @ components.T)
        gram += scores.T @ scores
        cross += np.asarray((Z2.T @ scores).T)
    rounding = np.finfo(components.dtype).eps * max(counts.shape)
    return regression_decoder(gram, cross, rounding=rounding)


def _halves(denoiser, seed, symmetric):
    return MoleculeSplit(n_splits=denoiser.n_splits, symmetric=symmetric, random_state=seed)


def simplest(by_sample, best):
    """The smallest rank within one standard error of the best; both counted from 0.

    The error is that of the difference between two ranks, whose losses go together.
    """
    excess = by_sample - by_sample[:, [best]]
    error = excess.std(axis=0, ddof=1) / np.sqrt(len(excess))
    return int(np.flatnonzero(excess.mean(axis=0) <= error)[0])


def _learns_from_judged(denoiser):
    return denoiser.form == "regression" or denoiser.shrink


def folds_of(denoiser, n_samples, seed):
    """Pairs of what is learned from and what is judged."""
    if not _learns_from_judged(denoiser):
        return [(slice(None), slice(None))]
    cv = denoiser.cv
    if isinstance(cv, Integral):
        cv = KFold(int(cv), shuffle=True, random_state=seed)
    return list(check_cv(cv).split(np.zeros((n_samples, 1))))


def _judge(denoiser, normalizer, pair, train, test, seed):
    """Losses of the samples `test` at every rank, and how much components are shrunk."""
    of_training = clone(normalizer).fit(pair.seen[train])
    Z1, Z2 = of_training.transform(pair.seen[train]), None
    check_rank(denoiser, Z1)
    axes = leading_axes(Z1, denoiser.n_components, np.random.default_rng(seed))
    scores = axes[2]
    if _learns_from_judged(denoiser):
        Z2 = clone(normalizer).fit_transform(pair.judged[train])
    decoder, shrinkage = fit_decoder(axes, Z2, form=denoiser.form, shrink=denoiser.shrink)
    if denoiser.loss == "mse":
        if _learns_from_judged(denoiser):
            scores = clone(normalizer).fit_transform(pair.seen[test]) @ axes[0].T
        Z2 = clone(normalizer).fit_transform(pair.judged[test])
        return squared_losses(scores, decoder, Z2), shrinkage
    if _learns_from_judged(denoiser):
        scores = of_training.transform(pair.seen[test]) @ axes[0].T
    totals = row_totals(pair.seen[test])

    shares = shares_of_genes(pair.seen[train])

    def to_rates(predicted, part):
        rates = of_training.expected_counts(predicted, totals[part])
        return keeping_totals(rates, totals[part], shares)

    return poisson_losses(scores, decoder, pair.judged[test], to_rates), shrinkage
