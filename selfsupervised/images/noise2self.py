# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Noise2Self: predict each pixel from the others.

For a partition of the pixels into subsets J, the loss of a J-invariant function, whose output
on J does not depend on the input on J, is the error plus the variance of the noise::

    L(f) = E |f(x) - x|^2 = E |f(x) - y|^2 + E |x - y|^2

A network g becomes such a function by replacing the pixels in J: f(x)_J = g(x_Jc, s(x)_J)_J
(Batson & Royer, Eqs. 1 to 3). Each step takes one J, of random subsets that are drawn anew.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np

from selfsupervised.core.sklearn_compat import StrOptions
from selfsupervised.core.types import Array, RandomState
from selfsupervised.images._network import HALVINGS, MAX_GRADIENT_NORM, NetworkDenoiser
from selfsupervised.images._published import AS_PRINTED, Published
from selfsupervised.networks import DnCNN, Noise2SelfUNet
from selfsupervised.partitions import PixelGrid, PixelPartition, RandomPixels, StratifiedPixels
from selfsupervised.partitions.channels_first import hidden_with, subset_labels
from selfsupervised.partitions.fill import check_fill
from selfsupervised.training.data import fill_crops, target_of
from selfsupervised.training.passes import WeightedMSE, weighted_mean
from selfsupervised.wrappers.mixing import MIXTURE_NAMES, mixed

DEFAULT_STRIDE = 2  # a quarter of the pixels in each step, nearly all with visible neighbours


class Noise2SelfDenoiser(Published, NetworkDenoiser):
    """Train a network to predict masked pixels (Batson & Royer, ICML 2019).

    Parameters
    ----------
    module : torch.nn.Module, class or callable, default=None
        The network: an instance, which is copied and from whose weights training starts, or what
        makes one, called with those of ``in_channels``, ``out_channels`` and ``n_dims`` that it
        takes. By default ``Noise2SelfUNet(width=16, depth=3, residual=True)``, which learns
        faster; the paper's are ``Noise2SelfUNet`` as it is and ``DnCNN``, both from
        `selfsupervised.networks`.
    partition : PixelGrid, RandomPixels or the like, default=None
        The subsets J of each crop. By default ``StratifiedPixels(2)``, so that each step learns
        from a quarter of the pixels; the paper has ``RandomPixels(25)`` for its networks, and the
        released code ``PixelGrid(4)``. Random subsets are others in each step, whatever their
        `random_state`. With a grid, long training on one image made its output worse.
    fill : {"neighbors", "matched", "uniform", "random_neighbor"} or float, default="neighbors"
        What stands in the place of J in training, see `fill_missing`; a number is in
        normalised units. The paper has uniform random values, its notebook on a single image a
        mean of neighbours.
    inference : {"direct", "j_invariant", "optimal", "local"}, default="direct"
        "direct" shows the network the noisy image as it is, in one pass, which the paper found
        better by 0.5 dB. "j_invariant" replaces one subset J after another and keeps the
        output on J, so that no pixel is predicted from itself. "optimal" mixes that with the
        noisy image in the best ratio (Section 4.2), by the noise that is estimated for each, and
        "local" in the best ratio around each pixel, as `JInvariantWrapper` does.
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
    Noise2SameDenoiser : Predicts all pixels, and masks some to bound how much it peeks.
    JInvariantWrapper : The same idea for denoisers without a network.

    Notes
    -----
    `from_paper` is the U-Net of the supplement (Section 5) as it learned from ImageNet, one epoch
    of 60,000 crops. The paper names neither optimizer nor rate; they are those of a notebook
    released with it. Its images have the range [0, 1], where here they have mean zero and
    deviation one, and random values come from the range of each crop. On one image it has
    ``module=partial(DnCNN, depth=17)``. `from_code` is the notebook on one image; that fills by
    the mean of eight neighbours, takes fifteen subsets in turn and holds the last one out. Here
    it is four neighbours, any subset, and as many pixels at random.

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
    Batson & Royer, "Noise2Self: Blind Denoising by Self-Supervision", ICML 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import Noise2SelfDenoiser
    >>> noisy = np.random.default_rng(0).normal(100, 10, size=(2, 32, 32))
    >>> denoiser = Noise2SelfDenoiser(max_steps=3).fit(noisy)
    >>> denoiser.transform(noisy).shape
    (2, 32, 32)
    """

    _parameter_constraints: dict = {
        **NetworkDenoiser._parameter_constraints,
        "partition": [None, PixelPartition],
        "fill": "no_validation",  # by `check_fill`, whose message says what there is
        "inference": [StrOptions({"direct", "j_invariant", *MIXTURE_NAMES})],
    }

    paper = {
        "module": partial(Noise2SelfUNet, width=32, depth=4, instance_norm=True),
        "partition": RandomPixels(25),
        "fill": "uniform",
        "inference": "direct",
        "max_steps": 1875,  # one epoch of 60,000 crops
        "batch_size": 32,
        "patch_size": 128,
        "augment": False,
        "lr": 1e-3,
        "optimizer": "Adam",
        **AS_PRINTED,
        "halvings": (),
        "test_time_augmentation": False,
    }
    code = {
        "module": DnCNN,
        "partition": PixelGrid(4),
        "fill": "neighbors",
        "max_steps": 500,
        "batch_size": 1,
        "patch_size": "whole",
        "lr": 1e-2,
        "held_out": 1 / 16,
    }

    def __init__(
        self,
        module: Any = None,
        *,
        partition: Any = None,
        fill: str | float | None = "neighbors",
        inference: Literal["direct", "j_invariant", "local", "optimal"] = "direct",
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

    def criterion(self) -> Any:
        """The squared error on J."""
        return Noise2SelfLoss()

    def scheme(self, x: Array, rng: np.random.Generator, progress: float) -> Any:
        """Make crops without one J inputs, and what they had there targets."""
        labels, n_subsets = subset_labels(self._partition, x.shape[1:], rng)
        J = labels == rng.integers(n_subsets)
        seen = np.where(hidden_with(self._partition, J), np.float32(np.nan), x)
        target = np.where(J, x, np.float32(np.nan))
        return fill_crops(seen, self.fill, seed=int(rng.integers(2**31))), target_of(target)

    def infer(self, x: Array) -> Any:
        """Output for a normalised image, by `inference`."""
        if self.inference == "direct":
            return super().infer(x)
        labels, n_subsets = subset_labels(self._partition, x.shape)
        out = np.empty_like(x)
        for subset in range(n_subsets):
            J = np.broadcast_to(labels == subset, x.shape)
            seen = np.where(hidden_with(self._partition, labels == subset), np.float32(np.nan), x)
            seed = (self.seed_, subset)
            out[J] = super().infer(fill_crops(seen[None], self.fill, seed=seed)[0])[J]
        if self.inference == "j_invariant":
            return out
        f, x = np.moveaxis(out, 0, -1), np.moveaxis(x, 0, -1)
        return np.moveaxis(mixed([f], [x], self.inference, channel_axis=-1)[0], -1, 0)

    def _denoise_lazily(self, image):
        if self.inference != "direct":
            raise ValueError(
                f"Noise2SelfDenoiser expected an array in memory for inference={self.inference!r}, "
                f"got a {type(image).__name__}; use inference='direct', or pass np.array(X)."
            )
        return super()._denoise_lazily(image)

    @property
    def _partition(self):
        return StratifiedPixels(DEFAULT_STRIDE) if self.partition is None else self.partition

    def _check(self, X):
        check_fill(self.fill, caller=type(self).__name__)
        return super()._check(X)


class Noise2SelfLoss(WeightedMSE):
    """Mean of |g(x_Jc, s(x)_J) - x|^2 over J, Eqs. 1 and 3 of the paper."""

    def loss(self, outputs, targets):
        """Loss of the output for crops without J."""
        (f,), (x_J, weight) = outputs, targets
        return weighted_mean((f - x_J).square(), weight)
