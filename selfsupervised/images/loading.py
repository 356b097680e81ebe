# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Any network estimator from its file."""

from pathlib import Path
from typing import Any

from selfsupervised.counts.autoencoder import NegativeBinomialAutoencoder
from selfsupervised.images.neighbor2neighbor import Neighbor2NeighborDenoiser
from selfsupervised.images.noise2same import Noise2SameDenoiser
from selfsupervised.images.noise2self import Noise2SelfDenoiser
from selfsupervised.images.recorrupted import RecorruptedDenoiser
from selfsupervised.images.self2self import Self2SelfDenoiser
from selfsupervised.images.self2self_plus import Self2SelfPlusDenoiser
from selfsupervised.training.saving import load_estimator

DENOISERS = [
    NegativeBinomialAutoencoder,
    Neighbor2NeighborDenoiser,
    Noise2SameDenoiser,
    Noise2SelfDenoiser,
    RecorruptedDenoiser,
    Self2SelfDenoiser,
    Self2SelfPlusDenoiser,
]


def load(path: str | Path, *, module: Any = None, device: Any = "auto") -> Any:
    """Read a network estimator, whichever it is, that its method `save` wrote.

    Parameters
    ----------
    path : str or Path
        The file. Nothing in it is executed.
    module : torch.nn.Module, class or callable, default=None
        The parameter `module` of the training, where it is not of this library.
    device : str, default="auto"
        The parameter `device` of the estimator from now on.

    Returns
    -------
    estimator
        Fitted; it transforms and scores as the saved one did.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, of another kind, or newer than this library.

    See Also
    --------
    Noise2SelfDenoiser : A network estimator, with the method `save`.

    Examples
    --------
    >>> import selfsupervised as ss
    >>> denoiser = ss.Neighbor2NeighborDenoiser(max_steps=1)
    >>> denoiser.fit(noisy).save("fitted.safetensors")  # doctest: +SKIP
    >>> ss.load("fitted.safetensors").transform(noisy)  # doctest: +SKIP
    """
    return load_estimator(path, DENOISERS, module=module, device=device)
