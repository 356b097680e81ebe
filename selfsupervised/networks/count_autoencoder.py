# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""A small autoencoder of counts, after DCA and scVI."""

import torch
from torch import nn


class CountAutoencoder(nn.Module):
    """Expected counts and dispersions of cells, through a few numbers each.

    The square roots of the counts, scaled to the same total, go through a hidden layer to
    `n_latent` numbers and back to shares of all genes (softmax). Each gene has one dispersion,
    whichever the cell.

    Parameters
    ----------
    shares : array-like of shape (n_genes,)
        Shares of the genes in all molecules, above 0: what it starts from.
    target_sum : float
        Total that counts are scaled to before the square root.
    width : int
        Features of the hidden layers.
    n_latent : int
        Numbers in the middle.

    References
    ----------
    Eraslan et al., "Single-cell RNA-seq denoising using a deep count autoencoder", Nature
    Communications 10 (2019); Lopez et al., "Deep generative modeling for single-cell
    transcriptomics", Nature Methods 15 (2018).
    """

    in_bfloat16 = False  # likelihoods of rare genes need all digits

    def __init__(self, shares, *, target_sum, width=128, n_latent=16):
        super().__init__()
        self.target_sum = target_sum
        n_genes = len(shares)
        last = nn.Linear(width, n_genes)
        with torch.no_grad():
            last.weight.mul_(0.1)
            last.bias.copy_(torch.as_tensor(shares).log())
        self.encoder = nn.Sequential(
            nn.Linear(n_genes, width), nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, n_latent)
        )
        self.decoder = nn.Sequential(
            nn.Linear(n_latent, width), nn.LayerNorm(width), nn.ReLU(), last
        )
        self.log_size = nn.Parameter(torch.full((n_genes,), 2.0))

    def forward(self, seen, total):
        """Logarithms of expected counts, and of the genes' sizes (1 / overdispersion).

        Parameters
        ----------
        seen : torch.Tensor of shape (..., n_genes)
            Counts.
        total : torch.Tensor of shape (..., 1)
            Molecules among which genes are expected.

        Returns
        -------
        log_mean : torch.Tensor of shape (..., n_genes)
        log_size : torch.Tensor of shape (n_genes,)
        """
        scaled = seen * (self.target_sum / seen.sum(-1, keepdim=True).clamp(min=1))
        logits = self.decoder(self.encoder(scaled.sqrt()))
        # A cell without molecules expects next to none, rather than log(0).
        return torch.log_softmax(logits, -1) + total.clamp(min=1e-6).log(), self.log_size
