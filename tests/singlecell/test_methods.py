# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Other methods than components, what they are compared with, and what is said of it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.model_selection import KFold

import selfsupervised as ss
from cases import HAS_NETWORKS, HAS_SINGLECELL, train_autoencoders_little

if not HAS_SINGLECELL:
    pytest.skip("needs anndata", allow_module_level=True)

import anndata
import pandas as pd

QUICK = {"max_comps": 6}


def made(n_cells=200, n_genes=40, depth=150, seed=0):
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(n_genes, 0.3), 4)[np.arange(n_cells) % 4]
    counts = rng.poisson(depth * shares * rng.gamma(4, 0.25, (n_cells, 1)))
    adata = anndata.AnnData(sparse.csr_matrix(counts.astype(np.float32)))
    adata.obs["kind"] = pd.Categorical(np.arange(n_cells) % 4)
    return adata


METHODS = ["pca", "diffusion", "auto"]
if HAS_NETWORKS:
    METHODS.append("autoencoder")


@pytest.mark.parametrize("method", METHODS)
def test_expected_counts_at_a_fixed_depth(method, monkeypatch):
    adata = made()
    if HAS_NETWORKS:
        train_autoencoders_little(monkeypatch, 30)
    more = {"n_latent": 3} if method == "autoencoder" else {}
    ss.pp.denoise_counts(adata, method=method, genes="all", units="counts", **QUICK, **more)
    facts, values = adata.uns["denoised"], adata.layers["denoised"]
    assert_allclose(values.sum(axis=1), facts["target_sum"], rtol=1e-4)
    assert adata.obsm["denoised"].shape == (200, facts["n_comps"])
    assert ("denoised" in adata.varm) == (facts["method"] == "pca")
    assert_array_equal(adata.obs["denoised_total"], np.asarray(adata.X.sum(axis=1)).ravel())
    names = ["3", "1"]
    for units, function in (("log1p", np.log1p), ("sqrt", np.sqrt)):
        if units == "sqrt" and (facts["method"] == "pca" or method == "auto"):
            continue
        ss.pp.denoise_counts(adata, method=method, genes=names, units=units, **QUICK, **more)
        assert_allclose(
            adata.obsm["denoised_genes"], function(values[:, [3, 1]]), rtol=1e-3, atol=1e-4
        )
    if method == "auto":
        losses = facts["losses"]
        assert {"as it is", "gene means", "pca"} <= set(losses)
        family = min((k for k in losses if k not in ("as it is", "gene means")), key=losses.get)
        assert family.split(",")[0] == facts["method"]
        assert losses[family] < min(losses["as it is"], losses["gene means"])
        assert np.nanmedian(adata.var["denoised_r2"]) > 0.2


def test_sqrt_is_what_components_are():
    adata = made()
    ss.pp.denoise_counts(adata, genes="all", units="sqrt", **QUICK)
    assert_allclose(adata.layers["denoised"], adata.obsm["denoised"] @ adata.varm["denoised"].T)


def test_what_is_worse_than_doing_nothing_is_said():
    rng = np.random.default_rng(0)
    panel = rng.poisson(rng.gamma(0.5, 800, (150, 12)))  # every cell for itself
    adata = anndata.AnnData(panel.astype(np.float32))
    with pytest.warns(UserWarning, match="better by 'as it is'"):
        ss.pp.denoise_counts(adata, method="diffusion", max_comps=3)
    losses = adata.uns["denoised"]["losses"]
    assert losses["as it is"] < losses["gene means"]
    flat = anndata.AnnData(rng.poisson(0.5, (150, 30)).astype(np.float32))
    with pytest.warns(UserWarning, match="found no structure|better by 'gene means'") as record:
        ss.pp.denoise_counts(flat, method="diffusion", n_neighbors=3, **QUICK)
    assert any("'gene means'" in str(w.message) for w in record)


def test_batches():
    adata, other = made(), made(30, seed=5)
    both = anndata.concat({"a": adata, "b": other}, label="batch", index_unique="-")
    ss.pp.denoise_counts(both, batch_key="batch", max_comps=10)
    report = both.uns["denoised"]["batches"]
    assert list(report["names"]) == ["a", "b"]
    assert (report["loss"] < report["loss_of_means"]).all()
    few = anndata.concat({"a": adata, "b": made(8, seed=5)}, label="batch", index_unique="-")
    with pytest.warns(UserWarning, match=r"predicted worse than by the mean.*'b' \("):
        # Four components are those of the larger batch.
        ss.pp.denoise_counts(few, batch_key="batch", n_comps=4)
    with pytest.raises(KeyError, match="'donor' not found in `adata.obs`"):
        ss.pp.denoise_counts(both, batch_key="donor")
    both.obs.loc[both.obs_names[0], "batch"] = np.nan
    with pytest.raises(ValueError, match="a batch for every cell"):
        ss.pp.denoise_counts(both, batch_key="batch")


@pytest.mark.filterwarnings("ignore:The .mode.chained_assignment")  # anndata itself, of pandas 3
def test_held_out_molecules_follow_subsets_and_are_removed_when_stale():
    adata = made()
    ss.pp.denoise_counts(adata, hold_out=0.2, **QUICK)
    whole = adata.layers["denoised_held_out"].toarray()
    assert_array_equal(adata[::3, 5:].layers["denoised_held_out"].toarray(), whole[::3, 5:])
    ss.pp.denoise_counts(adata, method="diffusion", **QUICK)
    assert "denoised_held_out" not in adata.layers and "denoised" not in adata.varm


def test_savable_with_any_splitter(tmp_path):
    adata = made()
    ss.pp.denoise_counts(adata, form="regression", cv=KFold(3), batch_key="kind", **QUICK)
    adata.uns["denoised"].pop("missing", None)
    with anndata.settings.override(allow_write_nullable_strings=True):
        adata.write_h5ad(tmp_path / "a.h5ad")
    read = anndata.read_h5ad(tmp_path / "a.h5ad").uns["denoised"]
    assert read["params"]["cv"].startswith("KFold(n_splits=3")
    assert list(read["batches"]["names"]) == ["0", "1", "2", "3"]


def test_errors():
    adata = made()
    with pytest.raises(ValueError, match="no parameters of a denoiser with method='auto'"):
        ss.pp.denoise_counts(adata, method="auto", n_neighbors=3)
    assert not adata.obsm


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_said_by_the_log_of_scanpy(capsys):
    sc = pytest.importorskip("scanpy")
    adata = made()
    counts = adata.X.toarray()
    counts[[3, 7]] = 0
    adata.X = sparse.csr_matrix(counts)
    before = sc.settings.verbosity
    try:
        for verbosity, n_lines in ((1, 0), (3, 9)):
            sc.settings.verbosity = verbosity
            ss.pp.denoise_counts(adata, **QUICK)
            said = capsys.readouterr().err
            assert said.count("\n") >= n_lines and bool(said) == bool(n_lines)
    finally:
        sc.settings.verbosity = before
    assert "denoising counts (method='pca')" in said and "finished" in said
    assert ".obsm['denoised']" in said
    assert "2 cells without any molecule stay empty: '3', '7'" in said


def offsets(axes):
    return [np.asarray(axis.collections[0].get_offsets()) for axis in axes]


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:The .mode.chained_assignment")
def test_plots_of_what_was_normalised_or_cut_since():
    plt = pytest.importorskip("matplotlib.pyplot")
    sc = pytest.importorskip("scanpy")
    adata = made()
    adata.layers["counts"] = adata.X.copy()
    ss.pp.denoise_counts(adata, **QUICK)
    expected = offsets(ss.pl.denoised(adata, "3", "1"))
    cut = adata[:, ["1", "3", "5"]].copy()
    for found in (offsets(ss.pl.denoised(cut, "3", "1")), offsets(ss.pl.denoised(adata, "3", "1"))):
        assert_allclose(found, expected, rtol=1e-4)
    sc.pp.normalize_total(adata, target_sum=1e4)
    assert_allclose(offsets(ss.pl.denoised(adata, "3", "1")), expected, rtol=1e-3)
    sc.pp.log1p(adata)
    assert_allclose(offsets(ss.pl.denoised(adata, "3", "1")), expected, rtol=1e-3)
    part = adata[::3].copy()
    thirds = [table[::3] for table in expected]
    assert_allclose(offsets(ss.pl.denoised(part, "3", "1")), thirds, rtol=1e-3)
    cut = adata[:, ["1", "3", "5"]].copy()
    with pytest.raises(ValueError, match="a part of the genes.*layer='counts'"):
        ss.pl.denoised(cut, "3", "1")
    found = offsets(ss.pl.denoised(cut, "3", "1", layer="counts"))
    assert_allclose(found, expected, rtol=1e-4)
    cut.X = cut.X.toarray() - 1
    with pytest.raises(ValueError, match="got negative values: pass layer='counts'"):
        ss.pl.denoised(cut, "3", "1")
    plt.close("all")


def test_plots_of_other_methods_and_files(tmp_path):
    plt = pytest.importorskip("matplotlib.pyplot")
    sc = pytest.importorskip("scanpy")
    adata = made()
    ss.pp.denoise_counts(adata, method="diffusion", genes=["3", "1"], units="log1p", **QUICK)
    _, shown = offsets(ss.pl.denoised(adata, "3", "1", save=tmp_path / "a.png"))
    molecules = np.expm1(adata.obsm["denoised_genes"].to_numpy())
    assert_allclose(shown, np.sqrt(molecules), rtol=1e-4)
    assert (tmp_path / "a.png").stat().st_size > 1000
    with pytest.raises(KeyError, match=r"pass genes=\['3', '2'\]"):
        ss.pl.denoised(adata, "3", "2")
    with pytest.raises(KeyError, match="method='diffusion', which has none"):
        ss.pl.rank_loss(adata)
    ss.pp.denoise_counts(adata, **QUICK)
    before, sc.settings.figdir = sc.settings.figdir, tmp_path / "figures"
    try:
        ss.pl.rank_loss(adata, save="_mine.png")
        ss.pl.rank_loss(adata, save=True)
    finally:
        sc.settings.figdir = before
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert names == {"rank_loss_mine.png", f"rank_loss.{sc.settings.file_format_figs}"}
    adata.obs["many"] = pd.Categorical(np.arange(200) % 25)
    axes = ss.pl.denoised(adata, "3", "1", color="many")
    colours = {tuple(c.get_facecolor()[0]) for c in axes[0].collections}
    assert len(colours) == 25
    plt.close("all")
