# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Files that are there whole, or not at all."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path):
    """A file beside `path` to write to, renamed to it at the end: no reader sees half a file.

    Parameters
    ----------
    path : str or Path
        Its folder is made if missing; its suffix is that of the file beside, too.

    Yields
    ------
    Path
        The file to write to. If an error is raised, it is removed and `path` left as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(suffix=path.suffix, dir=path.parent)
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        beside.chmod(0o644)
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
