# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Recorrupted to Recorrupted: noise that is added to the input and taken from the target.

With a draw z of the noise that is in y, and a weight a, the noise of both of ::

    seen = y + a z        judged = y - z / a        L(f) = E |f(seen) - judged|^2

is independent if it is normal: its covariance is C - C = 0, whatever neighbours share. So the loss
is that of clean targets plus a constant (Pang et al., 2021, Section 3). Every pixel is learned
from, and none is hidden; what the noise is must be known, or be told by the image.
"""

from collections.abc import Callable
from numbers import Real
from typing import Any, Literal

import numpy as np

from selfsupervised.core.sklearn_compat import Interval
from selfsupervised.core.types import Array, RandomState
from selfsupervised.images._network import HALVINGS, MAX_GRADIENT_NORM, NetworkDenoiser
from selfsupervised.noise.correlation import correlated_noise
from selfsupervised.noise.measure import measure_noise
from selfsupervised.noise.model import ChannelNoise, ImageNoise
from selfsupervised.noise.spectrum import MIN_EDGE_PIXELS, noise_autocovariance
from selfsupervised.partitions.fill import fill_nan
from selfsupervised.training.data import fill_crops, target_of
from selfsupervised.training.passes import WeightedMSE, weighted_mean

MAX_MEASURED_EDGE = {2: 512, 3: 64}  # of the part of the first image that tells the noise


class RecorruptedDenoiser(NetworkDenoiser):
    """Train a network on recorrupted images, by what their noise is (Pang et al., CVPR 2021).

    The one scheme here for noise that neighbouring pixels share. Where the noise is white, it is
    about as good as `Noise2SelfDenoiser`.

    Parameters
    ----------
    module : torch.nn.Module, class or callable, default=None
        The network: an instance, which is copied and from whose weights training starts, or what
        makes one, called with those of ``in_channels``, ``out_channels`` and ``n_dims`` that it
        takes. By default ``Noise2SelfUNet(width=16, depth=3, residual=True)``.
    noise : ImageNoise, float or None, default=None
        What the noise of all images is, or the standard deviation of white noise, in units of
        `X`. None measures it in the first image, or the first 512 x 512 pixels (64 x 64 x 64 in
        volumes) of it: as ``estimate_noise(image, "full")``, or, where neighbouring pixels
        look as if they shared noise, as all lags of `noise_autocovariance`. Images of less than
        about 200 pixels an edge cannot always tell that.
    alpha : float, default=0.5
        Weight of the noise that is added. The network learns at noise stronger by
        ``sqrt(1 + alpha**2)``, from targets with noise stronger by ``sqrt(1 + 1 / alpha**2)``.
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
    noise_ : ImageNoise
        What `noise` came to, in units of `X`.
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
    estimate_noise : What the noise of an image is.
    noise_autocovariance : What neighbouring pixels share of it.
    Noise2SelfDenoiser : Needs no noise to be known, but noise that is independent.

    Notes
    -----
    The image is shown as it is in the end. The paper shows it with noise added, and takes the mean
    over draws of that: it was 0.3 dB worse with eight draws.

    Where neighbouring pixels share noise, that of held-out pixels can be told from those around
    them. They decide nothing then: the last state is kept, and `held_out_loss_` is NaN.

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
    Pang, Zheng, Quan & Ji, "Recorrupted-to-Recorrupted: Unsupervised Deep Learning for Image
    Denoising", CVPR 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import RecorruptedDenoiser
    >>> noisy = np.random.default_rng(0).normal(100, 10, size=(2, 32, 32))
    >>> denoiser = RecorruptedDenoiser(noise=10, max_steps=3).fit(noisy)
    >>> denoiser.transform(noisy).shape
    (2, 32, 32)
    """

    noise_: Any

    _parameter_constraints: dict = {
        **NetworkDenoiser._parameter_constraints,
        "noise": [None, ImageNoise, Interval(Real, 0, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        module: Any = None,
        *,
        noise: ImageNoise | float | None = None,
        alpha: float = 0.5,
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
        """Find out what the noise is."""
        self.noise_ = self.noise
        if self.noise is None:
            limit = MAX_MEASURED_EDGE[self.n_dims_]
            shape = [min(size, limit) for size in source.shapes[0]]
            values, hidden = source.crop(0, [0] * self.n_dims_, shape)
            image = self._in_units(np.where(hidden, np.float32(np.nan), values))
            self.noise_ = noise_of(image.astype(np.float64), self.channel_axis)
        elif not isinstance(self.noise, ImageNoise):
            level = float(self.noise)
            white = ChannelNoise(level, level, level, correlation=(0.0,) * self.n_dims_)
            self.noise_ = ImageNoise((white,) * self.n_channels_, self.channel_axis)

    def judged(self, source: Any) -> Any:
        """What is held out of a `Source`; nothing, where it can be told from its neighbours."""
        shared = any(any(channel.correlation) for channel in self.noise_.channels)
        return [] if shared else super().judged(source)

    def criterion(self) -> Any:
        """The squared error."""
        return RecorruptedLoss()

    def scheme(self, x: Array, rng: np.random.Generator, progress: float) -> Any:
        """Make y + alpha z inputs, and y - z / alpha targets."""
        z = np.stack([self._draw(crop, rng) for crop in fill_crops(x)])
        return fill_crops(x + self.alpha * z), target_of(x - z / self.alpha)

    def _draw(self, crop, rng):
        """Noise for a crop, both normalised and with channels first."""
        drawn = self.noise_.sample(self._in_units(crop), rng) / (self.scale_ or 1.0)
        drawn = drawn[None] if self.channel_axis is None else np.moveaxis(drawn, -1, 0)
        return drawn.astype(np.float32)

    def _in_units(self, x):
        return self._image_of(x * self.scale_ + self.mean_)


def noise_of(image, channel_axis):
    """The noise of an image: by places that are flat or, where neighbours share it, its spectrum.

    Parameters
    ----------
    image : ndarray of shape (*spatial) or (*spatial, n_channels)
        NaN at what is not to be looked at.
    channel_axis : {None, -1}

    Returns
    -------
    ImageNoise
        Of noise that neighbours share, as strong everywhere.
    """
    found = measure_noise(image, channel_axis)
    spatial = image.shape if channel_axis is None else image.shape[:-1]
    if min(spatial) < MIN_EDGE_PIXELS.get(len(spatial), np.inf):
        return found
    # Blocks with NaN would be left out, and there is some of what is held out in each.
    filled = fill_nan(image[None], channel_axis=channel_axis)
    if not any(correlated_noise(filled, channel_axis=channel_axis).correlated):
        return found
    covariances = noise_autocovariance(filled[0], channel_axis=channel_axis)
    if channel_axis is None:
        covariances = covariances[..., None]
    # All lags are told: noise drawn by those of direct neighbours alone reaches farther than that
    # of optics and demosaicking, and what it has too much of is taken out of the image.
    channels = map(ChannelNoise.of_autocovariance, np.moveaxis(covariances, -1, 0))
    return ImageNoise(tuple(channels), channel_axis)


class RecorruptedLoss(WeightedMSE):
    """Mean of |f(y + a z) - (y - z / a)|^2 over what was measured."""

    def loss(self, outputs, targets):
        """Loss of f(y + a z)."""
        (f,), (judged, weight) = outputs, targets
        return weighted_mean((f - judged).square(), weight)
