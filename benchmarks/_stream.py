# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""A table of counts larger than memory, denoised by two workers, one of which is killed.

Memory is the sum of the resident memory of all processes (this one with the scheduler, and the
workers), looked at five times a second. Writing the table is not counted.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import h5py
import numpy as np
import psutil
from anndata import AnnData
from anndata.io import sparse_dataset, write_elem
from dask import array as da
from dask.distributed import Client, LocalCluster, SchedulerPlugin
from scipy import sparse

import selfsupervised as ss
from selfsupervised.counts._row_blocks import FAN_IN

N_GENES, RANK = 2000, 20
SIZES = {False: (1_000_000, 10_000), True: (16_000, 1_000)}  # --quick or not: cells, of a block
GIB = 2**30


def write_table(path, n_cells, step):
    """Poisson counts of `RANK` programs, about 18 % of them not zero, block after block."""
    rng = np.random.default_rng(0)
    programs = rng.gamma(0.3, 1, (RANK, N_GENES)).astype(np.float32)
    programs /= programs.sum(axis=1, keepdims=True)
    with h5py.File(path, "w") as file:
        for start in range(0, n_cells, step):
            cells = min(step, n_cells - start)
            use = rng.dirichlet(np.full(RANK, 0.3), cells)
            depth = rng.lognormal(np.log(370), 0.4, (cells, 1))
            rates = (use * depth).astype(np.float32) @ programs
            block = sparse.csr_matrix(rng.poisson(rates).astype(np.float32))
            if start == 0:
                # Positions beyond 2**31 entries.
                block.indptr = block.indptr.astype(np.int64)
                write_elem(file, "X", block)
            else:
                sparse_dataset(file["X"]).append(block)


class Memory(threading.Thread):
    """The most that this process and its children took together, in bytes."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak, self.over = 0, threading.Event()

    def run(self):
        me = psutil.Process()
        while not self.over.wait(0.2):
            total = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.peak = max(self.peak, total)

    def stop(self):
        self.over.set()
        self.join()
        return self.peak / GIB


def read_block(path, block_info=None):
    """Rows of the table in a file. Any worker can read them."""
    (start, stop), _ = block_info[None]["array-location"]
    with h5py.File(path) as file:
        table = file["X"]
        indptr = table["indptr"][start : stop + 1]
        inside = slice(indptr[0], indptr[-1])
        entries = table["data"][inside], table["indices"][inside], indptr - indptr[0]
        return sparse.csr_matrix(entries, shape=(stop - start, N_GENES))


def denoised(path, n_cells, step):
    """The table, lazily read, with the result of `denoise_counts`; and the seconds it took."""
    chunks = da.core.normalize_chunks((step, N_GENES), (n_cells, N_GENES))
    meta = sparse.csr_matrix((0, 0), dtype=np.float32)
    adata = AnnData(da.map_blocks(read_block, str(path), chunks=chunks, meta=meta))
    start = time.perf_counter()
    ss.pp.denoise_counts(adata)
    return adata, time.perf_counter() - start


class Killer(SchedulerPlugin):
    """Kills the worker that is the one to finish the middle one of the sums over blocks."""

    def __init__(self, client, n_sums):
        self.pids, self.left, self.killed = client.run(os.getpid), (n_sums + 1) // 2, None

    def transition(self, key, start, finish, *args, worker=None, **kwargs):
        if finish == "memory" and str(key).startswith("_sum_of") and self.killed is None:
            self.left -= 1
            if self.left == 0:
                self.killed = self.pids[worker]
                os.kill(self.killed, signal.SIGKILL)


def stream(report, quick):
    """Run, run again with a worker killed in the middle, and compare."""
    n_cells, step = SIZES[quick]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "counts.h5"
        # In a process of its own, so that what it takes is not counted.
        command = [sys.executable, "-m", "benchmarks._stream", path, n_cells, step]
        subprocess.run(list(map(str, command)), check=True)
        size = path.stat().st_size / GIB
        memory = Memory()
        memory.start()
        with (
            LocalCluster(
                n_workers=2,
                threads_per_worker=1,
                memory_limit=int(1.6 * GIB),
                dashboard_address=None,
                local_directory=folder,
            ) as cluster,
            Client(cluster) as client,
        ):
            whole, seconds = denoised(path, n_cells, step)
            killer = Killer(client, -(-n_cells // step) // FAN_IN)
            cluster.scheduler.add_plugin(killer)
            again, seconds_again = denoised(path, n_cells, step)
        peak = memory.stop()
    first, second = whole.uns["denoised"], again.uns["denoised"]
    same = (
        killer.killed is not None
        and np.array_equal(first["loss_path"], second["loss_path"])
        and np.array_equal(whole.varm["denoised"], again.varm["denoised"])
        and np.array_equal(whole.obsm["denoised"], again.obsm["denoised"])
    )
    report.table(
        f"{n_cells:,} cells x {N_GENES:,} genes out of a file, two workers of dask",
        ["", "seconds", "rank (true 20)", "least loss"],
        [
            ["undisturbed", seconds, first["n_comps"], float(first["loss_path"].min())],
            ["one killed", seconds_again, second["n_comps"], float(second["loss_path"].min())],
        ],
    )
    report.line(
        f"\nFile {size:.2f} GiB; peak memory of all processes {peak:.2f} GiB; "
        f"result with a worker killed in the middle: {'the same' if same else 'OTHER'}."
    )
    return {
        "cells": n_cells,
        "seconds": round(seconds, 1),
        "seconds_killed": round(seconds_again, 1),
        "peak_gib": round(peak, 2),
        "file_gib": round(size, 2),
        "rank": int(first["n_comps"]),
        "same_after_kill": same,
    }


if __name__ == "__main__":
    write_table(sys.argv[1], *map(int, sys.argv[2:]))
