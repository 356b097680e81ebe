# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Molecules shared out anew in each step, for networks that learn from counts."""

import numpy as np
import torch
from scipy import sparse
from torch import nn
from torch.utils.data import Dataset

VALIDATION_CELLS = 1024
VALIDATION_BATCH = 256


class NegativeBinomialLoss(nn.Module):
    """Mean negative log-likelihood of negative binomial counts, without the term of x alone.

    With mean m and size s (variance m + m**2 / s) it is
    (x + s) log(1 + m / s) - x log(m / s) - log G(x + s) + log G(s), G the gamma function.
    """

    def forward(self, output, counts):
        """Loss of the `output` of a `CountAutoencoder` for counts of shape (..., n_genes)."""
        log_mean, log_size = output
        log_ratio = log_mean - log_size
        size = log_size.exp()
        loss = (counts + size) * nn.functional.softplus(log_ratio) - counts * log_ratio
        # Where nothing was counted, the gamma functions cancel: most entries.
        found = counts.nonzero(as_tuple=True)
        size = size[found[-1]]
        gammas = torch.lgamma(counts[found] + size) - torch.lgamma(size)
        return (loss.sum() - gammas.sum()) / counts.numel()


class SharedMolecules(Dataset):
    """Batches of cells whose molecules are shared out at random: some seen, the others judged.

    torch asks for a batch by `__getitems__`, so that it comes ready-made, dense.

    Parameters
    ----------
    table : csr_array of int64 of shape (n_cells, n_genes)
        Counts.
    fraction : float
        Expected share of the molecules that is seen.
    n_batches, batch_size : int
        What counts as an epoch for skorch.
    max_steps : int
        Batches in all.
    seed : int
        Of the choice of cells and of the shares.
    """

    def __init__(self, table, *, fraction, n_batches, batch_size, max_steps, seed):
        self.table, self.fraction = table, fraction
        self.n_batches, self.batch_size, self.max_steps = n_batches, batch_size, max_steps
        self.rng = np.random.default_rng(seed)
        self.step = 0
        self._queue = np.empty(0, dtype=int)

    @property
    def size(self):
        """What a batch consists of, for who runs out of memory."""
        return f"{self.table.shape[1]} genes: lower batch_size"

    def __len__(self):
        # The last epoch ends with the last step.
        return min(self.n_batches, max(self.max_steps - self.step, 1)) * self.batch_size

    def __getitems__(self, numbers):
        """A batch of as many cells as there are `numbers`, whatever they are."""
        self.step += 1
        while len(self._queue) < len(numbers):  # every cell comes once before one comes again
            self._queue = np.append(self._queue, self.rng.permutation(self.table.shape[0]))
        cells, self._queue = np.split(self._queue, [len(numbers)])
        counts = self.table[cells]
        seen = counts.copy()
        seen.data = self.rng.binomial(counts.data, self.fraction)
        return item_of(seen, counts - seen)


class HeldOutMolecules(Dataset):
    """Molecules that were held out of learning, beside those that the network learns from."""

    def __init__(self, seen, held_out, *, seed):
        # Tables are often sorted by sample or kind, so not simply the first cells.
        cells = np.random.default_rng(seed).permutation(seen.shape[0])[:VALIDATION_CELLS]
        parts = np.array_split(cells, -(-cells.size // VALIDATION_BATCH))
        self.items = [(seen[part], held_out[part]) for part in parts]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, number):
        return item_of(*self.items[number])


def item_of(seen, judged):
    """What the network and its criterion take, from two CSR tables of the same cells."""
    judged = judged.toarray().astype(np.float32)
    total = judged.sum(axis=1, keepdims=True)
    return {"seen": seen.toarray().astype(np.float32), "total": total}, judged


def expected_counts(module, table, columns, device):
    """Expected counts of the cells in `table`, of the genes in `columns`.

    Computed in float64 where the device can, so that a cell's output does not depend, in the
    digits that matter, on the cells beside it.

    Parameters
    ----------
    module : CountAutoencoder
        Trained.
    table : csr_array of shape (n_cells, n_genes)
        Counts.
    columns : ndarray of int
        Genes.
    device : torch.device or str
        Where.

    Returns
    -------
    ndarray of shape (n_cells, n_columns)
    """
    dtype = torch.float32 if str(device).startswith("mps") else torch.float64
    seen = torch.from_numpy(sparse.csr_array(table).toarray()).to(device, dtype)
    with torch.inference_mode():
        log_mean, _ = module(seen, seen.sum(-1, keepdim=True))
        return log_mean[:, columns].exp().cpu().numpy()
