# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What type checkers see of the library."""

import inspect
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import selfsupervised as ss
from cases import HAS_NETWORKS, HAS_SINGLECELL, public

USER_CODE = Path(__file__).parent / "user_code.py"
MIN_COMPLETENESS = 0.95
# scikit-learn has no types, so that its base classes are unknown; this is not ours to mend.
OF_SCIKIT_LEARN = ("metaclass unknown", "base class unknown", "base class")
WRONG = """
import numpy as np
import selfsupervised as ss

image = np.zeros((8, 8))
ss.denoise(image, return_search=True).mean()
ss.MedianDenoiser(radius="large")
ss.estimate_noise(image).describe()
ss.Noise2SelfDenoiser(inference="directly")
"""
# As in pyproject.toml, but that nobody reads the libraries whose types no user gets to see.
MYPY_SETTINGS = """
[mypy]
ignore_missing_imports = True
check_untyped_defs = True
[mypy-torch.*,skorch.*,scanpy.*,anndata.*,dask.*,zarr.*,PIL.*]
follow_imports = skip
"""


def pyright(*arguments):
    """Its report, with this interpreter first on the path."""
    program = shutil.which("pyright", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("pyright is not installed")
    root = Path(ss.__file__).parent.parent
    paths = os.pathsep.join([str(Path(program).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        [program, *arguments, "--outputjson"],
        capture_output=True,
        text=True,
        cwd=root,
        env={**os.environ, "PATH": paths, "PYTHONPATH": str(root)},
    )
    return json.loads(done.stdout)


def test_user_code_runs(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # there is no structure in noise
        runpy.run_path(str(USER_CODE))
    assert "noise of standard deviation" in capsys.readouterr().out


def test_pyright_has_nothing_to_say_of_user_code(tmp_path):
    python = ["--pythonpath", sys.executable]
    assert pyright(*python, str(USER_CODE))["generalDiagnostics"] == []
    planted = tmp_path / "wrong.py"  # the negative control: a mistake in each line
    planted.write_text(WRONG)
    found = pyright(*python, str(planted))["generalDiagnostics"]
    assert {problem["range"]["start"]["line"] for problem in found} == {5, 6, 7, 8}


def test_mypy_has_nothing_to_say_of_user_code(tmp_path):
    api = pytest.importorskip("mypy.api")
    settings = tmp_path / "mypy.ini"
    settings.write_text(MYPY_SETTINGS)
    options = ["--cache-dir", str(tmp_path), "--config-file", str(settings)]
    out, _, status = api.run([str(USER_CODE), *options])
    assert status == 0, out
    planted = tmp_path / "wrong.py"  # the negative control: a mistake in each line
    planted.write_text(WRONG)
    out, *_ = api.run([str(planted), *options])
    assert [int(line) for line in re.findall(r"wrong\.py:(\d+): error", out)] == [6, 7, 8, 9]


def reachable():
    """Full names of what users reach: public names, and members of public classes."""
    for _, thing in public():
        parts = [getattr(thing, p) for p in thing.__all__] if inspect.ismodule(thing) else [thing]
        for part in parts:
            owners = [c for c in getattr(part, "__mro__", [part])]
            yield from (
                f"{owner.__module__}.{owner.__qualname__}"
                for owner in owners
                if owner.__module__.startswith("selfsupervised")
            )


@pytest.mark.skipif(not (HAS_NETWORKS and HAS_SINGLECELL), reason="not all is installed")
def test_public_names_have_types():
    owners = set(reachable())
    report = pyright("--verifytypes", "selfsupervised", "--ignoreexternal")["typeCompleteness"]
    known, unknown = [], []
    for symbol in report["symbols"]:
        name = symbol["name"]
        if name in owners or name.rpartition(".")[0] in owners:
            messages = [d["message"] for d in symbol["diagnostics"] if d["severity"] == "error"]
            ours = [m for m in messages if not any(words in m for words in OF_SCIKIT_LEARN)]
            fine = symbol["isTypeKnown"] and not symbol["isTypeAmbiguous"]
            (known if fine or (messages and not ours) else unknown).append(name)
    assert len(known) > 500
    assert len(known) / (len(known) + len(unknown)) >= MIN_COMPLETENESS, unknown
