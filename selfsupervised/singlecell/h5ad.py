# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""AnnData files: read, denoised, written whole or not at all."""

from contextlib import nullcontext
from pathlib import Path

import anndata

from selfsupervised.core.files import replacing
from selfsupervised.singlecell.pp import denoise_counts


def denoise_h5ad(path, output, *, check=None, **options):
    """Denoise the counts of a file, and write all of it to another.

    Parameters
    ----------
    path, output : str or Path
        Files of AnnData, ".h5ad".
    check : callable, default=None
        Called before anything is written; raises to write nothing.
    **options
        Of `denoise_counts`.

    Returns
    -------
    dict
        "n_obs", "n_vars" and "n_comps".

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no AnnData file, or holds no counts.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"Expected an AnnData file at {path}, found no such file.")
    try:
        adata = anndata.read_h5ad(path)
    except (OSError, KeyError) as error:
        raise ValueError(f"Expected an AnnData file at {path}, got another: {error}") from error
    denoise_counts(adata, **options)
    if check is not None:
        check()
    with replacing(output, like=path) as beside, _strings_of_pandas():
        adata.write_h5ad(beside)
    n_comps = int(adata.uns["denoised"]["n_comps"])
    return {"n_obs": adata.n_obs, "n_vars": adata.n_vars, "n_comps": n_comps}


def _strings_of_pandas():
    """Names, as pandas 3 reads them from any file, can be written; older versions need no leave."""
    if not hasattr(anndata.settings, "allow_write_nullable_strings"):
        return nullcontext()
    return anndata.settings.override(allow_write_nullable_strings=True)
