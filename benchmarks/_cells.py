# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Counts of single cells from the folder that SELFSUPERVISED_DATA names."""

import os
from pathlib import Path

import numpy as np
from scipy import sparse


def read(name):
    """Counts (CSR, float32), names of genes, and columns about cells."""
    import h5py

    root = os.environ.get("SELFSUPERVISED_DATA")
    if not root:
        raise SystemExit(
            "Set the environment variable SELFSUPERVISED_DATA to the folder that holds counts/, "
            "with paul15.h5ad, pbmc3k.h5ad and rnamix_celseq2.h5ad in it."
        )
    with h5py.File(Path(root) / "counts" / f"{name}.h5ad") as file:
        parts = [file["X"][part][:] for part in ("data", "indices", "indptr")]
        table = sparse.csr_array(tuple(parts), shape=file["X"].attrs["shape"])
        genes = file["var"][file["var"].attrs["_index"]].asstr()[:]
        cells = {key: file["obs"][key] for key in file["obs"]}
        cells = {
            key: (column["codes"] if hasattr(column, "keys") else column)[:]
            for key, column in cells.items()
        }
    return table.astype(np.float32), genes, cells


def typical(name):
    """Cells of at least 1000 molecules, genes that are found in at least 10 of them."""
    table, genes, _ = read(name)
    table = table[table.sum(axis=1) >= 1000]
    kept = (table > 0).sum(axis=0) >= 10
    return sparse.csr_array(table[:, kept]), genes[kept]
