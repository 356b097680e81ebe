# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What all denoisers with a network inside have in common."""

import inspect
from copy import deepcopy
from functools import lru_cache, partial
from numbers import Integral, Real
from typing import Any, Self, overload

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from selfsupervised.base import ImageDenoiser
from selfsupervised.core.measurement import Measurement, output_dtype
from selfsupervised.core.seeds import as_seed
from selfsupervised.core.sklearn_compat import Interval, StrOptions, validate_parameters
from selfsupervised.core.types import Array, Images, Stack
from selfsupervised.core.validation import is_lazy, is_ragged
from selfsupervised.images._exported import Exported
from selfsupervised.images._saved import Saved
from selfsupervised.networks import (
    Noise2SelfUNet,
    needed_multiple,
    padded,
    receptive_radius,
    self_ensemble,
)
from selfsupervised.partitions import HeldOutPixels
from selfsupervised.training.busy import threads_that_fit
from selfsupervised.training.data import Crops, HeldOut, crop_shape, fill_crops
from selfsupervised.training.net import check_course, loss_curve, new_net, seeded, train
from selfsupervised.training.passes import PRECISIONS, choose_device, in_precision
from selfsupervised.training.source import Source
from selfsupervised.training.tiling import as_dask, predict_tiles, tile_for_memory

TILE_BYTES = 2**31
MAX_PIXELS_UNTILED = 2**18  # pixels that are surely predicted at once
N_EPOCHS, MAX_EPOCH_STEPS = 50, 200
# Defaults of all. Usual gradients are of 0.05 to 0.3; a few a thousand times as long came after
# 1300 steps at one rate, and undid all that had been learned.
HALVINGS, MAX_GRADIENT_NORM = (0.5, 0.6, 0.7, 0.8, 0.9), 0.5


class NetworkDenoiser(Saved, Exported, ImageDenoiser):
    """Base of the denoisers that train a network on noisy images alone.

    A subclass is one paper: ``scheme(x, rng, progress)``, which makes inputs and targets of a
    batch of crops, ``criterion()``, the loss, and, where it differs, the constants below.
    """

    averaging: float = 0  # of the weights over steps, see `Average`
    patch_multiple = 1
    network_options: tuple[str, ...] = ()  # parameters that are also those of a new network
    default_patch: dict[int, int] = {2: 64, 3: 32}

    net_: Any
    mean_: float
    scale_: float
    n_channels_: int
    n_dims_: int
    seed_: Any
    held_out_fraction_: float
    held_out_loss_: float
    loss_curve_: dict[str, Array]
    n_steps_: int

    _parameter_constraints: dict[str, Any] = {
        **ImageDenoiser._parameter_constraints,
        "module": [None, nn.Module, callable],
        "max_steps": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "patch_size": [
            None,
            Interval(Integral, 1, None, closed="left"),
            tuple,
            StrOptions({"whole"}),
        ],
        "augment": ["boolean"],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "optimizer": [str, callable],
        "halvings": [tuple, list],
        "max_gradient_norm": [None, Interval(Real, 0, None, closed="neither")],
        "held_out": [Interval(Real, 0, 0.5, closed="both")],
        "patience": [None, Interval(Integral, 1, None, closed="left")],
        "precision": [StrOptions(set(PRECISIONS))],
        "device": [str, torch.device],
        "compile": ["boolean"],
        "callbacks": [None, list],
        "warm_start": ["boolean"],
        "test_time_augmentation": ["boolean"],
        "tile": [None, Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state", np.random.Generator],
        "verbose": ["verbose"],
    }

    def _store(self, arguments):
        """Store the constructor's arguments, which a subclass names in its signature."""
        for name, value in arguments.items():
            if name != "self":
                setattr(self, name, value)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags

    @property
    def held_out_partition_(self) -> Any:
        """The partition that hides the pixels that were held out of `fit`; None if none were."""
        check_is_fitted(self)
        if not self.held_out_fraction_:
            return None
        return HeldOutPixels(self.held_out_fraction_, random_state=self.seed_)

    # -- a paper ---------------------------------------------------------------------------

    def scheme(self, x: Array, rng: np.random.Generator, progress: float) -> Any:
        """Inputs and targets for a step; to be implemented.

        Parameters
        ----------
        x : ndarray of float32 of shape (n, n_channels, *spatial)
            Normalised crops; NaN at what was not measured.
        rng : numpy.random.Generator
            For what is drawn.
        progress : float
            Share of the steps, with this one.

        Returns
        -------
        inputs : array or dict of array
            What `Passes` is called with.
        targets : tuple
            What the criterion needs.
        """
        raise NotImplementedError

    def criterion(self) -> Any:
        """The loss, a `WeightedMSE`; to be implemented."""
        raise NotImplementedError

    def prepare(self, source: Any) -> None:
        """Find out what the scheme needs to know of the data, a `Source`, before training."""

    def judged(self, source: Any) -> Any:
        """What is held out of a `Source`, beside what the network is shown of it."""
        return HeldOut(source, seed=self.seed_)

    # -- fitting ---------------------------------------------------------------------------

    def fit(self, X: Images, y: Any = None) -> Self:
        """Train the network on noisy images.

        Parameters
        ----------
        X : array-like of shape (n_images, *spatial) or (n_images, *spatial, n_channels), or list
            Noisy images of any numeric dtype; a list where sizes differ. NaN means "not
            measured". Memory maps and dask, zarr and HDF5 arrays are read crop by crop.
        y : None
            Ignored: the noisy images are their own target.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If `X` is no stack of images, a parameter is out of range, crops are larger than
            every image, the device is not there, or the module changes the shape.
        FloatingPointError
            If the loss becomes NaN.
        MemoryError
            If memory is too small for a step.
        """
        measured = self._check(X)
        device = choose_device(self.device)
        again = self.warm_start and hasattr(self, "net_")
        if not again:
            self.seed_, self.held_out_fraction_ = as_seed(self.random_state), float(self.held_out)
            self.n_steps_ = 0
        source = Source(
            measured.data,
            channel_axis=self.channel_axis,
            fraction=self.held_out_fraction_,
            seed=self.seed_,
            normalization=(self.mean_, self.scale_) if again else None,
        )
        shape = crop_shape(
            self.patch_size,
            source.shapes,
            default=self.default_patch[len(source.shapes[0])],
            multiple=self.patch_multiple,
        )
        if again:
            self._check_like_fitted(source.n_channels, len(source.shapes[0]))
        self.n_channels_, self.n_dims_ = source.n_channels, len(source.shapes[0])
        self.mean_, self.scale_ = source.mean, source.scale
        crops = Crops(
            source,
            self.scheme,
            shape=shape,
            n_batches=min(-(-self.max_steps // N_EPOCHS), MAX_EPOCH_STEPS),
            batch_size=self.batch_size,
            max_steps=self.max_steps,
            turn=self.augment,
            seed=(self.seed_, self.n_steps_),
        )
        self.prepare(source)
        with seeded(self.seed_, device):
            network = self.net_.module_.network if again else None
            net = self._new_net(network, valid=self.judged(source), averaging=self.averaging)
            n_steps = train(net, crops)
        self.net_ = net
        return self._record(n_steps)

    def _record(self, n_steps):
        """Note how the training went."""
        self.n_steps_ += n_steps
        unit = self.scale_**2
        self.loss_curve_ = loss_curve(self.net_, unit)
        self.held_out_loss_ = float(unit * dict(self.net_.callbacks_)["best"].loss_)
        return self

    def _new_net(self, network=None, **kwargs):
        """The skorch net for these parameters, around a new network or a given one."""
        device = choose_device(self.device)
        if network is None:
            network = self._new_network()
        multiple = needed_multiple(network, self.n_channels_, self.n_dims_)
        return new_net(
            in_precision(network, multiple, self.precision, device, self.n_dims_),
            self.criterion(),
            device=device,
            max_steps=self.max_steps,
            lr=self.lr,
            optimizer=self.optimizer,
            halvings=self.halvings,
            clip=self.max_gradient_norm,
            patience=self.patience,
            callbacks=self.callbacks,
            compiled=self.compile,
            verbose=self.verbose,
            **kwargs,
        )

    def default_module(self) -> Any:
        """What makes the network where `module` is None."""
        # Of those that were tried, it learned most in a given time on two cores.
        return partial(Noise2SelfUNet, width=16, depth=3, residual=True)

    def _new_network(self):
        module = self.default_module() if self.module is None else self.module
        if isinstance(module, nn.Module):
            return deepcopy(module)
        n_channels = self.n_channels_
        given = {"in_channels": n_channels, "out_channels": n_channels, "n_dims": self.n_dims_}
        for name in self.network_options:
            if name not in getattr(module, "keywords", {}):  # of a partial, which has the last word
                given[name] = getattr(self, name)
        known = inspect.signature(module).parameters
        network = module(**{name: value for name, value in given.items() if name in known})
        if not isinstance(network, nn.Module):
            raise TypeError(
                f"{type(self).__name__} expected module to be a torch.nn.Module, or a class or "
                f"function that makes one; got {self.module!r}, which made {network!r}."
            )
        return network

    # -- prediction ------------------------------------------------------------------------

    @overload
    def transform(self, X: list[Array]) -> list[Array]: ...
    @overload
    def transform(self, X: Stack) -> Array: ...
    def transform(self, X: Any) -> Any:
        """Denoise the same or other images.

        Parameters
        ----------
        X : array-like of shape (n_images, *spatial) or (n_images, *spatial, n_channels), or list
            Noisy images, in the units of those in `fit`, of any size. NaN means "not measured"
            and is filled in.

        Returns
        -------
        ndarray, dask array, or list of such
            Shape and units of `X`; the same float dtype, float64 for integers. For dask and
            zarr arrays dask arrays, computed when they are asked for.

        Raises
        ------
        ValueError
            If `X` is no stack of images, or they have other channels or axes than in `fit`.
        """
        check_is_fitted(self)
        if not is_lazy(X):
            return super().transform(X)
        self._check(X)
        if not is_ragged(X):
            lazy = as_dask(X)
            X = X if lazy is None else lazy
        images = [self._denoise_lazily(X[n]) for n in range(len(X))]
        return images if is_ragged(X) else np.stack(images)

    def _denoise(self, image):
        out = self.infer(self._normalized(image)).astype(np.float64)
        return self._image_of(out * self.scale_ + self.mean_)

    def _channels_first(self, image):
        x = image[None] if self.channel_axis is None else np.moveaxis(image, -1, 0)
        self._check_like_fitted(len(x), x.ndim - 1)
        return x

    def _image_of(self, out):
        return out[0] if self.channel_axis is None else np.moveaxis(out, 0, -1)

    def _normalized(self, image):
        x = self._channels_first(image)
        return ((x - self.mean_) / (self.scale_ or 1.0)).astype(np.float32)

    def infer(self, x: Array) -> Any:
        """Output for a normalised image of shape (n_channels, *spatial), float32."""
        return self._tiled(self.predict, x)

    def _tiled(self, predict, x):
        small = (
            x[0].size <= MAX_PIXELS_UNTILED if self.tile is None else max(x.shape[1:]) <= self.tile
        )
        return predict(x) if small else predict_tiles(predict, x, **self._tiles(x.shape[1:]))

    def predict(self, x: Array) -> Any:
        """Output for a normalised image or tile, (n_channels, *spatial), float32."""
        over_views = self.augment and self.test_time_augmentation
        return self._outputs(fill_crops(x[None]), over_views)[0]

    def _denoise_lazily(self, image):
        """Denoise an image that is read tile by tile, and no more of it at once."""
        lazy = as_dask(image)
        image = image if lazy is None else lazy
        x = self._channels_first(image)

        def predict(part):
            part = (part - self.mean_) / (self.scale_ or 1.0)
            return self.predict(part.astype(np.float32)) * self.scale_ + self.mean_

        out = predict_tiles(predict, x, **self._tiles(x.shape[1:]))
        return self._image_of(out.astype(output_dtype(image.dtype)))

    def _outputs(self, x, over_views=False):
        """Outputs for a batch that is filled, or their means over views."""
        passes = self.net_.module_.eval()

        def network(x):
            return passes(x)[0]

        module = partial(self_ensemble, network) if over_views else network
        with threads_that_fit(), torch.inference_mode():
            x = torch.from_numpy(x).to(self.net_.device)
            # Padded before it is turned, so that the views of a tile are tiles of the views.
            return padded(module, x, passes.multiple).cpu().numpy()

    def _tiles(self, shape):
        """How `predict_tiles` is to cut an image."""
        passes, tile = self.net_.module_, self.tile
        where = {"in_channels": self.n_channels_, "multiple": passes.multiple}
        if tile is None:
            tile = tile_for_memory(passes.network, TILE_BYTES, shape, **where)[0]
        radius = _radius(passes.network, self.n_channels_, self.n_dims_, passes.multiple)
        return {"tile": tile, "radius": radius, "multiple": passes.multiple}

    # -- checks ----------------------------------------------------------------------------

    def _check(self, X):
        validate_parameters(self)
        check_course(self, caller=type(self).__name__)
        if not is_lazy(X):
            return super()._check(X)
        return Measurement.of_lazy_images(
            X, channel_axis=self.channel_axis, caller=type(self).__name__
        )

    def _check_like_fitted(self, n_channels, n_dims):
        if (n_channels, n_dims) != (self.n_channels_, self.n_dims_):
            raise ValueError(
                f"{type(self).__name__} expected images of {self.n_channels_} channel(s) and "
                f"{self.n_dims_} spatial axes, as it was fitted on; got {n_channels} and {n_dims}."
            )


@lru_cache(maxsize=4)
def _radius(network, n_channels, n_dims, multiple):
    return receptive_radius(network, n_channels, n_dims, multiple)
