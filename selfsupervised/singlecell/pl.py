# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Plots of denoised counts in an AnnData, after the conventions of scanpy."""

from pathlib import Path
from typing import Any

import numpy as np
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from selfsupervised.core.files import replacing
from selfsupervised.core.types import Array
from selfsupervised.singlecell.fields import missing
from selfsupervised.singlecell.gene_values import denoised_values, measured_values

__all__ = ["denoised", "rank_loss"]


def rank_loss(
    adata: Any, *, key: str = "denoised", ax: Any = None, show: bool = False, save: Any = None
) -> Any:
    """Loss on unseen molecules against the number of components, and the number in use.

    Parameters
    ----------
    adata : AnnData
        After `pp.denoise_counts`.
    key : str, default="denoised"
        Its `key_added`.
    ax : matplotlib.axes.Axes, default=None
        Where to draw; a new figure by default.
    show : bool, default=False
        Whether to show the figure at once.
    save : str, Path or bool, default=None
        Write the figure to a file: to a path, or as scanpy does, to its folder of figures under the
        name of this function, with a string such as "_mine.png" added to it.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    KeyError
        If there is no such result.

    See Also
    --------
    selfsupervised.pl.denoised : What the components make of two genes.
    selfsupervised.pp.denoise_counts : Chooses the number.

    Examples
    --------
    >>> import anndata
    >>> import numpy as np
    >>> import selfsupervised as ss
    >>> rates = np.outer(np.arange(1, 61), np.arange(1, 13))
    >>> adata = anndata.AnnData(np.random.default_rng(0).poisson(rates).astype(np.float32))
    >>> ss.pp.denoise_counts(adata, max_comps=4)
    >>> ss.pl.rank_loss(adata).get_xlabel()
    'components'
    """
    facts = _facts(adata, key)
    if "loss_path" not in facts:
        raise KeyError(
            f"Expected losses of numbers of components in adata.uns[{key!r}], got a result of "
            f"method={facts['method']!r}, which has none: its losses are in "
            f"adata.uns[{key!r}]['losses']."
        )
    (axis,) = _axes(1) if ax is None else (ax,)
    ranks = np.arange(1, len(facts["loss_path"]) + 1)
    if len(facts["loss_path_splits"]) > 1:
        axis.plot(ranks, np.transpose(facts["loss_path_splits"]), color="0.8", linewidth=1)
    axis.plot(ranks, facts["loss_path"], marker=".", color="black")
    chosen = int(facts["n_comps"])
    axis.axvline(chosen, color="tab:red", linestyle="--", label=f"{chosen} components")
    axis.set(xlabel="components", ylabel="loss on unseen molecules")
    axis.legend(frameon=False)
    return _shown(axis, axis, "rank_loss", show, save)


def denoised(
    adata: Any,
    x: Array,
    y: Any,
    *,
    color: str | None = None,
    key: str = "denoised",
    layer: str | None = None,
    ax: Any = None,
    show: bool = False,
    save: Any = None,
) -> Any:
    """Two genes against each other: as measured, and beside it denoised.

    Both are in the units of the normalisation: by default square roots of counts that are scaled
    to the median total. What is measured may have been normalised since, by
    `scanpy.pp.normalize_total` and `scanpy.pp.log1p`, and the data be a subset.

    Parameters
    ----------
    adata : AnnData
        After `pp.denoise_counts`; after other methods than components, with these `genes`.
    x, y : str
        Names of genes.
    color : str, default=None
        Name of a third gene, or of a column of `obs`: categories in scanpy's colours, NA in grey.
    key : str, default="denoised"
        The `key_added` of `pp.denoise_counts`.
    layer : str, default=None
        Where the counts are; by default where they were.
    ax : sequence of two matplotlib.axes.Axes, default=None
        Where to draw; a new figure by default.
    show : bool, default=False
        Whether to show the figure at once.
    save : str, Path or bool, default=None
        As of `rank_loss`.

    Returns
    -------
    sequence of two matplotlib.axes.Axes

    Raises
    ------
    KeyError
        If a gene, a column or the result is not there.
    ValueError
        If counts cannot be told from what was made of them.

    See Also
    --------
    selfsupervised.pl.rank_loss : Why so many components were chosen.
    selfsupervised.pp.denoise_counts : Denoises first.

    References
    ----------
    Batson & Royer, "Noise2Self: Blind Denoising by Self-Supervision", ICML 2019, Figure 3.

    Examples
    --------
    >>> import anndata
    >>> import numpy as np
    >>> import selfsupervised as ss
    >>> rates = np.outer(np.arange(1, 61), np.arange(1, 13))
    >>> adata = anndata.AnnData(np.random.default_rng(0).poisson(rates).astype(np.float32))
    >>> ss.pp.denoise_counts(adata, max_comps=4)
    >>> [ax.get_title() for ax in ss.pl.denoised(adata, "0", "3")]
    ['measured', 'denoised']
    """
    facts = _facts(adata, key)
    by_gene = color is not None and color in adata.var_names
    if color is not None and not by_gene and color not in adata.obs:
        raise missing(color, "obs", adata.obs.columns)
    genes = [x, y, color] if by_gene else [x, y]
    measured = measured_values(adata, genes, key, layer or facts["params"].get("layer"))
    axes = _axes(2) if ax is None else ax
    for axis, title, values in (
        (axes[0], "measured", measured),
        (axes[1], "denoised", denoised_values(adata, genes, key)),
    ):
        colors = values[:, 2] if by_gene else None if color is None else adata.obs[color]
        _scatter(axis, values[:, 0], values[:, 1], colors, color, adata.uns.get(f"{color}_colors"))
        axis.set(title=title, xlabel=x, ylabel=y)
    if axes[1].get_legend_handles_labels()[0]:
        axes[1].legend(
            title=color, loc="center left", bbox_to_anchor=(1, 0.5), markerscale=3, frameon=False
        )
    return _shown(axes, axes[0], "denoised", show, save)


def _facts(adata, key):
    facts = adata.uns.get(key, {})
    if not hasattr(facts, "get") or "n_comps" not in facts:
        raise KeyError(
            f"Key {key!r} not found in `adata.uns`: run selfsupervised.pp.denoise_counts first, or "
            f"name its key_added. Available keys: {list(adata.uns)[:20]}."
        )
    return facts


def _axes(number):
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(
        1, number, figsize=(4 * number, 3.5), layout="constrained", squeeze=False
    )
    return axes[0]


def _scatter(axis, x, y, colors, name, palette=None):
    if colors is None:
        axis.scatter(x, y, s=4, c="0.3")
    elif is_numeric_dtype(colors) and not is_bool_dtype(colors):  # categories of numbers are not
        axis.figure.colorbar(axis.scatter(x, y, s=4, c=colors), ax=axis, label=name)
    else:
        groups = colors.astype("category").cat
        if palette is None or len(palette) < len(groups.categories):
            palette = _palette(len(groups.categories))
        unknown = np.asarray(groups.codes < 0)
        if unknown.any():
            axis.scatter(x[unknown], y[unknown], s=4, label="NA", color="lightgray")
        for number, group in enumerate(groups.categories):
            inside = np.asarray(groups.codes == number)
            axis.scatter(x[inside], y[inside], s=4, label=group, color=palette[number])


def _palette(number):
    """As many colours as scanpy takes for so many categories."""
    from scanpy.plotting import palettes

    for few in (palettes.default_20, palettes.default_28, palettes.default_102):
        if number <= len(few):
            return few
    return ["gray"] * number


def _shown(axes, axis, name, show, save):
    if save is not None and save is not False:
        with replacing(_path(name, save)) as beside:
            axis.figure.savefig(beside, bbox_inches="tight")
    if show:
        import matplotlib.pyplot as plt

        plt.show()
    return axes


def _path(name, save):
    """A path as it is; for anything else what scanpy would make of it."""
    if isinstance(save, Path) or (isinstance(save, str) and len(Path(save).parts) > 1):
        return Path(save)
    from scanpy import settings

    ending = save if isinstance(save, str) else ""
    if not Path(f"{name}{ending}").suffix:
        ending += f".{settings.file_format_figs}"
    return Path(settings.figdir) / f"{name}{ending}"


def __dir__():
    return __all__
