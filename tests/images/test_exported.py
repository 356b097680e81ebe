# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Trained networks as packages of the BioImage Model Zoo."""

import os
import warnings
from importlib.util import find_spec

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import selfsupervised as ss

pytest.importorskip("torch")
import torch
from torch import nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # at import, of what it uses
    spec = pytest.importorskip("bioimageio.spec")
    if find_spec("bioimageio.core"):
        from bioimageio.core import create_prediction_pipeline
        from bioimageio.core.digest_spec import create_sample_for_model

RNG = np.random.default_rng(0)
WORDS = {"license": "CC-BY-4.0", "authors": ["A. Person", {"name": "B", "affiliation": "C"}]}
UNET = ss.networks.Noise2SelfUNet
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def small(in_channels=1, n_dims=2):
    return UNET(in_channels, n_dims=n_dims, width=2, depth=1, residual=True)


class Drawn(nn.Module):
    """A network with random numbers at inference."""

    def __init__(self, in_channels=1):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, in_channels, 1)

    def forward(self, x):
        return self.conv(x) + torch.rand_like(x)


@pytest.fixture(scope="module")
def fitted():
    images = RNG.normal(100, 20, (1, 16, 16)).astype(np.float32)
    return ss.Noise2SelfDenoiser(small, max_steps=2, patch_size=8).fit(images)


@pytest.mark.parametrize(
    ("estimator", "shape", "axes"),
    [
        (ss.Noise2SelfDenoiser(small, max_steps=1, patch_size=8), (16, 16), "yx"),
        (ss.Noise2SameDenoiser(small, max_steps=1, patch_size=8), (8, 8, 8), "zyx"),
        (
            ss.Neighbor2NeighborDenoiser(small, max_steps=1, patch_size=8, channel_axis=-1),
            (16, 20, 3),
            "yx",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_package_is_valid_and_does_what_transform_does(tmp_path, estimator, shape, axes):
    image = RNG.normal(100, 20, shape).astype(np.float32)
    estimator.fit(image[None])
    path = tmp_path / "model.zip"
    pixel = [0.1 * (1 + number) for number in range(len(axes))]
    estimator.export_bioimageio(path, test_image=image, pixel_size=pixel, **WORDS)
    assert os.listdir(tmp_path) == ["model.zip"]
    model = spec.load_description(path, perform_io_checks=True)
    assert isinstance(model, spec.ModelDescr), model.validation_summary
    assert model.format_version.startswith("0.5")
    assert str(model.license) == "CC-BY-4.0" and [a.name for a in model.authors] == [
        "A. Person",
        "B",
    ]
    given, out = model.inputs[0], model.outputs[0]
    assert [str(axis.id) for axis in given.axes] == ["batch", "channel", *axes]
    assert [axis.scale for axis in given.axes[2:]] == pixel
    assert {axis.unit for axis in given.axes[2:]} == {"micrometer"}
    steps = {step.id: step.kwargs for step in given.preprocessing}
    kwargs = steps["fixed_zero_mean_unit_variance"]
    assert (kwargs.mean, kwargs.std) == pytest.approx((estimator.mean_, estimator.scale_))
    x, y = (np.load(tensor.test_tensor.get_reader()) for tensor in (given, out))
    bare = np.moveaxis(x, 1, -1) if estimator.channel_axis else x[:, 0]
    theirs = np.moveaxis(y, 1, -1) if estimator.channel_axis else y[:, 0]
    np.testing.assert_allclose(estimator.transform(bare), theirs, rtol=1e-4)
    if find_spec("bioimageio.core"):
        sample = create_sample_for_model(model, inputs={"input": x})
        with create_prediction_pipeline(model) as pipeline:
            found = pipeline.predict_sample_without_blocking(sample).members["output"].data.data
        np.testing.assert_allclose(np.asarray(found), y, rtol=1e-4)


def test_by_default_random_numbers_are_the_test_input(tmp_path, fitted):
    fitted.export_bioimageio(
        tmp_path / "model.zip", license="MIT", authors="A. Person", name="My own"
    )
    model = spec.load_description(tmp_path / "model.zip")
    assert model.name == "My own"
    assert {axis.unit for axis in model.inputs[0].axes[2:]} == {None}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"license": "mine"}, "expected license to be an identifier of SPDX.*got 'mine'"),
        ({"license": None}, "expected license to be an identifier of SPDX.*got None"),
        ({"authors": []}, "expected authors to be names"),
        ({"authors": [{"orcid": "1"}]}, "expected authors to be names"),
        ({"pixel_size": (1, 2, 3)}, "one for each of 2 axes"),
        ({"pixel_size": -1.0}, "one length above 0"),
        ({"test_image": np.zeros((3, 3))}, "edges of 4 pixels or more"),
        ({"name": "Own"}, "5 letters or more, got 'Own'"),
        ({"path": "model.tif"}, "ends in '.zip'"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_written(tmp_path, fitted, changed, message):
    words = {"path": tmp_path / "model.zip", **WORDS, **changed}
    with pytest.raises(ValueError, match=message):
        fitted.export_bioimageio(**words)
    assert not os.listdir(tmp_path)


def test_what_cannot_be_exported_is_refused(tmp_path, fitted):
    path, image = tmp_path / "model.zip", RNG.normal(size=(1, 16, 16))
    with pytest.raises(NotFittedError):
        ss.Noise2SelfDenoiser().export_bioimageio(path, **WORDS)
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'license'"):
        fitted.export_bioimageio(path, authors="A. Person")
    sampled = ss.Self2SelfDenoiser(small, max_steps=1, n_predictions=1, patch_size=8).fit(image)
    with pytest.raises(TypeError, match="predicts by the mean over random samples"):
        sampled.export_bioimageio(path, **WORDS)
    mixed = ss.Noise2SelfDenoiser(small, max_steps=1, patch_size=8, inference="optimal").fit(image)
    with pytest.raises(TypeError, match="Only the network of inference='direct'"):
        mixed.export_bioimageio(path, **WORDS)
    drawn = ss.Noise2SelfDenoiser(Drawn, max_steps=1, patch_size=8).fit(image)
    with pytest.raises(TypeError, match="Drawn cannot be exported as TorchScript, its trace diff"):
        drawn.export_bioimageio(path, **WORDS)
    assert not os.listdir(tmp_path)
