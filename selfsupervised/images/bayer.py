# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Raw camera frames as images of four channels."""

from numbers import Real
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from selfsupervised.core.measurement import Measurement
from selfsupervised.core.sklearn_compat import Interval, StrOptions, validate_parameters
from selfsupervised.core.types import Images
from selfsupervised.core.validation import is_ragged
from selfsupervised.evaluation.estimators import shapes_of


class BayerPacker(TransformerMixin, BaseEstimator):
    """Turn the mosaic of a colour sensor into four channels of half its size, and back.

    Neighbouring pixels of a raw frame have different colours, so neither is a second look at
    the other; those of one packed channel are. Neighbor2Neighbor and other denoisers that compare
    neighbours therefore take raw frames packed (Neighbor2Neighbor, Sec. 5.2).

    Parameters
    ----------
    pattern : {"RGGB", "BGGR", "GRBG", "GBRG"}, default="RGGB"
        Colours of the upper left 2 x 2 pixels: first row, then second row.
    black_level : float, default=0
        Value of a pixel without light, in the units of the frames. It is subtracted.
    white_level : float, default=None
        Value of a saturated pixel. If given, what lies between black and white is scaled to
        [0, 1]; nothing is clipped, as clipped noise has no mean of zero.

    See Also
    --------
    denoise : Denoises the four channels.
    VarianceStabilizer : For the noise of a sensor, which grows with the signal.

    Notes
    -----
    The channels are R, G1, G2, B for every pattern, with G1 the green of the red rows and G2 that
    of the blue rows. There is nothing to learn, so `fit` need not be called.

    Packing alone is undone exactly. With levels, floats are restored up to rounding: ``np.rint``
    gives the very counts.

    A pipeline returns packed images; its first step makes frames of them::

        network = Neighbor2NeighborDenoiser(channel_axis=-1, augment=False)
        pipe = make_pipeline(BayerPacker("GRBG"), network)
        denoised_frames = pipe[0].inverse_transform(pipe.fit_transform(frames))

    To score a denoiser of packed images, give it and the score packed images.

    References
    ----------
    Huang et al., "Neighbor2Neighbor: Self-Supervised Denoising from Single Noisy Images",
    CVPR 2021, Sec. 5.2: experiments on raw frames.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import BayerPacker, GaussianDenoiser
    >>> frames = np.random.default_rng(0).integers(64, 1024, (1, 6, 8))
    >>> packer = BayerPacker("GRBG", black_level=64, white_level=1023)
    >>> packed = packer.transform(frames)
    >>> packed.shape
    (1, 3, 4, 4)
    >>> denoised = GaussianDenoiser(channel_axis=-1).transform(packed)
    >>> packer.inverse_transform(denoised).shape
    (1, 6, 8)
    """

    _parameter_constraints: dict = {
        "pattern": [StrOptions({"RGGB", "BGGR", "GRBG", "GBRG"})],
        "black_level": [Interval(Real, None, None, closed="neither")],
        "white_level": [None, Interval(Real, None, None, closed="neither")],
    }

    def __init__(
        self,
        pattern: Literal["BGGR", "GBRG", "GRBG", "RGGB"] = "RGGB",
        *,
        black_level: float = 0,
        white_level: float | None = None,
    ) -> None:
        self.pattern = pattern
        self.black_level = black_level
        self.white_level = white_level

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32", "float16"]
        return tags

    def fit(self, X: Images, y: Any = None) -> Self:
        """Check the parameters and the frames; there is nothing to learn.

        Parameters
        ----------
        X : array-like of shape (n_images, height, width), or list
            Raw frames.
        y : None
            Ignored.

        Returns
        -------
        self
        """
        self._check(X)
        return self

    def transform(self, X: Images) -> Any:
        """Pack raw frames.

        Parameters
        ----------
        X : array-like of shape (n_images, height, width), or list
            Raw frames of any numeric dtype, of even height and width; a list where sizes
            differ. NaN means "not measured", and is kept.

        Returns
        -------
        ndarray of shape (n_images, height / 2, width / 2, 4), or list of ndarray
            Channels R, G1, G2, B, in units of `X` above black, or on [0, 1] if there is a white
            level; the same float dtype, float64 for integers.

        Raises
        ------
        ValueError, TypeError
            If `X` is no stack of frames of even edges, or a parameter is out of range.
        """
        black, span = self._levels()
        frames = self._check(X)
        packed = [
            np.stack([frame[row::2, column::2] for row, column in self._places()], axis=-1)
            for frame in frames
        ]
        return frames.give_back([(image - black) / span for image in packed])

    def inverse_transform(self, X: Images) -> Any:
        """Put packed images back into mosaics, in the units of the frames.

        Parameters
        ----------
        X : array-like of shape (n_images, height / 2, width / 2, 4), or list
            Packed images, as `transform` returns them.

        Returns
        -------
        ndarray of shape (n_images, height, width), or list of ndarray
            Raw frames; the same float dtype, float64 for integers.

        Raises
        ------
        ValueError, TypeError
            If `X` is no stack of images of four channels.
        """
        black, span = self._levels()
        images = Measurement.of_images(X, channel_axis=-1, caller=type(self).__name__)
        _check_each(
            images.data,
            lambda shape: len(shape) == 3 and shape[-1] == 4,
            "packed images of shape (n_images, height / 2, width / 2, 4)",
            "pass what transform returned, or its denoised form",
        )
        frames = [np.empty((2 * len(x), 2 * x.shape[1]), x.dtype) for x in images]
        for frame, image in zip(frames, images, strict=True):
            for channel, (row, column) in enumerate(self._places()):
                frame[row::2, column::2] = image[..., channel]
        return images.give_back([frame * span + black for frame in frames])

    def _check(self, X):
        self._levels()
        frames = Measurement.of_images(X, caller=type(self).__name__)
        _check_each(
            frames.data,
            lambda shape: len(shape) == 2,
            "raw frames of shape (n_images, height, width)",
            "pass the mosaic as the sensor gave it, before colours were made of it",
        )
        _check_each(
            frames.data,
            lambda shape: not (shape[0] % 2 or shape[1] % 2),
            "frames of even height and width",
            "leave out the last row or column",
        )
        return frames

    def _levels(self):
        """Black level, and white minus black or 1, after checking the parameters."""
        validate_parameters(self)
        black = float(self.black_level)
        if self.white_level is None:
            return black, 1.0
        if not self.white_level > black:
            raise ValueError(
                f"BayerPacker expected white_level above black_level={self.black_level}, got "
                f"white_level={self.white_level}; both are in the units of the frames."
            )
        return black, float(self.white_level) - black

    def _places(self):
        """Row and column, in the 2 x 2 cell, of R, G1, G2 and B."""
        row, column = divmod(self.pattern.index("R"), 2)
        return (row, column), (row, 1 - column), (1 - row, column), (1 - row, 1 - column)


def _check_each(images, fits, expected, hint):
    """Raise unless the shape of each image, stack axis left out, fits."""
    shapes = shapes_of(images)
    for shape in shapes if is_ragged(images) else [shapes[1:]]:
        if not fits(shape):
            raise ValueError(f"BayerPacker expected {expected}, got shape {shapes}; {hint}.")
