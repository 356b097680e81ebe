# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""``selfsupervised counts``: the counts of an AnnData file."""

from pathlib import Path

from selfsupervised.cli.words import warnings_in_words
from selfsupervised.core.optional import optional


def run(options):
    """Denoise the counts, and write them beside what was there."""
    output = Path(options.output)
    if output.exists() and not options.overwrite:
        raise ValueError(f"{output} exists; --overwrite replaces it.")
    optional("anndata", caller="`selfsupervised counts`", extra="singlecell")
    h5ad = optional("selfsupervised.singlecell.h5ad", caller="counts", extra="singlecell")
    genes = options.genes.split(",") if options.genes and options.genes != "all" else options.genes
    with warnings_in_words(Path(options.input).name):
        found = h5ad.denoise_h5ad(
            options.input,
            output,
            check=options.interrupts.check,
            layer=options.layer,
            n_comps=options.components or "auto",
            genes=genes,
        )
    print(f"{found['n_obs']} cells x {found['n_vars']} genes: {found['n_comps']} components")
    print(f"wrote {output}: obsm['denoised'] and varm['denoised']; X and raw are as they were")
