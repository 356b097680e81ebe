# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Neighbor2Neighbor: half-size neighbours of one noisy image as a noisy pair.

Of each cell of 2 x 2 pixels, a sub-sampler takes two neighbours: one for g1(y), one for g2(y).
Their noise is independent while the signal is nearly the same, so that g2(y) can be the target
for g1(y). What differs between neighbours is corrected for by the network's own output::

    L = L_rec + gamma L_reg
      = |f(g1(y)) - g2(y)|^2 + gamma |f(g1(y)) - g2(y) - (g1(f(y)) - g2(f(y)))|^2

with no gradient through f(y) (Huang et al., Eq. 7).
"""

from collections.abc import Callable
from numbers import Real
from typing import Any, Literal

import numpy as np
import torch

from selfsupervised.core.sklearn_compat import Interval, StrOptions
from selfsupervised.core.types import Array, RandomState
from selfsupervised.images._network import NetworkDenoiser
from selfsupervised.images._parameters import described
from selfsupervised.training.data import fill_crops, target_of
from selfsupervised.training.passes import WeightedMSE, weighted_mean

# Pixels of a cell are numbered 0 1 / 2 3. Ordered pairs that share an edge, and the others.
EDGE_PAIRS = np.array([(0, 1), (1, 0), (0, 2), (2, 0), (1, 3), (3, 1), (2, 3), (3, 2)])
DIAGONAL_PAIRS = np.array([(0, 3), (3, 0), (1, 2), (2, 1)])


@described(batch_size=2, lr="3e-3", patch=128)
class Neighbor2NeighborDenoiser(NetworkDenoiser):
    """Train a network on pairs of sub-sampled noisy images (Huang et al., CVPR 2021).

    Parameters
    ----------
    module : torch.nn.Module, class or callable, default=None
        The network: an instance, which is copied and from whose weights training starts, or what
        makes one, called with those of ``in_channels``, ``out_channels`` and ``n_dims`` that it
        takes. By default ``Noise2SelfUNet(width=16, depth=3, residual=True)``, which learns
        faster; the paper's is ``UNet``, both from `selfsupervised.networks`.
    gamma : float, default=2
        Weight of the regulariser at the end of training, to which it rises in proportion to
        the step. Without it results are too smooth; larger is sharper, and leaves more noise. The
        paper has 2 for synthetic and 1 for real noise (its Table 3 and Figure 6).
    sampler : {"random", "fixed"}, default="random"
        Whether each cell has a pair of its own, out of the eight that share an edge, or all
        cells of a crop have the same one, out of all twelve (an ablation of the paper).
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    Noise2SelfDenoiser : Predicts masked pixels.
    Noise2SameDenoiser : Predicts all pixels, and masks some to bound how much it peeks.

    Notes
    -----
    In volumes, cells are 2 x 2 pixels of the last two axes. A pair with a pixel that was not
    measured counts nothing. The paper does not augment. The learning rate is halved five times
    in the second half of all steps; that of the released code after each fifth.

    {notes}

    References
    ----------
    Huang, Li, Jia, Lu & Liu, "Neighbor2Neighbor: Self-Supervised Denoising from Single Noisy
    Images", CVPR 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import Neighbor2NeighborDenoiser
    >>> noisy = np.random.default_rng(0).normal(100, 10, size=(2, 32, 32))
    >>> denoiser = Neighbor2NeighborDenoiser(max_steps=3).fit(noisy)
    >>> denoiser.transform(noisy).shape
    (2, 32, 32)
    """

    patch_multiple = 2
    default_patch: dict[int, int] = {
        2: 128,
        3: 32,
    }  # in 2-D, pairs are of the size that others learn from

    _parameter_constraints: dict = {
        **NetworkDenoiser._parameter_constraints,
        "gamma": [Interval(Real, 0, None, closed="left")],
        "sampler": [StrOptions({"random", "fixed"})],
    }

    def __init__(
        self,
        module: Any = None,
        *,
        gamma: float = 2,
        sampler: Literal["fixed", "random"] = "random",
        max_steps: int = 2000,
        batch_size: int = 2,
        patch_size: int | tuple[Any, ...] | None = None,
        augment: bool = True,
        lr: float = 0.003,
        optimizer: str | Callable[..., Any] = "Adam",
        held_out: float = 1 / 16,
        patience: int | None = None,
        precision: Literal["auto", "bfloat16", "float32"] = "auto",
        device: Any = "auto",
        compile: bool = False,
        callbacks: list[Any] | None = None,
        warm_start: bool = False,
        test_time_augmentation: bool = True,
        tile: int | None = None,
        channel_axis: int | None = None,
        random_state: RandomState = 0,
        verbose: int = 0,
    ) -> None:
        self._store(vars())

    def criterion(self) -> Any:
        """L_rec + gamma L_reg."""
        return Neighbor2NeighborLoss()

    def scheme(self, x: Array, rng: np.random.Generator, progress: float) -> Any:
        """Make g1(y) and y inputs; g2(y), which pixels were drawn, and gamma targets."""
        cells = (len(x), *x.shape[2:-2], x.shape[-2] // 2, x.shape[-1] // 2)
        first, second = map(torch.from_numpy, draw_pairs(cells, self.sampler, rng))
        y = torch.from_numpy(x)
        g1 = subsample(y, first).numpy()
        target, weight = target_of(subsample(y, second).numpy())
        weight *= ~np.isnan(g1)
        # What is missing in g1(y) is filled from g1(y), which holds nothing of g2(y).
        inputs = {"x": fill_crops(g1), "without_gradient": fill_crops(x)}
        return inputs, (target, weight, first, second, np.float32(self.gamma * progress))


class Neighbor2NeighborLoss(WeightedMSE):
    """L_rec + gamma L_reg, Eq. 7 of the paper."""

    def loss(self, outputs, targets):
        """Loss of f(g1(y)) and f(y)."""
        f_g1, f = outputs
        g2, weight, first, second, gamma = targets
        difference = f_g1 - g2
        expected = subsample(f, first) - subsample(f, second)
        l_rec = weighted_mean(difference.square(), weight)
        l_reg = weighted_mean((difference - expected).square(), weight)
        return l_rec + gamma * l_reg


def draw_pairs(cells, sampler, rng):
    """Numbers of the two pixels that are taken from each cell.

    Parameters
    ----------
    cells : tuple of int
        (n, *cells), how many there are along each axis.
    sampler : {"random", "fixed"}
        See `Neighbor2NeighborDenoiser`.
    rng : numpy.random.Generator

    Returns
    -------
    first, second : ndarray of int64 of shape `cells`
    """
    if sampler == "random":
        pairs = EDGE_PAIRS[rng.integers(len(EDGE_PAIRS), size=cells)]
    else:
        choice = np.concatenate([EDGE_PAIRS, DIAGONAL_PAIRS])
        pairs = choice[rng.integers(len(choice), size=cells[0])]
        pairs = np.broadcast_to(pairs.reshape(-1, *[1] * (len(cells) - 1), 2), (*cells, 2))
    return pairs[..., 0].copy(), pairs[..., 1].copy()


def subsample(x, which):
    """One pixel of each cell of 2 x 2 pixels in the last two axes.

    Parameters
    ----------
    x : tensor of shape (n, channels, *spatial)
        The last two of even size.
    which : tensor of int64 of shape (n, *cells)
        Number of the pixel in its cell, 0 1 / 2 3; the same for all channels.

    Returns
    -------
    tensor of shape (n, channels, *cells)
    """
    height, width = x.shape[-2] // 2, x.shape[-1] // 2
    cells = x.reshape(*x.shape[:-2], height, 2, width, 2).movedim(-3, -2).flatten(-2)
    which = which[:, None, ..., None].expand(*cells.shape[:-1], 1)
    return cells.gather(-1, which).squeeze(-1)
