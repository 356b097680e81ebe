# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""``selfsupervised train``: one network for many files, which ``denoise --model`` applies."""

import time

import numpy as np

import selfsupervised
from selfsupervised.auto.families import NETWORKS
from selfsupervised.cli.inputs import expanded
from selfsupervised.cli.one_file import axes_of
from selfsupervised.cli.progress import on_a_terminal
from selfsupervised.cli.words import warnings_in_words
from selfsupervised.core.measurement import Measurement
from selfsupervised.files.pictures import read_picture
from selfsupervised.files.zarr_group import is_zarr, zarr_images


def run(options):
    """Train on all images of all files, and save the network."""
    if options.model.exists() and not options.overwrite:
        raise ValueError(f"{options.model} exists; --overwrite replaces it.")
    network = getattr(selfsupervised, NETWORKS[options.method])  # before any file is read
    images, colours = [], set()
    for path in expanded(options.inputs):
        for names, array in _arrays(path):
            axes = axes_of(path, names, array.shape, options)
            colours.add(None if axes.channel is None else -1)
            images += _images(array, axes)
    if len(colours) > 1:
        raise ValueError(
            "Expected all pictures in colour or all in grey, got both; train a network on each."
        )
    (channel_axis,) = colours
    shown = not options.quiet and on_a_terminal()
    parameters = {"max_steps": options.steps} if options.steps else {}
    denoiser = network(channel_axis=channel_axis, verbose=int(shown), **parameters)
    start = time.perf_counter()
    with warnings_in_words("train"):
        denoiser.fit(images)
    options.interrupts.check()  # a half-trained network is not saved
    denoiser.save(options.model)
    if not options.quiet:
        seconds = time.perf_counter() - start
        print(
            f"wrote {options.model}: {type(denoiser).__name__}, trained on {len(images)} images "
            f"for {denoiser.n_steps_} steps in {seconds:.0f} s"
        )


def _arrays(path):
    """Names of axes and values of all that a file holds."""
    if is_zarr(path):
        for image in zarr_images(path):
            yield image.axes, image.array
    else:
        for part in read_picture(path).parts:
            yield part.axes, part.measured


def _images(array, axes):
    """The images of an array as floats, NaN where nothing was measured."""
    counted = [array.shape[axis] for axis in axes.batch]
    axis = None if axes.channel is None else -1
    found = []
    for index in np.ndindex(*counted):
        image = axes.image_at(array, index)
        found.append(Measurement.of_image(image, channel_axis=axis, caller="train").data[0])
    return found
