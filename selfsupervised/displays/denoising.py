# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a denoiser did to an image: before, after, and what was removed."""

from typing import Any, Self

import numpy as np
from skimage.metrics import peak_signal_noise_ratio
from sklearn.utils.validation import check_is_fitted

from selfsupervised.core.measurement import Measurement
from selfsupervised.core.types import Array, ArrayLike, Estimator, Images
from selfsupervised.displays.canvas import axes_for
from selfsupervised.evaluation.estimators import channel_axis_of, learns

# Of all grey values so many percent are shown as black, and as many as white.
CLIPPED_PERCENT = 0.1
RESIDUAL_STDS = 4.0  # at the ends of the colours of what was removed


class DenoisingDisplay:
    """A noisy image, the denoised one, and what was removed, side by side.

    What was removed should look like noise: edges, lines or patches in it are lost signal. Of a
    volume one plane is shown. Both images have the same grey values. Made by `from_estimator` or
    `from_predictions`.

    Parameters
    ----------
    noisy, denoised : ndarray of shape (height, width) or (height, width, n_channels)
        In the same units.
    clean : ndarray of the same shape, default=None
        The truth, if it is known.
    channel_axis : {None, -1}, default=None
        Whether the last axis holds channels.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes
        What was drawn on: noisy, denoised, removed and, if it is known, clean.
    figure_ : matplotlib.figure.Figure
        Their figure.
    images_ : list of matplotlib.image.AxesImage
        What was drawn.

    See Also
    --------
    CalibrationDisplay : How candidates were judged.
    LossCurveDisplay : How a network learned.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import DenoisingDisplay, GaussianDenoiser
    >>> noisy = np.random.default_rng(0).normal(size=(1, 32, 32))
    >>> display = DenoisingDisplay.from_estimator(GaussianDenoiser(2), noisy)
    >>> [ax.get_title() for ax in display.axes_]
    ['noisy', 'denoised', 'removed']
    """

    axes_: Array
    figure_: Any
    images_: Any

    def __init__(
        self,
        noisy: ArrayLike,
        denoised: ArrayLike,
        *,
        clean: Any = None,
        channel_axis: int | None = None,
    ) -> None:
        self.noisy = noisy
        self.denoised = denoised
        self.clean = clean
        self.channel_axis = channel_axis

    @classmethod
    def from_estimator(
        cls,
        estimator: Estimator,
        X: Images,
        *,
        clean: Any = None,
        index: int = 0,
        plane: int | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw what an estimator does to one image of a stack.

        Parameters
        ----------
        estimator : denoiser
            Fitted, if it learns; its `channel_axis` says whether there are channels.
        X : array-like of shape (n_images, *spatial) or (n_images, *spatial, n_channels), or list
            Noisy images.
        clean : array-like of the shape of `X`, or list, default=None
            The truth, if it is known.
        index : int, default=0
            Which image is shown.
        plane : int, default=None
            Which plane of a volume is shown; by default the middle one.
        ax : array-like of matplotlib.axes.Axes, default=None
            Three of them, or four with `clean`; a new figure by default.

        Returns
        -------
        DenoisingDisplay

        Raises
        ------
        NotFittedError
            If the estimator learns and is not fitted.
        ValueError
            If `X` is no stack of images, or shapes differ.
        """
        if learns(estimator):
            check_is_fitted(estimator)
        axis = channel_axis_of(estimator)
        noisy = Measurement.of_images(X, channel_axis=axis, caller="DenoisingDisplay").data[index]
        denoised = np.asarray(estimator.transform(noisy[None]))[0]
        clean = None if clean is None else clean[index]
        options = {"clean": clean, "channel_axis": axis, "plane": plane, "ax": ax}
        return cls.from_predictions(noisy, denoised, **options)

    @classmethod
    def from_predictions(
        cls,
        noisy: ArrayLike,
        denoised: ArrayLike,
        *,
        clean: Any = None,
        channel_axis: int | None = None,
        plane: int | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw one noisy image and what was made of it, by whatever.

        Parameters
        ----------
        noisy, denoised : array-like of 2 or 3 spatial axes, and channels
            In the same units.
        clean : array-like of the same shape, default=None
            The truth, if it is known.
        channel_axis : int, default=None
            Axis that holds channels. Three are shown in colour, the mean of other numbers in grey.
        plane : int, default=None
            Which plane of a volume is shown; by default the middle one.
        ax : array-like of matplotlib.axes.Axes, default=None
            Three of them, or four with `clean`; a new figure by default.

        Returns
        -------
        DenoisingDisplay

        Raises
        ------
        ValueError
            If shapes differ.
        """
        images = [np.asarray(noisy, float), np.asarray(denoised, float)]
        images += [] if clean is None else [np.asarray(clean, float)]
        shapes = [image.shape for image in images]
        if len(set(shapes)) > 1:
            raise ValueError(
                f"DenoisingDisplay expected images of one shape, got {', '.join(map(str, shapes))}."
            )
        shown = [_plane(image, channel_axis, plane) for image in images]
        axis = None if channel_axis is None else -1
        return cls(*shown[:2], clean=(shown + [None])[2], channel_axis=axis).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : array-like of matplotlib.axes.Axes, default=None
            Three of them, or four with `clean`; a new figure by default.

        Returns
        -------
        DenoisingDisplay
            This one, with `axes_`, `figure_` and `images_`.
        """
        noisy, denoised = np.asarray(self.noisy, float), np.asarray(self.denoised, float)
        panels = [("noisy", noisy), ("denoised", denoised), ("removed", noisy - denoised)]
        if self.clean is not None:
            clean = np.asarray(self.clean, float)
            panels.append(("clean", clean))
            panels[:2] = [(_with_psnr(name, image, clean), image) for name, image in panels[:2]]
        self.axes_ = axes_for(ax, len(panels), caller="DenoisingDisplay")
        self.figure_ = self.axes_[0].figure
        low, high = np.nanpercentile(noisy, (CLIPPED_PERCENT, 100 - CLIPPED_PERCENT))
        spread = RESIDUAL_STDS * float(np.nanstd(noisy - denoised)) or 1.0
        self.images_ = []
        for axis, (name, image) in zip(self.axes_, panels, strict=True):
            limits = (-spread, spread) if name == "removed" else (low, high)
            colors = "RdBu_r" if name == "removed" and self.channel_axis is None else "gray"
            self.images_.append(self._show(axis, image, limits, colors))
            axis.set_title(name)
            axis.set_axis_off()
        return self

    def _show(self, axis, image, limits, colors):
        low, high = limits
        if self.channel_axis is not None:
            if image.shape[-1] == 3:
                return axis.imshow(np.clip((image - low) / ((high - low) or 1.0), 0, 1))
            image = image.mean(axis=-1)
        return axis.imshow(image, vmin=low, vmax=high, cmap=colors, interpolation="nearest")


def _plane(image, channel_axis, plane):
    """Two spatial axes of an image, channels last."""
    if channel_axis is not None:
        image = np.moveaxis(image, channel_axis, -1)
    n_spatial = image.ndim - (channel_axis is not None)
    if n_spatial not in (2, 3):
        raise ValueError(
            f"DenoisingDisplay expected an image of 2 or 3 spatial axes, got shape {image.shape}."
        )
    if n_spatial == 2:
        return image
    return image[len(image) // 2 if plane is None else plane]


def _with_psnr(name, image, clean):
    known = ~np.isnan(image)
    if np.array_equal(clean[known], image[known]):
        return f"{name}, inf dB"
    span = float(np.ptp(clean)) or 1.0
    psnr = peak_signal_noise_ratio(clean[known], image[known], data_range=span)
    return f"{name}, {psnr:.1f} dB"
