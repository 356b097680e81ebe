# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Which files are meant, and where the result of each is written."""

import glob
from pathlib import Path

from selfsupervised.files.pictures import is_picture_name
from selfsupervised.files.zarr_group import is_zarr

DENOISED, OME = "-denoised", ".ome"


def expanded(inputs):
    """The files that arguments name: themselves, those of folders, those that patterns match.

    Parameters
    ----------
    inputs : list of str

    Returns
    -------
    list of Path
        Without repetition. Of a folder all pictures, but none that this program wrote.

    Raises
    ------
    FileNotFoundError
        If a pattern or a folder holds no picture.
    """
    found = []
    for text in inputs:
        path = Path(text)
        if path.is_dir() and not is_zarr(path):
            files = [p for p in sorted(path.iterdir()) if _is_input(p)]
            if not files:
                raise FileNotFoundError(f"Expected pictures in the folder {path}, found none.")
        elif not path.exists() and glob.has_magic(text):
            files = [Path(p) for p in sorted(glob.glob(text, recursive=True))]
            if not files:
                raise FileNotFoundError(f"Expected files that match {text}, found none.")
        else:
            files = [path]
        found += files
    return list(dict.fromkeys(found))


def _is_input(path):
    named = is_zarr(path) or (path.is_file() and is_picture_name(path))
    return named and DENOISED not in path.name and not path.name.startswith(".")


def output_of(path, options):
    """Where the result of a file is to be written.

    Parameters
    ----------
    path : Path
    options : Namespace
        With `output` and `output_dir`.

    Returns
    -------
    Path
    """
    if options.output is not None:
        return options.output
    if options.output_dir is not None:
        return options.output_dir / path.name
    stem, suffix = path.stem, path.suffix
    if stem.lower().endswith(OME):  # .ome.tif and .ome.zarr
        stem, suffix = stem[: -len(OME)], stem[-len(OME) :] + suffix
    return path.with_name(f"{stem}{DENOISED}{suffix}")


def check_outputs(pairs, options):
    """Raise if several results would have one place, or what is to be written does not fit.

    Parameters
    ----------
    pairs : list of (Path, Path)
        Inputs and outputs.
    options : Namespace

    Raises
    ------
    ValueError
    """
    if options.output is not None and len(pairs) > 1:
        raise ValueError(
            f"-o names one file, got {len(pairs)} inputs; name a folder with --output-dir."
        )
    if options.output is not None and options.output_dir is not None:
        raise ValueError("Expected -o or --output-dir, got both; name one.")
    if options.panel is not None and len(pairs) > 1:
        raise ValueError(f"--panel is of one file, got {len(pairs)}; leave it out.")
    if options.panel is not None and is_zarr(pairs[0][0]):
        raise ValueError("--panel is of a picture in a file, got a zarr; leave it out.")
    if options.panel is not None and options.panel.exists() and not options.overwrite:
        raise ValueError(f"{options.panel} exists; --overwrite replaces it.")
    places: dict = {}
    for path, output in pairs:
        other = places.setdefault(output.resolve(), path)
        if other != path:
            raise ValueError(
                f"{other} and {path} would both be written to {output}; denoise them one by one."
            )


def why_not_written(path, output, options):
    """Why a result must not be written, and whether that is because it is there already.

    Returns
    -------
    message : str
        Empty if it may be written.
    done : bool
        Whether there is nothing left to do.
    """
    if not output.exists() or options.overwrite:
        return "", False
    if output.resolve() == path.resolve():
        return f"the result would replace the input {path}; name another, or --overwrite.", False
    if options.resume:
        newer = output.stat().st_mtime >= path.stat().st_mtime
        return ("done before", True) if newer else ("", False)
    return f"{output} exists; --overwrite replaces it, --resume goes on with the others.", False
