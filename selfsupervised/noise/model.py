# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the noise of one image is, all of it in one object, and how sure each part is."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.fft import irfftn, rfftn
from scipy.ndimage import gaussian_filter

from selfsupervised.core.types import Array, RandomState
from selfsupervised.core.validation import check_channel_axis
from selfsupervised.noise.line import NoiseModel
from selfsupervised.noise.spectrum import filtered, root_spectrum

SMOOTHING_PIXELS = 1.0  # of an image, before the strength of its noise is read off it
MAX_CORRELATION = 0.95  # of neighbours, that is told


@dataclass(frozen=True)
class ChannelNoise:
    """The noise of one channel.

    Parameters
    ----------
    level : float
        Standard deviation, in units of the image; 0 where there is no noise. Of noise that grows
        with the signal, that in a typical place.
    low, high : float
        Within these the level is believed to lie, in units of the image. An image without flat
        places cannot tell fine texture from noise, and `low` is 0.
    flat_share : float
        Part of the image that is flat but for the noise.
    line : NoiseModel or None
        Variance as a line over the signal; None for noise that is as strong everywhere, or where
        the image cannot tell.
    correlation : tuple of float
        Of neighbouring pixels along each spatial axis; zeros for white noise.
    outlier_share : float
        Part of the pixels whose value tells nothing: hot, dead, salt and pepper.
    line_offsets : tuple of float
        Standard deviation, along each spatial axis, of offsets that whole lines share, in units
        of the image.
    step : float
        In which the values come, in units of the image; 0 if they come in none.
    steady : bool
        Whether noise that neighbours share is as strong at all brightnesses; of white noise `line`
        says it.
    autocovariance : ndarray of odd sizes or None
        Covariance of the noise between pixels at each lag, in squared units of the image, lag 0 at
        the centre; None for white noise, and where more than `correlation` cannot be told.

    See Also
    --------
    estimate_noise : Finds it, with ``model="full"``.
    ImageNoise : That of all channels.

    Examples
    --------
    >>> from selfsupervised import ChannelNoise
    >>> print(ChannelNoise(level=3.0, low=2.8, high=3.2).describe())
    noise of standard deviation 3 (2.8 to 3.2), as strong everywhere
    """

    level: float
    low: float
    high: float
    flat_share: float = 0.0
    line: NoiseModel | None = None
    correlation: tuple[float, ...] = (0.0, 0.0)
    outlier_share: float = 0.0
    line_offsets: tuple[float, ...] = (0.0, 0.0)
    step: float = 0.0
    steady: bool = True
    # An array, of which "equal" is no yes or no; what it comes to is in `level` and `correlation`.
    autocovariance: Array | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of_autocovariance(
        cls, autocovariance: Array, *, error_ratio: float = 1.0, **known: Any
    ) -> "ChannelNoise":
        """Noise that neighbours share, by its covariance at each lag.

        Parameters
        ----------
        autocovariance : ndarray of odd sizes
            In squared units of the image, lag 0 at the centre.
        error_ratio : float, default=1.0
            Factor within which the level is known.
        **known
            Other parameters.

        Returns
        -------
        ChannelNoise
            Without noise if the variance, at lag 0, is not above 0.

        Raises
        ------
        ValueError
            If a size of the autocovariance is even, so that no lag is at the centre.
        """
        if not all(size % 2 for size in autocovariance.shape):
            raise ValueError(
                f"ChannelNoise.of_autocovariance expected an array of odd sizes, with lag 0 at its "
                f"centre; got shape {autocovariance.shape}."
            )
        middle = tuple(size // 2 for size in autocovariance.shape)
        variance = autocovariance[middle]
        if not variance > 0:
            return cls(0.0, 0.0, 0.0, **{"correlation": (0.0,) * len(middle), **known})
        nearest = np.add(middle, np.eye(len(middle), dtype=int))
        lags = np.array([autocovariance[tuple(lag)] for lag in nearest]) / variance
        level = float(np.sqrt(variance))
        found: dict[str, Any] = {
            **known,
            "correlation": tuple(map(float, np.clip(lags, 0.0, MAX_CORRELATION))),
            "autocovariance": autocovariance,
        }
        return cls(level, level / error_ratio, level * error_ratio, **found)

    @property
    def grows(self) -> bool:
        """Whether the noise is believed to grow with the signal."""
        return self.line is not None

    @property
    def as_line(self) -> NoiseModel:
        """Gain and variance, the gain 0 for noise that is as strong everywhere."""
        return self.line or NoiseModel(0.0, self.level**2)

    def scaled(self, factor: float) -> "ChannelNoise":
        """The noise of the image times a factor.

        Parameters
        ----------
        factor : float
            Above 0.

        Returns
        -------
        ChannelNoise
        """
        line, shared = self.line, self.autocovariance
        return replace(
            self,
            level=factor * self.level,
            low=factor * self.low,
            high=factor * self.high,
            line=line and NoiseModel(factor * line.gain, factor**2 * line.variance),
            line_offsets=tuple(factor * offset for offset in self.line_offsets),
            step=factor * self.step,
            autocovariance=None if shared is None else factor**2 * shared,
        )

    def as_strong_as(self, level: float) -> "ChannelNoise":
        """The same, but of this standard deviation everywhere."""
        shared = self.autocovariance
        if shared is not None:
            shared = shared * (level / self.level) ** 2
        return replace(self, level=level, line=None, steady=True, autocovariance=shared)

    def std(self, signal: Any) -> Any:
        """Standard deviation where the clean image is `signal`, in units of the image."""
        return self.as_line.std(signal)

    def describe(self) -> str:
        """What this says, in a sentence or two."""
        parts = [self._strength()]
        if any(self.correlation):
            lags = " and ".join(f"{lag:.2f}" for lag in self.correlation)
            parts.append(f"neighbouring pixels share noise (correlation {lags} along the axes)")
        if self.outlier_share:
            parts.append(f"{self.outlier_share:.2%} of the pixels are outliers")
        names = ("planes", "rows", "columns")[-len(self.line_offsets) :]
        for name, offset in zip(names, self.line_offsets, strict=True):
            if offset:
                parts.append(f"whole {name} are offset, by a standard deviation of {offset:.3g}")
        return "; ".join(parts)

    def _strength(self):
        if self.level == 0:
            return "no noise to speak of"
        if self.line is None:
            sure = f" ({self.low:.3g} to {self.high:.3g})"
            where = "as strong everywhere" if self.steady else "not as strong at all brightnesses"
            return f"noise of standard deviation {self.level:.3g}{sure}, {where}"
        gain, variance = self.line
        sign = "-" if variance < 0 else "+"
        return (
            f"noise that grows with the signal, variance = {gain:.3g} x signal {sign} "
            f"{abs(variance):.3g}: {self.level:.3g} in a typical place"
        )


@dataclass(frozen=True)
class ImageNoise:
    """What the noise of an image is, channel by channel; made by `estimate_noise`.

    Parameters
    ----------
    channels : tuple of ChannelNoise
        One for each channel; one where the image has no channel axis.
    channel_axis : {None, -1}, default=None
        Whether the last axis of the image holds channels.

    See Also
    --------
    estimate_noise : Makes it, with ``model="full"``.
    ChannelNoise : That of one channel.

    Examples
    --------
    >>> import numpy as np
    >>> import selfsupervised as ss
    >>> noisy = np.random.default_rng(0).normal(100, 3, (64, 64))
    >>> noise = ss.estimate_noise(noisy, "full")
    >>> print(noise.describe())
    noise of standard deviation 3.03 (2.85 to 3.21), as strong everywhere
    >>> noise.sample(noisy, random_state=0).shape
    (64, 64)
    """

    channels: tuple[ChannelNoise, ...]
    channel_axis: int | None = None

    def __post_init__(self) -> None:
        check_channel_axis(self.channel_axis, caller="ImageNoise")

    def __repr__(self) -> str:
        return f"<ImageNoise: {self.describe()}>"

    @property
    def none(self) -> bool:
        """Whether no channel has any noise to speak of."""
        return all(channel.level == 0 for channel in self.channels)

    def describe(self) -> str:
        """What this says, a line for each channel."""
        if self.channel_axis is None:
            return self.channels[0].describe()
        lines = [f"channel {c}: {noise.describe()}" for c, noise in enumerate(self.channels)]
        return "\n".join(lines)

    def as_strong_as(self, level: float) -> "ImageNoise":
        """The same, as strong everywhere and in all channels: of this standard deviation."""
        return replace(self, channels=tuple(c.as_strong_as(level) for c in self.channels))

    def std(self, image: Array) -> Array:
        """Standard deviation of the noise at each pixel.

        Parameters
        ----------
        image : ndarray of shape (*spatial) or (*spatial, n_channels)
            Clean, or denoised.

        Returns
        -------
        ndarray
            Of the shape, and in units, of the image.
        """
        planes = self._planes(image)
        out = [noise.std(plane) for noise, plane in zip(self.channels, planes, strict=True)]
        return self._joined([np.broadcast_to(s, planes[0].shape) for s in out])

    def sample(self, image: Array, random_state: RandomState = None) -> Array:
        """Draw noise of this kind, normal, white or as neighbours share it.

        Outliers and offsets of lines are not drawn.

        Parameters
        ----------
        image : ndarray of shape (*spatial) or (*spatial, n_channels)
            Where noise grows with the signal, it is as strong as the image, smoothed, says.
        random_state : int, Generator or None, default=None
            Seed.

        Returns
        -------
        ndarray
            Of the shape, and in units, of the image.
        """
        rng = np.random.default_rng(random_state)
        drawn = []
        for noise, plane in zip(self.channels, self._planes(image), strict=True):
            white = rng.normal(size=plane.shape).astype(plane.dtype, copy=False)
            std = noise.std(gaussian_filter(plane, SMOOTHING_PIXELS) if noise.grows else 0.0)
            drawn.append(std * _shared(white, noise))
        return self._joined(drawn).astype(image.dtype, copy=False)

    def _planes(self, image):
        planes = [image] if self.channel_axis is None else list(np.moveaxis(image, -1, 0))
        if len(planes) != len(self.channels):
            raise ValueError(
                f"ImageNoise of {len(self.channels)} channels got an image of {len(planes)}; "
                f"estimate the noise of this image."
            )
        return planes

    def _joined(self, planes):
        return planes[0] if self.channel_axis is None else np.stack(planes, axis=-1)


def _shared(white, noise):
    """White noise of unit variance, filtered so that neighbours share it as they do in `noise`."""
    if noise.autocovariance is None:
        return _correlated(white, noise.correlation)
    root = root_spectrum(noise.autocovariance, white.shape)
    return (filtered(white, root) / noise.level).astype(white.dtype, copy=False)


def _correlated(white, correlation):
    """White noise of unit variance, filtered so that neighbours are correlated so much."""
    for axis, lag in enumerate(correlation):
        if lag:
            # The autocovariance falls by this factor with every pixel.
            apart = np.arange(white.shape[axis])
            covariance = np.abs(lag) ** np.minimum(apart, white.shape[axis] - apart)
            power = np.maximum(rfftn(covariance, axes=[0]).real, 0.0)
            shape = [1] * white.ndim
            shape[axis] = len(power)
            filtered = rfftn(white, axes=[axis]) * np.sqrt(power).reshape(shape)
            white = irfftn(filtered, [white.shape[axis]], axes=[axis]).astype(white.dtype)
    return white
