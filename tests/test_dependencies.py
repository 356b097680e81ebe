# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What is imported is declared, where it is needed, and what is declared is imported."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

import selfsupervised as ss

ROOT = Path(ss.__file__).parent
PROJECT = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]
# Distributions whose modules have other names.
MODULES = {
    "lazy-loader": "lazy_loader",
    "pillow": "PIL",
    "pywavelets": "pywt",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
}
# Needed by another package, which does not install it; or imported by a name in a parameter.
UNSEEN = {
    "pywavelets": "for the wavelets of scikit-image",
    "pyiqa": "found by importlib",
    "pydantic": "a bound for bioimageio.spec",
    "npe2": "reads the manifest of the plugin",
    "zarr": "users hand over its arrays",
}
OURS = {"selfsupervised"}
FOR_DEVELOPERS = {"docs", "examples", "test"}


def declared():
    """Distributions by where they are declared: "" for all users, and the extras for users."""
    found = {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
    return {
        extra: {re.match(r"[\w-]+", text).group().lower() for text in texts} - OURS
        for extra, texts in found.items()
        if extra not in FOR_DEVELOPERS
    }


def imported(source):
    """Packages that a source imports, inside of functions, and by name, too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.split(".")[0]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "optional":
            yield node.args[0].value.split(".")[0]


def third_party(paths):
    """Packages that files import, neither ours nor Python's."""
    names = {name for path in paths for name in imported(path.read_text())}
    return names - OURS - set(sys.stdlib_module_names)


def module_of(distribution):
    return MODULES.get(distribution, distribution.replace("-", "_"))


def test_what_is_imported_is_declared():
    known = {module_of(name) for names in declared().values() for name in names}
    assert third_party(ROOT.rglob("*.py")) <= known


def test_what_is_declared_is_imported():
    used = third_party(ROOT.rglob("*.py"))
    for extra, names in declared().items():
        unused = {name for name in names - set(UNSEEN) if module_of(name) not in used}
        assert not unused, f"{extra or 'dependencies'}: {unused}"


@pytest.mark.parametrize("room", ["core", "partitions", "noise", "classical", "wrappers"])
def test_rooms_for_all_need_no_extra(room):
    known = {module_of(name) for name in declared()[""]}
    paths = [path for path in (ROOT / room).rglob("*.py") if path.name != "optional.py"]
    assert third_party(paths) <= known


def test_a_planted_import_is_found():
    assert list(imported("def late():\n    import pandas.api\n    optional('matplotlib.pyplot')"))
    assert {*imported("import a.b\nfrom c.d import e\noptional('f.g', caller='')")} == {*"acf"}
