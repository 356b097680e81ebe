# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Self-supervised denoising of images, tables and counts.

Public names are listed, with their types, in ``__init__.pyi``; each is imported when it is
first used, so that ``import selfsupervised`` costs next to nothing.
"""

import lazy_loader

# What brings the packages that not everybody needs.
EXTRAS = {
    **dict.fromkeys(("torch", "skorch", "safetensors"), "networks"),
    **dict.fromkeys(("anndata", "pandas"), "singlecell"),
}
_lazy_getattr, _, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __dir__():
    return sorted({*globals(), *__all__, "__version__"})


def __getattr__(name):
    if name == "__version__":
        from importlib.metadata import version

        return version("selfsupervised")
    try:
        return _lazy_getattr(name)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get(error.name)
        if extra is None:
            raise
        raise ImportError(
            f"{name} needs {error.name}, which is not installed: "
            f"`pip install selfsupervised[{extra}]`.",
            name=error.name,
        ) from error
