# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the plugin does to a layer, without napari and without a window."""

from types import SimpleNamespace

import numpy as np
import pytest

import selfsupervised as ss
from selfsupervised.napari.layers import METHODS, default_axes, denoise_layer


def layer(*shape, rgb=False, **settings):
    """What an image layer of napari has."""
    ndim = len(shape) - rgb
    values = {"scale": np.full(ndim, 0.5), "translate": np.arange(ndim, dtype=float)}
    data = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    return SimpleNamespace(data=data, name="cells", ndim=ndim, rgb=rgb, **{**values, **settings})


@pytest.mark.parametrize(
    ("image", "axes"),
    [
        (layer(4, 5), "YX"),
        (layer(4, 5, 3, rgb=True), "YXS"),
        (layer(2, 4, 5), "TYX"),
        (layer(2, 3, 4, 5), "TZYX"),
        (layer(2, 2, 3, 4, 5), "CTZYX"),
        (layer(2, 4, 5, axis_labels=("z", "y", "x")), "ZYX"),
        (layer(2, 4, 5, axis_labels=("-3", "-2", "-1")), "TYX"),
    ],
)
def test_axes_that_are_suggested(image, axes):
    assert default_axes(image) == axes


def test_the_new_layer_lies_where_the_old_one_does():
    image = layer(2, 16, 20, metadata={"from": "a file"}, colormap="green")
    before = image.data.copy()
    heard = []
    out, settings, kind = denoise_layer(
        image, "gaussian", callback=lambda *news: heard.append(news)
    )
    np.testing.assert_array_equal(out, ss.denoise(before, "gaussian", axes="TYX"))
    np.testing.assert_array_equal(image.data, before)
    assert (kind, settings["name"], settings["colormap"]) == ("image", "cells denoised", "green")
    assert settings["scale"] is image.scale and settings["translate"] is image.translate
    done = settings["metadata"]["selfsupervised"]
    assert settings["metadata"]["from"] == "a file" and "selfsupervised" not in image.metadata
    assert (done["method"], done["axes"]) == ("gaussian", "TYX")
    assert done["why"].startswith("chosen: GaussianDenoiser(sigma=")
    assert heard[-1] == (1.0, "done")


def test_a_preview_is_the_middle_in_its_place():
    image = layer(5, 16, 300, multiscale=True, rotate=np.eye(3)[[0, 2, 1]])
    image.data = [image.data]
    out, settings, _ = denoise_layer(image, "median", preview=True)
    assert out.shape == (1, 16, 192)
    assert settings["name"] == "cells denoised (preview)"
    # Two frames and 54 columns of 0.5, and columns are turned into rows.
    np.testing.assert_allclose(settings["translate"], [0 + 1, 1 + 27, 2])


@pytest.mark.parametrize("method", METHODS[:2])
def test_it_can_be_cancelled(method):
    with pytest.raises(ss.DenoisingCancelled):
        denoise_layer(layer(16, 16), method, callback=lambda share, message: False)


def test_wrong_axes_are_said():
    with pytest.raises(ValueError, match="layer 'cells'"):
        denoise_layer(layer(16, 16), "median", "TYX")


def test_methods_are_those_of_denoise():
    image = np.zeros((8, 8))
    for method in METHODS:
        assert ss.AutoDenoiser(method)
    with pytest.raises(ValueError, match="expected method") as error:
        ss.denoise(image, "none")
    assert all(repr(method) in str(error.value) for method in METHODS)
