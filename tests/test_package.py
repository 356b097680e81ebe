# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The house rules: exports, imports, docstrings."""

import ast
import importlib
import inspect
import pkgutil
import pydoc
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpydoc.docscrape import FunctionDoc
from numpydoc.validate import validate
from sklearn.base import clone

import selfsupervised as ss
from cases import (
    COUNT_DENOISERS,
    HAS_NETWORKS,
    HAS_SINGLECELL,
    IMAGE_DENOISERS,
    TABLE_ESTIMATORS,
    WRAPPED,
    public,
)
from selfsupervised.core.sklearn_compat import StrOptions

ROOT = Path(ss.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))


# Names of former releases, and what they are called now.
FORMER_NAMES = {"InSample": "SameSplit"}


def test_exports_are_sorted_and_exist():
    assert ss.__all__ == sorted(ss.__all__)
    for name, obj in public():
        assert obj.__name__.rpartition(".")[2] == FORMER_NAMES.get(name, name)
    assert ss.__version__.startswith("0.")
    with pytest.raises(AttributeError, match="denoize"):
        ss.denoize  # noqa: B018


def test_tab_shows_what_there_is():
    assert {*ss.__all__, "__version__", "__all__", "__doc__"} <= set(dir(ss))
    for name in ("networks", "estimator_checks"):
        assert name in dir(ss)
    if HAS_NETWORKS:
        assert ss.networks.UNet
    assert ss.estimator_checks.check_denoiser
    if HAS_SINGLECELL:
        assert dir(ss.pp) == ["denoise_counts", "split_molecules"]
        assert dir(ss.pl) == ["denoised", "rank_loss"]


def test_import_is_light():
    code = (
        "import sys, selfsupervised\n"
        "heavy = {'torch', 'skorch', 'anndata', 'scanpy', 'matplotlib', 'sklearn', 'skimage'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "selfsupervised.denoise; selfsupervised.JInvariantWrapper; selfsupervised.BayerPacker\n"
        "heavy -= {'sklearn', 'skimage'}\n"
        "heavy |= {'magicgui', 'npe2', 'selfsupervised.napari'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_without_torch_a_network_says_what_to_install():
    code = (
        "import sys, selfsupervised\n"
        "selfsupervised.HeldOutPixels\n"
        "sys.modules['torch'] = None\n"
        "try: selfsupervised.Noise2SelfDenoiser\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "Noise2SelfDenoiser needs torch" in done.stdout, done.stderr
    assert "selfsupervised[networks]" in done.stdout


def test_without_anndata_pp_says_what_to_install():
    code = (
        "import sys, selfsupervised\n"
        "selfsupervised.PCADenoiserCV\n"
        "sys.modules['anndata'] = None\n"
        "try: selfsupervised.pp\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pp needs anndata" in done.stdout, done.stderr
    assert "selfsupervised[singlecell]" in done.stdout


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files(path):
    text = path.read_text()
    assert text.startswith(
        "# Authors: the selfsupervised developers\n# SPDX-License-Identifier: BSD-3-Clause\n"
    )
    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= 400


def public_objects():
    for name, obj in public():
        if inspect.ismodule(obj):
            yield from ((f"{name}.{part}", f"{obj.__name__}.{part}") for part in obj.__all__)
            continue
        yield name, f"{obj.__module__}.{obj.__qualname__}"
        if isinstance(obj, type):
            for method, function in inspect.getmembers(obj, inspect.isfunction):
                own = function.__module__.startswith("selfsupervised")
                if own and not method.startswith("_"):
                    where = function.__qualname__
                    yield f"{name}.{method}", f"{function.__module__}.{where}"


# EX01 SA01: of methods, where they help; a test below asks public names for both.
# ES01: no extended summary needed.
# GL01 SS03 SS06 RT03: matters of taste. PR06 PR09 PR10: shorter type names read better.
# GL08: short helpers named by a base class. RT01: generators and properties.
IGNORED = {"ES01", "EX01", "GL01", "PR06", "PR09", "RT03", "SA01", "SA04", "SS03", "SS06", "YD01"}


@pytest.mark.parametrize(("name", "path"), sorted(set(public_objects())))
def test_docstrings(name, path):
    problems = [p for p in validate(path)["errors"] if p[0] not in IGNORED]
    short = {"PR01", "RT01", "PR02"}  # one-line docstrings of small methods say all there is
    if "." in name and "\n" not in (inspect.getdoc(_resolve(path)) or "\n"):
        problems = [p for p in problems if p[0] not in short]
    assert not problems, f"{name}: {problems}"


def public_names():
    """Classes and functions, those of public modules by their module's name too."""
    for name, obj in public():
        if inspect.ismodule(obj):
            yield from ((f"{name}.{part}", getattr(obj, part)) for part in obj.__all__)
        else:
            yield name, obj


PUBLIC = dict(public_names())
IN_REACH = {name.partition(".")[0] for name in PUBLIC}  # pp, pl and networks may be left out


def guidance_problems(name, obj):
    """What a docstring lacks that leads on from a name: an example, and what to compare with."""
    doc = FunctionDoc(obj)
    if not any(line.startswith(">>>") for line in doc["Examples"]):
        yield "no example"
    others = [(other, why) for names, why in doc["See Also"] for other, _ in names]
    if not 1 <= len(others) <= 3:
        yield f"{len(others)} names to compare with, expected 1 to 3"
    module = name.rpartition(".")[0]
    for other, why in others:
        full = other.removeprefix("selfsupervised.")
        if module and full == other:
            full = f"{module}.{other}"
        place = full.rpartition(".")[0]
        there = full in ss.__all__ or full in PUBLIC or (place and place not in IN_REACH)
        if not there or full == name:
            yield f"{other} is no other public name"
        if not why:
            yield f"no reason to see {other}"


@pytest.mark.parametrize("name", PUBLIC)
def test_names_have_an_example_and_names_to_compare_with(name):
    assert not list(guidance_problems(name, PUBLIC[name]))


def leads_nowhere():
    """Do nothing.

    See Also
    --------
    denoize : Misspelt.
    denoise
    """


def test_lack_of_guidance_is_found():
    assert list(guidance_problems("leads_nowhere", leads_nowhere)) == [
        "no example",
        "denoize is no other public name",
        "no reason to see denoise",
    ]
    assert len(list(guidance_problems("bare", test_no_placeholders))) == 2
    assert list(guidance_problems("networks.leads", leads_nowhere))[-2].startswith("denoise is no")


def _resolve(path):
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        try:
            obj = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        for part in parts[end:]:
            obj = getattr(obj, part)
        return obj
    raise ImportError(path)


@pytest.mark.parametrize(
    "estimator", [*IMAGE_DENOISERS, *WRAPPED, *TABLE_ESTIMATORS], ids=lambda e: type(e).__name__
)
def test_fitted_attributes_are_documented(estimator):
    rng = np.random.default_rng(0)
    if estimator in COUNT_DENOISERS:
        fitted = clone(estimator).fit(rng.poisson(3, size=(30, 4)))
    elif estimator in TABLE_ESTIMATORS:
        X = rng.normal(size=(30, 4))
        fitted = clone(estimator).fit(X, X[:, 0])
    else:
        fitted = clone(estimator).fit(rng.normal(size=(1, 12, 12)))
    attributes = {name for name in vars(fitted) if name.endswith("_") and name[0] != "_"}
    documented = {p.name for p in FunctionDoc(type(fitted))["Attributes"]}
    assert attributes <= documented
    assert documented <= attributes | {"n_features_in_", "feature_names_in_"}


def documented(cls):
    """Parameters of a class in its docstring: name to (choices, default) as they are written."""
    found = {}
    for name, kind, _ in FunctionDoc(cls)["Parameters"]:
        choices = re.search(r"\{([^}]*)\}", kind)
        default = re.search(r"default=(.+)$", kind)
        found[name] = choices and choices.group(1), default and default.group(1)
    return found


def disagreements(cls):
    """Where signature, docstring and constraints of a class say different things."""
    signature = inspect.signature(cls).parameters
    constraints, docs = cls._parameter_constraints, documented(cls)
    shared = [name for names in docs for name in names.split(", ")]
    if sorted(shared) != sorted(signature):
        yield f"documented {sorted(shared)}, signature {sorted(signature)}"
    if set(constraints) != set(signature):
        yield f"constraints {sorted(constraints)}, signature {sorted(signature)}"
    for name, (choices, default) in docs.items():
        if name not in signature:
            continue
        options = [c.options for c in constraints[name] if hasattr(c, "options")]
        quoted = set(re.findall(r'"([^"]+)"', choices or ""))
        if choices and options and quoted != set().union(*options):
            yield f"{name}: documented {quoted}, allowed {options}"
        value = signature[name].default
        if default is not None and value is not inspect.Parameter.empty:
            written = eval(default, {"__builtins__": {}, "inf": np.inf})
            if written != value:
                yield f"{name}: documented default {default}, signature {value!r}"


CONSTRAINED = [
    obj
    for _, obj in public()
    if isinstance(obj, type)
    and "_parameter_constraints" in dir(obj)
    and obj is not ss.ImageDenoiser
]


@pytest.mark.parametrize("cls", CONSTRAINED, ids=lambda cls: cls.__name__)
def test_signature_docstring_and_constraints_agree(cls):
    assert not list(disagreements(cls))
    text = pydoc.render_doc(cls)
    assert "{{" not in text and "}}" not in text and "{parameters}" not in text


class Disagrees:
    """A class.

    Parameters
    ----------
    kind : {"a", "b"}, default="a"
    size : int, default=3
    """

    _parameter_constraints: dict = {"kind": [StrOptions({"a", "c"})], "size": [int]}

    def __init__(self, kind="a", size=4):
        """Store nothing."""


def test_disagreements_are_found():
    assert len(list(disagreements(Disagrees))) == 2


def test_every_module_imports():
    for module in pkgutil.walk_packages([str(ROOT)], "selfsupervised."):
        name = module.name.removeprefix("selfsupervised.")
        part = name.split(".")[0]
        missing = part in ("networks", "training", "images") or name == "counts.autoencoder"
        missing = missing and not HAS_NETWORKS
        missing |= part == "singlecell" and not HAS_SINGLECELL
        missing |= name == "napari.widget" and not find_spec("magicgui")
        if not module.name.endswith("__main__") and not missing:
            importlib.import_module(module.name)


def test_no_placeholders():
    """The README and the docs hold figures, not words that stand for them."""
    for path in [ROOT.parent / "README.md", *(ROOT.parent / "docs").glob("*.md")]:
        assert not {"RESULTS", "AFTERTABLE", "TODO", "TBD"} & set(path.read_text().split()), path
