# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Files of network estimators."""

from pathlib import Path
from typing import Any

from selfsupervised.training.saving import load_estimator, save_estimator


class Saved:
    """Gives an estimator the methods `save` and `load`."""

    def save(self, path: str | Path) -> None:
        """Write the fitted estimator to one file, without pickle.

        Parameters
        ----------
        path : str or Path
            Where; ".safetensors" is the usual suffix.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If there is nothing to save.

        Warns
        -----
        UserWarning
            If a parameter cannot be stored, as callbacks cannot. Of a module that is not of this
            library, only the weights are.
        """
        save_estimator(self, path)

    @classmethod
    def load(cls, path: str | Path, *, module: Any = None, device: Any = "auto") -> Any:
        """Read an estimator of this class that `save` wrote.

        Parameters
        ----------
        path : str or Path
            The file. Nothing in it is executed.
        module : torch.nn.Module, class or callable, default=None
            The parameter `module` of the training, where it is not of this library.
        device : str, default="auto"
            The parameter `device` from now on.

        Returns
        -------
        estimator
            Fitted; it transforms and scores as the saved one did.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is damaged, of another kind, newer than this library, or holds an estimator of
            another class.
        """
        return load_estimator(path, [cls], module=module, device=device)
