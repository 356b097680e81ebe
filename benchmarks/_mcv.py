# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Molecular cross-validation of families of denoisers, and of MAGIC, on single cells.

A tenth of the molecules is held out, and nobody sees it. Within the others, our score, which
hides a tenth of them once more, chooses the parameters of each family and then the family, for each
loss by itself. MAGIC gets its default, and the number of steps that is best on the held-out
molecules themselves, which nobody could know.
"""

import time

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid

from benchmarks._cells import typical
from selfsupervised import (
    CountNormalizer,
    JInvariantWrapper,
    MoleculeSplit,
    NegativeBinomialAutoencoder,
    NeighborDiffusionDenoiser,
    NormalizedSquaredError,
    PCADenoiser,
    self_supervised_loss,
)
from selfsupervised.counts._expectation import expected_counts
from selfsupervised.evaluation.losses import mean_loss

# Squared errors of log(1 + counts scaled to 10,000), and of whole molecules by likelihood.
LOSSES = {"mse": NormalizedSquaredError(1e4, transformation="log1p"), "poisson": "poisson"}
MAGIC_STEPS = (1, 2, 3, 4)  # 3 is the default


class SquaresAsTheyAre(CountNormalizer):
    """Squares of denoised square roots stay below the mean, as the mean of logarithms does."""

    def expected_counts(self, X, totals):
        """Undo the transformation, and no more."""
        return self.inverse_transform(X, totals)


FAMILIES = {
    "PCA of square roots": (
        PCADenoiser(),
        {
            "n_components": [6, 8, 10, 12, 14, 17],
            "normalizer": [CountNormalizer(), SquaresAsTheyAre()],
            "mean_weight": [0, "auto"],
        },
    ),
    "neighbour diffusion": (
        NeighborDiffusionDenoiser(),
        {
            "n_neighbors": [15, 30],
            "n_steps": [1, 2],
            "shrinkage": [0.02, 0.1],
            "transformation": [None, "sqrt"],
        },
    ),
    "autoencoder": (NegativeBinomialAutoencoder(device="cpu"), {"n_latent": [16]}),
}


def losses_of(pair, output):
    """Both losses of an output for what is seen, on what is held out."""
    predicted = pair.select(output)
    return {name: mean_loss([(pair.judged, predicted)], loss) for name, loss in LOSSES.items()}


def scores_within(estimator, seen):
    """Both losses of an estimator by our score: from the molecules that are seen alone."""
    split = MoleculeSplit(0.9, symmetric=False, random_state=1)
    wrapper = JInvariantWrapper(estimator, partition=split).fit(seen)
    return {name: self_supervised_loss(wrapper, seen, loss=loss) for name, loss in LOSSES.items()}


def compete(pair, families):
    """For each loss, what the score chooses of each family, and what became of it.

    Returns {loss: [(score, family, parameters, held-out loss), ...]}, the best score first.
    """
    seen, results, known = pair.seen, {name: [] for name in LOSSES}, {}
    for family, (estimator, grid) in families.items():
        candidates = [clone(estimator).set_params(**params) for params in ParameterGrid(grid)]
        scores = [scores_within(candidate, seen) for candidate in candidates]
        for name in LOSSES:
            number = int(np.argmin([score[name] for score in scores]))
            if (family, number) not in known:
                output = clone(candidates[number]).fit_transform(seen)
                known[family, number] = losses_of(pair, output)
            params = {key: getattr(candidates[number], key) for key in grid}
            results[name].append(
                (scores[number][name], family, params, known[family, number][name])
            )
    return {name: sorted(rows, key=lambda row: row[0]) for name, rows in results.items()}


def magic(pair, steps):
    """Losses of MAGIC on square roots of counts scaled to the same total, by number of steps.

    Squares of its output, as usual, and the counts that ours would expect from such an output.
    """
    from magic import MAGIC

    totals = pair.seen.sum(axis=1)
    roots = np.sqrt(sparse.csr_matrix(pair.seen.multiply(1 / totals[:, None])))
    operator = MAGIC(verbose=0, random_state=0, n_jobs=1)
    squares, expected = {}, {}
    for t in steps:
        operator.set_params(t=t)
        output = np.asarray(operator.fit_transform(roots, genes="all_genes"))
        squares[t] = losses_of(pair, np.square(output) * totals[:, None])
        expected[t] = losses_of(pair, expected_counts(output, 1 / totals, "sqrt"))
    return squares, expected


def best_of(results):
    """The least of each loss."""
    return {loss: min(result[loss] for result in results) for loss in LOSSES}


def baselines(pair):
    """Losses without denoising, and of the shares of the genes in all molecules."""
    shares = pair.seen.sum(axis=0) / pair.seen.sum()
    return {
        "no denoising": losses_of(pair, pair.seen.toarray()),
        "gene means": losses_of(pair, np.outer(pair.seen.sum(axis=1), shares)),
    }


def quick_families():
    """Fewer candidates, and an autoencoder of few steps."""
    pca, neighbours, autoencoder = FAMILIES.values()
    grid = {"n_steps": [1, 2], "transformation": [None, "sqrt"]}
    return {
        "PCA of square roots": (pca[0], pca[1] | {"n_components": [8, 12]}),
        "neighbour diffusion": (neighbours[0], grid),
        "autoencoder": (clone(autoencoder[0]).set_params(max_steps=60), autoencoder[1]),
    }


def molecular_cross_validation(report, quick=False, seeds=2):
    """Compare on both data sets, over several splits; returns the figures."""
    names = ["paul15"] if quick else ["pbmc3k", "paul15"]
    return {name: _data_set(report, name, quick, 1 if quick else seeds) for name in names}


def _data_set(report, name, quick, seeds):
    (table, _), rows, chosen, seconds = typical(name), {}, {loss: [] for loss in LOSSES}, {}
    for seed in range(seeds):
        pair = next(MoleculeSplit(0.9, symmetric=False, random_state=seed).split(table))
        for method, losses in baselines(pair).items():
            _note(rows, method, losses)
        start = time.perf_counter()
        squares, expected = magic(pair, (2, 3) if quick else MAGIC_STEPS)
        seconds["MAGIC"] = time.perf_counter() - start
        _note(rows, "MAGIC, default", squares[3])
        _note(rows, "MAGIC, best t", best_of(squares.values()))
        _note(rows, "MAGIC, best t, our way back to counts", best_of(expected.values()))
        start = time.perf_counter()
        results = compete(pair, quick_families() if quick else FAMILIES)
        seconds["families"] = time.perf_counter() - start
        for loss, ranked in results.items():
            for _, family, _, held_out in ranked:
                rows.setdefault(family, {}).setdefault(loss, []).append(held_out)
            _note(rows, "chosen by the score", {loss: ranked[0][3]})
            chosen[loss].append(f"{ranked[0][1]} {ranked[0][2]}")
    report.table(
        f"{name}: {table.shape[0]} cells, {table.shape[1]} genes, mean loss of {seeds} split(s)",
        ["method", *LOSSES, *(f"{loss}, worst lead over best MAGIC" for loss in LOSSES)],
        [[method, *_summary(losses, rows["MAGIC, best t"])] for method, losses in rows.items()],
    )
    for loss, texts in chosen.items():
        for seed, text in enumerate(texts):
            report.line(f"- {loss}, split {seed}: {text}")
    report.line(f"- seconds of the last split: { {key: round(s) for key, s in seconds.items()} }")
    means = {m: {loss: float(np.mean(v[loss])) for loss in LOSSES} for m, v in rows.items()}
    ahead = {
        loss: bool(np.less(rows["chosen by the score"][loss], rows["MAGIC, best t"][loss]).all())
        for loss in LOSSES
    }
    return {"ahead_of_best_magic": ahead, "losses": means}


def _note(rows, method, losses):
    for loss, value in losses.items():
        rows.setdefault(method, {}).setdefault(loss, []).append(value)


def _summary(losses, peer):
    means = [float(np.mean(losses[loss])) for loss in LOSSES]
    leads = [float(np.min(np.subtract(peer[loss], losses[loss]))) for loss in LOSSES]
    return [*means, *leads]
