# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Self2Self: learn from one noisy image by predicting what a random sample of it left out.

With masks b that show each element with probability 1 - p (Quan et al., Equations 3 to 7)::

    loss(f) = E_b | (1 - b) * (f(b * y) - y) |^2           x* = mean over b and dropout of f(b * y)

As elements have independent noise, the loss is that of clean targets plus a constant
(Proposition 1); the mean over many predictions takes most of their variance away.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from selfsupervised.core.types import RandomState
from selfsupervised.images._network import HALVINGS, MAX_GRADIENT_NORM
from selfsupervised.images._published import AS_PRINTED, Published
from selfsupervised.images._sampled import SampledDenoiser
from selfsupervised.networks import FilledUNet, Self2SelfUNet


class Self2SelfDenoiser(Published, SampledDenoiser):
    """Train a network on one noisy image, by random samples of it (Quan et al., CVPR 2020).

    Each step shows the network a random part of the pixels and asks for the others. The result
    is the mean of many predictions, each of another sample. One image is enough, a stack of
    images of like content is better. What is missing, NaN or under a mask, is filled in.

    Parameters
    ----------
    module : torch.nn.Module, class or callable, default=None
        The network: an instance, which is copied and from whose weights training starts, or what
        makes one, called with those of ``in_channels``, ``out_channels``, ``n_dims`` and
        ``dropout`` that it takes. It gets NaN at what it is not
        to see if it has an attribute ``sees_missing`` that is true; otherwise that is filled with
        a local mean first. By default `FilledUNet`; the paper's is `Self2SelfUNet`, of partial
        convolutions, both from `selfsupervised.networks`.
    drop_probability : float, default=0.3
        Probability that an element of the image is left out of a sample, each channel for itself;
        in (0, 1). For the noise of real cameras, which neighbours share, 0.7 to 0.9.
    dropout : float, default=0.15
        Probability with which elements are dropped in the network's decoder, in training and in
        prediction alike, below 1. Without, long training on one image learns its noise. The paper
        has 0.3.
    sampling : bool, default=True
        Whether there are samples. False shows and judges everything, for comparison: only
        dropout is then between the network and the identity.
    loss : {"mse", "mae"}, default="mse"
        Squared or absolute errors. The mean absolute error takes outliers better.
    n_predictions : int, default=50
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

    See Also
    --------
    Self2SelfPlusDenoiser : Gated convolutions and absolute errors.
    Noise2SelfDenoiser : Predicts from one pass.

    Notes
    -----
    `FilledUNet` is the default as it learns many times faster than partial convolutions; figures
    are in the user guide.

    `from_paper` differs from the paper in the network: its output is linear where the paper has a
    leaky ReLU, since images have mean zero here and the range [0, 1] there; the border is one
    pixel of zeros; elements are dropped rather than weights. The paper's probability of Bernoulli
    sampling, 0.3, is taken for that of being left out, as in the released code (`from_code`).
    That ends in a sigmoid, and shifts features against each other, see `Self2SelfUNet`.

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

    paper = {
        "module": partial(Self2SelfUNet, pooled_skips=False),
        "drop_probability": 0.3,
        "dropout": 0.3,
        "sampling": True,
        "loss": "mse",
        "n_predictions": 50,
        "keep_known": False,
        "max_steps": 450_000,
        "batch_size": 1,
        "patch_size": "whole",
        "augment": "flips",
        "lr": 1e-5,
        "optimizer": "Adam",
        **AS_PRINTED,
        "halvings": (),
        "averaging": 0,
    }
    code = {"module": Self2SelfUNet, "n_predictions": 100, "max_steps": 150_000, "lr": 1e-4}

    def __init__(
        self,
        module: Any = None,
        *,
        drop_probability: float = 0.3,
        dropout: float = 0.15,
        sampling: bool = True,
        loss: Literal["mae", "mse"] = "mse",
        n_predictions: int = 50,
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
