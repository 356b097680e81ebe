# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""A picture, and every estimator of the library with parameters that make it quick."""

from importlib.util import find_spec

import numpy as np
from sklearn.linear_model import Ridge

import selfsupervised as ss
from selfsupervised.estimator_checks import RowsAsImages


def smooth_image(shape=(64, 64), seed=0):
    """A clean image with edges and slopes, values about 0 to 1."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*(np.linspace(0, 1, n) for n in shape), indexing="ij")
    image = 0.3 * np.sin(6 * axes[0]) * np.cos(5 * axes[-1]) + 0.4
    for _ in range(3):
        corner = rng.uniform(0.1, 0.6, len(shape))
        inside = np.all([(a > c) & (a < c + 0.3) for a, c in zip(axes, corner)], axis=0)
        image[inside] += rng.uniform(-0.4, 0.4)
    return image


def public():
    """Public names and what they stand for; those that do with what is installed."""
    for name in ss.__all__:
        try:
            yield name, getattr(ss, name)
        except ImportError:
            if HAS_SINGLECELL if name in ("pl", "pp") else HAS_NETWORKS:
                raise


class ShrinkToMean:
    """A global method: every output depends on every visible input."""

    def __call__(self, image):
        return 0.5 * (image + image.mean())

    def __repr__(self):  # no address, which differs between test workers
        return "shrink_to_mean"


shrink_to_mean = ShrinkToMean()


CLASSICAL_DENOISERS = [
    ss.BilateralDenoiser(sigma_spatial=0.6, bins=100),
    ss.FunctionDenoiser(shrink_to_mean),
    ss.GaussianDenoiser(),
    ss.MedianDenoiser(),
    ss.NLRidgeDenoiser(patch_size=3, window=9, n_jobs=1),
    ss.NoiseWhitener(ss.WaveletDenoiser(1.0)),
    ss.SubsampledDenoiser(ss.GaussianDenoiser()),
    ss.NonLocalMeansDenoiser(patch_size=3, patch_distance=2),
    ss.OutlierRemover(ss.GaussianDenoiser()),
    ss.TotalVariationDenoiser(max_num_iter=20),
    ss.VarianceStabilizer(ss.WaveletDenoiser()),
    ss.WaveletDenoiser(),
]
HAS_SINGLECELL = find_spec("anndata") is not None
HAS_NETWORKS = all(map(find_spec, ["torch", "skorch", "safetensors"]))
NETWORK_DENOISERS: list = []
if HAS_NETWORKS:
    import torch
    from torch import nn

    class TinyNet(nn.Module):
        """Two convolutions, as many pixels in as out, and nearly nothing to compute."""

        def __init__(self, in_channels=1, n_dims=2):
            super().__init__()
            conv = nn.Conv2d if n_dims == 2 else nn.Conv3d
            self.layers = nn.Sequential(
                conv(in_channels, 4, 3, padding=1), nn.LeakyReLU(), conv(4, in_channels, 1)
            )
            with torch.no_grad():
                self.layers[-1].weight.mul_(0.1)
                self.layers[-1].bias.zero_()

        def forward(self, x):
            return self.layers(x)

    TINY = {"module": TinyNet, "max_steps": 2, "batch_size": 2, "patch_size": None}
    NETWORK_DENOISERS += [
        ss.Neighbor2NeighborDenoiser(**TINY, test_time_augmentation=False),
        ss.Noise2SameDenoiser(**TINY, lambda_inv="noise"),
        ss.Noise2SelfDenoiser(**TINY, inference="j_invariant", test_time_augmentation=False),
        ss.RecorruptedDenoiser(**TINY),
        ss.Self2SelfDenoiser(**TINY, n_predictions=2),
        ss.Self2SelfPlusDenoiser(**TINY, n_predictions=2),
    ]
AUTO = [
    ss.AutoDenoiser("gaussian"),
    ss.StackingDenoiser([("narrow", ss.GaussianDenoiser(0.7)), ("wide", ss.GaussianDenoiser())]),
]
IMAGE_DENOISERS = [*AUTO, *CLASSICAL_DENOISERS, *NETWORK_DENOISERS]
WRAPPED = [
    ss.JInvariantWrapper(ss.GaussianDenoiser()),
    ss.JInvariantWrapper(ss.MedianDenoiser(), mix="optimal"),
    ss.JInvariantWrapper(ss.TotalVariationDenoiser(max_num_iter=20)),
    ss.JInvariantWrapper(ss.VarianceStabilizer(ss.GaussianDenoiser())),
    ss.JInvariantWrapper(ss.WaveletDenoiser(), partition=ss.RandomPixels(4), fill="uniform"),
]
COUNT_DENOISERS = [
    ss.CountNormalizer(),
    ss.NeighborDiffusionDenoiser(n_neighbors=2, n_components=1),
    ss.PCADenoiser(n_components=1),
    ss.PCADenoiser(n_components=1, normalizer=ss.CountNormalizer("median", "log1p")),
    ss.PCADenoiserCV(n_components=1),
]
if HAS_NETWORKS:
    COUNT_DENOISERS.append(ss.NegativeBinomialAutoencoder(n_latent=2, width=4, max_steps=3))
TABLE_ESTIMATORS = [
    *COUNT_DENOISERS,
    ss.JInvariantWrapper(Ridge()),
    ss.JInvariantWrapper(ss.PCARegression(n_components=1)),
    ss.LinearRegressionDenoiser(),
    ss.PCARegression(n_components=1),
    ss.TableOutlierRemover(),
]


def train_autoencoders_little(monkeypatch, n_steps):
    """Autoencoders take so many steps, whatever they are asked for."""

    def fit(self, *args, whole=ss.NegativeBinomialAutoencoder.fit, **kwargs):
        asked, self.max_steps = self.max_steps, n_steps
        whole(self, *args, **kwargs).max_steps = asked
        return self

    monkeypatch.setattr(ss.NegativeBinomialAutoencoder, "fit", fit)


class Cropper(ss.MedianDenoiser):
    """Returns another shape than it was given."""

    def transform(self, X):
        return X[:, 1:]


class PatchMemory(ss.ImageDenoiser):
    """A denoiser that learns: it remembers the stack and returns what it remembers."""

    def __init__(self, channel_axis=None):
        self.channel_axis = channel_axis

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags

    def fit(self, X, y=None):
        self.memory_ = np.array(X, dtype=float)
        return self

    def transform(self, X):
        return self.memory_[: len(X)]


class Slices(ss.MovieDenoiser):
    """For the batteries, which have images of two axes: each row is a frame of one pixel's height.

    Volumes are movies as they are.
    """

    def _check(self, X):
        return ss.VarianceStabilizer._check(self, X)

    def _denoise(self, image):
        flat = image.ndim - (self.channel_axis is not None) == 2
        return super()._denoise(image[:, None])[:, 0] if flat else super()._denoise(image)


class RowsAsMosaics(RowsAsImages):
    """For what packs frames: each value fills a 2 x 2 cell, and the first channel comes back."""

    def transform(self, X):
        return super().transform(X)[..., 0]

    def _images(self, X, reset=False):
        return super()._images(X, reset).repeat(2, axis=1).repeat(2, axis=2)
