# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""``selfsupervised compare``: all methods on one picture, as a table and as a page."""

import json

import numpy as np

from selfsupervised.auto.comparison import compare, in_words
from selfsupervised.auto.families import FAMILIES, NETWORKS
from selfsupervised.cli.one_file import axes_of
from selfsupervised.cli.page import write_page
from selfsupervised.cli.words import table, to_stderr, warnings_in_words
from selfsupervised.core.measurement import Measurement
from selfsupervised.files.pictures import read_picture

QUICK = ("auto", *sorted(FAMILIES))
GROUPS = {"all": (*QUICK, *sorted(NETWORKS)), "classical": QUICK}


def run(options):
    """Try all methods, print a table, write a page."""
    page = options.html or options.input.with_name(f"{options.input.stem}-compare.html")
    if page.exists() and not options.overwrite:
        raise ValueError(f"{page} exists; --overwrite replaces it, --html names another.")
    methods = _methods(options.methods)
    part = read_picture(options.input).parts[0]
    axes = axes_of(options.input, part.axes, part.data.shape, options)
    index = tuple(part.data.shape[axis] // 2 for axis in axes.batch)
    axis = None if axes.channel is None else -1
    image = axes.image_at(part.measured, index)
    measured = Measurement.of_image(image, channel_axis=axis, caller="compare")
    with warnings_in_words(options.input.name):
        found, noise = compare(
            measured.data[0],
            _without_bilateral(methods, measured.n_spatial),
            channel_axis=axis,
            data_range=255.0 if part.data.dtype == np.uint8 else None,
            step=None if options.json else lambda name: to_stderr(f"compare: {name} ..."),
            n_jobs=options.jobs,
        )
    options.interrupts.check()
    which = f"{options.input.name}{', ' + axes.name_of(index) if index else ''}"
    words = in_words(found)
    write_page(page, which, found, noise, words, channel_axis=axis, like=options.input)
    if options.json:
        facts = {"input": str(options.input), "noise": noise.describe(), "says": words}
        facts |= {"page": str(page), "methods": [_facts(one, found) for one in found]}
        print(json.dumps(facts))
        return
    print(f"{which}: {noise.describe()}")
    print(table(rows(found)))
    print(words)
    print(f"wrote {page}")


def _methods(text):
    """Names of methods, from a list with commas or the name of a group."""
    if text in GROUPS:
        return list(GROUPS[text])
    methods = [name.strip() for name in text.split(",")]
    unknown = sorted(set(methods) - set(GROUPS["all"]))
    if unknown:
        raise ValueError(
            f"--methods names {', '.join(unknown)}; expected some of {', '.join(GROUPS['all'])}, "
            f"or one of {', '.join(GROUPS)}."
        )
    return methods


def _without_bilateral(methods, n_spatial):
    """The bilateral filter takes pictures in two dimensions only."""
    return [name for name in methods if name != "bilateral" or n_spatial == 2]


def _facts(one, found):
    excess, error = one.excess_over(found[0])
    return {
        "method": one.method,
        "denoiser": one.denoiser,
        "error": one.error,
        "psnr": one.psnr if one.error > 0 else None,
        "psnr_standard_error": one.psnr_standard_error if one.error > 0 else None,
        "excess_error": excess,
        "excess_standard_error": error,
        "seconds": round(one.seconds, 2),
    }


def rows(found):
    """A table of what was compared, as text; differences are those from the best.

    Parameters
    ----------
    found : list of Compared
        The best first.

    Returns
    -------
    list of tuple of str
    """
    heads = ("method", "error", "PSNR (dB)", "worse by", "seconds", "denoiser")
    lines = [heads]
    for one in found:
        excess, error = one.excess_over(found[0])
        lines.append(
            (
                one.method,
                f"{one.error:.4g}",
                one.psnr_in_words,
                "" if one is found[0] else f"{excess:.3g} ± {error:.2g}",
                f"{one.seconds:.1f}",
                one.denoiser,
            )
        )
    return lines
