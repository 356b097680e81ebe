# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Self2Self+: Self2Self with gated convolutions, absolute errors and a score of image quality.

With masks b, an image y and a metric Q of quality (Ko & Lee, Equations 8 to 13)::

    loss(f) = |(1 - b) * (f(b, b * y) - y)|_1 / |1 - b|_1  +  weight * (target - Q(f(b, b * y)))^2
"""

from collections.abc import Callable
from functools import partial
from numbers import Real
from typing import Any, Literal

import numpy as np
import torch

from selfsupervised.core.sklearn_compat import Interval
from selfsupervised.core.types import RandomState
from selfsupervised.images._network import HALVINGS, MAX_GRADIENT_NORM
from selfsupervised.images._published import AS_PRINTED, Published
from selfsupervised.images._sampled import DroppedLoss, SampledDenoiser
from selfsupervised.networks import FilledUNet, Self2SelfPlusUNet

ABSOLUTE_ERROR_IQA_WEIGHT = 2e-8  # the paper's, next to absolute errors where the range is 1


class Self2SelfPlusDenoiser(Published, SampledDenoiser):
    """Train a network of gated convolutions on one noisy image (Ko & Lee, 2023).

    As `Self2SelfDenoiser`; the network learns from the mask what to let through, errors are
    absolute ones, and a metric of image quality that needs no reference may guide the training.

    Parameters
    ----------
    module : torch.nn.Module, class or callable, default=None
        The network, see `Self2SelfDenoiser`; what makes one is called with `gated`, too, if it
        takes it. By default `FilledUNet`; the paper's is `Self2SelfPlusUNet`.
    gated : bool, default=True
        Whether the first convolutions of the network's encoder are gated, or plain ones.
    drop_probability : float, default=0.4
        Probability that an element of the image is left out of a sample, each channel for
        itself; in (0, 1). The paper has 0.7 and 0.9 for the noise of real cameras (PolyU, SIDD).
    dropout : float, default=0.15
        Probability with which elements are dropped in the network's decoder, in training and in
        prediction alike, below 1. The paper has that of `drop_probability`.
    sampling : bool, default=True
        Whether there are samples. False shows and judges everything, for comparison.
    loss : {"mse", "mae"}, default="mae"
        Squared or absolute errors.
    iqa : callable or str, default=None
        A metric of image quality, higher for better. A callable gets a batch of shape
        (n, n_channels, *spatial), in which 0 and 1 are the least and largest value of the
        training data, and returns a score, through which gradients flow. A name is that of a
        metric of `pyiqa` (an extra, under its own licence), which downloads its weights when it
        first uses them; "paq2piq" is the paper's. None leaves that term out.
    iqa_weight : float, default=None
        Weight of its term, next to errors in units where the data's range is 1. None is the
        paper's 2e-8, which goes with absolute errors. Squared errors are far smaller numbers, and
        fall with the noise as absolute ones do not, so that ``loss="mse"`` needs a weight of your
        own.
    iqa_target : float, default=100
        Score that is aimed for.
    n_predictions : int, default=500
        How many predictions are averaged.
    keep_known : bool, default=False
        Whether pixels that are not missing come out as they were, for inpainting.
    max_steps : int, default=4000
        Steps of the optimizer.
    batch_size : int, default=4
        Crops in a step.
    patch_size : int, tuple of int or "whole", default=None
        Edge of the crops in pixels, or one for each spatial axis. By default 64
        (32 for volumes), or the size of the largest image if it is smaller; "whole" is that size
        however large. Of smaller images than the crops, what is missing counts as not measured.
    augment : bool or "flips", default=True
        Whether crops are mirrored and turned by right angles at random, or mirrored only
        ("flips"), and predictions likewise.
    lr : float, default=0.002
        Learning rate of the first step.
    optimizer : str or class, default="AdamW"
        A class of `torch.optim`, by name or itself.
    halvings : tuple of float, default=(0.5, 0.6, 0.7, 0.8, 0.9)
        Shares of the steps after which the learning rate is halved.
    averaging : float, default=0.99
        What predicts is a running mean of the weights, of which this share stays at each step; 0
        averages nothing.
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
    data_range_ : tuple of float, or None
        Least and largest value of the training data, normalised, for `iqa`; None without one.

    See Also
    --------
    Self2SelfDenoiser : Its predecessor.

    Notes
    -----
    `from_paper` is for white noise, and needs pyiqa, or ``iqa=None``. For PolyU and SIDD the paper
    has 0.7 and 0.9 as `drop_probability` and `dropout`, and 5000 and 1000 steps. It mirrors
    features beyond the border, where `Self2SelfPlusUNet` has zeros. `from_code` draws new weights
    as the released code does.

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
    Ko & Lee, "Self2Self+: Single-Image Denoising with Self-Supervised Learning and Image Quality
    Assessment Loss", 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import Self2SelfPlusDenoiser
    >>> noisy = np.random.default_rng(0).normal(100, 10, size=(1, 32, 32))
    >>> Self2SelfPlusDenoiser(max_steps=3, n_predictions=4).fit_transform(noisy).shape
    (1, 32, 32)
    """

    data_range_: Any

    network_options = ("dropout", "gated")
    _parameter_constraints: dict = {
        **SampledDenoiser._parameter_constraints,
        "gated": ["boolean"],
        "iqa": [None, callable, str],
        "iqa_weight": [None, Interval(Real, 0, None, closed="left")],
        "iqa_target": [Real],
    }

    paper = {
        "module": Self2SelfPlusUNet,
        "gated": True,
        "drop_probability": 0.4,
        "dropout": 0.4,
        "sampling": True,
        "loss": "mae",
        "iqa": "paq2piq",
        "iqa_weight": 2e-8,
        "iqa_target": 100.0,
        "n_predictions": 500,
        "keep_known": False,
        "max_steps": 4000,
        "batch_size": 1,
        "patch_size": "whole",
        "augment": False,
        "lr": 4e-4,
        "optimizer": "Adam",
        **AS_PRINTED,
        "halvings": (),
        "averaging": 0,
    }
    code = {"module": partial(Self2SelfPlusUNet, init_std=0.02)}

    def __init__(
        self,
        module: Any = None,
        *,
        gated: bool = True,
        drop_probability: float = 0.4,
        dropout: float = 0.15,
        sampling: bool = True,
        loss: Literal["mae", "mse"] = "mae",
        iqa: Callable[..., Any] | str | None = None,
        iqa_weight: float | None = None,
        iqa_target: float = 100.0,
        n_predictions: int = 500,
        keep_known: bool = False,
        max_steps: int = 4000,
        batch_size: int = 4,
        patch_size: int | tuple[Any, ...] | Literal["whole"] | None = None,
        augment: bool | Literal["flips"] = True,
        lr: float = 0.002,
        optimizer: str | Callable[..., Any] = "AdamW",
        halvings: tuple[float, ...] = HALVINGS,
        averaging: float = 0.99,
        max_gradient_norm: float | None = MAX_GRADIENT_NORM,
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
        return FilledUNet

    def prepare(self, source: Any) -> None:
        """Find the range of the data, for the metric."""
        if self.iqa is not None and self.iqa_weight is None and self.loss == "mse":
            raise ValueError(
                "Self2SelfPlusDenoiser expected iqa_weight to be given with iqa and loss='mse', "
                f"got None: the default, {ABSOLUTE_ERROR_IQA_WEIGHT:g}, is for loss='mae'."
            )
        self.data_range_ = None
        if self.iqa is not None:
            crops = source.sample(64)
            low, high = min(map(np.nanmin, crops)), max(map(np.nanmax, crops))
            self.data_range_ = float(low), float(high)

    def criterion(self) -> Any:
        """The loss on what was dropped, with the metric if there is one."""
        if self.iqa is None:
            return super().criterion()
        weight = ABSOLUTE_ERROR_IQA_WEIGHT if self.iqa_weight is None else self.iqa_weight
        return QualityLoss(self.loss, self.iqa, weight, self.iqa_target, self.data_range_)


class QualityLoss(DroppedLoss):
    """`DroppedLoss`, and how far the quality of the output is from a target.

    Parameters
    ----------
    norm : {"mse", "mae"}
        Of the errors.
    metric : callable or str
        Maps images to scores. A name is looked up in the first step, as nothing but training
        needs it.
    weight, target : float
        Of the paper's L_IQA; the weight next to errors in units where the range is 1.
    limits : tuple of float
        What the metric is to see as 0 and as 1.
    """

    def __init__(self, norm, metric, weight, target, limits):
        super().__init__(norm)
        self._metric = (metric,)  # in a tuple, so that its weights are not learned
        self.weight, self.target, self.limits = weight, target, limits

    def loss(self, outputs, targets):
        """Error at the dropped elements plus the weighted squared distance of the score."""
        low, high = self.limits
        (metric,) = self._metric
        if isinstance(metric, str):
            metric = named_metric(metric, outputs[0].device)
            self._metric = (metric,)
        score = metric((outputs[0] - low) / (high - low))
        if not torch.is_tensor(score) or not score.requires_grad:
            raise ValueError(
                "Self2SelfPlusDenoiser expected iqa to return a tensor through which gradients "
                f"flow, got {'one without' if torch.is_tensor(score) else type(score).__name__}: "
                f"use a differentiable metric, or iqa=None."
            )
        distance = (self.target - score).square().mean()
        # Errors are in normalised units, in which the range is `high - low`, or in their squares.
        unit = (high - low) ** (2 if self.norm == "mse" else 1)
        return super().loss(outputs, targets) + self.weight * unit * distance


def named_metric(name, device):
    """A metric of pyiqa, made for three channels, for any number of them.

    Raises
    ------
    ImportError
        If pyiqa is not installed.
    OSError
        If its weights are not there and cannot be downloaded.
    """
    try:
        import pyiqa
    except ImportError as error:
        raise ImportError(
            f"iqa={name!r} needs pyiqa, which is not installed: `pip install "
            f"selfsupervised[iqa]`, or pass a callable.",
            name="pyiqa",
        ) from error
    try:
        metric = pyiqa.create_metric(name, as_loss=True, device=device)
    except OSError as error:
        raise OSError(
            f"The weights of iqa={name!r} are not there and could not be downloaded ({error}); "
            f"put them where pyiqa looks for them, or use iqa=None."
        ) from error

    def of_colours(images):
        return metric(
            images if images.shape[1] == 3 else images.mean(1, keepdim=True).expand(-1, 3, -1, -1)
        )

    return of_colours
