# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""One file, or one zarr group: read, denoised over its axes, written as it was."""

import shutil

import numpy as np

from selfsupervised.auto.blocks import GIB, blocks_within, is_enough
from selfsupervised.auto.series import denoise_each, denoise_series
from selfsupervised.cli.panel import write_panel
from selfsupervised.core.axes import parse_axes
from selfsupervised.core.files import replacing_folder
from selfsupervised.core.progress import part
from selfsupervised.files.pictures import check_can_hold, read_picture, write_picture
from selfsupervised.files.zarr_group import is_zarr, update_smaller, zarr_images


def denoise_file(path, output, options, model, *, say, check):
    """Denoise all images of a file.

    Parameters
    ----------
    path, output : Path
    options : Namespace
        Of the command.
    model : str or estimator
        The method.
    say : callable
        Called with a line on what was decided.
    check : callable
        Raises if the user has interrupted what a library caught.

    Returns
    -------
    found : list of AutoDenoiser
        What was chosen.
    axes : str
        The letters of the axes.
    n_images : int
    """
    settings = {"n_jobs": options.jobs, "budget_s": options.budget}
    denoise = _zarr if is_zarr(path) else _picture
    return denoise(path, output, options, model, settings, say=say, check=check)


def _picture(path, output, options, model, settings, *, say, check):
    picture = read_picture(path)
    check_can_hold(output, picture)
    outputs, found, n_images = [], [], 0
    named = [axes_of(path, each.axes, each.data.shape, options) for each in picture.parts]
    n_parts = len(picture.parts)
    for number, (stored, axes) in enumerate(zip(picture.parts, named, strict=True)):
        shape, dtype = stored.data.shape, stored.data.dtype
        _check_values(path, dtype)
        _check_colours(path, axes, model)
        _check_memory(path, axes, shape, options)
        n = axes.n_images(shape)
        if n_parts > 1 or n > 1 or options.axes or options.over:
            say(axes.describe(shape))
        with part(number, n_parts, path.name):
            out, chosen = denoise_series(
                stored.measured, axes, model, dtype=dtype, say=say, **settings
            )
        check()
        outputs.append(np.ma.getdata(out))
        found += chosen
        n_images += n
    write_picture(output, picture, outputs, fill_missing=options.fill_missing)
    if picture.lost:
        say(f"not in the result: {', '.join(picture.lost)}")
    if options.panel:
        shown = picture.parts[0].data, outputs[0], named[0]
        say(write_panel(options.panel, *shown, like=path))
    return found, named[0].names, n_images


def _size_of(axes, shape):
    """Shape without channels, and how many these are."""
    n_channels = 1 if axes.channel is None else shape[axes.channel]
    return tuple(shape[axis] for axis in axes.spatial), n_channels


def _check_memory(path, axes, shape, options):
    """Raise if whole images take more than the user allows."""
    if options.memory and not is_enough(options.memory * GIB, *_size_of(axes, shape)):
        raise ValueError(
            f"Expected images of {path} to be denoised within {options.memory:g} GiB, but only "
            f"those of zarr are read in blocks; convert it, or leave out --memory."
        )


def _blocks_of(axes, array, options):
    """The blocks into which images are cut, None if they are taken whole."""
    if options.memory is None:
        return None
    chunks = tuple(_chunks(array)[axis] for axis in axes.spatial)
    shape, n_channels = _size_of(axes, array.shape)
    return blocks_within(options.memory * GIB, shape, n_channels, chunks)


def _chunks(array):
    """What is written at once."""
    return getattr(array, "shards", None) or array.chunks


def _zarr(path, output, options, model, settings, *, say, check):
    found, n_images, images = [], 0, zarr_images(path)
    named = [axes_of(path, image.axes, image.array.shape, options) for image in images]
    with replacing_folder(output) as beside:
        shutil.copytree(path, beside, dirs_exist_ok=True)
        copies = {image.name: image for image in zarr_images(beside, mode="r+")}
        for number, (image, axes) in enumerate(zip(images, named, strict=True)):
            counted = tuple(image.array.shape[axis] for axis in axes.batch)
            copy = copies[image.name]
            _check_values(path, np.dtype(image.array.dtype))
            _check_colours(path, axes, model)
            say(f"{image.name or path.name}: {axes.describe(image.array.shape)}")
            blocks = _blocks_of(axes, copy.array, options)
            n_blocks = 1 if blocks is None else len(list(blocks.places()))
            if n_blocks > 1:
                say(f"each image in {n_blocks} blocks")

            def read(index, place=None, array=image.array, axes=axes):
                return axes.image_at(array, index, place)

            def write(index, *place_and_out, array=copy.array, axes=axes):
                check()
                *place, out = place_and_out
                axes.put(array, index, out, *place)

            dtype = np.dtype(image.array.dtype)
            with part(number, len(images), path.name):
                found += denoise_each(
                    axes, counted, read, write, model, blocks=blocks, dtype=dtype, say=say,
                    **settings,
                )  # fmt: skip
            update_smaller(copy, axes)
            n_images += int(np.prod(counted))
    return found, named[0].names, n_images


def axes_of(path, said, shape, options):
    """The axes of an array: what the user says, or the file.

    Parameters
    ----------
    path : Path
    said : str or None
        What the file says.
    shape : tuple of int
    options : Namespace
        With `axes` and `over`.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If nobody says it, or they do not fit.
    """
    names = options.axes or said
    if names is None:
        raise ValueError(
            f"{path} does not say what its {len(shape)} axes are, of shape {tuple(shape)}; name "
            f"them, such as --axes {'TZCYX'[-len(shape) :]}."
        )
    try:
        axes = parse_axes(names, options.over)
        axes.check(shape, caller=str(path))
    except ValueError as error:
        raise ValueError(_at_a_shell(str(error))) from error
    return axes


def _check_values(path, dtype):
    """Raise if values are no real numbers."""
    if dtype.kind not in "biuf":
        raise ValueError(
            f"Expected real numbers in {path}, got {dtype}; of complex ones write the real and the "
            f"imaginary parts to files of their own."
        )


def _check_colours(path, axes, model):
    """Raise if a network was trained on pictures of another kind."""
    given = None if axes.channel is None else -1
    if not isinstance(model, str) and model.channel_axis != given:
        trained, got = ("grey pictures", "in colour") if given else ("colour", "in grey")
        raise ValueError(f"the model was trained on {trained}, got one {got}: {path}.")


def _at_a_shell(message):
    """Options as they are written at a shell."""
    return message.replace("axes=", "--axes ").replace("over=", "--over ")
