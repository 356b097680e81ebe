# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Many images in one array: one choice for all whose noise agrees, applied to each.

Channels that were measured one by one are chosen for one by one. Frames that follow each other
usually have the same noise: three of them are looked at, and if these agree, the search is done
once, on the one in the middle.

An image that is larger than memory is read, denoised and written in overlapping blocks. What is
chosen, and what a network learns, is then chosen and learned on parts of it, spread evenly.
"""

from functools import partial
from itertools import groupby

import numpy as np

from selfsupervised.auto.auto_denoiser import AutoDenoiser
from selfsupervised.auto.families import FAMILIES
from selfsupervised.auto.look import look_at
from selfsupervised.auto.one_image import denoise_image
from selfsupervised.core.axes import CHANNELS
from selfsupervised.core.measurement import Measurement
from selfsupervised.core.progress import part
from selfsupervised.core.words import in_short

# Noise of frames agrees if no standard deviation is more than this times another.
MAX_STD_RATIO = 1.25
MAX_LEARNED_FROM = 8  # images that are larger than memory


def denoise_series(array, axes, method, *, dtype=None, **settings):
    """Denoise every image of an array.

    Parameters
    ----------
    array : ndarray or MaskedArray
    axes : Axes
        Which of its axes are which.
    method : str or estimator
        As of `denoise`.
    dtype : dtype, default=None
        What the result is in; by default that of the first denoised image.
    **settings
        Of `denoise_image`; `say`, called with a line on what was decided for each group of
        images.

    Returns
    -------
    denoised : ndarray or MaskedArray
        Of the shape of `array`.
    found : list of AutoDenoiser
        What was chosen: one for each group, or for each image where they do not agree.
    """
    images = axes.to_images(array)
    counted = images.shape[: len(axes.counted)]
    outputs: dict = {}
    chosen = denoise_each(
        axes, counted, images.__getitem__, outputs.__setitem__, method, dtype=dtype, **settings
    )
    flat = [outputs[index] for index in np.ndindex(counted)]
    stack = np.ma.stack if any(np.ma.isMaskedArray(out) for out in flat) else np.stack
    return axes.back(stack(flat).reshape(images.shape)), chosen


def denoise_each(
    axes, counted, read, write, method, *, blocks=None, dtype=None, say=None, **settings
):
    """Denoise images that are read, and written, one by one.

    Parameters
    ----------
    axes : Axes
    counted : tuple of int
        How many images there are along each axis that counts them.
    read, write : callable
        Called with the index of an image, and with the index and the denoised image; with blocks
        also with slices along the spatial axes of the image, after the index.
    blocks : Blocks, default=None
        Into which each image is cut; by default it is taken whole.
    method, dtype, say, **settings
        As of `denoise_series`.

    Returns
    -------
    list of AutoDenoiser
    """
    settings["channel_axis"] = None if axes.channel is None else -1
    chosen, groups, n_done = [], _groups(axes, counted), 0
    whole = read if blocks is None else (lambda index: blocks.sample(partial(read, index)))
    n_blocks = 1 if blocks is None else len(list(blocks.places()))
    n_parts = sum(n_blocks * len(group) + 1 for group in groups)
    for group in groups:
        with part(n_done, n_parts, f"looking at {len(group)} images" if len(group) > 1 else None):
            found, why = _for_all(group, whole, method, settings, few=blocks is not None)
        done: list = []
        what = None if found is None else f"applying {in_short(found.denoiser_)}"
        for index in group:
            known = method if found is None else found
            if blocks is not None and found is None:
                known = _chosen_on(whole(index), method, settings)
            for read_part, write_part in _parts(index, read, write, blocks):
                n_done += 1
                with part(n_done, n_parts, what):
                    out = image = read_part()
                    if not _blank(image):
                        out, here = denoise_image(image, known, dtype=dtype, **settings)
                        if here not in done:
                            done.append(here)
                        dtype = out.dtype  # the same for all
                    write_part(out)
        n_done += 1
        chosen += done[:1] if found is not None else done
        if say is not None and done:
            say(_line(axes, group, why, done[-1]))
    return chosen


def _parts(index, read, write, blocks):
    """How each part of an image is read, and written."""
    if blocks is None:
        yield partial(read, index), partial(write, index)
        return
    for place in blocks.places():

        def put(out, place=place):
            write(index, place.kept, out[place.inside])

        yield partial(read, index, place.seen), put


def _chosen_on(sample, method, settings):
    """What is chosen on parts that stand for an image."""
    if _blank(sample):
        return method  # nothing may be measured anywhere; what is will be chosen for by itself
    return denoise_image(sample, method, dtype=float, **settings)[1]


def _groups(axes, counted):
    """Indices of the images that may share a choice: those of one channel."""
    indices = list(np.ndindex(counted))
    if CHANNELS not in axes.counted:
        return [indices]
    at = axes.counted.index(CHANNELS)
    ordered = sorted(indices, key=lambda index: index[at])
    return [list(group) for _, group in groupby(ordered, key=lambda index: index[at])]


def _blank(image):
    """Whether nothing was measured."""
    return bool(np.ma.getmaskarray(np.ma.masked_invalid(image)).all())


def _for_all(group, read, method, settings, *, few=False):
    """What is applied to all images of a group, if there is one thing for all, and why.

    If they are larger than memory, what learns from all learns from a few.
    """
    n, axis = len(group), settings["channel_axis"]
    if isinstance(method, AutoDenoiser):
        return method, "chosen before"
    if n < 2:
        return None, ""
    if not (isinstance(method, str) and (method == "auto" or method in FAMILIES)):
        shown = group[:: -(-n // MAX_LEARNED_FROM)] if few else group
        images = [image for image in map(read, shown) if not _blank(image)]
        stack = np.stack([_floats(image, axis) for image in images])
        options = {name: value for name, value in settings.items() if name != "keep_missing"}
        return AutoDenoiser(method, **options).fit(
            stack
        ), f"fitted to {'parts of' if few else 'all'} {len(images)}"
    some = [read(group[at]) for at in sorted({0, n // 2, n - 1})]
    some = [image for image in some if not _blank(image)]
    stds = _agreeing([look_at(_floats(image, axis), axis) for image in some]) if some else None
    if stds is None:
        return None, f"noise of the {n} images differs: chosen for each, the last"
    _, found = denoise_image(some[len(some) // 2], method, dtype=float, **settings)
    low, high = stds
    return found, (
        f"noise of the {n} images agrees (standard deviation {low:.3g} to {high:.3g}): chosen once"
    )


def _floats(image, channel_axis):
    """As it is computed, channels last; thin axes are dropped."""
    return Measurement.of_image(image, channel_axis=channel_axis, caller="denoise()").data[0]


def _agreeing(looks):
    """The least and the largest level if the noise of all is of one kind and strength.

    Strengths are those at one brightness: noise that grows with the signal differs in frames that
    fade, and is the same noise.
    """
    if len({(look.many_outliers, look.correlated) for look in looks}) > 1:
        return None
    signal = float(np.nanmedian([np.nanmedian(look.image) for look in looks]))
    stds = np.array([[float(c.std(signal)) for c in look.noise.channels] for look in looks])
    if (stds.max(axis=0) > MAX_STD_RATIO * stds.min(axis=0)).any():
        return None
    return float(stds.min()), float(stds.max())


def _line(axes, group, why, found):
    which = ""
    if CHANNELS in axes.counted:
        which = f"C {group[0][axes.counted.index(CHANNELS)]}: "
    return f"{which}{why + ': ' if why else ''}{in_short(found.denoiser_)}"
