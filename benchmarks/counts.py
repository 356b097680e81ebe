# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Counts of single cells: the rank that molecules choose, whether it is right, and at what cost.

Data are read from the folder that the environment variable SELFSUPERVISED_DATA names, from
``counts/NAME.h5ad``. Ranks do not change with the machine; seconds do, so CPU seconds stand
beside those of the clock.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy import sparse

from benchmarks._cells import read, typical
from benchmarks.report import RESULTS, Report, options
from selfsupervised import (
    CountNormalizer,
    JInvariantWrapper,
    MoleculeSplit,
    PCADenoiser,
    PCADenoiserCV,
)
from selfsupervised.counts._ranks import leading_axes, squared_losses

MARKERS = ("Mpo", "Klf1", "Ifitm1")
FORMS = ("reconstruction", "regression")
PAPER = 17  # Noise2Self, Section 3.2, regression
N_CELLS, N_GENES, LARGEST = 100_000, 2000, 50


# -- rank --------------------------------------------------------------------------------------


def rank(report, quick):
    """The rank that is chosen, by data set and form, over seeds."""
    seeds = range(1 if quick else 5)
    rows, figures, fits = [], {}, {}
    for name in ("paul15", "pbmc3k"):
        table, genes = typical(name)
        for form in FORMS:
            fits[name, form] = [
                PCADenoiserCV(30, form=form, random_state=seed).fit(table) for seed in seeds
            ]
            ranks = [fit.n_components_ for fit in fits[name, form]]
            simple = [
                PCADenoiserCV(30, form=form, one_standard_error=True, random_state=seed)
                .fit(table)
                .n_components_
                for seed in seeds
            ]
            stable = max(ranks) - min(ranks) <= 2
            loss = float(np.mean([fit.loss_path_.min() for fit in fits[name, form]]))
            rows.append([name, table.shape, form, ranks, simple, loss, "yes" if stable else "no"])
            figures[f"{name} {form}"] = ranks
        if name == "paul15":
            markers = table, genes
    report.table(
        f"Rank chosen, seeds {seeds.start} to {seeds.stop - 1} (the paper has {PAPER} by "
        f"regression, on data that were not filtered to these genes)",
        ["data", "cells, genes", "form", "ranks", "within one error", "loss", "within ±1"],
        rows,
    )
    if report.save:
        draw(fits, *markers, RESULTS / "counts-rank.png")
    return figures


def draw(fits, table, genes, path):
    """Loss curves, and marker genes before and after, as in Fig. 3 of the paper."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7), layout="constrained")
    axes = figure.subplots(2, 2)
    for axis, name in zip(axes[0], ("paul15", "pbmc3k"), strict=True):
        for number, form in enumerate(FORMS):
            for fit in fits[name, form]:
                label = f"{form}: {fit.n_components_}" if fit is fits[name, form][0] else None
                path_ = fit.loss_path_
                axis.plot(np.arange(3, 31), path_[2:], color=f"C{number}", alpha=0.6, label=label)
                axis.plot(fit.n_components_, path_.min(), "o", color=f"C{number}", ms=4)
        axis.set(title=f"{name}, {len(fits[name, form])} seeds", xlabel="rank")
        axis.set_ylabel("loss on held-out molecules")
        axis.legend()
    fit = fits["paul15", "reconstruction"][0]
    places = [int(np.flatnonzero(genes == gene)[0]) for gene in MARKERS]
    raw = fit.normalizer_.transform(table)[:, places].toarray()
    for axis, values, title in zip(
        axes[1],
        (raw, fit.transform(table, genes=places)),
        ("as measured", f"denoised, {fit.n_components_} components"),
        strict=True,
    ):
        points = axis.scatter(values[:, 0], values[:, 1], c=values[:, 2], s=4, cmap="viridis")
        axis.set(xlabel=MARKERS[0], ylabel=MARKERS[1], title=f"paul15, {title}")
        figure.colorbar(points, ax=axis, label=f"{MARKERS[2]}, square root of scaled counts")
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=80)


# -- rnamix ------------------------------------------------------------------------------------


def rnamix(report, quick):
    """Against the mean of the other cells of the same mixture and amount of RNA.

    That mean is of other molecules, too: components of a table follow its noise, and so would
    a mean of the same molecules.
    """
    table, _, cells = read("rnamix_celseq2")
    conditions = np.stack([cells["mix"], cells["mRNA_amount"]])
    group = np.unique(conditions, axis=1, return_inverse=True)[1].ravel()
    others = (group[:, None] == group).astype(float)
    np.fill_diagonal(others, 0)
    others /= others.sum(axis=1, keepdims=True)
    rows = []
    for depth in (0.05, 0.2, 1.0):
        counts, more = table, None
        if depth < 1:  # as many molecules again, for the truth
            split = next(MoleculeSplit(depth, random_state=7).split(table))
            share = depth / (1 - depth)
            more = next(MoleculeSplit(share, random_state=8).split(split.judged)).seen
            counts = split.seen
        kept = (counts > 0).sum(axis=0) >= 10
        counts = sparse.csr_array(counts[:, kept])
        more = None if more is None else sparse.csr_array(more[:, kept])
        for seed in range(1 if quick else 3):
            rows.append([f"{depth:.0%}", seed, *against_truth(counts, more, others, seed)])
    columns = [
        "depth",
        "seed",
        "chosen",
        "best of half",
        "error / best",
        "best of whole",
        "error / best of whole",
        "best, same molecules",
        "regression",
        "raw",
        "denoised",
        "shrunk",
    ]
    report.table(
        "RNA mixtures: rank chosen, best with ground truth, and squared errors / 1000",
        columns,
        rows,
    )
    report.line(
        "\nhalf: of the half of the molecules whose components are judged; whole: of all of them, "
        "at 100 % with a truth from the same molecules, as there are no others."
    )
    return [dict(zip(columns, row, strict=True)) for row in rows]


def against_truth(counts, more, others, seed):
    """Ranks and errors of one depth and seed."""
    chosen = PCADenoiserCV(12, random_state=seed).fit(counts)
    regression = PCADenoiserCV(12, form="regression", random_state=seed).fit(counts)
    shrunk = PCADenoiserCV(12, shrink=True, random_state=seed).fit(counts)
    halves = MoleculeSplit(normalizer=CountNormalizer(), symmetric=False, random_state=seed)
    half, other_half, _ = next(halves.split(counts))
    whole = chosen.normalizer_.transform(counts)
    same = others @ whole.toarray()
    truth = same if more is None else others @ CountNormalizer().fit_transform(more).toarray()
    found = [chosen.n_components_]
    for Z, mean in ((half, others @ other_half.toarray()), (whole, truth)):
        errors = errors_of_ranks(Z, mean)
        found += [int(np.argmin(errors)) + 1, float(errors[found[0] - 1] / errors.min())]
    found += [int(np.argmin(errors_of_ranks(whole, same))) + 1, regression.n_components_]
    outputs = whole.toarray(), chosen.transform(counts), shrunk.transform(counts)
    return [*found, *(1000 * float(np.mean((output - truth) ** 2)) for output in outputs)]


def errors_of_ranks(Z, truth):
    """Squared error of reconstructions of rank 1, 2, ... 12."""
    components, _, scores = leading_axes(Z, 12, np.random.default_rng(0))
    return squared_losses(scores, components, truth).mean(axis=0)


# -- scale -------------------------------------------------------------------------------------


def scale(report, quick):
    """Seconds and memory of 50 ranks, and of one rank of a plain search, each by itself."""
    n_cells = 10_000 if quick else N_CELLS
    with tempfile.TemporaryDirectory() as folder:
        _subprocess("make", folder, n_cells)
        ours = _subprocess("fit", folder, n_cells)
        plain = _subprocess("search", folder, n_cells)
    speedup = plain["seconds"] * LARGEST / ours["seconds"]
    cpu = plain["cpu"] * LARGEST / ours["cpu"]
    report.table(
        f"{n_cells} x {N_GENES}, {ours['nonzeros'] / 1e6:.1f} million nonzeros, "
        f"{ours['megabytes_csr']:.0f} MB of CSR",
        ["what", "ranks", "seconds", "CPU seconds", "peak MB", "peak / CSR"],
        [
            [
                what,
                ranks,
                run["seconds"],
                run["cpu"],
                run["megabytes"],
                run["megabytes"] / run["megabytes_csr"],
            ]
            for what, ranks, run in (
                ("PCADenoiserCV, counts to factors of the chosen rank", LARGEST, ours),
                ("JInvariantWrapper(PCADenoiser), one candidate of a search", 1, plain),
            )
        ],
    )
    report.line(
        f"\nRank {ours['result']}. A search over {LARGEST} ranks, scaled from one, would take "
        f"{speedup:.0f} times as long ({cpu:.0f} times the CPU seconds)."
    )
    return {"fit": ours, "one candidate": plain, "speedup": speedup, "speedup of CPU": cpu}


def _subprocess(task, folder, n_cells):
    """Run a task in a process of its own, so that its peak of memory is its own."""
    code = f"from benchmarks.counts import TASKS; TASKS[{task!r}]({folder!r}, {n_cells})"
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def make(folder, n_cells):
    """Counts of 12 programs of genes, 18 % of them not zero, in uneven cells."""
    rng = np.random.default_rng(0)
    programs = rng.gamma(0.3, 1, (12, N_GENES)).astype(np.float32)
    parts = []
    for start in range(0, n_cells, 2000):
        rows = min(2000, n_cells - start)
        usage = rng.gamma(0.3, 0.205, (rows, 12)) * rng.lognormal(0, 0.3, (rows, 1))
        parts.append(sparse.csr_array(rng.poisson(usage @ programs).astype(np.float32)))
    table = sparse.vstack(parts, format="csr")
    for part in ("data", "indices", "indptr"):
        dtype = np.float32 if part == "data" else np.int32
        np.save(Path(folder) / f"{part}.npy", getattr(table, part).astype(dtype))
    print(json.dumps({}))


def load(folder, n_cells):
    parts = [np.load(Path(folder) / f"{part}.npy") for part in ("data", "indices", "indptr")]
    return sparse.csr_array(tuple(parts), shape=(n_cells, N_GENES))


def measured(table, work):
    """Run, and print what it took."""
    size = table.data.nbytes + table.indices.nbytes + table.indptr.nbytes
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    figures = {
        "seconds": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "megabytes_csr": size / 2**20,
        "nonzeros": int(table.nnz),
        "result": result,
    }
    print(json.dumps(figures))


def fit(folder, n_cells):
    table = load(folder, n_cells)
    measured(table, lambda: PCADenoiserCV(LARGEST).fit(table).n_components_)


def search(folder, n_cells):
    """What GridSearchCV does for one candidate: fit, and score."""
    table = load(folder, n_cells)
    halves = MoleculeSplit(normalizer=CountNormalizer(), symmetric=False)
    wrapper = JInvariantWrapper(PCADenoiser(12), partition=halves)
    measured(table, lambda: wrapper.fit(table).score(table))


TASKS = {"make": make, "fit": fit, "search": search}


# -- what needs more than the library itself ---------------------------------------------------


def mcv(report, quick):
    """Families of denoisers, and MAGIC, on molecules that nobody saw."""
    from benchmarks._mcv import molecular_cross_validation

    return molecular_cross_validation(report, quick)


def stream(report, quick):
    """A table larger than memory, and a worker that is killed."""
    from benchmarks._stream import stream

    return stream(report, quick)


SECTIONS = {"rank": rank, "rnamix": rnamix, "mcv": mcv, "scale": scale, "stream": stream}


def main():
    arguments = options(__doc__, only=("", f"run one section: {', '.join(SECTIONS)}"))
    if arguments.only and arguments.only not in SECTIONS:
        raise SystemExit(f"--only takes one of {', '.join(SECTIONS)}; got {arguments.only}.")
    report = Report("counts", arguments.save, arguments.only)
    sections = [arguments.only] if arguments.only else SECTIONS
    report.end(**{name: SECTIONS[name](report, arguments.quick) for name in sections})


if __name__ == "__main__":
    main()
