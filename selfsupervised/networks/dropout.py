# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Dropout that stays on when a network predicts."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# A number of 16 bits decides about each element, so the probability is a multiple of 1 / LEVELS.
N_LEVELS = 2**16


class StochasticDropout(nn.Module):
    """Sets elements to zero at random, in training and at inference alike.

    The others are divided by the probability to stay, so that the mean is kept. Predictions
    with other elements dropped are predictions of other networks, whose mean is better than any
    of them. `eval` does not turn it off; `without_dropout` does. Random numbers are those of
    torch's global generator.

    Parameters
    ----------
    p : float, default=0.3
        Probability that an element is dropped, at least 0 and below 1. On a CPU it is rounded
        to a multiple of 2**-16.

    Attributes
    ----------
    active : bool
        Whether elements are dropped.

    Raises
    ------
    ValueError
        For another probability.

    See Also
    --------
    without_dropout : Turns it off for a while.
    Self2SelfUNet : Has it all over the decoder.

    References
    ----------
    Gal & Ghahramani, "Dropout as a Bayesian Approximation", ICML 2016.

    Quan et al., "Self2Self With Dropout: Learning Self-Supervised Denoising From Single Image",
    CVPR 2020, Section 3.3.

    Examples
    --------
    >>> import torch
    >>> from selfsupervised.networks import StochasticDropout
    >>> dropout = StochasticDropout(0.5).eval()
    >>> dropout(torch.ones(1000)).unique()
    tensor([0., 2.])
    """

    def __init__(self, p: float = 0.3) -> None:
        super().__init__()
        if isinstance(p, bool) or not isinstance(p, (int, float)) or not 0 <= p < 1:
            raise ValueError(
                f"Expected the probability of dropout to be at least 0 and below 1; got {p!r}."
            )
        self.p: Any = p
        self.active: Any = True

    def forward(self, x: Tensor) -> Tensor:
        """A tensor of the shape of `x`; `x` itself if nothing is dropped."""
        if not self.active or self.p == 0:
            return x
        if x.device.type != "cpu":
            return functional.dropout(x, self.p, training=True)
        return x * _kept(x, self.p)

    def extra_repr(self) -> str:
        """What `repr` shows."""
        return f"p={self.p}"


def _kept(x, p):
    """Zeros and the inverse of the probability to stay, laid out in memory as `x`.

    On a CPU torch draws an integer of 64 bits several times faster than it decides about one
    element (`bernoulli_`), and an integer is enough for four.
    """
    threshold = round(p * N_LEVELS)
    kept = torch.empty_like(x)
    n_elements = kept.numel()
    numbers = torch.empty(-(-n_elements // 4), dtype=torch.int64).random_(-(2**63), None)
    numbers = numbers.view(torch.int16)[:n_elements]
    torch.ge(numbers, threshold - N_LEVELS // 2, out=kept.as_strided((n_elements,), (1,)))
    return kept.mul_(N_LEVELS / (N_LEVELS - threshold))


@contextmanager
def without_dropout(module: Any) -> Iterator[Any]:
    """Turn every `StochasticDropout` within a module off for a while, as for a validation.

    Parameters
    ----------
    module : torch.nn.Module
        Any; if there is no dropout in it, nothing happens.

    Yields
    ------
    torch.nn.Module
        The module.

    See Also
    --------
    StochasticDropout : What it turns off.

    Examples
    --------
    >>> import torch
    >>> from selfsupervised.networks import StochasticDropout, without_dropout
    >>> dropout = StochasticDropout()
    >>> with without_dropout(dropout):
    ...     dropout(torch.ones(3))
    tensor([1., 1., 1.])
    """
    active = [
        part for part in module.modules() if isinstance(part, StochasticDropout) and part.active
    ]
    try:
        for part in active:
            part.active = False
        yield module
    finally:
        for part in active:
            part.active = True
