# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""``selfsupervised info``: versions, devices, and what is installed and what it would give."""

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version

from selfsupervised.cli.words import table
from selfsupervised.core.optional import optional

CORE = ("selfsupervised", "numpy", "scipy", "scikit-learn", "scikit-image")
# For each extra its packages, and what it gives.
EXTRAS = {
    "bioimageio": (
        ("bioimageio.spec", "pydantic"),
        "trained networks for the BioImage Model Zoo",
    ),
    "cli": (
        ("imagecodecs", "pillow", "tifffile", "tqdm"),
        "pictures in files: TIFF, PNG, JPEG and others",
    ),
    "iqa": (("pyiqa",), "metrics of image quality, for Self2Self+"),
    "lazy": (("dask", "zarr"), "OME-Zarr, and what is larger than memory"),
    "napari": (("magicgui", "npe2", "superqt"), "a plugin of napari"),
    "networks": (
        ("safetensors", "skorch", "torch", "tqdm"),
        "noise2self, self2self and other networks",
    ),
    "notebook": (("matplotlib", "pandas"), "tables and plots of a choice"),
    "plots": (("matplotlib",), "plots"),
    "singlecell": (("anndata", "pandas", "scanpy"), "counts of single cells in AnnData files"),
}


def run(options):
    """Print it."""
    found = facts()
    print(json.dumps(found, indent=2) if options.json else _text(found))


def facts():
    """Versions, extras and devices, as can be written as JSON.

    Returns
    -------
    dict
    """
    extras = {
        name: {
            "packages": {package: installed(package) for package in packages},
            "gives": gives,
            "complete": all(installed(package) for package in packages),
        }
        for name, (packages, gives) in EXTRAS.items()
    }
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": {package: installed(package) for package in CORE},
        "devices": devices(),
        "extras": extras,
    }


def installed(package):
    """The version of a package; None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def devices():
    """On what networks can be trained, the best first.

    Returns
    -------
    list of str
    """
    found = [f"cpu ({os.cpu_count()} cores)"]
    if installed("torch") is None:
        return found
    torch = optional("torch", caller="selfsupervised info", extra="networks")
    if torch.backends.mps.is_available():
        found.insert(0, "mps")
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
        found = [f"cuda:{n} ({name})" for n, name in enumerate(names)] + found
    return found


def _text(found):
    lines = [f"{name} {number}" for name, number in found["packages"].items()]
    lines += [f"Python {found['python']}, {found['system']}", ""]
    lines += [f"devices: {', '.join(found['devices'])}", ""]
    rows = [("extra", "", "gives", "packages")]
    for name, extra in found["extras"].items():
        packages = ", ".join(
            f"{package} {number or '(missing)'}" for package, number in extra["packages"].items()
        )
        there = "installed" if extra["complete"] else "missing"
        rows.append((name, there, extra["gives"], packages))
    lines.append(table(rows))
    missing = [name for name, extra in found["extras"].items() if not extra["complete"]]
    if missing:
        lines += ["", f"pip install 'selfsupervised[{','.join(missing)}]' installs the rest."]
    return "\n".join(lines)
