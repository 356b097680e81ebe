# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""napari finds the plugin."""

import importlib
import tomllib
import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest

import selfsupervised as ss

ROOT = Path(ss.__file__).parent
MANIFEST = ROOT / "napari" / "napari.yaml"


def test_npe2_takes_the_manifest():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pydantic, at import
        npe2 = pytest.importorskip("npe2")
    manifest = npe2.PluginManifest.from_file(MANIFEST)
    (command,) = manifest.contributions.commands
    (widget,) = manifest.contributions.widgets
    assert widget.command == command.id
    if find_spec("magicgui"):
        manifest.validate_imports()
        module, name = command.python_name.split(":")
        assert getattr(importlib.import_module(module), name)
    with pytest.raises(ValueError, match="name"):
        npe2.PluginManifest(name="not a name!", contributions={})


def test_the_entry_point_names_the_manifest():
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]
    module, name = project["entry-points"]["napari.manifest"]["selfsupervised"].split(":")
    assert Path(importlib.import_module(module).__file__).with_name(name) == MANIFEST
