# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""AnnData in, AnnData out: what is written where, and that nothing else is touched."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context

import selfsupervised as ss
from cases import HAS_SINGLECELL

if not HAS_SINGLECELL:
    pytest.skip("needs anndata", allow_module_level=True)

import anndata
import pandas as pd

N_CELLS, N_GENES = 150, 20
QUICK = {"max_comps": 6}


def made(container=sparse.csr_matrix, dtype=np.float32):
    rng = np.random.default_rng(0)
    rates = rng.gamma(0.5, size=(N_CELLS, 3)) @ rng.gamma(0.5, size=(3, N_GENES))
    adata = anndata.AnnData(container(rng.poisson(8 * rates).astype(dtype)))
    adata.var_names = np.array([f"g{i}" for i in range(N_GENES)], dtype=object)
    adata.obs_names = np.array([f"c{i}" for i in range(N_CELLS)], dtype=object)
    adata.obs["group"] = pd.Categorical(np.where(np.arange(N_CELLS) % 2, "odd", "even"))
    adata.layers["counts"] = adata.X.copy()
    adata.raw = adata
    return adata


def save(adata, path):
    # What pandas 3 makes of names.
    with anndata.settings.override(allow_write_nullable_strings=True):
        adata.write_h5ad(path)


def dense(X):
    return X.toarray() if sparse.issparse(X) else np.asarray(X)


@pytest.fixture
def adata():
    return made()


def test_signatures():
    for module in (ss.pp, ss.pl):
        for name in module.__all__:
            parameters = list(inspect.signature(getattr(module, name)).parameters.values())
            assert parameters[0].name == "adata"
            assert all(p.kind != p.POSITIONAL_OR_KEYWORD for p in parameters[3:])
            if module is ss.pp:
                assert {"layer", "key_added", "copy", "inplace", "rng"} <= {
                    p.name for p in parameters
                }


def test_what_is_written(adata):
    before = adata.copy()
    assert ss.pp.denoise_counts(adata, genes=["g3", "g1"], **QUICK) is None
    facts = adata.uns["denoised"]
    rank = facts["n_comps"]
    assert 2 <= rank <= 4
    assert facts["loss_path"].argmin() == rank - 1
    assert facts["version"] == ss.__version__
    assert facts["params"]["transformation"] == "sqrt"
    assert adata.obsm["denoised"].shape == (N_CELLS, rank)
    assert adata.varm["denoised"].shape == (N_GENES, rank)
    expected = ss.PCADenoiserCV(6).fit(before.X)
    whole = expected.transform(before.X)
    assert_allclose(adata.obsm["denoised"] @ adata.varm["denoised"].T, whole, atol=1e-4)
    genes = adata.obsm["denoised_genes"]
    assert list(genes.columns) == ["g3", "g1"]
    assert_allclose(genes, whole[:, [3, 1]], atol=1e-4)
    # Nothing else is touched.
    assert_array_equal(dense(adata.X), dense(before.X))
    assert_array_equal(dense(adata.raw.X), dense(before.raw.X))
    assert set(adata.layers) == set(before.layers)
    assert set(adata.obsm) == {"denoised", "denoised_genes"}
    assert list(adata.obs) == [*before.obs, "denoised_total"]
    assert list(adata.var) == ["denoised_r2"]


def test_layer_gives_the_same(adata):
    expected = ss.pp.denoise_counts(adata, inplace=False, **QUICK)
    adata.X = np.zeros(adata.shape, dtype=np.float32)
    results = ss.pp.denoise_counts(adata, layer="counts", inplace=False, **QUICK)
    assert_array_equal(results["obsm"]["denoised"], expected["obsm"]["denoised"])
    assert results["uns"]["denoised"]["params"]["layer"] == "counts"
    assert not adata.obsm and not adata.uns


@pytest.mark.parametrize(
    "container", [np.asarray, sparse.csr_array, sparse.csc_matrix], ids=lambda c: c.__name__
)
def test_containers(container):
    expected = ss.pp.denoise_counts(made(), inplace=False, **QUICK)
    results = ss.pp.denoise_counts(made(container), inplace=False, **QUICK)
    product = [r["obsm"]["denoised"] @ r["varm"]["denoised"].T for r in (expected, results)]
    assert_allclose(*product, atol=1e-4)


def test_unsorted_and_duplicate_indices(adata):
    expected = ss.pp.denoise_counts(adata, inplace=False, **QUICK)
    X = adata.X.tocsr()
    order = np.concatenate(
        [np.arange(a, b)[::-1] for a, b in zip(X.indptr, X.indptr[1:], strict=False)]
    )
    once = X.data[order]
    twice = np.column_stack([once - 1, np.ones_like(once)]).ravel()
    adata.X = sparse.csr_matrix(
        (twice, X.indices[order].repeat(2), 2 * X.indptr), shape=adata.shape
    )
    results = ss.pp.denoise_counts(adata, inplace=False, **QUICK)
    assert_allclose(results["obsm"]["denoised"], expected["obsm"]["denoised"], atol=1e-4)


# anndata 0.12.6 sets an option of pandas that pandas 3 deprecates.
@pytest.mark.filterwarnings("ignore:The 'mode.chained_assignment' option")
def test_copy_view_and_key(adata):
    copy = ss.pp.denoise_counts(adata, copy=True, key_added="clean", **QUICK)
    assert "clean" in copy.obsm and not adata.obsm
    part = adata[:100]
    with pytest.warns(anndata.ImplicitModificationWarning):
        ss.pp.denoise_counts(part, **QUICK)
    assert part.obsm["denoised"].shape[0] == 100
    assert not adata.obsm


def test_mask(adata):
    adata.var["highly_variable"] = np.arange(N_GENES) % 2 == 0
    adata.var["late"] = np.arange(N_GENES) > 9
    by_default = ss.pp.denoise_counts(adata, inplace=False, **QUICK)
    assert by_default["uns"]["denoised"]["params"]["mask_var"] == "highly_variable"
    used = by_default["varm"]["denoised"].any(axis=1)
    assert_array_equal(used, adata.var["highly_variable"])
    for mask in ("late", adata.var["late"].to_numpy()):
        used = ss.pp.denoise_counts(adata, mask_var=mask, inplace=False, **QUICK)
        assert_array_equal(used["varm"]["denoised"].any(axis=1), adata.var["late"])
    everything = ss.pp.denoise_counts(adata, mask_var=None, inplace=False, **QUICK)
    assert everything["varm"]["denoised"].any(axis=1).all()


def test_a_layer_on_request(adata):
    ss.pp.denoise_counts(adata, genes="all", **QUICK)
    expected = adata.obsm["denoised"] @ adata.varm["denoised"].T
    assert_allclose(adata.layers["denoised"], expected)


def test_a_fixed_number(adata):
    ss.pp.denoise_counts(adata, n_comps=5)
    assert adata.uns["denoised"]["n_comps"] == 5
    assert adata.obsm["denoised"].shape[1] == len(adata.uns["denoised"]["loss_path"]) == 5


def test_held_out_molecules_are_seen_by_nothing(adata):
    ss.pp.denoise_counts(adata, hold_out=0.2, **QUICK)
    held_out = adata.layers["denoised_held_out"]
    assert_allclose(held_out.sum() / adata.X.sum(), 0.2, atol=0.02)
    other = made()
    other.X = other.X - held_out
    ss.pp.denoise_counts(other, **QUICK)
    assert_array_equal(other.obsm["denoised"], adata.obsm["denoised"])


def test_seeds(adata):
    def path(rng):
        return ss.pp.denoise_counts(adata, rng=rng, inplace=False, **QUICK)["uns"]["denoised"][
            "loss_path"
        ]

    assert_array_equal(path(3), path(3))
    assert_array_equal(path(np.random.default_rng(1)), path(np.random.default_rng(1)))
    assert (path(3) != path(4)).any()


def test_split_molecules(adata):
    assert ss.pp.split_molecules(adata, fraction=0.7) is None
    first, second = adata.layers["molecules_seen"], adata.layers["molecules_held_out"]
    assert_array_equal((first + second).toarray(), adata.X.toarray())
    assert first.format == "csr" and first.dtype == adata.X.dtype
    assert_allclose(first.sum() / adata.X.sum(), 0.7, atol=0.02)
    assert adata.uns["molecules"]["params"] == {"fraction": 0.7, "rng": 0}
    again = ss.pp.split_molecules(adata, fraction=0.7, layer="counts", copy=True, key_added="two")
    assert_array_equal(again.layers["two_seen"].toarray(), first.toarray())


def test_file_and_back(adata, tmp_path):
    ss.pp.denoise_counts(adata, hold_out=0.1, genes=["g1"], **QUICK)
    expected = ss.pp.denoise_counts(adata, inplace=False, **QUICK)
    save(adata, tmp_path / "a.h5ad")
    read = anndata.read_h5ad(tmp_path / "a.h5ad")
    assert read.uns["denoised"]["params"]["method"] == "pca"
    assert read.uns["denoised"]["n_comps"] == adata.uns["denoised"]["n_comps"]
    ss.pl.rank_loss(read)

    backed = anndata.read_h5ad(tmp_path / "a.h5ad", backed="r")
    split = ss.pp.split_molecules(backed, inplace=False)["layers"]["molecules_seen"]
    in_memory = ss.pp.split_molecules(adata, inplace=False)["layers"]["molecules_seen"]
    assert_array_equal(split.toarray(), in_memory.toarray())
    adata.var["some"] = backed.var["some"] = np.arange(N_GENES) % 3 > 0
    for mask in (None, "some"):
        expected = ss.pp.denoise_counts(adata, mask_var=mask, inplace=False, **QUICK)
        results = ss.pp.denoise_counts(backed, mask_var=mask, inplace=False, **QUICK)
        product = [r["obsm"]["denoised"] @ r["varm"]["denoised"].T for r in (expected, results)]
        assert_allclose(*product, atol=1e-4)
    ss.pp.denoise_counts(backed, mask_var="some", **QUICK)
    ss.pl.denoised(backed, "g1", "g2", color="g4")
    with pytest.raises(ValueError, match="copy=True expected an AnnData in memory"):
        ss.pp.denoise_counts(backed, copy=True)
    with pytest.raises(ValueError, match="counts in memory with hold_out"):
        ss.pp.denoise_counts(backed, hold_out=0.1)
    backed.file.close()


def test_dense_file(tmp_path):
    adata = made(np.asarray)
    save(adata, tmp_path / "a.h5ad")
    backed = anndata.read_h5ad(tmp_path / "a.h5ad", backed="r")
    expected = ss.pp.denoise_counts(adata, inplace=False, **QUICK)["uns"]["denoised"]
    found = ss.pp.denoise_counts(backed, inplace=False, **QUICK)["uns"]["denoised"]
    assert_allclose(found["loss_path"], expected["loss_path"], rtol=1e-5)
    backed.file.close()


def test_csc_file(tmp_path):
    save(made(sparse.csc_matrix), tmp_path / "a.h5ad")
    backed = anndata.read_h5ad(tmp_path / "a.h5ad", backed="r")
    with pytest.raises(ValueError, match=r"row after row \(CSR\), got csc"):
        ss.pp.denoise_counts(backed)
    with pytest.raises(ValueError, match=r"row after row \(CSR\), got csc"):
        ss.pp.split_molecules(backed)
    backed.file.close()


def test_dask(adata):
    da = pytest.importorskip("dask.array")
    lazy = adata.copy()
    X = da.from_array(adata.X.toarray(), chunks=(40, -1)).map_blocks(sparse.csr_matrix)
    lazy.X, lazy.layers["counts"] = X, X
    lazy.var["some"] = adata.var["some"] = np.arange(N_GENES) % 3 > 0
    for mask in (None, "some"):
        expected = ss.pp.denoise_counts(adata, mask_var=mask, inplace=False, **QUICK)
        results = ss.pp.denoise_counts(lazy, mask_var=mask, inplace=False, **QUICK)
        product = [r["obsm"]["denoised"] @ r["varm"]["denoised"].T for r in (expected, results)]
        assert_allclose(*product, atol=1e-4)
    ss.pp.denoise_counts(lazy, genes="all", **QUICK)
    assert not isinstance(lazy.layers["denoised"], np.ndarray)
    assert_allclose(
        lazy.layers["denoised"].compute(), lazy.obsm["denoised"] @ lazy.varm["denoised"].T
    )
    ss.pp.split_molecules(lazy)
    ss.pp.split_molecules(adata)
    for name in ("molecules_seen", "molecules_held_out"):
        assert_array_equal(lazy.layers[name].compute().toarray(), adata.layers[name].toarray())
    ss.pl.denoised(lazy, "g1", "g2")


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"layer": "spliced"}, KeyError, r"'spliced' not found in `adata.layers`.*\['counts'\]"),
        ({"mask_var": "hvg"}, KeyError, r"'hvg' not found in `adata.var`. Available keys"),
        ({"genes": ["g1", "Mpo"]}, KeyError, "'Mpo' not found in `adata.var_names`"),
        ({"mask_var": [True]}, ValueError, "mask of 20 booleans, got dtype bool and shape"),
        ({"mask_var": np.zeros(N_GENES, bool)}, ValueError, "at least one gene, got none"),
        (
            {"mask_var": np.arange(N_GENES) > 2, "genes": ["g1"]},
            ValueError,
            "genes that mask_var keeps, got 'g1'",
        ),
        (
            {"mask_var": np.arange(N_GENES) > 2, "genes": "all"},
            ValueError,
            "leaves out 3 genes",
        ),
        ({"genes": "g1"}, ValueError, "list of names or 'all', got 'g1'"),
        ({"method": "magic"}, ValueError, "method to be one of .*'auto'.*, got 'magic'"),
        ({"n_comps": 2.5}, ValueError, "whole number or 'auto', got 2.5"),
        ({"n_comps": 21}, ValueError, "n_components to be at most"),
        ({"hold_out": 1.0}, ValueError, "hold_out to be a number between 0 and 1, got 1.0"),
        ({"copy": True, "inplace": False}, ValueError, "copy=True cannot be used with inplace"),
    ],
    ids=range(13),
)
def test_errors(adata, kwargs, error, message):
    with pytest.raises(error, match=message):
        ss.pp.denoise_counts(adata, **kwargs)
    assert not adata.obsm and not adata.uns


def test_no_counts(adata):
    def with_values(values):
        other = adata.copy()
        other.X = values
        return other

    X = adata.X.toarray()
    for bad, message in [
        (X - X.mean(), "Negative values|negative values"),
        (np.where(X == 0, np.nan, X), "NaN"),
        (np.zeros_like(X), "without any molecule"),
        (X[:1], "minimum of 2|n_components"),
    ]:
        other = anndata.AnnData(bad)
        with pytest.raises(ValueError, match=message):
            ss.pp.denoise_counts(other, max_comps=3)
    with pytest.warns(UserWarning, match=r"fractional values.*layers\['counts'\]"):
        ss.pp.denoise_counts(with_values(np.log1p(X)), **QUICK)
    sparser = X.copy()
    sparser[:5], sparser[:, 3] = 0, 0
    ss.pp.denoise_counts(with_values(sparser.astype(np.float16)), **QUICK)
    with pytest.raises(TypeError, match="Expected an AnnData, got ndarray"):
        ss.pp.denoise_counts(X)
    with pytest.raises(ValueError, match=r"adata.X, which is empty.*\['counts'\]"):
        ss.pp.denoise_counts(anndata.AnnData(layers={"counts": X}))


def test_plots(adata):
    plt = pytest.importorskip("matplotlib.pyplot")
    with pytest.raises(KeyError, match=r"run selfsupervised.pp.denoise_counts first"):
        ss.pl.rank_loss(adata)
    ss.pp.denoise_counts(adata, n_splits=2, **QUICK)
    axis = ss.pl.rank_loss(adata)
    assert_allclose(axis.lines[-2].get_ydata(), adata.uns["denoised"]["loss_path"])
    assert axis.lines[-1].get_xdata()[0] == adata.uns["denoised"]["n_comps"]

    measured, denoised = ss.pl.denoised(adata, "g1", "g5", color="g2")
    values = ss.CountNormalizer().fit_transform(adata.X)[:, [1, 5]].toarray()
    assert_allclose(measured.collections[0].get_offsets(), values, rtol=1e-5)
    values = (adata.obsm["denoised"] @ adata.varm["denoised"].T)[:, [1, 5]]
    assert_allclose(denoised.collections[0].get_offsets(), values, rtol=1e-5)

    _, axes = plt.subplots(1, 2)
    shown = ss.pl.denoised(adata, "g1", "g5", color="group", ax=axes)
    assert [text.get_text() for text in shown[1].get_legend().get_texts()] == ["even", "odd"]
    with pytest.raises(KeyError, match="'batch' not found in `adata.obs`"):
        ss.pl.denoised(adata, "g1", "g5", color="batch")
    plt.close("all")


def test_plot_of_masked_genes(adata):
    mask = np.arange(N_GENES) > 2
    ss.pp.denoise_counts(adata, mask_var=mask, **QUICK)
    measured, _ = ss.pl.denoised(adata, "g4", "g5")
    values = ss.CountNormalizer().fit_transform(adata.X[:, mask])[:, [1, 2]].toarray()
    assert_allclose(measured.collections[0].get_offsets(), values, rtol=1e-5)
    with pytest.raises(ValueError, match="'g1', which it leaves out"):
        ss.pl.denoised(adata, "g1", "g5")


@pytest.mark.filterwarnings("ignore:The .mode.chained_assignment")  # anndata itself, of pandas 3
@pytest.mark.parametrize("layer", [None, "counts"])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
def test_a_view_in_memory_is_what_its_copy_is(container, layer):
    adata = made(container if container is not np.asarray else lambda X: X)
    rows = np.arange(N_CELLS) % 3 > 0
    view, copied = adata[rows, 2:], adata[rows, 2:].copy()
    options = {"layer": layer, "loss": "poisson", "genes": "all", "hold_out": 0.1, **QUICK}
    results = ss.pp.denoise_counts(view, inplace=False, **options)
    expected = ss.pp.denoise_counts(copied, inplace=False, **options)
    for field, key in (("obsm", "denoised"), ("varm", "denoised"), ("layers", "denoised")):
        assert_array_equal(results[field][key], expected[field][key])
    assert_array_equal(
        dense(results["layers"]["denoised_held_out"]),
        dense(expected["layers"]["denoised_held_out"]),
    )
    halves = ss.pp.split_molecules(view, layer=layer, inplace=False)["layers"]
    for key, half in ss.pp.split_molecules(copied, layer=layer, inplace=False)["layers"].items():
        assert type(half) is type(halves[key])
        assert_array_equal(dense(halves[key]), dense(half))


@pytest.mark.filterwarnings("ignore:The .mode.chained_assignment")  # anndata itself, of pandas 3
def test_a_part_of_a_file_is_refused_before_the_work(adata, tmp_path):
    save(adata, tmp_path / "a.h5ad")
    backed = anndata.read_h5ad(tmp_path / "a.h5ad", backed="r")
    with pytest.raises(ValueError, match=r"part of one that is backed.*to_memory\(\)"):
        ss.pp.denoise_counts(backed[:50], **QUICK)
    backed.file.close()


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_the_outputs_of_scikit_learn_do_not_matter(adata, output):
    pytest.importorskip(output)
    expected = ss.pp.denoise_counts(adata, inplace=False, genes=["g3"], **QUICK)
    with config_context(transform_output=output):
        results = ss.pp.denoise_counts(adata, inplace=False, genes=["g3"], **QUICK)
        ss.pp.denoise_counts(adata, **QUICK)
        pytest.importorskip("matplotlib")
        ss.pl.denoised(adata, "g1", "g2")
    assert_array_equal(results["obsm"]["denoised"], expected["obsm"]["denoised"])
    assert_allclose(results["obsm"]["denoised_genes"], expected["obsm"]["denoised_genes"])


def test_r2_of_genes(adata):
    rng = np.random.default_rng(1)
    noise = rng.poisson(0.02 * dense(adata.X).sum(axis=1, keepdims=True), (N_CELLS, 5))
    counts = np.hstack([dense(adata.X), noise, np.zeros((N_CELLS, 1))]).astype(np.float32)
    mixed = anndata.AnnData(sparse.csr_matrix(counts))
    mixed.var["highly_variable"] = np.arange(N_GENES + 6) != 3
    ss.pp.denoise_counts(mixed, max_comps=8)
    r2 = mixed.var["denoised_r2"].to_numpy()
    assert np.isnan(r2[[3, -1]]).all()  # left out, and without molecules
    # A gene that tells nothing is predicted no better than by its mean, the control is.
    assert r2[N_GENES:-1].max() < 0.1 < np.nanmedian(r2[:N_GENES])
    assert np.nanmax(r2[:N_GENES]) > 0.3
    assert mixed.uns["denoised"]["loss_of_means"] > mixed.uns["denoised"]["loss_path"].min()


@pytest.mark.parametrize("units", ["counts", "log1p"])
def test_units_at_a_fixed_depth(units):
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(30), 3)[rng.integers(3, size=400)]
    shares[:, :5] = 0.02  # genes that tell nothing
    depth = rng.choice([200, 2000], 400)
    adata = anndata.AnnData(rng.poisson(shares * depth[:, None]).astype(np.float32))
    ss.pp.denoise_counts(adata, genes="all", units=units, target_sum=1000, max_comps=6)
    values = adata.layers["denoised"]
    ss.pp.denoise_counts(adata, genes=["0", "4"], units=units, target_sum=1000, max_comps=6)
    assert_allclose(adata.obsm["denoised_genes"], values[:, [0, 4]], rtol=1e-4, atol=1e-4)
    molecules = np.expm1(values) if units == "log1p" else values
    assert_allclose(np.median(molecules.sum(axis=1)), 1000, rtol=0.05)
    # Means of square roots follow the depth of a cell, expected molecules per depth do not.
    ss.pp.denoise_counts(adata, genes="all", target_sum=1000, max_comps=6)
    roots = adata.layers["denoised"]

    def leak(table):
        shallow, deep = table[depth == 200].mean(axis=0), table[depth == 2000].mean(axis=0)
        return np.abs(shallow / deep - 1)[:5].mean()

    assert leak(molecules) < 0.5 * leak(np.square(roots))


def test_stale_results_are_removed(adata):
    adata.layers["mine"] = adata.X.copy()
    ss.pp.denoise_counts(adata, genes=["g1"], **QUICK)
    assert "denoised_genes" in adata.obsm
    ss.pp.denoise_counts(adata, genes="all", **QUICK)
    assert "denoised_genes" not in adata.obsm and "denoised" in adata.layers
    ss.pp.denoise_counts(adata, **QUICK)
    assert "denoised" not in adata.layers and "denoised_r2" in adata.var
    ss.pp.denoise_counts(adata, key_added="mine", **QUICK)  # somebody else's layer of that name
    assert "mine" in adata.layers


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"key_added": ""}, "key_added to be a name"),
        ({"key_added": 3}, "key_added to be a name"),
        ({"units": "cpm"}, "units to be one of"),
    ],
)
def test_more_messages(adata, options, match):
    with pytest.raises(ValueError, match=match):
        ss.pp.denoise_counts(adata, **options)


def test_colours_of_scanpy_and_of_nothing(adata):
    pytest.importorskip("matplotlib")
    from matplotlib.colors import to_rgba

    adata.obs.loc[adata.obs_names[:9], "group"] = np.nan
    adata.uns["group_colors"] = ["#ff0000", "#00ff00"]
    ss.pp.denoise_counts(adata, **QUICK)
    axes = ss.pl.denoised(adata, "g1", "g2", color="group")
    colours = {c.get_label(): tuple(c.get_facecolor()[0]) for c in axes[0].collections}
    expected = {"NA": "lightgray", "even": "#ff0000", "odd": "#00ff00"}
    assert colours == {name: to_rgba(colour) for name, colour in expected.items()}
