# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""One line from a noisy picture to a denoised one; builds estimators and delegates to them."""

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import selfsupervised
from selfsupervised._auto import search as auto_search
from selfsupervised._estimators import channel_axis_of, why_no_denoiser
from selfsupervised._function import FunctionDenoiser
from selfsupervised._validation import (
    as_float,
    check_images,
    is_finite_number,
    is_ragged,
    is_whole_number,
)
from selfsupervised.classical import (
    BilateralDenoiser,
    GaussianDenoiser,
    MedianDenoiser,
    NLRidgeDenoiser,
    NonLocalMeansDenoiser,
    TotalVariationDenoiser,
    WaveletDenoiser,
)
from selfsupervised.j_invariant import JInvariantWrapper
from selfsupervised.model_selection import InSample
from selfsupervised.noise import noise_level
from selfsupervised.scoring import SelfSupervisedScorer

# Judging this many pixels tells candidates apart well; on large images a few subsets hold them.
ENOUGH_PIXELS = 1 << 15

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
):
    """Denoise one image, choosing the method and its strength without ground truth.

    What the noise is like is estimated: its strength, whether it grows with the signal,
    outliers, whether neighbouring pixels share it. `NLRidgeDenoiser`, made to fit that, and
    denoisers of other kinds are compared by the self-supervised loss of their J-invariant forms;
    another kind is chosen where its loss is lower by a twentieth. The choice is then applied to
    the whole image, nothing hidden, since a J-invariant output wastes each pixel's own value.

    Parameters
    ----------
    image : array-like of 2 or 3 spatial axes, and a channel axis if `channel_axis` is given
        Noisy image of any numeric dtype. NaN means "not measured" and is filled in.
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
        What candidates are compared by. "mae" suits outliers such as salt and pepper.
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

    Returns
    -------
    denoised : ndarray
        Shape, dtype and units of `image`; integers are rounded, and clipped to their range.
    search : GridSearchCV
        With ``return_search=True``: `cv_results_` holds all candidates and their scores, minus
        the self-supervised loss, in (squared) units of `image`.

    Raises
    ------
    ValueError, TypeError
        If the image or the method is none.

    Warns
    -----
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
    data, axis = _channels_last(as_float(image, caller="denoise()"), channel_axis)
    _check_dimensions(data, channel_axis)
    check_images(data[None], channel_axis=axis, caller="denoise()")
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
            search = auto_search(data, axis, budget_s=budget_s, **options)
        elif method in FAMILIES:
            search = _search(method, data, axis, **options)
        else:
            raise ValueError(_not_a_method(method))
        best = clone(search.best_estimator_.estimator)
        out = best.fit(data[None]).transform(data[None])[0]
    else:
        search, estimator = None, _checked_estimator(method, axis)
        out = np.asarray(estimator.fit(data[None]).transform(data[None]))[0]
    if axis is not None:
        out = np.moveaxis(out, -1, channel_axis)
    out = _like(out, np.ma.asarray(image).dtype)
    return (out, search) if return_search else out


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


def _channels_last(data, channel_axis):
    if channel_axis is None:
        return data, None
    if not is_whole_number(channel_axis):
        raise TypeError(f"denoise() expected channel_axis to be an integer, got {channel_axis!r}.")
    if not -data.ndim <= channel_axis < data.ndim:
        raise ValueError(
            f"denoise() got channel_axis={channel_axis} for an image of shape {data.shape}, whose "
            f"axes are {-data.ndim} to {data.ndim - 1}."
        )
    return np.moveaxis(data, channel_axis, -1), -1


def _check_dimensions(data, channel_axis):
    n_spatial = data.ndim - (channel_axis is not None)
    if n_spatial not in (2, 3):
        four = channel_axis is None and n_spatial == 4
        hint = " If one axis holds channels, pass channel_axis." if four else ""
        raise ValueError(
            f"denoise() expected an image of 2 or 3 spatial axes, got {n_spatial} beside "
            f"channel_axis={channel_axis}.{hint}"
        )


def _search(method, data, channel_axis, loss, n_jobs, random_state, verbose):
    """The search over the strengths of one family, fitted to ``data[None]``."""
    n_spatial = data.ndim - (channel_axis is not None)
    level = noise_level(data, channel_axis=channel_axis) or 0.1 * np.nanstd(data) or 1.0
    family, parameter, strengths, unit = FAMILIES[method]
    scale = level if unit == "noise" else 1
    kinds = [
        family(channel_axis=channel_axis).set_params(**{parameter: scale * strength})
        for strength in strengths
    ]
    n_subsets = int(np.ceil(ENOUGH_PIXELS * 4**n_spatial / np.prod(data.shape[:n_spatial])))
    search = GridSearchCV(
        JInvariantWrapper(kinds[0], random_state=random_state),
        {"estimator": kinds},
        scoring=SelfSupervisedScorer(loss=loss, n_subsets=n_subsets),
        cv=InSample(),
        n_jobs=n_jobs,
        verbose=verbose,
        error_score="raise",
    )
    return search.fit(data[None])


def _like(out, dtype):
    """`out` in `dtype`; integers rounded and clipped to what it can hold."""
    if dtype.kind == "f":
        return out.astype(dtype)
    if dtype.kind == "b":
        return out >= 0.5
    limits = np.iinfo(dtype)
    # float64 rounds the limits of 64-bit integers up, where the conversion would overflow.
    top = np.nextafter(float(limits.max), 0) if dtype.itemsize == 8 else limits.max
    return np.clip(np.rint(out), limits.min, top).astype(dtype)
