# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What stands where a value was hidden or not measured (Noise2Self, Eq. 3 and Supp. 3.1).

A hidden value is NaN. Filling reads visible values only, so nothing that is computed from
the filled image can depend on what was hidden: J-invariance holds by construction.
"""

from itertools import product
from typing import Any

import numpy as np
from scipy import sparse

from selfsupervised.core.measurement import Measurement
from selfsupervised.core.seeds import as_seed
from selfsupervised.core.types import RandomState, Table
from selfsupervised.core.validation import is_finite_number, is_ragged
from selfsupervised.partitions.matched import fill_matched

FILLS = ("neighbors", "matched", "uniform", "random_neighbor")


def check_fill(fill, *, caller, allow_none=False):
    """Raise unless `fill` names a fill, is a finite number, or is None where that is allowed."""
    if fill is None and allow_none:
        return
    if isinstance(fill, str) and fill in FILLS:
        return
    if is_finite_number(fill):
        return
    choices = ", ".join(repr(name) for name in FILLS)
    none = ", None (leave NaN)" if allow_none else ""
    raise ValueError(
        f"{caller} expected fill to be {choices}, a finite number{none}; got {fill!r}."
    )


def fill_missing(
    X: Table,
    fill: str | float | None = "neighbors",
    *,
    channel_axis: int | None = None,
    random_state: RandomState = 0,
    copy: bool = True,
) -> Any:
    """Replace NaN in every image by what its visible pixels suggest.

    Parameters
    ----------
    X : ndarray of shape (n_images, *spatial) or (n_images, *spatial, n_channels), or list
        Images, or a list of images without the first axis. NaN marks what is to be filled.
    fill : {"neighbors", "matched", "uniform", "random_neighbor"} or float, default="neighbors"
        - "neighbors": mean of the visible direct neighbours (4 in 2-D, 6 in 3-D) of the same
          channel, over as many as there are; holes wider than a pixel are filled from their
          rim inwards.
        - "matched": mean of the 16 means of 2 x 2 (x 2) pixels near it whose surroundings, at
          twice the distances, are most like its own: closer to the truth than "neighbors" where
          images have structure, and slower.
        - "uniform": uniform random between the image's smallest and largest visible value.
        - "random_neighbor": a visible pixel drawn from the 3 x 3 (x 3) window, never itself.
        - a number: that constant, in the units of `X`.
    channel_axis : {None, -1}, default=None
        Whether the last axis holds channels.
    random_state : int, RandomState, Generator or None, default=0
        Seed of the random fills. Images of one shape get the same draws, so that the result
        for an image does not depend on its place in the stack. Channels have draws of their own
        for "uniform"; for "random_neighbor" they take the same neighbour, a colour that exists.
    copy : bool, default=True
        Whether to leave `X` as it is. False may fill it in place.

    Returns
    -------
    ndarray or list
        Filled, float32 or float64; `X` itself (as float) where nothing was missing.

    Raises
    ------
    ValueError
        If an image has no visible value at all, or `fill` is unknown.

    See Also
    --------
    OutlierRemover : Finds pixels that tell nothing, and fills them.
    self_supervised_loss : Takes the same `fill` for hidden pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import fill_missing
    >>> image = np.array([[1.0, 2.0, 3.0], [4.0, np.nan, 6.0], [7.0, 9.0, 9.0]])
    >>> fill_missing(image[None])
    array([[[1.  , 2.  , 3.  ],
            [4.  , 5.25, 6.  ],
            [7.  , 9.  , 9.  ]]])
    """
    check_fill(fill, caller="fill_missing")
    options = {"channel_axis": channel_axis, "seed": as_seed(random_state), "copy": copy}
    if not is_ragged(X):
        return fill_nan(Measurement.of_array(X, caller="fill_missing").data, fill, **options)
    images = [Measurement.of_array(image, caller="fill_missing").data for image in X]
    return fill_nan(images, fill, **options)


def fill_nan(X, fill="neighbors", *, channel_axis=None, seed=0, copy=True, alike=True):
    """`fill_missing` without its checks, for what is float32 or float64 already.

    Parameters
    ----------
    X : ndarray or list of ndarray
    fill : {"neighbors", "matched", "uniform", "random_neighbor"} or float, default="neighbors"
    channel_axis : {None, -1}, default=None
    seed : int or tuple of int, default=0
        What `as_seed` returns.
    copy : bool, default=True
    alike : bool, default=True
        Whether random fills draw the same for all images of a stack.

    Returns
    -------
    ndarray or list of ndarray
    """
    if isinstance(X, list):
        options = {"channel_axis": channel_axis, "seed": seed, "copy": copy}
        return [fill_nan(image[None], fill, **options)[0] for image in X]
    missing = np.isnan(X)
    if not missing.any():
        return X
    if not isinstance(fill, str):
        return np.where(missing, X.dtype.type(fill), X)
    per_image = tuple(range(1, X.ndim))
    if missing.all(axis=per_image).any():
        raise ValueError("fill_missing got an image with nothing to see (every value is NaN).")
    spatial = range(1, X.ndim - (channel_axis is not None))
    if fill in ("neighbors", "matched"):
        seen = X.copy() if fill == "matched" and not copy else X
        out = _from_rim(_owned(X, copy), missing, _face_steps(X.ndim, spatial), _mean)
        return out if fill == "neighbors" else _matched(seen, out, channel_axis)
    draws = np.random.default_rng(seed).random(X.shape[1:] if alike else X.shape)
    if fill == "uniform":
        low = np.nanmin(X, axis=per_image, keepdims=True)
        high = np.nanmax(X, axis=per_image, keepdims=True)
        return np.where(missing, low + draws.astype(X.dtype) * (high - low), X)
    if channel_axis is not None:  # one neighbour for all channels: a colour that exists
        draws = np.broadcast_to(draws[..., :1], draws.shape)
    return _from_rim(_owned(X, copy), missing, _window_steps(X.ndim, spatial), _one_of, draws)


def _matched(seen, out, channel_axis):
    """`out`, a first guess, filled better in place, channel by channel."""
    channels = (
        [np.s_[...]] if channel_axis is None else [np.s_[..., c] for c in range(out.shape[-1])]
    )
    for image, guess in zip(seen, out, strict=True):
        for channel in channels:
            if np.isnan(image[channel]).any():
                fill_matched(image[channel], guess[channel])
    return out


def _owned(X, copy):
    """A C-contiguous array that may be filled in place."""
    return np.array(X, order="C") if copy else np.ascontiguousarray(X)


def fill_hidden(seen, fill, **kwargs):
    """What a denoiser is shown in the place of `seen`, see `fill_nan`.

    None leaves NaN. Sparse tables hide nothing by NaN; dense ones have no neighbours.
    """
    if fill is None or sparse.issparse(seen):
        return seen
    table = not isinstance(seen, list) and seen.ndim == 2
    if table and isinstance(fill, str) and np.isnan(seen).any():
        raise ValueError(
            f"JInvariantWrapper cannot fill a table by fill={fill!r}, which needs pixels; pass a "
            f"number, or None for an estimator that takes NaN."
        )
    return fill_nan(seen, fill, **kwargs)


def _face_steps(ndim, spatial):
    """Steps to the direct neighbours along the spatial axes."""
    steps = np.zeros((2 * len(spatial), ndim), dtype=np.intp)
    for number, axis in enumerate(spatial):
        steps[2 * number, axis], steps[2 * number + 1, axis] = -1, 1
    return steps


def _window_steps(ndim, spatial):
    """Steps to all other pixels of the 3 x 3 (x 3) window."""
    ranges = [(-1, 0, 1) if axis in spatial else (0,) for axis in range(ndim)]
    return np.array([step for step in product(*ranges) if any(step)], dtype=np.intp)


def _mean(values, visible, _):
    return np.where(visible, values, 0).sum(axis=0) / visible.sum(axis=0)


def _one_of(values, visible, draws):
    # The draw picks the r-th of the visible neighbours.
    rank = np.floor(draws * visible.sum(axis=0)).astype(np.intp) + 1
    chosen = (np.cumsum(visible, axis=0) >= rank).argmax(axis=0)
    return values[chosen, np.arange(values.shape[1])]


def _from_rim(out, missing, steps, combine, draws=None):
    """Fill, in place, entries that have visible neighbours, then theirs, until all are filled.

    Only missing entries are visited, so a sparse mask costs little however large `X` is.
    """
    flat = out.reshape(-1)
    todo = np.flatnonzero(missing)
    draw = None if draws is None else draws.reshape(-1)[todo % draws.size]
    while todo.size:
        values = _neighbors(flat, todo, out.shape, steps)
        visible = ~np.isnan(values)
        found = visible.any(axis=0)
        if not found.any():  # a channel without a single visible value: the image's mean
            means = np.nanmean(out.reshape(len(out), -1), axis=1)
            flat[todo] = means[todo // (out.size // len(out))]
            break
        if found.all():
            flat[todo] = combine(values, visible, draw)
            break
        chosen = None if draw is None else draw[found]
        flat[todo[found]] = combine(values[:, found], visible[:, found], chosen)
        todo, draw = todo[~found], None if draw is None else draw[~found]
    return out


def _neighbors(flat, at, shape, steps):
    """Values one step from the flat indices `at`, (n_steps, n_at); NaN beyond the border."""
    strides = [int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))]
    moving = np.flatnonzero(steps.any(axis=0))
    place = {axis: at // strides[axis] % shape[axis] for axis in moving}
    values = np.empty((len(steps), len(at)), dtype=flat.dtype)
    for row, step in zip(values, steps, strict=True):
        flat.take(at + step @ strides, out=row, mode="clip")
        for axis in moving[step[moving] != 0]:
            row[place[axis] == (0 if step[axis] < 0 else shape[axis] - 1)] = np.nan
    return values
