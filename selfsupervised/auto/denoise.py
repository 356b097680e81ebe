# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""One line from a noisy image to a denoised one: look, make candidates, choose, apply, guard."""

from collections.abc import Callable
from typing import Any, Literal, overload

import numpy as np

from selfsupervised.auto.auto_denoiser import AutoDenoiser
from selfsupervised.auto.families import FAMILIES, NETWORKS
from selfsupervised.auto.one_image import denoise_image
from selfsupervised.auto.series import denoise_series
from selfsupervised.core.axes import parse_axes
from selfsupervised.core.progress import reporting
from selfsupervised.core.types import Array, ArrayLike, Estimator, RandomState
from selfsupervised.core.validation import is_ragged

__all__ = ["FAMILIES", "NETWORKS", "denoise"]


@overload
def denoise(
    image: ArrayLike,
    method: str | Estimator = "auto",
    *,
    channel_axis: int | None = None,
    axes: str | None = None,
    over: str | None = None,
    loss: str | Callable[..., Any] = "mse",
    n_jobs: int | None = None,
    random_state: RandomState = 0,
    budget_s: float | None = None,
    verbose: int = 0,
    return_search: Literal[False] = False,
    dtype: Any = None,
    keep_missing: bool = False,
    callback: Callable[[float, str], Any] | None = None,
) -> Array: ...
@overload
def denoise(
    image: ArrayLike,
    method: str | Estimator = "auto",
    *,
    channel_axis: int | None = None,
    axes: None = None,
    over: str | None = None,
    loss: str | Callable[..., Any] = "mse",
    n_jobs: int | None = None,
    random_state: RandomState = 0,
    budget_s: float | None = None,
    verbose: int = 0,
    return_search: Literal[True],
    dtype: Any = None,
    keep_missing: bool = False,
    callback: Callable[[float, str], Any] | None = None,
) -> tuple[Array, AutoDenoiser]: ...
@overload
def denoise(
    image: ArrayLike,
    method: str | Estimator = "auto",
    *,
    channel_axis: int | None = None,
    axes: str,
    over: str | None = None,
    loss: str | Callable[..., Any] = "mse",
    n_jobs: int | None = None,
    random_state: RandomState = 0,
    budget_s: float | None = None,
    verbose: int = 0,
    return_search: Literal[True],
    dtype: Any = None,
    keep_missing: bool = False,
    callback: Callable[[float, str], Any] | None = None,
) -> tuple[Array, list[AutoDenoiser]]: ...
@overload
def denoise(
    image: ArrayLike,
    method: str | Estimator = "auto",
    *,
    channel_axis: int | None = None,
    axes: str | None = None,
    over: str | None = None,
    loss: str | Callable[..., Any] = "mse",
    n_jobs: int | None = None,
    random_state: RandomState = 0,
    budget_s: float | None = None,
    verbose: int = 0,
    return_search: bool = False,
    dtype: Any = None,
    keep_missing: bool = False,
    callback: Callable[[float, str], Any] | None = None,
) -> Array | tuple[Array, AutoDenoiser | list[AutoDenoiser]]: ...
def denoise(
    image: Any,
    method: str | Estimator = "auto",
    *,
    channel_axis: int | None = None,
    axes: str | None = None,
    over: str | None = None,
    loss: str | Callable[..., Any] = "mse",
    n_jobs: int | None = None,
    random_state: RandomState = 0,
    budget_s: float | None = None,
    verbose: int = 0,
    return_search: bool = False,
    dtype: Any = None,
    keep_missing: bool = False,
    callback: Callable[[float, str], Any] | None = None,
) -> Any:
    """Denoise one image, choosing the method and its strength without ground truth.

    What the noise is like is measured: its level in each channel, whether it grows with the
    signal, isolated pixels, offsets of lines, whether neighbours share it. `NLRidgeDenoiser`, made
    to fit that, denoisers of other kinds, and doing nothing are compared by the estimated error
    of the form that is applied (recorruption). What was removed and cannot be noise is given
    back. An image that nothing is sure to improve is returned as it is. Where neighbouring pixels
    share noise, denoisers that are made for that are combined instead (`StackingDenoiser`).

    Parameters
    ----------
    image : array-like of 2 or 3 spatial axes, and a channel axis if `channel_axis` is given
        Noisy image of any numeric dtype. NaN, or what is masked in a masked array, means "not
        measured" and is filled in. Axes of length one do not count.
    method : str or estimator, default="auto"
        "auto" compares all kinds; "bilateral", "gaussian", "median", "non_local_means",
        "nl_ridge", "total_variation" or "wavelet" search the strengths of one;
        "neighbor2neighbor", "noise2same", "noise2self", "recorrupted", "self2self" and
        "self2self_plus" train a network on the image, which takes minutes and needs the extra
        `networks`. An estimator, such as a configured denoiser, a `JInvariantWrapper` or a search
        of your own, is fitted to the image and applied as it is; so is a function
        ``image -> image``. The `AutoDenoiser` that an earlier call returned is applied as it is,
        without choosing again.
    channel_axis : int, default=None
        Axis that holds channels. None means that there is none; nothing is guessed.
    axes : str, default=None
        A letter for each axis, such as "TZCYX", for an array of many images. Y, X and Z are
        places, S the samples of a colour; C, channels that were measured one by one, T and all
        others count images, each of which is denoised by itself. One choice is made for all
        frames of a channel whose noise agrees.
    over : str, default=None
        The letters that one image spans, such as "TYX" to denoise a film over time as well. With
        C among them, channels are denoised together. By default those of Z, Y and X in `axes`.
    loss : {"mse", "mae", "poisson"} or callable, default="mse"
        What candidates are compared by. "mae" suits outliers such as salt and pepper. With other
        losses than "mse" kinds are compared by the self-supervised loss.
    n_jobs : int, default=None
        Candidates computed at a time.
    random_state : int, RandomState, Generator or None, default=0
        Seed of what is random in the comparison.
    budget_s : float, default=None
        Seconds that "auto" may take, about. When they are over, no further candidate is tried;
        the first, made to fit the noise, always is, and what is chosen is then applied, however
        long it takes. If some are left, a network is trained in them beside it, where
        neighbours share no noise (2-D, edges of 64 pixels or more, extra `networks`), and mixed
        with it by least estimated error; in grey it begins with weights learned from drawn
        images. `why_` of the `AutoDenoiser` says with which weight, or why not. By default all
        candidates are tried, and no network is trained. With a budget, the result may depend on
        the speed of the machine.
    verbose : int, default=0
        0 prints nothing; from 1 on, each candidate with its loss and what was chosen are
        printed, and the training of a network shows how far it is.
    return_search : bool, default=False
        Whether to return what chose, too: it denoises the next image likewise.
    dtype : dtype, default=None
        What the result is in; integers are rounded, and clipped to their range. By default that
        of `image`, but float64 where its noise is less than about one integer.
    keep_missing : bool, default=False
        Whether what was not measured comes back as NaN, or masked if `image` is a masked array,
        instead of filled in.
    callback : callable, default=None
        Called with the share that is done, a float from 0 to 1 that never gets less, and a line
        on what is being done: between candidates, images, tiles, and steps of a training. If it
        returns False, denoising ends with `DenoisingCancelled`, and nothing is kept. It is not
        called from other processes, which `n_jobs` may start.

    Returns
    -------
    denoised : ndarray or MaskedArray
        Shape, dtype and units of `image`, see `dtype`.
    search : AutoDenoiser
        With ``return_search=True``. ``denoise(next_image, search)`` does to another image what was
        done to this one, and `search.transform` to a stack of images; `search.summary()` is a
        table of all candidates, `search.plot()` draws it, `search.denoiser_` is what was chosen.
        With `axes` a list of them: one for each channel, or for each image where noise differs.

    Raises
    ------
    ValueError, TypeError
        If the image or the method is none.
    DenoisingCancelled
        If `callback` returned False.

    Warns
    -----
    UserWarning
        If the result of an image of integers is float64, as its noise is less than about one of
        them: few counts, whose denoised values are fractions. If a first or last axis of 2 to
        4 looks like channels.
    CorrelatedNoiseWarning
        If neighbouring pixels seem to share noise, and how they do cannot be told from texture;
        then only gentle candidates are tried.

    See Also
    --------
    AutoDenoiser : The same choice as an estimator, for other images too.
    denoise_volumes : For series of volumes.
    selfsupervised.pp.denoise_counts : For counts of molecules in cells.

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
    if callback is not None and not callable(callback):
        raise TypeError(
            f"denoise() expected callback to be a function (share, message), got {callback!r}."
        )
    settings = {
        "loss": loss,
        "n_jobs": n_jobs,
        "random_state": random_state,
        "budget_s": budget_s,
        "verbose": verbose,
        "keep_missing": keep_missing,
    }
    with reporting(callback):
        if axes is None and over is None:
            out, found = denoise_image(
                image, method, channel_axis=channel_axis, dtype=dtype, named=False, **settings
            )
        else:
            array = image if np.ma.isMaskedArray(image) else np.asarray(image)
            named = _named(array.shape, axes, over, channel_axis)
            say = print if verbose else None
            out, found = denoise_series(array, named, method, dtype=dtype, say=say, **settings)
    return (out, found) if return_search else out


def _named(shape, axes, over, channel_axis):
    """The axes by their names, which are given once."""
    if axes is None:
        raise ValueError(f"denoise() got over={over!r} without axes; name them, such as 'TZCYX'.")
    if channel_axis is not None:
        raise ValueError(
            f"denoise() got axes={axes!r} and channel_axis={channel_axis}; name colours S in axes, "
            f"and leave out channel_axis."
        )
    named = parse_axes(axes, over)
    named.check(shape, caller="denoise()")
    return named
