# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What Self2Self and Self2Self+ share: random samples of one image, and their many predictions.

A sample shows each element of the noisy image y with probability 1 - p, by a mask b, and the
network is to predict the others (Quan et al., Equations 3 to 5)::

    seen = b * y        loss = | (1 - b) * (f(seen) - y) |^2 / sum(1 - b)

What is dropped is NaN here, as everywhere where nothing is to be seen. No target is in its own
input, so with independent noise the loss is that of clean targets plus a constant (Proposition
1). Predictions are averaged over samples, and over the dropout in the network.
"""

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import torch

from selfsupervised.core.measurement import Measurement
from selfsupervised.core.progress import report
from selfsupervised.core.sklearn_compat import Interval, StrOptions
from selfsupervised.core.types import Array, Images
from selfsupervised.core.validation import is_lazy, is_ragged
from selfsupervised.images._network import NetworkDenoiser
from selfsupervised.networks.ensemble import turned, turned_back
from selfsupervised.networks.filled import Filled
from selfsupervised.networks.probing import needed_multiple
from selfsupervised.training.data import HeldOut, draw_turn, target_of
from selfsupervised.training.net import seeded
from selfsupervised.training.passes import WeightedMSE, weighted_mean

N_VALIDATION_SAMPLES = 4  # samples of each image in a validation
PIXELS_AT_ONCE = 2**16  # predictions of smaller images are made several at a time


class SampledDenoiser(NetworkDenoiser):
    """Base of Self2Self and Self2Self+.

    A subclass makes a network that takes NaN for "not seen".
    """

    network_options: tuple[str, ...] = ("dropout",)
    _sees_missing = True

    _parameter_constraints: dict = {
        **{
            name: constraint
            for name, constraint in NetworkDenoiser._parameter_constraints.items()
            if name != "test_time_augmentation"  # predictions are means over many already
        },
        "drop_probability": [Interval(Real, 0, 1, closed="neither")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "sampling": ["boolean"],
        "loss": [StrOptions({"mse", "mae"})],
        "n_predictions": [Interval(Integral, 1, None, closed="left")],
        "keep_known": ["boolean"],
        "augment": ["boolean", StrOptions({"flips"})],
        "averaging": [Interval(Real, 0, 1, closed="left")],
    }

    # -- the scheme ------------------------------------------------------------------------

    def scheme(self, x: Array, rng: np.random.Generator, progress: float) -> Any:
        """Make a random sample the input, and the dropped elements the targets."""
        if not self.sampling:
            return x, target_of(x)
        seen = self._sampled(x, rng)
        return seen, target_of(np.where(np.isnan(seen), x, np.float32(np.nan)))

    def criterion(self) -> Any:
        """The loss on what was dropped."""
        return DroppedLoss(self.loss)

    def judged(self, source: Any) -> Any:
        """What is held out of a `Source`, beside several samples of the rest."""
        return HeldOut(source, seed=self.seed_, show=self._sampled, repeats=N_VALIDATION_SAMPLES)

    def _sampled(self, x, rng):
        """`x` with NaN at a random share of the elements."""
        if not self.sampling:
            return x
        dropped = rng.random(x.shape, dtype=np.float32) < self.drop_probability
        return np.where(dropped, np.float32(np.nan), x)

    def _new_network(self):
        network = super()._new_network()
        if getattr(network, "sees_missing", False):
            return network
        return Filled(network, needed_multiple(network, self.n_channels_, self.n_dims_))

    # -- fitting and prediction ------------------------------------------------------------

    def fit(self, X: Images, y: Any = None, *, mask: Any = None) -> Self:
        """Train the network on noisy images, each by samples of itself.

        Parameters
        ----------
        X : array-like of shape (n_images, *spatial) or (n_images, *spatial, n_channels), or list
            Noisy images of any numeric dtype, often one; a list where sizes differ. NaN means
            "not measured". Memory maps and dask, zarr and HDF5 arrays are read crop by crop.
        y : None
            Ignored: the noisy images are their own target.
        mask : array-like of bool of the shape of `X`, or of its axes without channels, or list
            True where `X` is to be taken as not measured, as in `skimage.restoration`'s
            inpainting; the same as NaN there.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If `X` is no stack of images, a parameter is out of range, the mask is of another
            shape or hides everything, crops are larger than every image, the device is not
            there, or the module changes the shape.
        FloatingPointError
            If the loss becomes NaN.
        MemoryError
            If memory is too small for a step.
        """
        return super().fit(self._masked(X, mask))

    def transform(self, X: Any, *, mask: Any = None, return_std: bool = False) -> Any:
        """Denoise, and fill in what is missing, by the mean of many predictions.

        Parameters
        ----------
        X : array-like of shape (n_images, *spatial) or (n_images, *spatial, n_channels), or list
            Noisy images, in the units of those in `fit`, of any size. NaN means "not measured"
            and is filled in.
        mask : array-like of bool, default=None
            True where `X` is to be taken as not measured, see `fit`.
        return_std : bool, default=False
            Whether to return the standard deviation of the predictions, too.

        Returns
        -------
        denoised : ndarray, dask array, or list of such
            Shape and units of `X`; the same float dtype, float64 for integers.
        std : ndarray or list of ndarray
            In units of `X`: how far single predictions scatter. Only with ``return_std=True``.

        Raises
        ------
        ValueError
            If `X` is no stack of images, or they have other channels or axes than in `fit`.
        """
        X = self._masked(X, mask)
        if not return_std:
            return super().transform(X)
        if is_lazy(X):
            raise ValueError(
                f"{type(self).__name__} expected an array in memory for return_std=True, got a "
                f"{type(X).__name__}; pass np.array(X)."
            )
        measured = self._check(X)
        both = [self._denoise_with_std(image) for image in measured]
        return tuple(measured.give_back(list(images)) for images in zip(*both, strict=True))

    def fit_transform(self, X: Any, y: Any = None, *, mask: Any = None) -> Any:
        """Fit, then transform the same images.

        Parameters
        ----------
        X : array-like of shape (n_images, *spatial) or (n_images, *spatial, n_channels), or list
            Noisy images, see `fit`.
        y : None
            Ignored.
        mask : array-like of bool, default=None
            True where `X` is to be taken as not measured, see `fit`.

        Returns
        -------
        ndarray, dask array, or list of such
            See `transform`.
        """
        X = self._masked(X, mask)
        return self.fit(X).transform(X)

    def _denoise(self, image):
        out = super()._denoise(image)
        return np.where(np.isnan(image), out, image) if self.keep_known else out

    def _denoise_lazily(self, image):
        out = super()._denoise_lazily(image)
        return np.where(np.isnan(image), out, image) if self.keep_known else out

    def _denoise_with_std(self, image):
        x, n = self._normalized(image), self.n_channels_
        # Doubled, as what is put together from tiles has as many channels as the image.
        both = self._tiled(
            lambda part: np.concatenate(self._moments(part[:n])),
            np.tile(x, (2, *[1] * (x.ndim - 1))),
        )
        both = both.astype(np.float64) * self.scale_
        mean, std = self._image_of(both[:n] + self.mean_), self._image_of(both[n:])
        if not self.keep_known:
            return mean, std
        missing = np.isnan(image)
        return np.where(missing, mean, image), np.where(missing, std, 0)

    def predict(self, x: Array) -> Any:
        """Mean of the predictions for a normalised image or tile, NaN where it is missing."""
        return self._moments(x)[0]

    def _moments(self, x):
        """Mean and standard deviation of the predictions, by running sums (Welford)."""
        rng, count = np.random.default_rng(self.seed_), 0
        augment = self.augment
        mean, squares = np.zeros_like(x), np.zeros_like(x)
        at_once = max(PIXELS_AT_ONCE // x[0].size, 1)
        with seeded(self.seed_, torch.device(self.net_.device)):
            while count < self.n_predictions:
                turn = draw_turn(rng, square=augment != "flips") if augment else (False, 0)
                batch = np.stack([x] * min(at_once, self.n_predictions - count))
                seen = turned(self._sampled(batch, rng), *turn)
                outputs = self._outputs(seen.copy())  # torch takes no view that runs backwards
                for output in turned_back(outputs, *turn):
                    count += 1
                    gap = output - mean
                    mean += gap / count
                    squares += gap * (output - mean)
                report(count / self.n_predictions)
        return mean, np.sqrt(squares / max(count - 1, 1))

    def _masked(self, X, mask):
        """`X` as floats, NaN where `mask` says so."""
        if mask is None:
            return X
        if is_ragged(X):
            if len(mask) != len(X):
                raise ValueError(
                    f"{type(self).__name__} expected a mask for each of the {len(X)} images, got "
                    f"{len(mask)}."
                )
            return [self._masked(x[None], m[None])[0] for x, m in zip(X, map(np.asarray, mask))]
        if is_lazy(X):
            raise ValueError(
                f"{type(self).__name__} expected an array in memory with mask=, got a "
                f"{type(X).__name__}; put NaN where it is not measured, or pass np.array(X)."
            )
        X = Measurement.of_array(X, caller=type(self).__name__).data
        mask = np.asarray(mask)
        if self.channel_axis is not None and mask.shape == X.shape[:-1]:
            mask = mask[..., None]
        if mask.dtype != bool or mask.shape not in (X.shape, (*X.shape[:-1], 1)):
            raise ValueError(
                f"{type(self).__name__} expected mask to be boolean, True where X of shape "
                f"{X.shape} is not measured; got {mask.dtype} of shape {mask.shape}."
            )
        return np.where(mask, X.dtype.type(np.nan), X)


class DroppedLoss(WeightedMSE):
    """Mean of the squared or absolute errors at the elements that were dropped.

    Parameters
    ----------
    norm : {"mse", "mae"}
        Which.
    """

    def __init__(self, norm):
        super().__init__()
        self.norm = norm

    def loss(self, outputs, targets):
        """``sum((1 - b) |f(b y) - y|^q) / sum(1 - b)``, with q = 2 or 1."""
        (output,), (target, dropped) = outputs, targets
        error = output - target
        return weighted_mean(error.square() if self.norm == "mse" else error.abs(), dropped)
