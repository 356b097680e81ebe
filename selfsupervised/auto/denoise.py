# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""One line from a noisy image to a denoised one: look, make candidates, choose, apply, guard."""

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import selfsupervised
from selfsupervised.auto.blind import search as blind_search
from selfsupervised.auto.candidates import candidates, show_the_same
from selfsupervised.auto.choose import MIN_SHARE, choose
from selfsupervised.auto.crops import sample
from selfsupervised.auto.explain import explain
from selfsupervised.auto.guard import calibrated, guarded
from selfsupervised.auto.look import look_at
from selfsupervised.classical import (
    BilateralDenoiser,
    GaussianDenoiser,
    MedianDenoiser,
    NLRidgeDenoiser,
    NonLocalMeansDenoiser,
    TotalVariationDenoiser,
    WaveletDenoiser,
)
from selfsupervised.core.bare_image import warn_if_channels
from selfsupervised.core.measurement import Measurement
from selfsupervised.core.seeds import as_seed
from selfsupervised.core.validation import is_finite_number, is_ragged
from selfsupervised.evaluation.estimators import channel_axis_of, why_no_denoiser
from selfsupervised.evaluation.same_split import SameSplit
from selfsupervised.evaluation.scoring import SelfSupervisedScorer
from selfsupervised.noise.level import noise_level
from selfsupervised.wrappers.function import FunctionDenoiser
from selfsupervised.wrappers.j_invariant import JInvariantWrapper

# Judging this many pixels tells candidates apart well; on large images a few subsets hold them.
N_JUDGED_PIXELS = 1 << 15

# Strengths to try: in pixels, or in multiples of the noise level ("noise").
FAMILIES = {
    "bilateral": (BilateralDenoiser, "sigma_color", (1.0, 1.5, 2.0, 3.0), "noise"),
    "gaussian": (GaussianDenoiser, "sigma", (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0), "pixels"),
    "median": (MedianDenoiser, "radius", (1, 2, 3, 4, 5), "pixels"),
    "nl_ridge": (NLRidgeDenoiser, "sigma", (1.0,), "noise"),
    "non_local_means": (NonLocalMeansDenoiser, "h", (0.4, 0.55, 0.7, 0.9, 1.2), "noise"),
    "total_variation": (TotalVariationDenoiser, "weight", (0.5, 0.7, 1.0, 1.4, 2.0), "noise"),
    "wavelet": (WaveletDenoiser, "sigma", (0.5, 0.7, 1.0, 1.4, 2.0), "noise"),
}
# Trained on the image itself, with their default parameters.
NETWORKS = {
    "neighbor2neighbor": "Neighbor2NeighborDenoiser",
    "noise2same": "Noise2SameDenoiser",
    "noise2self": "Noise2SelfDenoiser",
    "self2self": "Self2SelfDenoiser",
    "self2self_plus": "Self2SelfPlusDenoiser",
}


def denoise(
    image,
    method="auto",
    *,
    channel_axis=None,
    loss="mse",
    n_jobs=None,
    random_state=0,
    budget_s=None,
    verbose=0,
    return_search=False,
    dtype=None,
    keep_missing=False,
):
    """Denoise one image, choosing the method and its strength without ground truth.

    What the noise is like is measured: its level in each channel, whether it grows with the
    signal, isolated pixels, offsets of lines, whether neighbours share it. `NLRidgeDenoiser`, made
    to fit that, denoisers of other kinds, and doing nothing are compared by the estimated error
    of the form that is applied (recorruption). What was removed and cannot be noise is given
    back. An image that nothing is sure to improve is returned as it is.

    Parameters
    ----------
    image : array-like of 2 or 3 spatial axes, and a channel axis if `channel_axis` is given
        Noisy image of any numeric dtype. NaN, or what is masked in a masked array, means "not
        measured" and is filled in. Axes of length one do not count.
    method : str or estimator, default="auto"
        "auto" compares all kinds; "bilateral", "gaussian", "median", "non_local_means",
        "nl_ridge", "total_variation" or "wavelet" search the strengths of one;
        "neighbor2neighbor", "noise2same", "noise2self", "self2self" and "self2self_plus" train a
        network on the image, which takes minutes and needs the extra `networks`. An estimator,
        such as a configured denoiser, a `JInvariantWrapper` or a search of your own, is fitted to
        the image and applied as it is; so is a function ``image -> image``.
    channel_axis : int, default=None
        Axis that holds channels. None means that there is none; nothing is guessed.
    loss : {"mse", "mae", "poisson"} or callable, default="mse"
        What candidates are compared by. "mae" suits outliers such as salt and pepper. With other
        losses than "mse" kinds are compared by the self-supervised loss.
    n_jobs : int, default=None
        Candidates computed at a time.
    random_state : int, RandomState, Generator or None, default=0
        Seed of what is random in the comparison.
    budget_s : float, default=None
        Seconds after which "auto" tries no further candidate; the first, made to fit the noise,
        always is, and what is chosen is then applied, however long it takes. By default all
        are tried. With a budget, the result may depend on the speed of the machine.
    verbose : int, default=0
        Whether to print candidates, their losses, and why one was chosen.
    return_search : bool, default=False
        Whether to return the fitted search too.
    dtype : dtype, default=None
        What the result is in; integers are rounded, and clipped to their range. By default that
        of `image`, but float64 where its noise is less than about one integer.
    keep_missing : bool, default=False
        Whether what was not measured comes back as NaN, or masked if `image` is a masked array,
        instead of filled in.

    Returns
    -------
    denoised : ndarray or MaskedArray
        Shape, dtype and units of `image`, see `dtype`.
    search : GridSearchCV
        With ``return_search=True``: `cv_results_` holds all candidates and their scores, minus
        the estimated mean squared error, or the self-supervised loss, in (squared) units of
        `image`; where channels are treated one by one, those of the first that has noise.

    Raises
    ------
    ValueError, TypeError
        If the image or the method is none.

    Warns
    -----
    UserWarning
        If the result of an image of integers is float64, as its noise is less than about one of
        them: few counts, whose denoised values are fractions. If a first or last axis of 2 to
        4 looks like channels.
    CorrelatedNoiseWarning
        If neighbouring pixels seem to share noise; then only gentle candidates are tried.

    Examples
    --------
    >>> import numpy as np
    >>> import selfsupervised as ss
    >>> noisy = np.random.default_rng(0).poisson(20, size=(32, 32)).astype(np.uint8)
    >>> clean = ss.denoise(noisy, "gaussian")
    >>> clean.shape, clean.dtype, bool(clean.std() < noisy.std())
    ((32, 32), dtype('uint8'), True)
    """
    if is_ragged(image):
        raise TypeError(
            f"denoise() takes one image, got a list of {len(image)} arrays; for many images use an "
            f"estimator, such as JInvariantWrapper(MedianDenoiser()).fit_transform(images)."
        )
    if dtype is not None and np.dtype(dtype).kind not in "biuf":
        raise ValueError(f"denoise() expected dtype to be of numbers, got {np.dtype(dtype)}.")
    measured = Measurement.of_image(
        image,
        channel_axis=channel_axis,
        dtype=dtype,
        keep_missing=keep_missing,
        caller="denoise()",
    )
    if channel_axis is None:
        warn_if_channels(measured.bare_image.shape, stacklevel=2)
    axis, stack = measured.channel_axis, measured.data
    if isinstance(method, str) and method in NETWORKS:
        network = getattr(selfsupervised, NETWORKS[method])
        method = network(channel_axis=axis, random_state=random_state, verbose=verbose)
    if return_search and not isinstance(method, str):
        raise ValueError("return_search=True needs a method that searches, got an estimator.")
    if budget_s is not None and not (is_finite_number(budget_s) and budget_s >= 0):
        raise ValueError(f"denoise() expected budget_s to be seconds or None; got {budget_s!r}.")
    if isinstance(method, str):
        options = {"loss": loss, "n_jobs": n_jobs, "random_state": random_state, "verbose": verbose}
        if method == "auto":
            out, search = _auto(stack[0], axis, budget_s=budget_s, **options)
            out = measured.give_back(out[None])
            return (out, search) if return_search else out
        if method in FAMILIES:
            search = _search(method, stack[0], axis, **options)
        else:
            raise ValueError(_not_a_method(method))
        estimator = clone(search.best_estimator_.estimator)
    else:
        search, estimator = None, _checked_estimator(method, axis)
    out = measured.give_back(np.asarray(estimator.fit(stack).transform(stack)))
    return (out, search) if return_search else out


def _auto(image, channel_axis, *, loss, n_jobs, random_state, budget_s, verbose):
    """The denoised image, and the search that chose how."""
    look = look_at(image, channel_axis)
    options = {"n_jobs": n_jobs, "budget_s": budget_s, "verbose": verbose}
    if look.many_outliers or look.correlated or loss != "mse":
        search = blind_search(image, channel_axis, loss=loss, random_state=random_state, **options)
        estimator = clone(search.best_estimator_.estimator)
        out = np.asarray(estimator.fit(image[None]).transform(image[None]))[0]
        if look.correlated and isinstance(estimator, NLRidgeDenoiser):
            out = guarded(image, out, look.noise.as_strong_as(estimator.sigma))
        return out, search
    noise, known = look.noise, look.image
    if channel_axis is not None and not show_the_same(known, noise):
        return _each_channel(image, noise, loss=loss, random_state=random_state, **options)
    crops = sample(known, channel_axis)
    tried = candidates(known, noise)
    seed = as_seed(random_state)
    search, share = choose(crops, tried, noise, random_state=seed, **options)
    estimator = clone(search.best_estimator_.estimator)
    out = np.asarray(estimator.fit(known[None]).transform(known[None]))[0]
    if isinstance(estimator, FunctionDenoiser):
        share = 0.0
    elif share >= MIN_SHARE:
        out = guarded(known, calibrated(known, out, noise), noise)
        if share < 1:
            out = np.where(np.isnan(known), out, share * out + (1 - share) * known)
    else:
        out = np.where(np.isnan(known), out, known)
    if verbose:
        explain(look, search, share if share >= MIN_SHARE else 0.0)
    return out, search


def _each_channel(image, noise, **options):
    """Each channel by itself, and the search of the first that has noise."""
    done = [_auto(channel, None, **options) for channel in np.moveaxis(image, -1, 0)]
    first = next(c for c, channel in enumerate(noise.channels) if channel.level)
    return np.stack([out for out, _ in done], axis=-1), done[first][1]


def _checked_estimator(method, axis):
    """A clone of `method` that agrees about the channels of the image."""
    if why_no_denoiser(method):
        raise TypeError(_not_a_method(method))
    if not hasattr(method, "get_params"):
        return FunctionDenoiser(method, channel_axis=axis)
    takes_channels = any("channel_axis" in name for name in method.get_params())
    if takes_channels and channel_axis_of(method) != axis:
        raise ValueError(
            f"denoise() expected an estimator with channel_axis={axis} for this image, got "
            f"{method!r}; set channel_axis on both, -1 on the estimator."
        )
    return clone(method)


def _not_a_method(method):
    return (
        f"denoise() expected method to be 'auto', one of {sorted([*FAMILIES, *NETWORKS])} or an "
        f"estimator; got {method!r}."
    )


def _search(method, data, channel_axis, loss, n_jobs, random_state, verbose):
    """The search over the strengths of one family, fitted to ``data[None]``."""
    n_spatial = data.ndim - (channel_axis is not None)
    level = noise_level(data, channel_axis=channel_axis) or 0.1 * np.nanstd(data) or 1.0
    family, parameter, strengths, unit = FAMILIES[method]
    scale = level if unit == "noise" else 1
    candidates = [
        family(channel_axis=channel_axis).set_params(**{parameter: scale * strength})
        for strength in strengths
    ]
    n_subsets = int(np.ceil(N_JUDGED_PIXELS * 4**n_spatial / np.prod(data.shape[:n_spatial])))
    search = GridSearchCV(
        JInvariantWrapper(candidates[0], random_state=random_state),
        {"estimator": candidates},
        scoring=SelfSupervisedScorer(loss=loss, n_subsets=n_subsets),
        cv=SameSplit(),
        n_jobs=n_jobs,
        verbose=verbose,
        error_score="raise",
    )
    return search.fit(data[None])
