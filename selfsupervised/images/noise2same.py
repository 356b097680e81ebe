# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Noise2Same: predict all pixels, and bound how much each output owes to its own input.

The network sees each crop twice: as it is, and with a few pixels J replaced. Between the error
of f and what can be measured stands how much f(x) on J depends on x on J, so that ::

    L(f) = E |f(x) - x|^2 / m + lambda_inv (E_J E |f(x)_J - f(x_Jc)_J|^2 / |J|)^(1/2)

is minimised through both passes (Xie, Wang & Ji, Eq. 7), on normalised data. The theorems hold
for any J, so also for the part of it in a small window: the mean of the roots of such parts
bounds the error, too, and is the smaller (Cauchy-Schwarz). It lets f use more of x where that
pays, such as at edges, and is the default.
"""

from collections.abc import Callable
from functools import partial
from numbers import Real
from typing import Any, Literal

import numpy as np

from selfsupervised.core.sklearn_compat import Interval, StrOptions
from selfsupervised.core.types import Array, RandomState
from selfsupervised.images._network import HALVINGS, MAX_GRADIENT_NORM, NetworkDenoiser
from selfsupervised.images._published import AS_PRINTED, Published
from selfsupervised.networks import ResidualUNet
from selfsupervised.noise.correlation import correlated_noise
from selfsupervised.noise.level import noise_variance
from selfsupervised.partitions.fill import FILLS
from selfsupervised.partitions.stratified import box_edge, draw_stratified
from selfsupervised.training.data import fill_crops, target_of
from selfsupervised.training.passes import WeightedMSE, weighted_mean
from selfsupervised.training.windows import root_mean_square

REPLACEMENT_STD = 0.2  # standard deviation, in normalised units
ANY_NOISE_LAMBDA = 2.0  # of Theorem 1
WINDOW_BOXES = 4  # boxes a side with a pixel of J each, where the root is taken locally


class Noise2SameDenoiser(Published, NetworkDenoiser):
    """Train a network on all pixels under a bound on its use of each (Xie et al., NeurIPS 2020).

    Parameters
    ----------
    module : torch.nn.Module, class or callable, default=None
        The network: an instance, which is copied and from whose weights training starts, or what
        makes one, called with those of ``in_channels``, ``out_channels`` and ``n_dims`` that it
        takes. By default ``Noise2SelfUNet(width=16, depth=3, residual=True)``, which learns
        faster; the paper's is ``ResidualUNet``, both from `selfsupervised.networks`.
    lambda_inv : float or "noise", default="noise"
        Weight of the invariance term. "noise" is Theorem 2's twice the standard deviation of the
        noise, in normalised units, which is estimated from the pixels that are not held out; where
        neighbouring pixels look as if they shared noise, so that this would be too little, it is
        2. That is Theorem 1's, for any independent noise, and the paper's.
    fill : {"neighbors", "matched", "normal", "uniform", "random_neighbor"}, default="neighbors"
        What stands in the place of J, see `fill_missing`; "normal", as in most experiments of
        the released code, are draws from N(0, 0.2**2) in normalised units.
    masked : float, default=0.1
        Share of the pixels in J, above 0 and up to 0.25: one at random in each square box of
        that size, drawn anew for each channel and each crop. The paper has 0.005, with which
        the second term is noisier.
    local : bool, default=True
        Whether the root in the invariance term is taken in windows with 16 (in 3-D: 64) pixels of
        J each, of which there is then the mean. False takes one root over the batch, as the paper
        does.
    max_steps : int, default=2000
        Steps of the optimizer.
    batch_size : int, default=4
        Crops in a step.
    patch_size : int, tuple of int or "whole", default=None
        Edge of the crops in pixels, or one for each spatial axis. By default 64
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
    lambda_ : float
        What `lambda_inv` came to.
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
    Noise2SelfDenoiser : Predicts masked pixels only.

    Notes
    -----
    The mean is that of the whole batch. Pixels that were not measured count in neither term.

    `from_paper` has the paper's loss, weight and batch; what its text leaves to an appendix is as
    the released code has it for most data sets. `from_code` is the code's notebook on BSD68,
    which fills by the mean of eight neighbours, here of four. Both bring each image to mean zero
    and deviation one, here all images together.

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
    Xie, Wang & Ji, "Noise2Same: Optimizing A Self-Supervised Bound for Image Denoising",
    NeurIPS 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import Noise2SameDenoiser
    >>> noisy = np.random.default_rng(0).normal(100, 10, size=(2, 32, 32))
    >>> denoiser = Noise2SameDenoiser(max_steps=3).fit(noisy)
    >>> denoiser.transform(noisy).shape
    (2, 32, 32)
    """

    lambda_: float

    _parameter_constraints: dict = {
        **NetworkDenoiser._parameter_constraints,
        "lambda_inv": [Interval(Real, 0, None, closed="left"), StrOptions({"noise"})],
        "fill": [StrOptions({"normal", *FILLS})],
        "masked": [Interval(Real, 0, 0.25, closed="right")],
        "local": ["boolean"],
    }

    paper = {
        "module": ResidualUNet,
        "lambda_inv": 2.0,
        "fill": "normal",
        "masked": 0.005,
        "local": False,
        "max_steps": 50_000,
        "batch_size": 64,
        "patch_size": 64,
        "augment": True,
        "lr": 4e-4,
        "optimizer": "Adam",
        **AS_PRINTED,
        "halvings": tuple(n / 10 for n in range(1, 10)),  # every 5000 steps
        "test_time_augmentation": False,
    }
    code = {
        "module": partial(ResidualUNet, momentum=0.003),
        "lambda_inv": 0.95,
        "fill": "neighbors",
        "max_steps": 80_000,
        "halvings": tuple(n / 16 for n in range(1, 16)),  # every 5000 steps
    }

    def __init__(
        self,
        module: Any = None,
        *,
        lambda_inv: float | Literal["noise"] = "noise",
        fill: Literal["matched", "neighbors", "normal", "random_neighbor", "uniform"] = "neighbors",
        masked: float = 0.1,
        local: bool = True,
        max_steps: int = 2000,
        batch_size: int = 4,
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

    def prepare(self, source: Any) -> None:
        """Find out lambda."""
        if self.lambda_inv != "noise":
            self.lambda_ = float(self.lambda_inv)
            return
        crops = source.sample(len(source.shapes))
        last = [np.moveaxis(x, 0, -1) for x in crops]
        std = float(np.sqrt(np.mean([noise_variance(x, channel_axis=-1) for x in last])))
        # Filled, as blocks with NaN would be left out, and there is some in each.
        last = [np.moveaxis(fill_crops(x[None])[0], 0, -1) for x in crops]
        shared = std > 0 and any(correlated_noise(last, channel_axis=-1).correlated)
        self.lambda_ = ANY_NOISE_LAMBDA if shared else 2 * std

    def criterion(self) -> Any:
        """L_rec + lambda_inv L_inv."""
        window = WINDOW_BOXES * box_edge(self.masked, self.n_dims_) if self.local else None
        return Noise2SameLoss(self.lambda_, window)

    def scheme(self, x: Array, rng: np.random.Generator, progress: float) -> Any:
        """Make x and x_Jc inputs; x, and where J is, targets."""
        J = draw_stratified(x.shape, self.masked, rng)
        seen = np.where(J, np.float32(np.nan), x)
        if self.fill == "normal":
            # What is missing besides is filled first, from what remains to be seen.
            noise = rng.normal(0, REPLACEMENT_STD, x.shape).astype(np.float32)
            without_J = np.where(J, noise, fill_crops(seen))
        else:
            without_J = fill_crops(seen, self.fill, seed=int(rng.integers(2**31)))
        target, weight = target_of(x)
        return {"x": fill_crops(x), "second": without_J}, (target, weight, weight * J)


class Noise2SameLoss(WeightedMSE):
    """L_rec + lambda_inv L_inv, Eq. 7 of the paper.

    Parameters
    ----------
    lambda_inv : float
        Weight of the invariance term.
    window : int, default=None
        Edge, in pixels, of the windows in each of which L_inv takes a root; None takes one root
        over all.
    """

    def __init__(self, lambda_inv, window=None):
        super().__init__()
        self.lambda_inv = lambda_inv
        self.window = window

    def loss(self, outputs, targets):
        """Loss of f(x) and f(x_Jc)."""
        f, f_Jc = outputs
        x, weight, J = targets
        l_rec = weighted_mean((f - x).square(), weight)
        l_inv = root_mean_square((f - f_Jc).square(), J, self.window)
        return l_rec + self.lambda_inv * l_inv
