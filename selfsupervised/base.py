# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What all denoisers of images have in common."""

from copy import copy
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from selfsupervised.core.bare_image import without_thin_axes
from selfsupervised.core.callers import check_splits
from selfsupervised.core.measurement import Measurement
from selfsupervised.core.scale import in_unit
from selfsupervised.core.sklearn_compat import validate_parameters
from selfsupervised.core.types import Array, Images, Stack
from selfsupervised.evaluation.functions import apply_to_each
from selfsupervised.evaluation.scoring import self_supervised_loss
from selfsupervised.noise.level import noise_level


class ImageDenoiser(TransformerMixin, BaseEstimator):
    """Base of denoisers that compute one image from another and learn nothing.

    A subclass stores its parameters and a `channel_axis`, declares `_parameter_constraints`,
    and implements ``_denoise(image)``: a writable, C-contiguous float image in, which it must
    not change, and an image of the same shape out. NaN is filled from neighbours before, unless
    `_sees_missing` says that the method copes with it.

    Where a result in other units is the same in those units, `_image_units` says which parameters
    are in units of the image, and in which power of them. Images of very large or very small
    numbers are then computed in a unit that suits them, with these parameters. None leaves the
    images, and parameters, as they are. `_drops_thin_axes` says that an image with a spatial axis
    of length one is to be denoised as the image without it.

    Such an estimator has the tag ``requires_fit=False``: it may be used without `fit`, and the
    self-supervised score never fits it, so nothing can be remembered.

    See Also
    --------
    FunctionDenoiser : Takes a function, without a class.
    selfsupervised.estimator_checks.check_denoiser : Checks what every denoiser must keep.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import ImageDenoiser
    >>> class RowMean(ImageDenoiser):
    ...     def __init__(self, *, channel_axis=None):
    ...         self.channel_axis = channel_axis
    ...
    ...     def _denoise(self, image):
    ...         return image.mean(axis=1, keepdims=True) + np.zeros_like(image)
    >>> RowMean().transform(np.array([[[0.0, 2.0], [1.0, 5.0]]]))
    array([[[1., 1.],
            [3., 3.]]])
    """

    _sees_missing = False
    _image_units: dict | None = None
    _drops_thin_axes = False
    _parameter_constraints: dict = {"channel_axis": [None, Integral]}

    def __sklearn_tags__(self) -> Any:
        check_splits()
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32", "float16"]
        return tags

    def fit(self, X: Images, y: Any = None) -> Self:
        """Check the parameters and the data; there is nothing to learn.

        Parameters
        ----------
        X : array-like of shape (n_images, *spatial) or (n_images, *spatial, n_channels), or list
            Noisy images.
        y : None
            Ignored.

        Returns
        -------
        self
        """
        self._check(X)
        return self

    @overload
    def transform(self, X: list[Array]) -> list[Array]: ...
    @overload
    def transform(self, X: Stack) -> Array: ...
    def transform(self, X: Any) -> Any:
        """Denoise.

        Parameters
        ----------
        X : array-like of shape (n_images, *spatial) or (n_images, *spatial, n_channels), or list
            Noisy images of any numeric dtype; a list where sizes differ. NaN means "not
            measured" and is filled in.

        Returns
        -------
        ndarray or list of ndarray
            Shape and units of `X`; the same float dtype, float64 for integers.

        Raises
        ------
        ValueError, TypeError
            If `X` is no stack of images, or a parameter is out of range.
        """
        return self._apply("_denoise", X)

    if TYPE_CHECKING:  # scikit-learn's has no types

        @overload
        def fit_transform(self, X: list[Array], y: Any = None) -> list[Array]: ...
        @overload
        def fit_transform(self, X: Stack, y: Any = None) -> Array: ...
        def fit_transform(self, X: Any, y: Any = None) -> Any:
            """Denoise as `fit` and `transform` one after another."""

    def score(self, X: Images, y: Any = None) -> float:
        """Score by minus the self-supervised mean squared error: higher is better.

        Parameters
        ----------
        X : array-like of shape (n_images, *spatial) or (n_images, *spatial, n_channels), or list
            Noisy images.
        y : None
            Ignored.

        Returns
        -------
        float
            Minus (true mean squared error + noise variance), in squared units of `X`
            (Noise2Self, Proposition 1), of the J-invariant form of this denoiser.

        Notes
        -----
        Of a pipeline, `score` means nothing, as scikit-learn hands the last step data that the
        others have smoothed already: use ``scoring=SelfSupervisedScorer()``, or wrap the pipeline.
        """
        return -self_supervised_loss(self, X)

    def _check(self, X):
        validate_parameters(self)
        return Measurement.of_images(X, channel_axis=self.channel_axis, caller=type(self).__name__)

    def _apply(self, method, X):
        """Outputs of the method of this name for each image."""

        def output(image):
            shape = image.shape
            if self._drops_thin_axes:
                n_channel_axes = int(self.channel_axis is not None)
                image = image.reshape(without_thin_axes(shape, n_channel_axes))
            denoiser, image, unit = self._in_unit(image)
            out = getattr(denoiser, method)(image)
            out = out if unit == 1 else out * unit
            return out.reshape(shape) if out.shape == image.shape else out

        return apply_to_each(
            output, self._check(X), caller=type(self).__name__, sees_missing=self._sees_missing
        )

    def _in_unit(self, image):
        """This denoiser and an image, both in units in which numbers are ordinary, and the unit."""
        if self._image_units is None:
            return self, image, 1.0
        image, unit = in_unit(image)
        if unit == 1:
            return self, image, unit
        denoiser = copy(self)
        for name, power in self._image_units.items():
            if (value := getattr(self, name)) is not None:
                number = float(value) if np.ndim(value) == 0 else np.asarray(value, dtype=float)
                setattr(denoiser, name, number / unit**power)
        return denoiser, image, unit

    def _by_channel(self, function, image):
        """Apply `function` to each channel, or to the image where it has none."""
        if self.channel_axis is None:
            return function(image)
        channels = np.moveaxis(image, -1, 0)
        return np.stack([function(np.ascontiguousarray(c)) for c in channels], axis=-1)

    def _noise_level(self, image):
        return noise_level(image, channel_axis=self.channel_axis)
