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
from functools import partial
from numbers import Real
from typing import Any, Literal

import numpy as np
import torch

from selfsupervised.core.sklearn_compat import Interval, StrOptions
from selfsupervised.core.types import Array, RandomState
from selfsupervised.images._network import HALVINGS, MAX_GRADIENT_NORM, NetworkDenoiser
from selfsupervised.images._published import AS_PRINTED, Published
from selfsupervised.networks import UNet
from selfsupervised.training.data import fill_crops, target_of
from selfsupervised.training.passes import WeightedMSE, weighted_mean

# Pixels of a cell are numbered 0 1 / 2 3. Ordered pairs that share an edge, and the others.
EDGE_PAIRS = np.array([(0, 1), (1, 0), (0, 2), (2, 0), (1, 3), (3, 1), (2, 3), (3, 2)])
DIAGONAL_PAIRS = np.array([(0, 3), (3, 0), (1, 2), (2, 1)])


class Neighbor2NeighborDenoiser(Published, NetworkDenoiser):
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
    max_steps : int, default=2000
        Steps of the optimizer.
    batch_size : int, default=2
        Crops in a step.
    patch_size : int, tuple of int or "whole", default=None
        Edge of the crops in pixels, or one for each spatial axis. By default 128
        (32 for volumes), or the size of the largest image if it is smaller; "whole" is that size
        however large. Of smaller images than the crops, what is missing counts as not measured.
    augment : bool, default=True
        Whether crops are mirrored and rotated by multiples of 90 degrees at random. False suits
        noise or images that have a direction, and packed raw frames, whose channels have.
    lr : float, default=0.003
        Learning rate of the first step.
    optimizer : str or class, default="Adam"
        A class of `torch.optim`, by name or itself.
    halvings : tuple of float, default=(0.5, 0.6, 0.7, 0.8, 0.9)
        Shares of the steps after which the learning rate is halved.
    max_gradient_norm : float or None, default=0.5
        Longest gradient, over all weights; longer ones are shortened to it. None shortens none.
    held_out : float, default=1/16
        Share of the pixels that are held out of learning, up to 0.5. Their loss decides which
        state is kept, and is what `score` reports. With 0 the last state is kept, and `score`
        fits a network anew for each subset of the pixels.
    patience : int, default=None
        Stop after so many steps without a smaller held-out loss, and keep the best state. By
        default all steps are taken, and the last state is kept unless an earlier one was better
        by more than the standard error of the difference.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        What the layers within the network compute in. "auto" is bfloat16, with channels last in
        memory, where that is faster: on GPUs of compute capability 8.0 or more, and on
        processors with tile units (AMX); else float32. With other processors "bfloat16" may be
        faster for wide networks. The last layer, what is added to it and all after it are in
        float32 always; in a module of your own, what is run by `networks.in_float32`.
    device : str, default="auto"
        "cpu", "cuda", "cuda:1", "mps"; "auto" is the best that is there.
    compile : bool, default=False
        Whether `torch.compile` compiles the network.
    callbacks : list of skorch callbacks, default=None
        Called beside the estimator's own. What counts as an epoch is a fiftieth of `max_steps`
        (at most 200 steps), followed by validation.
    warm_start : bool, default=False
        Whether `fit` goes on from the fitted network, with the same normalisation and the same
        held-out pixels, but a new optimizer and schedule.
    test_time_augmentation : bool, default=True
        Whether outputs are means over the eight mirrored and rotated views of an image, where
        training had such (`augment`). False takes an eighth of the time.
    tile : int, default=None
        Edge of the tiles in which `transform` works, in pixels. By default images are taken
        whole up to about 2 GiB of memory.
    channel_axis : {None, -1}, default=None
        Whether the last axis of the images holds channels. They are denoised together.
    random_state : int, RandomState, Generator or None, default=0
        Seed of the held-out pixels, the weights of a new network, crops and masks. Torch's and
        NumPy's own random states are left alone.
    verbose : int, default=0
        0 prints nothing; from 1 on, a line on standard error shows how far training is: the step,
        both losses and steps per second.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_.network`` is the torch module.
    mean_ : float
        Mean of the pixels that were not held out, in units of `X`.
    scale_ : float
        Their standard deviation; the network sees ``(X - mean_) / scale_``.
    n_channels_ : int
        Number of channels, 1 where there is no channel axis.
    n_dims_ : int
        Number of spatial axes.
    seed_ : int
        What `random_state` came to.
    held_out_fraction_ : float
        Share of the pixels that was held out.
    held_out_loss_ : float
        Mean squared error at the held-out pixels, in squared units of `X`, of the state that
        was kept, without test-time augmentation. NaN if the images are so small that none was
        held out.
    loss_curve_ : dict of ndarray of shape (n_epochs,)
        At the end of each epoch the ``"step"``, the mean ``"train_loss"``, and the
        ``"held_out_loss"``, NaN if nothing was held out. Both in squared units of `X`: the first
        is the paper's loss for normalised data, times ``scale_**2``. See `LossCurveDisplay`.
    n_steps_ : int
        Number of steps taken, including those of earlier fits with ``warm_start=True``.

    See Also
    --------
    Noise2SelfDenoiser : Predicts masked pixels.
    Noise2SameDenoiser : Predicts all pixels, and masks some to bound how much it peeks.

    Notes
    -----
    In volumes, cells are 2 x 2 pixels of the last two axes. A pair with a pixel that was not
    measured counts nothing.

    `from_paper` takes the steps of the paper's hundred epochs of 50,000 images; for a folder of
    your own, the same is ``max_steps=100 * n_images // 4``. Gamma rises gradually in the paper,
    here with the steps, in the released code (`from_code`) with the epochs. There, noise was
    drawn anew for each crop, which images that were measured cannot have.

    Score and state are chosen on pixels that the network neither saw nor was trained to
    predict, see `HeldOutPixels`. `score`, and `SelfSupervisedScorer`, judge a fitted estimator
    on those, without fitting it again; this is honest for the images that it was fitted on, in
    the same place, and for images that share no noise with them.

    Memory maps and dask, zarr and HDF5 arrays are read crop by crop in `fit`. Their mean and
    scale are those of 64 random crops. Of dask and zarr arrays, `transform` returns dask
    arrays that are computed when they are asked for.

    `transform` may be interrupted, and so may `fit`, which then keeps the best state so far,
    with a warning; in a search, cross-validation or ensemble it ends that instead.

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

    paper = {
        "module": UNet,
        "gamma": 2,
        "sampler": "random",
        "max_steps": 1_250_000,  # 100 epochs of 50,000 images
        "batch_size": 4,
        "patch_size": 256,
        "augment": False,
        "lr": 3e-4,
        "optimizer": "Adam",
        **AS_PRINTED,
        "halvings": (0.2, 0.4, 0.6, 0.8),  # every 20 epochs
        "test_time_augmentation": False,
    }
    code = {"module": partial(UNet, init_scale=0.1), "max_steps": 1_108_200}  # of 44,328 images

    def __init__(
        self,
        module: Any = None,
        *,
        gamma: float = 2,
        sampler: Literal["fixed", "random"] = "random",
        max_steps: int = 2000,
        batch_size: int = 2,
        patch_size: int | tuple[Any, ...] | Literal["whole"] | None = None,
        augment: bool = True,
        lr: float = 0.003,
        optimizer: str | Callable[..., Any] = "Adam",
        halvings: tuple[float, ...] = HALVINGS,
        max_gradient_norm: float | None = MAX_GRADIENT_NORM,
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
