# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The command line: what there is, and how a command ends.

Each command is a module with ``add_to(commands)``, its arguments, and a ``run(options)``, which is
imported when it is called: ``selfsupervised --version`` waits for no library.
"""

import argparse
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from selfsupervised.cli.interrupts import INTERRUPTED_STATUS, Interrupts
from selfsupervised.cli.words import to_stderr

METHODS = (
    "auto", "bilateral", "gaussian", "median", "neighbor2neighbor", "nl_ridge", "noise2same",
    "noise2self", "non_local_means", "recorrupted", "self2self", "self2self_plus",
    "total_variation", "wavelet",
)  # fmt: skip
NETWORK_METHODS = (
    "neighbor2neighbor", "noise2same", "noise2self", "recorrupted", "self2self", "self2self_plus",
)  # fmt: skip
USAGE_STATUS, FAILED_STATUS = 2, 1
EPILOG = "Every command says more with --help. Guide: docs/files.md."


def main(arguments=None):
    """Run the command line.

    The status is 0 if all went well, 1 if some files failed, 2 for what cannot be begun, which
    one sentence explains, and 130 after Ctrl-C.
    """
    options = parser().parse_args(arguments)
    with Interrupts() as options.interrupts:
        try:
            run = import_module(f"selfsupervised.cli.{options.module}").run
            status = run(options)
        except ImportError as error:
            status = _end(options, _what_to_install(error))
        except (KeyError, OSError, TypeError, ValueError) as error:
            status = _end(options, error.args[0] if isinstance(error, KeyError) else error)
        except KeyboardInterrupt:
            to_stderr(f"{options.command}: stopped; what was not complete was not written.")
            status = INTERRUPTED_STATUS
    if status:
        sys.exit(status)


def _end(options, message):
    to_stderr(f"{options.command}: {message}")
    return USAGE_STATUS


def _what_to_install(error):
    if error.name in (None, "selfsupervised"):
        return str(error)
    return f"{error}; `pip install 'selfsupervised[cli]'` installs what the command line needs."


def parser():
    """The parser of all commands."""
    whole = argparse.ArgumentParser(
        prog="selfsupervised",
        description="Denoise pictures without any clean version of them.",
        epilog=EPILOG,
    )
    whole.add_argument(
        "--version", action="version", version=f"selfsupervised {version('selfsupervised')}"
    )
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (_denoise, _compare, _train, _counts, _info, _demo):
        add(commands)
    return whole


def _denoise(commands):
    one = commands.add_parser("denoise", help="denoise pictures in files, folders, zarr groups")
    one.set_defaults(module="denoise")
    one.add_argument(
        "inputs", nargs="+", metavar="IN", help="files, folders (all pictures in them), or patterns"
    )
    one.add_argument("-o", "--output", type=Path, metavar="OUT", help="where one file is written")
    one.add_argument(
        "--output-dir", type=Path, metavar="DIR",
        help="where results are written, by the names of the inputs; default: NAME-denoised beside",
    )  # fmt: skip
    exists = one.add_mutually_exclusive_group()
    exists.add_argument("--overwrite", action="store_true", help="replace results that are there")
    exists.add_argument(
        "--resume", action="store_true", help="leave results that are newer than their inputs"
    )
    one.add_argument("--panel", type=Path, help="also write noisy | denoised | residual of one")
    one.add_argument("--axes", metavar="TZCYX", help="what the axes are, if not what the file says")
    one.add_argument(
        "--over", metavar="ZYX", help="the axes that one image spans, such as TYX for a film"
    )
    one.add_argument(
        "--fill-missing", action="store_true",
        help="write estimates where the file says that nothing was measured",
    )  # fmt: skip
    one.add_argument(
        "--memory", type=_positive, metavar="GIB",
        help="denoise images of zarr that need more by overlapping blocks; default: all whole",
    )  # fmt: skip
    _add_choice(one)
    one.add_argument("--model", type=Path, help="a network that `train` wrote, instead of a choice")
    one.add_argument("--json", action="store_true", help="print a JSON object for each file")
    one.add_argument("-q", "--quiet", action="store_true", help="print only what went wrong")


def _positive(text):
    """A number above zero."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError
    return number


def _compare(commands):
    compare = commands.add_parser("compare", help="try all methods on a picture; writes a page")
    compare.set_defaults(module="compare")
    compare.add_argument("input", metavar="IN", type=Path, help="of many images the middle one")
    compare.add_argument(
        "--methods", default="classical", metavar="LIST",
        help="names with commas, or classical (default), or all, which trains networks",
    )  # fmt: skip
    compare.add_argument("--html", type=Path, metavar="PAGE", help="default: NAME-compare.html")
    _add_axes(compare)
    compare.add_argument("--jobs", type=int, metavar="N", help="candidates computed at a time")
    compare.add_argument("--overwrite", action="store_true", help="replace a page that is there")
    compare.add_argument("--json", action="store_true", help="print a JSON object")


def _train(commands):
    train = commands.add_parser("train", help="train one network on many pictures")
    train.set_defaults(module="train")
    train.add_argument("inputs", nargs="+", metavar="IN", help="as of denoise")
    train.add_argument("--model", type=Path, required=True, help="where to write it: .safetensors")
    train.add_argument(
        "--method", default="noise2self", choices=NETWORK_METHODS, help="default: noise2self"
    )
    train.add_argument("--steps", type=int, metavar="N", help="of training; default: the method's")
    _add_axes(train)
    train.add_argument("--overwrite", action="store_true", help="replace a model that is there")
    train.add_argument("-q", "--quiet", action="store_true", help="print only what went wrong")


def _counts(commands):
    counts = commands.add_parser("counts", help="denoise the counts of single cells in a file")
    counts.set_defaults(module="counts")
    counts.add_argument("input", metavar="IN.h5ad")
    counts.add_argument("output", metavar="OUT.h5ad")
    counts.add_argument("--layer", help="where the counts are; default: X")
    counts.add_argument("--components", type=int, metavar="N", help="default: chosen")
    counts.add_argument("--genes", help="also write denoised values of these, with commas, or all")
    counts.add_argument("--overwrite", action="store_true", help="replace a file that is there")


def _info(commands):
    info = commands.add_parser("info", help="versions, devices, and what else could be installed")
    info.set_defaults(module="info")
    info.add_argument("--json", action="store_true", help="print a JSON object")


def _demo(commands):
    demo = commands.add_parser("demo", help="denoise a picture and show how it was done")
    demo.set_defaults(module="demo", over=None, axes=None)
    demo.add_argument("--image", type=Path, help="default: scikit-image's camera with noise")
    demo.add_argument("--output-dir", type=Path, default=Path("demo-output"))
    _add_choice(demo)


def _add_axes(command):
    command.add_argument(
        "--axes", metavar="TZCYX", help="what the axes are, if not what the file says"
    )
    command.add_argument(
        "--over", metavar="ZYX", help="the axes that one image spans, such as TYX for a film"
    )


def _add_choice(command):
    command.add_argument("--method", default="auto", choices=METHODS, help="default: auto")
    command.add_argument("--jobs", type=int, metavar="N", help="candidates computed at a time")
    command.add_argument(
        "--budget",
        type=float,
        metavar="SECONDS",
        help="for one image: candidates, then a network beside them; default: all candidates only",
    )
