# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Imports point one way through the rooms of the house, which CONTRIBUTING lists in order."""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import selfsupervised as ss

ROOT = Path(ss.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
# Who else may import what costs much, or may change without notice.
ONLY = {
    "torch": {"networks", "training", "images"},
    "skorch": {"training"},
    "anndata": {"singlecell"},
    "scanpy": {"singlecell"},
    "magicgui": {"napari"},
}


def table():
    """Names of the rooms, from the ground up, and what is in them: the table in CONTRIBUTING."""
    text = (ROOT.parent / "CONTRIBUTING.md").read_text()
    section = text.split("## The rooms")[1].split("\n## ")[0]
    return re.findall(r"^\| `([a-z_]+)(?:/|\.py)` \| (.+) \|$", section, flags=re.MULTILINE)


def rooms():
    """Their names."""
    return [room for room, _ in table()]


def room_of(module):
    """The room of a module of the library, by its dotted name; None for the package itself."""
    parts = module.split(".")
    return parts[1] if parts[0] == "selfsupervised" and len(parts) > 1 else None


def name_of(path):
    """The dotted name of a file."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(source):
    """Modules that a source imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def faults(source, room, order):
    """What a source in a room imports that it must not."""
    found = []
    for module in imported(source):
        other, package = room_of(module), module.split(".")[0]
        if other in order and order.index(other) > order.index(room):
            found.append(module)
        if room not in ONLY.get(package, {room}):
            found.append(module)
        if module.startswith(("sklearn.utils._", "sklearn._", "sklearn.base._")):
            found += [module] * (room != "core")
    return found


def test_the_table_has_all_rooms():
    there = {room_of(name_of(path)) for path in FILES} - {None, "__main__"}
    assert there == set(rooms())
    assert len(rooms()) == len(set(rooms()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path):
    room = room_of(name_of(path))
    if room in (None, "__main__"):  # names only
        return
    assert not faults(path.read_text(), room, rooms())


@pytest.mark.parametrize(
    ("room", "planted"),
    [
        ("evaluation", "from selfsupervised.wrappers.mixing import mixed"),
        ("partitions", "def late():\n    import selfsupervised.evaluation.judge"),
        ("core", "from selfsupervised import noise"),
        ("wrappers", "import torch"),
        ("counts", "def late():\n    from anndata import AnnData"),
        ("images", "from sklearn.utils._param_validation import Interval"),
    ],
)
def test_a_planted_import_is_found(room, planted):
    assert faults(planted, room, rooms())


def graph(sources):
    """For each module those that it imports."""
    return {
        name: {other for other in imported(source) if other in sources and other != name}
        for name, source in sources.items()
    }


def test_there_is_no_circle():
    sources = {name_of(path): path.read_text() for path in FILES}
    packages = {name for name in sources if name.count(".") < 2 and name + "." in str([*sources])}
    edges = graph(sources)
    # A package is imported with each of its modules; what it re-exports is no dependence of them.
    for name, others in edges.items():
        edges[name] = {o for o in others if not (o in packages and name.startswith(o + "."))}
    assert len(list(TopologicalSorter(edges).static_order())) == len(sources)


def test_a_planted_circle_is_found():
    planted = {"a": "import b", "b": "def late():\n    import a"}
    with pytest.raises(CycleError):
        TopologicalSorter(graph(planted)).prepare()
