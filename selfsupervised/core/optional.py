# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Packages that not everybody needs, imported when they are used."""

from importlib import import_module


def optional(module, *, caller, extra):
    """A module of an optional package.

    Parameters
    ----------
    module : str
        Its dotted name.
    caller : str
        Who needs it, for the message.
    extra : str
        The extra of this library that installs it.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If it is not installed; the message says what to install.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name not in (package, module):
            raise
        raise ImportError(
            f"{caller} needs {package}, which is not installed: "
            f"`pip install selfsupervised[{extra}]`.",
            name=package,
        ) from error
