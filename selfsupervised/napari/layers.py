# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""From an image layer to a denoised one; neither napari nor a window is needed."""

import re

import numpy as np

from selfsupervised.auto.denoise import FAMILIES, NETWORKS, denoise
from selfsupervised.core.axes import parse_axes

METHODS = ["auto", *sorted(FAMILIES), *sorted(NETWORKS)]
# What a preview takes of each axis, in pixels or images, around the middle.
PREVIEW = {"Y": 192, "X": 192, "Z": 12, "S": None}
# What of a layer the new one has, too.
KEPT = ("scale", "translate", "rotate", "affine", "rgb", "colormap", "blending", "units")


def default_axes(layer):
    """Letters of the axes of a layer: what it says, else planes, each by itself.

    Parameters
    ----------
    layer : napari.layers.Image

    Returns
    -------
    str
        Such as "TYX".
    """
    n_axes = layer.ndim
    colours = "S" if layer.rgb else ""
    said = "".join(getattr(layer, "axis_labels", ())).upper()
    if len(said) == n_axes == len(set(said)) and re.fullmatch("[A-Z]+", said) and "YX" in said:
        return said + colours
    return "".join("PCTZ"[-(n_axes - 2) :] if n_axes > 3 else "T" * (n_axes - 2)) + "YX" + colours


def denoise_layer(layer, method="auto", axes=None, *, preview=False, callback=None):
    """Denoise what an image layer shows.

    Parameters
    ----------
    layer : napari.layers.Image
        Or what has its `data`, `name`, `ndim`, `rgb`, `scale` and `translate`.
    method : str, default="auto"
        As of `denoise`.
    axes : str, default=None
        A letter for each axis, as of `denoise`; by default `default_axes`.
    preview : bool, default=False
        Whether only the middle is denoised.
    callback : callable, default=None
        As of `denoise`.

    Returns
    -------
    data : ndarray
    settings : dict
        Of the new layer: its name, its place, and, as metadata, what was done and why.
    kind : str
        "image"; the three are what napari makes a layer of.

    Raises
    ------
    DenoisingCancelled
        If the callback returned False.
    """
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    axes = (axes or default_axes(layer)).upper()
    parse_axes(axes).check(data.shape, caller=f"layer {layer.name!r}")
    settings = {name: getattr(layer, name) for name in KEPT if hasattr(layer, name)}
    name = f"{layer.name} denoised"
    if preview:
        starts, cut = _middle(data.shape, axes)
        data = data[cut]
        linear = np.diag(np.asarray(settings["scale"], dtype=float))
        if settings.get("rotate") is not None:
            linear = np.asarray(settings["rotate"]) @ linear
        settings["translate"] = np.asarray(settings["translate"]) + linear @ starts[: layer.ndim]
        name += " (preview)"
    out, found = denoise(np.asarray(data), method, axes=axes, return_search=True, callback=callback)
    why = "\n".join(dict.fromkeys(one.why_ for one in found)) or "nothing was measured"
    done = {"method": method, "axes": axes, "why": why}
    metadata = {**getattr(layer, "metadata", {}), "selfsupervised": done}
    return out, {**settings, "name": name, "metadata": metadata}, "image"


def _middle(shape, axes):
    """Where the middle begins along each axis, and the slices that cut it out."""
    edges = [PREVIEW.get(letter, 1) or size for letter, size in zip(axes, shape, strict=True)]
    starts = [max(size - edge, 0) // 2 for size, edge in zip(shape, edges, strict=True)]
    cut = tuple(slice(at, at + edge) for at, edge in zip(starts, edges, strict=True))
    return np.array(starts, dtype=float), cut
