# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Every column of a table from the others: in closed form, by a loop, and by DIPY's Patch2Self.

CPU seconds of one process, each the least of several runs in turn; set the thread counts of the
linear algebra to one. Patch2Self learns from the voxels that it predicts; ours from others.
"""

import time
import warnings

import numpy as np
from sklearn.linear_model import LinearRegression

import selfsupervised as ss
from benchmarks.report import Report, options

try:
    from dipy.denoise.patch2self import patch2self
except ImportError:
    patch2self = None

N_VOXELS, N_VOLUMES, RANK = (20, 20, 50), 60, 6


def by_dipy(volumes):
    """Patch2Self, least squares, all volumes in one group."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return patch2self(
            volumes,
            np.full(N_VOLUMES, 1000.0),
            model="ols",
            b0_denoising=False,
            clip_negative_vals=False,
            shift_intensity=False,
            verbose=False,
        )


def main():
    arguments = options(__doc__)
    report = Report("tables", arguments.save)
    rng = np.random.default_rng(0)
    clean = 100 + rng.normal(size=(*N_VOXELS, RANK)) @ rng.normal(size=(RANK, N_VOLUMES))
    noisy = clean + rng.normal(size=clean.shape)
    table = noisy.reshape(-1, N_VOLUMES)
    loop = ss.JInvariantWrapper(LinearRegression(), partition=ss.FeatureBlocks(N_VOLUMES))
    methods = {
        "a regression for each column and fold": lambda: loop.fit_transform(table),
        "LinearRegressionDenoiser(alpha=0)": lambda: ss.LinearRegressionDenoiser(0).fit_transform(
            table
        ),
        "LinearRegressionDenoiser(), 21 alphas": lambda: (
            ss.LinearRegressionDenoiser().fit_transform(table)
        ),
    }
    if patch2self is not None:
        methods["DIPY's patch2self"] = lambda: by_dipy(noisy)
    seconds: dict = {name: [] for name in methods}
    errors = {}
    for _ in range(2 if arguments.quick else 5):
        for name, method in methods.items():
            start = time.process_time()
            out = method()
            seconds[name].append(time.process_time() - start)
            errors[name] = np.mean((np.reshape(out, table.shape) - clean.reshape(table.shape)) ** 2)
    best = {name: min(values) for name, values in seconds.items()}
    slow = best["a regression for each column and fold"]
    report.table(
        f"{table.shape[0]} voxels of {N_VOLUMES} volumes, noise of 1",
        ["method", "CPU seconds", "times faster than the loop", "mean squared error"],
        [[name, value, slow / value, errors[name]] for name, value in best.items()],
    )
    report.end(
        speedup=slow / best["LinearRegressionDenoiser(alpha=0)"],
        speedup_auto=slow / best["LinearRegressionDenoiser(), 21 alphas"],
        dipy_seconds=best.get("DIPY's patch2self"),
    )


if __name__ == "__main__":
    main()
