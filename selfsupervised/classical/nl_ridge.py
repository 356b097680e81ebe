# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""NL-Ridge: linear combinations of similar patches."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from numbers import Integral, Real

import numpy as np
from joblib import effective_n_jobs
from threadpoolctl import threadpool_limits

from selfsupervised.base import ImageDenoiser
from selfsupervised.classical._groups import (
    add_patches,
    combine_groups,
    patch_matrix,
    similar_patches,
)
from selfsupervised.core.sklearn_compat import Interval

# By number of spatial axes: edge of the patches in the first and the later passes, edge of the
# window, distance of the references, and edge of the tiles, whose patches should fit the cache.
PATCH_EDGES = {2: (9, 7), 3: (6, 5)}
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
        Edge of the patches, in pixels; 7 in 2-D, and 5 in 3-D, by default. Patches of the first
        pass are larger by a quarter.
    window : int, default=None
        Edge of the box around a patch where similar ones are searched, in pixels; 37 in 2-D,
        and 11 in 3-D, by default.
    step : int, default=None
        Distance between patches for which a group is formed, in pixels; 4 in 2-D, and 3 in 3-D,
        by default. Smaller is slower, and little better.
    channel_axis : {None, -1}, default=None
        Whether the last axis of the images holds channels. They are turned to their
        principal axes, groups found in the first, and each axis combined on its own.
    n_jobs : int, default=-1
        Threads, as in joblib; by default one for each core.

    Notes
    -----
    The second and first pass are the cited method, with its constraint to affine combinations;
    the third applies the idea of its successor, LIChI, once. Memory beyond a few copies of the
    image does not grow with its size, as it is computed in tiles.

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

    _noise_parameters = ("sigma",)  # in multiples of the noise's standard deviation
    _parameter_constraints: dict = {
        **ImageDenoiser._parameter_constraints,
        "sigma": [Interval(Real, 0, None, closed="neither"), None],
        "patch_size": [Interval(Integral, 2, None, closed="left"), None],
        "window": [Interval(Integral, 3, None, closed="left"), None],
        "step": [Interval(Integral, 1, None, closed="left"), None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self, sigma=None, *, patch_size=None, window=None, step=None, channel_axis=None, n_jobs=-1
    ):
        self.sigma = sigma
        self.patch_size = patch_size
        self.window = window
        self.step = step
        self.channel_axis = channel_axis
        self.n_jobs = n_jobs

    def _denoise(self, image):
        sigma = self.sigma or self._noise_level(image)
        # Where nothing varies there is nothing to combine.
        if sigma == 0 or np.ptp(image) == 0:
            return image
        noisy = image[..., None] if self.channel_axis is None else image
        mean = noisy.mean(axis=tuple(range(noisy.ndim - 1)))
        noisy = (noisy - mean) / sigma
        axes = _principal_axes(noisy)
        noisy = (noisy @ axes).astype(COMPUTE_DTYPE)
        out = self._three_passes(noisy) @ (axes.T * sigma) + mean
        return out.reshape(image.shape)

    def _three_passes(self, noisy):
        """Denoise float32 channels of unit noise, of shape (*spatial, n_channels)."""
        first, later = self._patches(noisy.shape[:-1])
        # Matrices are small, and tiles computed at a time: threads of BLAS would only disturb.
        with (
            threadpool_limits(1, user_api="blas"),
            ThreadPoolExecutor(effective_n_jobs(self.n_jobs)) as pool,
        ):
            pilot = self._pass(pool, noisy, None, first, GROUP_SIZES[0], 1.0)
            pilot = self._pass(pool, noisy, pilot, later, GROUP_SIZES[1], PILOT_VARIANCE_FACTOR)
            partly = pilot + RESIDUAL_SHARE * (noisy - pilot)
            return self._pass(
                pool,
                partly,
                pilot,
                later,
                GROUP_SIZES[1],
                RESIDUAL_VARIANCE_FACTOR * RESIDUAL_SHARE**2,
            )

    def _patches(self, spatial):
        """Shapes of the patches of the first and the later passes, small enough for the image."""
        if self.patch_size is None:
            edges = PATCH_EDGES[len(spatial)]
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

    def _pass(self, pool, noisy, pilot, patch, n_similar, variance):
        """Combine patches of `noisy` as `pilot` tells, or `noisy` itself without one."""
        spatial = noisy.shape[:-1]
        positions = tuple(size - edge + 1 for size, edge in zip(spatial, patch, strict=True))
        window = tuple(min(self.window or WINDOW_EDGE[len(spatial)], size) for size in positions)
        n_similar = min(n_similar, int(np.prod(window)))
        guide = noisy if pilot is None else pilot

        step = tuple(min(self.step or REFERENCE_STEP[len(spatial)], edge) for edge in patch)

        def tile(references):
            area, within = _area(references, window, positions)
            pixels = tuple(slice(a.start, a.stop + p - 1) for a, p in zip(area, patch, strict=True))
            at = [axis - part.start for axis, part in zip(references, area, strict=True)]
            out = np.empty((2, *guide[pixels].shape), COMPUTE_DTYPE)
            group = None
            for channel in range(noisy.shape[-1]):
                known = patch_matrix(guide[pixels][..., channel], patch)
                if group is None:  # found in the first channel, which holds most of the signal
                    group = similar_patches(known, within, at, n_similar, window)
                rows = known if pilot is None else patch_matrix(noisy[pixels][..., channel], patch)
                combined, precision = combine_groups(
                    rows[group], known[group], variance, pilot is not None
                )
                out[..., channel] = add_patches(group, combined, precision, within, patch)
            return pixels, out

        total = np.zeros((2, *noisy.shape), COMPUTE_DTYPE)
        for pixels, out in pool.map(tile, _tiles(positions, step)):
            total[(slice(None), *pixels)] += out
        return total[0] / total[1]


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
