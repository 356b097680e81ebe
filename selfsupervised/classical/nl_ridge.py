# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""NL-Ridge: linear combinations of similar patches."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import product
from numbers import Integral, Real

import numpy as np
from joblib import effective_n_jobs
from threadpoolctl import threadpool_limits

from selfsupervised.base import ImageDenoiser
from selfsupervised.classical._coloured import (
    combine_coloured_groups,
    noise_gram,
    valid_correlation,
)
from selfsupervised.classical._groups import (
    add_patches,
    combine_groups,
    patch_matrix,
    similar_patches,
)
from selfsupervised.core.memory import keep_freed_memory
from selfsupervised.core.progress import part, report
from selfsupervised.core.sklearn_compat import Interval
from selfsupervised.core.types import ArrayLike

# By number of spatial axes: edge of the patches in the first and the later passes, edge of the
# window, distance of the references, and edge of the tiles, whose patches should fit the cache.
PATCH_EDGES = {2: (9, 7), 3: (6, 5)}
# Patches for correlated noise, of which each pixel tells less.
COLOURED_PATCH_EDGES = {2: (12, 10), 3: (7, 6)}
WINDOW_EDGE = {2: 37, 3: 11}
REFERENCE_STEP = {2: 4, 3: 3}
TILE_EDGE = {2: 64, 3: 15}

# Patches in a group, in the first and the later passes. The pilot's bias counts as noise when
# weights are computed, by these factors on the variance; the last pass combines the pilot plus
# this share of what it took away. Tuned on BSD68.
GROUP_SIZES = (18, 55)
PILOT_VARIANCE_FACTOR = 1.1
RESIDUAL_SHARE = 0.4
RESIDUAL_VARIANCE_FACTOR = 1.44

# Groups whose weights are computed in one go; more would not fit the cache.
GROUPS_AT_ONCE = 64

# In units of the noise. What is farther off stays as it is; its square has room in float32.
MAX_DEVIATIONS_FROM_MEAN = 1e12

COMPUTE_DTYPE = np.float32  # half the memory traffic of float64, and more digits than noise leaves


class NLRidgeDenoiser(ImageDenoiser):
    """Linear combinations of similar patches, with weights of least risk (NL-Ridge).

    Similar patches, found by block matching, form groups; each patch of a group becomes a
    combination of all of them, whose weights minimise an estimate of the squared error. Three
    passes over the image:

    1. groups are found in the noisy image ``Y``, and weights minimise Stein's unbiased risk
       estimate, ``I - n sigma^2 (Y^T Y)^-1`` for patches of n pixels;
    2. groups and weights come from the first result ``X``,
       ``I - n sigma^2 (X^T X + n sigma^2 I)^-1``;
    3. as 2, but for the second result plus part of what it took away, so that detail which it
       lost has a second chance.

    All weights are constrained to sum to one, so the result does not depend on the zero of the
    scale. Each patch counts by the inverse of its weights' squared norm where patches overlap.

    Parameters
    ----------
    sigma : float, default=None
        Standard deviation of the noise, in units of the image. By default it is estimated,
        which takes the noise to be white; for noise that depends on the signal, see
        `VarianceStabilizer`.
    patch_size : int, default=None
        Edge of the patches, in pixels; 7 in 2-D, and 5 in 3-D, by default (10 and 6 for
        correlated noise). Patches of the first pass are larger by a quarter.
    window : int, default=None
        Edge of the box around a patch where similar ones are searched, in pixels; 37 in 2-D,
        and 11 in 3-D, by default.
    step : int, default=None
        Distance between patches for which a group is formed, in pixels; 4 in 2-D, and 3 in 3-D,
        by default. Smaller is slower, and little better.
    noise_correlation : array-like of odd sizes, default=None
        Correlation of the noise between pixels at each lag, one axis for each spatial axis, with
        lag 0 at the centre, as the function `noise_correlation` returns it; zero beyond. Weights
        then are those of least risk for such noise. By default noise is white.
    channel_axis : {None, -1}, default=None
        Whether the last axis of the images holds channels. They are turned to their
        principal axes, groups found in the first, and each axis combined on its own.
    n_jobs : int, default=None
        Threads. As in scikit-learn, None is one, unless `joblib.parallel_config` says otherwise,
        and -1 one for each core.

    See Also
    --------
    NonLocalMeansDenoiser : Averages pixels whose patches look alike.
    NoiseWhitener : Another way with noise that neighbouring pixels share.

    Notes
    -----
    The second and first pass are the cited method, with its constraint to affine combinations;
    the third applies the idea of its successor, LIChI, once, to the groups of the second. Memory
    beyond a few copies of the image does not grow with its size, as it is computed in tiles.

    Weights for correlated noise are this library's: docs/coloured_nl_ridge.md derives them. What
    was white noise stays so in all: with a correlation of 0 at all lags but the centre, the result
    is the same in every bit. Where the correlation is known exactly and its spectrum has no zeros,
    whitening the image first is a little better.

    References
    ----------
    Herbreteau & Kervrann, "Towards a unified view of unsupervised non-local methods for image
    denoising: the NL-Ridge approach", ICIP 2022, and "Unsupervised linear and iterative
    combinations of patches for image denoising", 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import NLRidgeDenoiser
    >>> noisy = np.random.default_rng(0).normal(size=(1, 48, 48))
    >>> bool(NLRidgeDenoiser(sigma=1.0).transform(noisy).std() < 0.2)
    True
    """

    _image_units = {"sigma": 1}
    _noise_parameters = ("sigma",)  # in multiples of the noise's standard deviation
    _parameter_constraints: dict = {
        **ImageDenoiser._parameter_constraints,
        "sigma": [Interval(Real, 0, None, closed="neither"), None],
        "patch_size": [Interval(Integral, 2, None, closed="left"), None],
        "window": [Interval(Integral, 3, None, closed="left"), None],
        "step": [Interval(Integral, 1, None, closed="left"), None],
        "noise_correlation": ["array-like", None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        sigma: float | None = None,
        *,
        patch_size: int | None = None,
        window: int | None = None,
        step: int | None = None,
        noise_correlation: ArrayLike | None = None,
        channel_axis: int | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.sigma = sigma
        self.patch_size = patch_size
        self.window = window
        self.step = step
        self.noise_correlation = noise_correlation
        self.channel_axis = channel_axis
        self.n_jobs = n_jobs

    @property
    def _drops_thin_axes(self):  # type: ignore[override]
        return self.noise_correlation is None  # which has an axis for each

    def _denoise(self, image):
        sigma = self.sigma or self._noise_level(image)
        # Where nothing varies there is nothing to combine.
        if sigma == 0 or np.ptp(image) == 0:
            return image
        return self._in_unit_noise(image, sigma, self._three_passes)

    def led_by(self, image, pilot):
        """The last pass once more, led by another estimate of the clean image than its own.

        Parameters
        ----------
        image : ndarray of shape (*spatial) or (*spatial, n_channels)
            Noisy image of floats, in any unit; NaN means "not measured". `sigma` must have been
            given, in the same unit.
        pilot : ndarray of the same shape
            The estimate, such as one that a network has a part in, in the same unit; without NaN.

        Returns
        -------
        ndarray of float, of the same shape

        Raises
        ------
        ValueError
            If `sigma` was not given, or the shapes differ.
        """
        if not self.sigma or image.shape != pilot.shape:
            raise ValueError(
                "NLRidgeDenoiser.led_by expected sigma to be given, and a pilot of the shape of "
                f"the image; got sigma={self.sigma} and shapes {image.shape} and {pilot.shape}."
            )

        def one_pass(noisy, pilot):
            with self._workers() as pool:
                return self._last_pass(pool, noisy, pilot, self._patches(noisy.shape[:-1])[1])

        image = np.where(np.isnan(image), pilot, image)
        return self._in_unit_noise(image, self.sigma, one_pass, pilot)

    def _in_unit_noise(self, image, sigma, passes, *pilots):
        """What `passes` make of an image, and estimates of it, in units of the noise."""
        images = [x[..., None] if self.channel_axis is None else x for x in (image, *pilots)]
        noisy = images[0]
        mean = noisy.mean(axis=tuple(range(noisy.ndim - 1)))
        noisy = (noisy - mean) / sigma
        beyond = np.abs(noisy) > MAX_DEVIATIONS_FROM_MEAN
        if beyond.any():
            noisy = np.clip(noisy, -MAX_DEVIATIONS_FROM_MEAN, MAX_DEVIATIONS_FROM_MEAN)
        axes = _principal_axes(noisy)
        estimates = [((x - mean) / sigma @ axes).astype(COMPUTE_DTYPE) for x in images[1:]]
        noisy = (noisy @ axes).astype(COMPUTE_DTYPE)
        out = passes(noisy, *estimates) @ (axes.T * sigma) + mean
        return np.where(beyond.reshape(image.shape), image, out.reshape(image.shape))

    def _correlation(self, n_spatial):
        """The correlation of the noise as an array; None for white noise."""
        if self.noise_correlation is None:
            return None
        correlation = np.asarray(self.noise_correlation, dtype=float)
        good = correlation.ndim == n_spatial and all(size % 2 for size in correlation.shape)
        middle = tuple(size // 2 for size in correlation.shape)
        if not (good and np.isfinite(correlation).all() and correlation[middle] > 0):
            raise ValueError(
                f"NLRidgeDenoiser expected noise_correlation to be finite, of {n_spatial} axes of "
                f"odd sizes, and above 0 at its centre; got {self.noise_correlation!r}."
            )
        correlation = correlation / correlation[middle]
        return correlation if np.count_nonzero(correlation) > 1 else None

    def _three_passes(self, noisy):
        """Denoise float32 channels of unit noise, of shape (*spatial, n_channels)."""
        first, later = self._patches(noisy.shape[:-1])
        with self._workers() as pool:
            with part(0, 3):
                pilot, _ = self._pass(pool, noisy, None, first, GROUP_SIZES[0], 1.0)
            with part(1, 3):
                pilot, groups = self._pass(
                    pool, noisy, pilot, later, GROUP_SIZES[1], PILOT_VARIANCE_FACTOR
                )
            with part(2, 3):
                return self._last_pass(pool, noisy, pilot, later, groups)

    def _last_pass(self, pool, noisy, pilot, patch, groups=None):
        """Combine the pilot plus a share of what it took away."""
        partly = pilot + RESIDUAL_SHARE * (noisy - pilot)
        variance = RESIDUAL_VARIANCE_FACTOR * RESIDUAL_SHARE**2
        return self._pass(pool, partly, pilot, patch, GROUP_SIZES[1], variance, groups)[0]

    @contextmanager
    def _workers(self):
        """Threads for the tiles."""
        keep_freed_memory()
        # Matrices are small, and tiles computed at a time: threads of BLAS would only disturb.
        with (
            threadpool_limits(1, user_api="blas"),
            ThreadPoolExecutor(effective_n_jobs(self.n_jobs)) as pool,
        ):
            yield pool

    def _patches(self, spatial):
        """Shapes of the patches of the first and the later passes, small enough for the image."""
        if self.patch_size is None:
            white = self._correlation(len(spatial)) is None
            edges = (PATCH_EDGES if white else COLOURED_PATCH_EDGES)[len(spatial)]
        else:
            edges = (self.patch_size + self.patch_size // 4, self.patch_size)
        if min(spatial) < edges[0]:
            warnings.warn(
                f"NLRidgeDenoiser got an image of spatial shape {spatial}, smaller than its "
                f"patches with edges of {edges[0]} pixels, and uses smaller patches; a smaller "
                f"patch_size, or another denoiser, may suit such an image better.",
                UserWarning,
                stacklevel=2,
            )
        return [tuple(min(edge, (size + 1) // 2) for size in spatial) for edge in edges]

    def _pass(self, pool, noisy, pilot, patch, n_similar, variance, groups=None):
        """Combine patches of `noisy` as `pilot` tells, or `noisy` itself without one.

        Also returns the groups of all tiles, which another pass may be given.
        """
        spatial = noisy.shape[:-1]
        positions = tuple(size - edge + 1 for size, edge in zip(spatial, patch, strict=True))
        window = tuple(min(self.window or WINDOW_EDGE[len(spatial)], size) for size in positions)
        n_similar = min(n_similar, int(np.prod(window)))
        correlation = self._correlation(len(spatial))
        if correlation is not None:
            reach = tuple(edge - 1 for edge in window)
            correlation = valid_correlation(correlation, reach)
        step = tuple(min(self.step or REFERENCE_STEP[len(spatial)], edge) for edge in patch)

        def tile(references, group):
            area, within = _area(references, window, positions)
            pixels = tuple(slice(a.start, a.stop + p - 1) for a, p in zip(area, patch, strict=True))
            given = noisy[pixels]
            guide = given if pilot is None else pilot[pixels]
            if group is None:  # found in the first channel, which holds most of the signal
                at = [axis - part.start for axis, part in zip(references, area, strict=True)]
                known = patch_matrix(guide[..., 0], patch)
                group = similar_patches(known, within, at, n_similar, window)
            group = group.astype(np.intp, copy=False)
            exact = pilot is not None
            out = _combined_tile(given, guide, patch, group, variance, exact, correlation)
            return pixels, out, group.astype(np.min_scalar_type(int(np.prod(within))))

        total = np.zeros((2, *noisy.shape), COMPUTE_DTYPE)
        tiles, found = list(_tiles(positions, step)), []
        for pixels, out, group in pool.map(tile, tiles, groups or [None] * len(tiles)):
            total[(slice(None), *pixels)] += out
            found.append(group)
            report(len(found) / len(tiles))
        return total[0] / total[1], found


def _combined_tile(noisy, guide, patch, group, variance, exact, correlation):
    """Weighted sums of the combined patches of one tile, and the sums of their weights.

    Parameters
    ----------
    noisy, guide : ndarray of shape (*spatial, n_channels)
        What is combined, and what the weights are computed from.
    patch : tuple of int
        Shape of a patch.
    group : ndarray of shape (n_groups, n_similar)
        Rows of `patch_matrix`.
    variance, exact
        See `combine_groups`.
    correlation : ndarray or None
        That of the noise, from `valid_correlation`.

    Returns
    -------
    ndarray of shape (2, *spatial, n_channels)
    """
    out = np.empty((2, *noisy.shape), COMPUTE_DTYPE)
    positions = tuple(s - edge + 1 for s, edge in zip(noisy.shape[:-1], patch, strict=True))
    parts = np.array_split(group, -(-len(group) // GROUPS_AT_ONCE))
    for channel in range(noisy.shape[-1]):
        known = patch_matrix(guide[..., channel], patch)
        rows = patch_matrix(noisy[..., channel], patch) if exact else known
        if correlation is None:
            combined = [combine_groups(rows[part], known[part], variance, exact) for part in parts]
        else:
            combined = [
                combine_coloured_groups(
                    rows[part],
                    known[part],
                    variance,
                    exact,
                    noise_gram(part, positions, correlation),
                )
                for part in parts
            ]
        patches, precision = map(np.concatenate, zip(*combined, strict=True))
        out[..., channel] = add_patches(group, patches, precision, positions, patch)
    return out


def _tiles(positions, step):
    """Coordinates of the reference patches along each axis, tile by tile."""
    edge = TILE_EDGE[len(positions)]
    axes = [np.append(np.arange(0, end - 1, s), end - 1) for end, s in zip(positions, step)]
    parts = [-(-end // edge) for end in positions]
    return product(*(np.array_split(axis, n) for axis, n in zip(axes, parts, strict=True)))


def _area(references, window, positions):
    """Positions that the windows of a tile's references cover, and the shape of this part."""
    area = []
    for at, edge, size in zip(references, window, positions, strict=True):
        first, last = np.clip(at[[0, -1]] - edge // 2, 0, size - edge)
        area.append(slice(first, last + edge))
    return area, tuple(part.stop - part.start for part in area)


def _principal_axes(image):
    """Orthonormal axes of the channels, the one with most of the signal first.

    White noise stays white, and adds the same to the variance along each.
    """
    channels = image.reshape(-1, image.shape[-1])
    return np.linalg.eigh(channels.T @ channels)[1][:, ::-1]
