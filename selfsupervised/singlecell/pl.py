# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Plots of denoised counts in an AnnData, after the conventions of scanpy."""

from typing import Any

import numpy as np
from scipy import sparse

from selfsupervised.core.sklearn_compat import plain_inside
from selfsupervised.core.types import Array
from selfsupervised.counts._row_blocks import is_streamed, map_over_blocks
from selfsupervised.counts.normalizer import CountNormalizer
from selfsupervised.singlecell.fields import columns_of, missing, places_of, table_of

__all__ = ["denoised", "rank_loss"]


def rank_loss(adata: Any, *, key: str = "denoised", ax: Any = None, show: bool = False) -> Any:
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

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    KeyError
        If there is no such result.
    """
    facts = _facts(adata, key)
    (axis,) = _axes(1) if ax is None else (ax,)
    ranks = np.arange(1, len(facts["loss_path"]) + 1)
    if len(facts["loss_path_splits"]) > 1:
        axis.plot(ranks, np.transpose(facts["loss_path_splits"]), color="0.8", linewidth=1)
    axis.plot(ranks, facts["loss_path"], marker=".", color="black")
    chosen = int(facts["n_comps"])
    axis.axvline(chosen, color="tab:red", linestyle="--", label=f"{chosen} components")
    axis.set(xlabel="components", ylabel="loss on unseen molecules")
    axis.legend(frameon=False)
    return _shown(axis, show)


def denoised(
    adata: Any,
    x: Array,
    y: Any,
    *,
    color: str | None = None,
    key: str = "denoised",
    layer: str | None = None,
    axes: Any = None,
    show: bool = False,
) -> Any:
    """Two genes against each other: as measured, and beside it denoised.

    Both are in the units of the normalisation: by default square roots of counts that are scaled
    to the median total.

    Parameters
    ----------
    adata : AnnData
        After `pp.denoise_counts`, with the counts that it was given.
    x, y : str
        Names of genes.
    color : str, default=None
        Name of a third gene, or of a column of `obs`.
    key : str, default="denoised"
        The `key_added` of `pp.denoise_counts`.
    layer : str, default=None
        Where the counts are; by default where they were.
    axes : sequence of two matplotlib.axes.Axes, default=None
        Where to draw; a new figure by default.
    show : bool, default=False
        Whether to show the figure at once.

    Returns
    -------
    sequence of two matplotlib.axes.Axes

    Raises
    ------
    KeyError
        If a gene, a column or the result is not there.

    References
    ----------
    Batson & Royer, "Noise2Self: Blind Denoising by Self-Supervision", ICML 2019, Figure 3.
    """
    facts = _facts(adata, key)
    by_gene = color is not None and color in adata.var_names
    if color is not None and not by_gene and color not in adata.obs:
        raise missing(color, "obs", adata.obs.columns)
    loadings = adata.varm[key]
    mask = loadings.any(axis=1)
    places = places_of(adata, [x, y, color] if by_gene else [x, y], mask)
    table = columns_of(table_of(adata, layer or facts["params"].get("layer")), mask)
    measured = _normalized(table, facts, (np.cumsum(mask) - 1)[places])
    axes = _axes(2) if axes is None else axes
    for axis, title, values in (
        (axes[0], "measured", measured),
        (axes[1], "denoised", adata.obsm[key] @ loadings[places].T),
    ):
        colors = values[:, 2] if by_gene else None if color is None else adata.obs[color]
        palette = adata.uns.get(f"{color}_colors")  # scanpy's
        _scatter(axis, values[:, 0], values[:, 1], colors, color, palette)
        axis.set(title=title, xlabel=x, ylabel=y)
    if axes[1].get_legend_handles_labels()[0]:
        axes[1].legend(
            title=color, loc="center left", bbox_to_anchor=(1, 0.5), markerscale=3, frameon=False
        )
    return _shown(axes, show)


def _facts(adata, key):
    if key not in adata.uns or "loss_path" not in adata.uns[key]:
        raise KeyError(
            f"Key {key!r} not found in `adata.uns`: run selfsupervised.pp.denoise_counts first, or "
            f"name its key_added. Available keys: {list(adata.uns)[:20]}."
        )
    return adata.uns[key]


@plain_inside
def _normalized(table, facts, columns):
    """Some columns of the table, normalised as they were before denoising."""
    target, transformation = facts["target_sum"], facts["params"].get("transformation")
    normalizer = CountNormalizer(target, transformation)

    def values(block):
        out = normalizer.fit_transform(block)[:, columns]
        return out.toarray() if sparse.issparse(out) else out

    if not is_streamed(table):
        return values(table)
    return np.asarray(map_over_blocks(values, table, len(columns), np.float64))


def _axes(number):
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(
        1, number, figsize=(4 * number, 3.5), layout="constrained", squeeze=False
    )
    return axes[0]


def _scatter(axis, x, y, colors, name, palette=None):
    if colors is None:
        axis.scatter(x, y, s=4, c="0.3")
    elif np.issubdtype(np.asarray(colors).dtype, np.number):
        axis.figure.colorbar(axis.scatter(x, y, s=4, c=colors), ax=axis, label=name)
    else:
        groups = colors.astype("category").cat
        unknown = np.asarray(groups.codes < 0)
        if unknown.any():
            axis.scatter(x[unknown], y[unknown], s=4, label="NA", color="lightgray")
        for number, group in enumerate(groups.categories):
            inside = np.asarray(groups.codes == number)
            color = f"C{number % 10}" if palette is None else palette[number]
            axis.scatter(x[inside], y[inside], s=4, label=group, color=color)


def _shown(axes, show):
    if show:
        import matplotlib.pyplot as plt

        plt.show()
    return axes


def __dir__():
    return __all__
