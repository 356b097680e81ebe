# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Denoising a movie by all of its frames at once, without smearing what lasts for one frame.

What a denoiser of volumes makes of a movie is far better than frame by frame, except where
something comes and goes: there it has nothing to average, and takes most of a flash for noise.
Such places are found in the movie itself. With y for the movie whose noise is stabilised to a
standard deviation of 1, E for what is made of it, and G for Gaussian filters within frames::

    news_t   = | G (y_t - (E_t-1 + E_t+1) / 2) | > threshold      what its neighbours do not have
    missed_t = | G (y_t - E_t) | > least                          and the result lacks in part

in units of the noise of each side. Where both are the case, what was taken away is given back,
in units of the movie, smoothed within its frame by two passes of a filter B::

    out = f + B r + B (r - B r),    r = movie - f

In the mean over noise, that is the whole flash but for what (1 - B)^2 leaves of its loss.
"""

from numbers import Real

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter

from selfsupervised.classical.nl_ridge import NLRidgeDenoiser
from selfsupervised.core.sklearn_compat import Interval
from selfsupervised.core.types import Estimator
from selfsupervised.wrappers.variance_stabilizer import VarianceStabilizer, stabilize, unstabilize

SCALES = (1.0, 1.5, 2.0)  # of the filters G, in pixels
LEAST_MISSED = 2.5  # with 3, flashes lose another 0.02 of their height; with 2, much is no news
IN_FRAME = (1, 2)


class MovieDenoiser(VarianceStabilizer):
    """Denoise a movie as a volume, and give back what a frame has and its neighbours have not.

    Consecutive frames show nearly the same scene with independent noise, so that the best
    prediction of a frame uses those before and after it, too. What lasts for one frame only would
    be smeared or lost by that. Here it is found by how far a frame is from the mean of its
    neighbours, as denoised, and what the denoiser took away there is given back.

    Parameters
    ----------
    denoiser : estimator or callable, default=None
        A denoiser of volumes with noise of standard deviation 1, or such a function. By default
        ``NLRidgeDenoiser(1.0)``, whose patches reach over five frames. One that learns is fitted to
        stabilised movies.
    gain : float, default=None
        Units of the movie for each photon or electron, see `VarianceStabilizer`.
    variance : float, default=None
        Variance of the noise where the movie is 0, in squared units of it. What is None, of both,
        is estimated for each movie.
    threshold : float, default=5.0
        From how many standard deviations of its noise on a place counts as news; ``np.inf``
        gives nothing back. Lower ones keep weaker flashes, and noise.
    blur : float, default=1.0
        Standard deviation, in pixels, of the filter that smooths what is given back; about that
        of the narrowest spots.
    channel_axis : {None, -1}, default=None
        Whether the last axis of the movies holds channels, which share their noise.

    Attributes
    ----------
    denoiser_ : estimator
        The denoiser, fitted to stabilised movies if it learns.

    See Also
    --------
    VarianceStabilizer : The same without what is given back.
    NLRidgeDenoiser : Takes stacks of frames that are denoised one by one.
    Repeats : Frames of a scene in which nothing changes.

    Notes
    -----
    Predicting a frame from its neighbours in time is the idea of DeepInterpolation; SUPPORT adds
    the frame itself, its centre hidden, so that the network can see flashes. A network of that
    kind was slower and less exact here: docs/notebook/movies.md has the figures.

    Noise is taken to be independent between pixels and between frames. Cosmic rays, and pixels that
    are hot in one frame, are flashes too; `OutlierRemover` takes them out. Where whole frames are
    brighter than others, as under a lamp that flickers, all of them is news: divide it out before.

    References
    ----------
    Lecoq et al., "Removing independent noise in systems neuroscience data using
    DeepInterpolation", Nature Methods 18, 2021; Eom et al., "Statistically unbiased prediction
    enables accurate denoising of voltage imaging data", Nature Methods 20, 2023 (SUPPORT).

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import MovieDenoiser
    >>> clean = np.full((12, 32, 32), 5.0)
    >>> clean[6, 14:18, 14:18] = 60  # a flash of one frame
    >>> movie = np.random.default_rng(0).poisson(clean)
    >>> out = MovieDenoiser(gain=1, variance=0).transform(movie[None])[0]
    >>> bool(abs(out[6, 14:18, 14:18].mean() - 60) < 5), bool(out[5, 14:18, 14:18].mean() < 6)
    (True, True)
    """

    _parameter_constraints: dict = {
        **VarianceStabilizer._parameter_constraints,
        "gain": [Interval(Real, 0, None, closed="left"), None],
        "variance": [Interval(Real, None, None, closed="neither"), None],
        "threshold": [Interval(Real, 0, None, closed="right")],
        "blur": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        denoiser: Estimator | None = None,
        *,
        gain: float | None = None,
        variance: float | None = None,
        threshold: float = 5.0,
        blur: float = 1.0,
        channel_axis: int | None = None,
    ) -> None:
        super().__init__(denoiser, gain=gain, variance=variance, channel_axis=channel_axis)
        self.threshold = threshold
        self.blur = blur

    def _denoise(self, movie):
        model = self._model(movie)
        if model == (0, 0):  # no noise; nothing is lost
            return self._run(movie)
        y = stabilize(movie, model)
        E = self._run(y)
        f = unstabilize(E, model)
        changed = news(y, E, self.threshold) & _reached(y - E, LEAST_MISSED)
        return f + np.where(changed, self._smoothed_twice(movie - f), 0)

    def _smoothed_twice(self, r):
        def B(x):
            return gaussian_filter(x, self.blur, axes=IN_FRAME, mode="mirror")

        once = B(r)
        return once + B(r - once)

    @property
    def _given(self):
        return NLRidgeDenoiser(1.0) if self.denoiser is None else self.denoiser

    def _check(self, X):
        movies = super()._check(X)
        for movie in movies:
            if movie.ndim - (self.channel_axis is not None) != 3:
                raise ValueError(
                    "MovieDenoiser expected movies of shape (n_movies, n_frames, height, width), "
                    f"got one of shape {movie.shape}; pass movie[None] for a single one."
                )
        return movies


def news(y, E, threshold):
    """Where frames differ from the mean of their neighbours, as denoised.

    Parameters
    ----------
    y, E : ndarray of shape (n_frames, height, width) or (n_frames, height, width, n_channels)
        The noisy movie, with noise of standard deviation 1, and the denoised one.
    threshold : float
        In standard deviations of the noise.

    Returns
    -------
    ndarray of bool, of the same shape
    """
    # The first and the last frame have one neighbour.
    padded = np.concatenate([E[1:2], E, E[-2:-1]]) if len(E) > 1 else np.concatenate([E] * 3)
    return _reached(y - (padded[:-2] + padded[2:]) / 2, threshold)


def _reached(x, threshold):
    """Around what exceeds the threshold at any scale, as far as that filter reaches."""
    found = np.zeros(x.shape, dtype=bool)
    for scale in SCALES:
        # White noise of deviation 1 has one of 1 / (2 sqrt(pi) scale) behind a Gaussian filter.
        z = gaussian_filter(x, scale, axes=IN_FRAME, mode="mirror") * (2 * np.sqrt(np.pi) * scale)
        found |= binary_dilation(np.abs(z) > threshold, _disc(2 * scale, x.ndim))
    return found


def _disc(radius, n_axes):
    """Pixels of a frame within a radius, for movies of so many axes."""
    edge = int(radius)
    y, x = np.ogrid[-edge : edge + 1, -edge : edge + 1]
    disc = y * y + x * x <= radius * radius
    return disc.reshape(1, *disc.shape, *[1] * (n_axes - 3))
