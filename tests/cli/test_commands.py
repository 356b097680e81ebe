# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The smaller commands: info, train and its model, counts."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import selfsupervised as ss
from cases import HAS_NETWORKS, HAS_SINGLECELL, smooth_image
from selfsupervised.auto.families import NETWORKS
from selfsupervised.cli.commands import NETWORK_METHODS, main
from selfsupervised.cli.info import EXTRAS

ROOT = Path(ss.__file__).parent.parent
networks = pytest.mark.skipif(not HAS_NETWORKS, reason="needs torch")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def noisy(*shape, seed=0):
    clean = np.broadcast_to(200 * smooth_image((40, 48)), (*shape, 40, 48))
    noise = np.random.default_rng(seed).normal(0, 20, clean.shape)
    return np.clip(clean + noise, 0, 255).astype(np.uint8)


def fails(arguments, status, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == status
    return capsys.readouterr()


def test_info(capsys):
    main(["info"])
    text = capsys.readouterr().out
    assert f"selfsupervised {ss.__version__}" in text
    assert re.search(r"^devices: .*cpu \(\d+ cores\)$", text, flags=re.MULTILINE)
    assert re.search(r"^cli +installed +pictures in files", text, flags=re.MULTILINE)
    main(["info", "--json"])
    assert set(json.loads(capsys.readouterr().out)["extras"]) == set(EXTRAS)


def test_info_says_what_is_missing(capsys, monkeypatch):
    from selfsupervised.cli import info

    real = info.installed
    missing = ("torch", "zarr")
    monkeypatch.setattr(info, "installed", lambda name: None if name in missing else real(name))
    main(["info"])
    text = capsys.readouterr().out
    assert "torch (missing)" in text
    assert re.search(r"pip install 'selfsupervised\[.*lazy,networks.*\]' installs the rest", text)


def test_info_knows_the_extras():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    known = {
        name: sorted(re.match(r"[\w.-]+", requirement).group() for requirement in requirements)
        for name, requirements in extras.items()
        if name not in ("all", "docs", "examples", "test")  # for nobody at a shell
    }
    assert known == {name: sorted(packages) for name, (packages, _) in EXTRAS.items()}


def test_networks_are_those_of_denoise():
    assert sorted(NETWORK_METHODS) == sorted(NETWORKS)


@networks
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_one_network_for_a_folder(folder, capsys):
    (folder / "in").mkdir()
    for n in range(2):
        Image.fromarray(noisy(seed=n)).save(f"in/{n}.png")
    tifffile.imwrite("in/film.tif", noisy(2)[:, 5:], metadata={"axes": "TYX"}, photometric=1)
    main(["train", "in", "--model", "m.safetensors", "--steps", "3", "-q"])
    assert capsys.readouterr().out == ""
    main(["denoise", "in", "--model", "m.safetensors", "--output-dir", "out", "--json"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["status"] for row in rows] == ["done"] * 3
    assert all(row["chosen"][0].startswith("Noise2SelfDenoiser") for row in rows)
    model = ss.load("m.safetensors")
    expected = np.clip(np.rint(model.transform(noisy(seed=1)[None].astype(float))[0]), 0, 255)
    with Image.open("out/1.png") as image:
        np.testing.assert_array_equal(np.asarray(image), expected.astype(np.uint8))
    error = fails(["train", "in", "--model", "m.safetensors"], 2, capsys).err
    assert "m.safetensors exists; --overwrite replaces it" in error
    error = fails(["denoise", "in/0.png", "--model", "none"], 2, capsys).err
    assert "Expected a model at none, found no such file" in error
    Image.fromarray(np.stack([noisy()] * 3, axis=-1)).save("in/colour.png")
    error = fails(["train", "in", "--model", "n.safetensors"], 2, capsys).err
    assert "all pictures in colour or all in grey, got both" in error
    error = fails(["denoise", "in/colour.png", "--model", "m.safetensors"], 2, capsys).err
    assert "channel_axis" not in error
    assert "was trained on grey pictures, got one in colour" in error


@networks
def test_a_half_trained_network_is_not_saved(folder, monkeypatch, capsys):
    def interrupted(self, images):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt:
            return self

    monkeypatch.setattr(ss.Noise2SelfDenoiser, "fit", interrupted)
    Image.fromarray(noisy()).save("a.png")
    fails(["train", "a.png", "--model", "m.safetensors"], 130, capsys)
    assert os.listdir() == ["a.png"]


@networks
def test_ctrl_c_in_training(folder):
    """As a user does it: a signal to a process; others are tried within this one."""
    Image.fromarray(np.tile(noisy(), (3, 3))).save("in.png")
    code = (
        "import sys; sys.stderr.isatty = lambda: True; from selfsupervised.cli import main; "
        "main(['denoise', 'in.png', '--method', 'noise2self'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        too_late = threading.Timer(60, process.kill)
        too_late.start()
        said = b""
        while b"training: step" not in said and process.poll() is None:
            said += process.stderr.read(1)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate()
        too_late.cancel()
    assert process.returncode == 130
    assert b"stopped; what was not complete was not written" in error
    assert os.listdir() == ["in.png"]


@pytest.mark.skipif(not HAS_SINGLECELL, reason="needs anndata")
def test_counts(folder, capsys):
    import anndata

    from selfsupervised.singlecell.h5ad import _strings_of_pandas

    rng = np.random.default_rng(0)
    rates = rng.gamma(0.5, size=(300, 3)) @ rng.gamma(0.5, size=(3, 40))
    adata = anndata.AnnData(rng.poisson(3 * rates).astype(np.float32))
    adata.obs["batch"] = "a"
    with _strings_of_pandas():
        adata.write_h5ad("in.h5ad")
    main(["counts", "in.h5ad", "out.h5ad", "--genes", "0,7"])
    assert "300 cells x 40 genes: 3 components" in capsys.readouterr().out
    out = anndata.read_h5ad("out.h5ad")
    np.testing.assert_array_equal(out.X, adata.X)
    assert out.obsm["denoised"].shape == (300, 3)
    assert out.obsm["denoised_genes"].shape == (300, 2)
    assert list(out.obs["batch"]) == ["a"] * 300
    assert "out.h5ad exists" in fails(["counts", "in.h5ad", "out.h5ad"], 2, capsys).err
    assert "no such file" in fails(["counts", "none.h5ad", "b.h5ad"], 2, capsys).err
    Path("text.h5ad").write_text("no counts")
    error = fails(["counts", "text.h5ad", "b.h5ad"], 2, capsys).err
    assert "Expected an AnnData file at text.h5ad" in error
    error = fails(["counts", "in.h5ad", "b.h5ad", "--layer", "none"], 2, capsys).err
    assert "none" in error
    assert not Path("b.h5ad").exists()
