# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Blocks of Python in the README and the documentation are run as they stand."""

import re
import shlex
import warnings
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

import selfsupervised as ss
from cases import (
    HAS_NETWORKS,
    HAS_SINGLECELL,
    public,
    smooth_image,
    train_autoencoders_little,
)

ROOT = Path(ss.__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
# In order: Python and commands to run, and the text that the block before has printed.
STEP = re.compile(r"^```(python|console|text)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"\d+(?:\.\d+)?")
WITH_PYTHON = [page for page in PAGES if BLOCK.search(page.read_text())]
N_STEPS = 2  # of networks, whatever the page says


def data():
    """What the pages take for granted: noisy images, counts, and the names of the library."""
    rng = np.random.default_rng(0)
    clean = smooth_image((32, 32))
    noisy, next_noisy = clean + rng.normal(0, 0.1, (2, *clean.shape))
    depth = rng.gamma(4.0, 1.0, size=(80, 3)) @ rng.gamma(1.0, 3.0, size=(3, 60))
    counts = rng.poisson(depth)
    columns = {"Mpo": 0, "Klf1": 1}
    names = [*columns, *(f"gene{n}" for n in range(2, 60))]
    return {
        **dict(public()),
        "GridSearchCV": GridSearchCV,
        "noisy": noisy,
        "next_noisy": next_noisy,
        "noisy_photo": np.stack([noisy] * 3, axis=-1) + rng.normal(0, 0.02, (32, 32, 3)),
        "stack": np.stack([noisy, next_noisy]),
        "film": rng.normal(noisy[:20, :20], 0.1, (4, 20, 20)),
        "channels": np.stack([noisy, next_noisy]),
        "hyperstack": rng.normal(noisy[:16, :16], 0.1, (2, 4, 2, 16, 16)),
        "others": np.stack([next_noisy]),
        "scan": noisy,
        "scratches": rng.random(noisy.shape) < 0.05,
        "counts": counts,
        "names": names,
    }


def single_cells(counts, names, monkeypatch):
    """The counts as an AnnData, and scanpy."""
    from anndata import AnnData

    scanpy = pytest.importorskip("scanpy")
    pytest.importorskip("igraph")
    # Its default compiles for 20 s.
    quick = partial(scanpy.pp.neighbors, method="gauss")
    monkeypatch.setattr(scanpy.pp, "neighbors", quick)
    adata = AnnData(counts.astype(np.float32))
    adata.var_names = ["CST3", "LYZ", *names[2:]]
    adata.layers["counts"] = adata.X.copy()
    adata.obs["sample"] = np.repeat(["first", "second"], len(counts) // 2)
    return {"adata": adata, "sc": scanpy}


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks_run(page, monkeypatch, tmp_path):
    blocks = BLOCK.findall(page.read_text())
    names, everything = data(), "\n".join(blocks)
    if re.search(r"adata|scanpy", everything):
        if not HAS_SINGLECELL:
            pytest.skip("anndata is not installed")
        pytest.importorskip("matplotlib")
        names |= single_cells(names["counts"], names["names"], monkeypatch)
    if re.search(r"Noise2Self|Self2Self|self2self|Autoencoder", everything):
        if not HAS_NETWORKS:
            pytest.skip("networks are not installed")
        _train_little(monkeypatch)
    if 'genes=["Mpo"' in everything:
        pandas = pytest.importorskip("pandas")
        names["counts"] = pandas.DataFrame(names["counts"], columns=names["names"])
    for library in re.findall(r"^import (tifffile|zarr)$", everything, flags=re.MULTILINE):
        pytest.importorskip(library)
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        # Of data that are as small as these, and of what other libraries will change.
        warnings.simplefilter("ignore")
        _run(STEP.findall(page.read_text()), names, str(page))


def _run(steps, names, page):
    printed = ""
    for kind, block in steps:
        if kind == "text":
            assert alike(printed, block), f"{page} shows:\n{block}\nbut printed was:\n{printed}"
        elif kind == "console":
            for command in re.findall(r"^\$ selfsupervised (.*)$", block, flags=re.MULTILINE):
                from selfsupervised.cli import main

                assert main(shlex.split(command)) in (None, 0)
        else:
            with redirect_stdout(StringIO()) as output:
                exec(compile(block, page, "exec"), names)
            printed = output.getvalue()


def alike(printed, shown):
    """The same words, and numbers that differ by no more than versions of libraries make them."""
    words, numbers = zip(
        *((NUMBER.sub("#", t).split(), NUMBER.findall(t)) for t in (printed, shown))
    )
    near = pytest.approx([float(number) for number in numbers[1]], rel=0.05)
    return words[0] == words[1] and [float(number) for number in numbers[0]] == near


def _train_little(monkeypatch):
    from selfsupervised.images._network import NetworkDenoiser

    train_autoencoders_little(monkeypatch, N_STEPS)

    def fit(self, *args, whole=NetworkDenoiser.fit, **kwargs):
        steps, self.max_steps = self.max_steps, N_STEPS
        try:
            return whole(self, *args, **kwargs)
        finally:
            self.max_steps = steps

    monkeypatch.setattr(NetworkDenoiser, "fit", fit)


def test_blocks_are_found_and_faults_too(tmp_path):
    assert len(WITH_PYTHON) >= 8
    assert BLOCK.findall("```python\n1 / 0\n```\n") == ["1 / 0\n"]
    with pytest.raises(ZeroDivisionError):  # the negative control
        exec(BLOCK.findall("```python\n1 / 0\n```\n")[0], data())


def test_what_a_page_shows_is_compared():
    steps = STEP.findall("```python\nprint('error', 2.0)\n```\n\n```text\nerror 2.05\n```\n")
    _run(steps, {}, "a page")
    for wrong in ("error 2.2\n", "loss 2.0\n", "error\n", ""):
        with pytest.raises(AssertionError, match="but printed was"):
            _run([steps[0], ("text", wrong)], {}, "a page")
    with pytest.raises(AssertionError, match="but printed was"):
        _run([("python", ""), steps[1]], {}, "a page")


COMMAND = re.compile(r"(?:^    |`)(selfsupervised [^`#\n]+)", flags=re.MULTILINE)
COMMANDS = {
    command.strip(): page.name for page in PAGES for command in COMMAND.findall(page.read_text())
}


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_run(command, monkeypatch, tmp_path, capsys):
    """Commands of the README and the guide, verbatim, on files of the names that they take."""
    io = pytest.importorskip("PIL.Image")
    tifffile = pytest.importorskip("tifffile")
    from selfsupervised.cli import main

    rng = np.random.default_rng(0)
    noisy = (255 * np.clip(smooth_image((32, 32)) + rng.normal(0, 0.1, (32, 32)), 0, 1)).astype(
        "u1"
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scans").mkdir()
    tifffile.imwrite("noisy.tif", noisy)
    if ".zarr" in command:
        zarr = pytest.importorskip("zarr")
        named = {"dimension_names": ["z", "y", "x"]}
        zarr.create_array("volume.ome.zarr", data=np.stack([noisy] * 3), **named)
    for path in ("noisy.png", "scans/one.png"):
        io.fromarray(noisy).save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert main(shlex.split(command)[1:]) in (None, 0)


def test_commands_are_found():
    assert any(command.startswith("selfsupervised denoise") for command in COMMANDS)
    assert COMMAND.findall("see `selfsupervised denoise in.tif`, or") == [
        "selfsupervised denoise in.tif"
    ]
