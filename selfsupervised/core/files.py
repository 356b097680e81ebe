# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Files that are there whole, or not at all."""

import os
import secrets
import shutil
import stat
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path, *, like=None):
    """A file beside `path` to write to, renamed to it at the end: no reader sees half a file.

    Parameters
    ----------
    path : str or Path
        Its folder is made if missing; its suffix is that of the file beside, too. A file that is
        there keeps its permissions; a new one has those of a new file, by the user's umask.
    like : str or Path, default=None
        What it is made from: a new file is open to nobody whom this one is closed to.

    Yields
    ------
    Path
        The file to write to. If an error is raised, it is removed and `path` left as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = _beside(path)
    # Made here and not by `tempfile`, whose files are private whatever the umask.
    os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        if path.exists():
            beside.chmod(stat.S_IMODE(path.stat().st_mode))
        elif like is not None:
            allowed = stat.S_IMODE(Path(like).stat().st_mode) & 0o666
            beside.chmod(stat.S_IMODE(beside.stat().st_mode) & (allowed | stat.S_IWUSR))
        yield beside
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


@contextmanager
def replacing_folder(path):
    """A folder beside `path` to write into, renamed to it at the end.

    Parameters
    ----------
    path : str or Path
        A folder that is there is removed when the new one is complete.

    Yields
    ------
    Path
        The folder to write into. If an error is raised, it is removed and `path` left as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = _beside(path)
    beside.mkdir()
    try:
        yield beside
        if path.exists():
            old = _beside(path)
            path.rename(old)
            beside.rename(path)
            shutil.rmtree(old)
        else:
            beside.rename(path)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def _beside(path):
    return path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
