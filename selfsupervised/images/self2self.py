# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Self2Self: learn from one noisy image by predicting what a random sample of it left out.

With masks b that show each element with probability 1 - p (Quan et al., Equations 3 to 7)::

    loss(f) = E_b | (1 - b) * (f(b * y) - y) |^2           x* = mean over b and dropout of f(b * y)

As elements have independent noise, the loss is that of clean targets plus a constant
(Proposition 1); the mean over many predictions takes most of their variance away.
"""

import functools
from collections.abc import Callable
from typing import Any, Literal

from selfsupervised.core.types import RandomState
from selfsupervised.images._parameters import described
from selfsupervised.images._sampled import (
    FAST_DROPOUT,
    FAST_SCHEDULE,
    WHOLE_IMAGE_EDGE,
    SampledDenoiser,
)
from selfsupervised.networks import FilledUNet, Self2SelfUNet

PAPER_DROPOUT = 0.3
SCHEDULES = {
    "fast": FAST_SCHEDULE,
    "paper": {
        "max_steps": 450_000,
        "batch_size": 1,
        "default_patch": WHOLE_IMAGE_EDGE,
        "augment": "flips",
        "lr": 1e-5,
        "optimizer": "Adam",
        "halvings": (),
        "averaging": None,
    },
}


@described(SCHEDULES)
class Self2SelfDenoiser(SampledDenoiser):
    """Train a network on one noisy image, by random samples of it (Quan et al., CVPR 2020).

    Each step shows the network a random part of the pixels and asks for the others. The result
    is the mean of many predictions, each of another sample. One image is enough, a stack of
    images of like content is better. What is missing, NaN or under a mask, is filled in.

    Parameters
    ----------
    module : torch.nn.Module, class or callable, default=None
        The network, see `partial` for the default: an instance, which is copied and from whose
        weights training starts, or what makes one, called with those of ``in_channels``,
        ``out_channels`` and ``n_dims`` that it takes. It gets NaN at what it is not
        to see if it has an attribute ``sees_missing`` that is true; otherwise that is filled with
        a local mean first.
    partial : bool, default=None
        Whether the default network is the paper's U-Net of partial convolutions, or, if False,
        the same of plain ones that see zeros, both from `Self2SelfUNet`. None is `FilledUNet`, or
        `Self2SelfUNet` with ``schedule="paper"``.
    drop_probability : float, default=0.3
        Probability that an element of the image is left out of a sample, each channel for itself;
        in (0, 1). For the noise of real cameras, which neighbours share, 0.7 to 0.9.
    dropout : float, default=None
        Probability with which elements are dropped in the default network's decoder, in training
        and in prediction alike, below 1. None is the paper's 0.3 for `Self2SelfUNet` and 0.15
        for `FilledUNet`.
    sampling : bool, default=True
        Whether there are samples. False shows and judges everything, for comparison: only
        dropout is then between the network and the identity.
    loss : {"mse", "mae"}, default="mse"
        Squared or absolute errors. The mean absolute error takes outliers better.
    n_predictions : int, default=50
        How many predictions are averaged.
    keep_known : bool, default=False
        Whether pixels that are not missing come out as they were, for inpainting.
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    Self2SelfPlusDenoiser : Gated convolutions and absolute errors.
    Noise2SelfDenoiser : Predicts from one pass.

    Notes
    -----
    `FilledUNet` is the default as it learns many times faster than partial convolutions; figures
    are in the user guide. With ``schedule="paper"``, sizes and rates are the paper's; its
    released code has a learning rate of 1e-4 and 150,000 steps.

    {notes}

    References
    ----------
    Quan, Chen, Pang & Ji, "Self2Self With Dropout: Learning Self-Supervised Denoising From Single
    Image", CVPR 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import Self2SelfDenoiser
    >>> noisy = np.random.default_rng(0).normal(100, 10, size=(1, 32, 32))
    >>> denoiser = Self2SelfDenoiser(max_steps=3, n_predictions=4).fit(noisy)
    >>> denoised, std = denoiser.transform(noisy, return_std=True)
    >>> denoised.shape, std.shape
    ((1, 32, 32), (1, 32, 32))
    """

    schedules = SCHEDULES
    _parameter_constraints: dict = {
        **SampledDenoiser._parameter_constraints,
        "partial": [None, "boolean"],
    }

    def __init__(
        self,
        module: Any = None,
        *,
        partial: bool | None = None,
        drop_probability: float = 0.3,
        dropout: float | None = None,
        sampling: bool = True,
        loss: Literal["mae", "mse"] = "mse",
        n_predictions: int = 50,
        keep_known: bool = False,
        schedule: Literal["fast", "paper"] = "fast",
        max_steps: int | None = None,
        batch_size: int | None = None,
        patch_size: int | tuple[Any, ...] | None = None,
        augment: bool | Literal["flips"] | None = None,
        lr: float | None = None,
        optimizer: str | Callable[..., Any] | None = None,
        held_out: float = 1 / 16,
        patience: int | None = None,
        precision: Literal["auto", "bfloat16", "float32"] = "auto",
        device: Any = "auto",
        compile: bool = False,
        callbacks: list[Any] | None = None,
        warm_start: bool = False,
        tile: int | None = None,
        channel_axis: int | None = None,
        random_state: RandomState = 0,
        verbose: int = 0,
    ) -> None:
        self._store(vars())

    def default_module(self) -> Any:
        """What makes the network where `module` is None."""
        if self.partial is None and self.schedule == "fast":
            dropout = FAST_DROPOUT if self.dropout is None else self.dropout
            return functools.partial(FilledUNet, dropout=dropout)
        dropout = PAPER_DROPOUT if self.dropout is None else self.dropout
        partial = self.partial is not False
        return functools.partial(Self2SelfUNet, partial=partial, dropout=dropout)
