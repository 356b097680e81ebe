# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What all benchmarks share: options, tables, and results with their circumstances."""

import argparse
import json
import os
import platform
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("numpy", "scipy", "scikit-learn", "scikit-image", "PyWavelets", "joblib")
# What some benchmarks need or compare with, where it is installed.
PEERS = ("bm3d", "torch", "skorch", "magic-impute", "dipy")


def options(description, **extra):
    """Options of a benchmark: ``--quick``, ``--save``, and extras as name=(default, help)."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="end within a minute on two cores")
    parser.add_argument("--save", action="store_true", help="keep the output in benchmarks/results")
    for name, (default, text) in extra.items():
        kind = {"action": "store_true"} if default is False else {"type": type(default)}
        parser.add_argument(f"--{name}", default=default, help=text, **kind)
    return parser.parse_args()


class Report:
    """Prints what it is told, and ends with one JSON object of figures."""

    def __init__(self, name, save=False, part=""):
        """A `part` of a benchmark that runs on its own is kept in a file of its own."""
        self.file = f"{name}-{part}.md" if part else f"{name}.md"
        self.save, self.lines = save, []
        self.line(f"# {' '.join(['python -m', f'benchmarks.{name}', *sys.argv[1:]])}")
        versions = [f"{package} {version(package)}" for package in PACKAGES]
        for package in PEERS:
            with suppress(PackageNotFoundError):
                versions.append(f"{package} {version(package)}")
        self.line(f"Python {platform.python_version()}, {', '.join(versions)}")
        self.line(f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}")

    def line(self, text=""):
        print(text, flush=True)
        self.lines.append(text)

    def table(self, title, columns, rows):
        """A table in Markdown; floats with four significant digits."""
        cells = [[_text(value) for value in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
        self.line(f"\n## {title}\n")
        for row in [columns, ["-" * width for width in widths], *cells]:
            padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.line(f"| {' | '.join(padded)} |")

    def end(self, **figures):
        """Print the figures, and keep everything if asked to."""
        self.line()
        self.line(json.dumps(figures))
        if self.save:
            RESULTS.mkdir(exist_ok=True)
            (RESULTS / self.file).write_text("\n".join(self.lines) + "\n")


def _text(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)
