# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("plot_*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path, capsys):
    if "network" in path.stem:
        pytest.importorskip("torch")
    if "scanpy" in path.stem:
        pytest.importorskip("scanpy")
        pytest.importorskip("igraph")
    names = runpy.run_path(str(path))
    assert capsys.readouterr().out
    if "adata" in names:
        path = names["adata"].uns["denoised"]["loss_path"]
        assert 8 <= names["adata"].uns["denoised"]["n_comps"] <= 12
        return
    if "difference" in names:
        assert names["difference"] < 1e-9
        assert names["error"] < 0.5 * np.mean((names["noisy"] - names["clean"]) ** 2)
        assert abs(names["search"].loss_path_.min() - names["error"] - 64) < 1
        return
    assert names["search"].best_score_ < 0
    if "errors" in names:
        assert names["search"].best_index_ == names["errors"].index(min(names["errors"]))
    if "signal" in names:
        assert names["search"].best_params_ == {"estimator__n_components": 5}
    if "false_positives" in names:
        denoised, behind, aside = names["false_positives"].values()
        assert aside < 0.1 < behind < denoised
        assert denoised > 0.5
