# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""`from_paper` and `from_code` beside settings that were written by hand from the papers."""

import inspect
from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from sklearn import config_context  # noqa: E402
from sklearn.base import clone  # noqa: E402

import selfsupervised as ss  # noqa: E402
from selfsupervised.networks import (  # noqa: E402
    Noise2SelfUNet,
    ResidualUNet,
    Self2SelfPlusUNet,
    Self2SelfUNet,
    UNet,
)

# Where a denoiser runs, and what it is run on, no paper says.
OPEN = {
    "device",
    "compile",
    "callbacks",
    "warm_start",
    "tile",
    "channel_axis",
    "random_state",
    "verbose",
}
WHITE = {"max_gradient_norm": None, "held_out": 0, "patience": None, "precision": "float32"}
# From the text of each paper: the section, and what it prints.
PAPERS = {
    # Supplement 5.2: channels 32 to 256, two 3 x 3 convolutions, then InstanceNorm. 5.3: density
    # 1/25, uniform random values, batches of 32 and one epoch of 60,000 crops of 128 (ImageNet).
    # 5.4: direct application is better.
    ss.Noise2SelfDenoiser: {
        "module": (Noise2SelfUNet, {"width": 32, "depth": 4, "instance_norm": True}),
        "partition": "RandomPixels()",
        "fill": "uniform",
        "inference": "direct",
        "max_steps": 60_000 // 32,
        "batch_size": 32,
        "patch_size": 128,
        "augment": False,
        "lr": 1e-3,
        "optimizer": "Adam",
        "halvings": (),
        "test_time_augmentation": False,
    },
    # Section 4.1: lambda = 2, the root over the batch. Figure 3: batches of 64. The rest is its
    # released code's.
    ss.Noise2SameDenoiser: {
        "module": (ResidualUNet, {}),
        "lambda_inv": 2,
        "fill": "normal",
        "masked": 0.005,
        "local": False,
        "max_steps": 50_000,
        "batch_size": 64,
        "patch_size": 64,
        "augment": True,
        "lr": 4e-4,
        "optimizer": "Adam",
        "halvings": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
        "test_time_augmentation": False,
    },
    # Section 5.1: batches of 4 crops of 256, Adam at 3e-4, 100 epochs of 50,000 images, halved
    # after each 20, gamma of 2. Section 4.1: random neighbours of each cell.
    ss.Neighbor2NeighborDenoiser: {
        "module": (UNet, {}),
        "gamma": 2,
        "sampler": "random",
        "max_steps": 100 * 50_000 // 4,
        "batch_size": 4,
        "patch_size": 256,
        "augment": False,
        "lr": 3e-4,
        "optimizer": "Adam",
        "halvings": (0.2, 0.4, 0.6, 0.8),
        "test_time_augmentation": False,
    },
    # Section 3.1: the network. 3.2: squared errors, flips. 4.1: both probabilities 0.3, Adam at
    # 1e-5, 450,000 steps, 50 predictions.
    ss.Self2SelfDenoiser: {
        "module": (Self2SelfUNet, {"pooled_skips": False}),
        "drop_probability": 0.3,
        "dropout": 0.3,
        "sampling": True,
        "loss": "mse",
        "n_predictions": 50,
        "keep_known": False,
        "max_steps": 450_000,
        "batch_size": 1,
        "patch_size": "whole",
        "augment": "flips",
        "lr": 1e-5,
        "optimizer": "Adam",
        "halvings": (),
        "averaging": 0,
    },
    # Equations 4 to 8, 500 predictions, weight 2e-8; Table 1: probability 0.4, 4000 steps; Adam
    # at 4e-4.
    ss.Self2SelfPlusDenoiser: {
        "module": (Self2SelfPlusUNet, {}),
        "gated": True,
        "drop_probability": 0.4,
        "dropout": 0.4,
        "sampling": True,
        "loss": "mae",
        "iqa": "paq2piq",
        "iqa_weight": 2e-8,
        "iqa_target": 100,
        "n_predictions": 500,
        "keep_known": False,
        "max_steps": 4000,
        "batch_size": 1,
        "patch_size": "whole",
        "augment": False,
        "lr": 4e-4,
        "optimizer": "Adam",
        "halvings": (),
        "averaging": 0,
    },
}
# What the released codes have otherwise.
CODES = {
    ss.Noise2SelfDenoiser: {
        "partition": "PixelGrid()",
        "fill": "neighbors",
        "max_steps": 500,
        "batch_size": 1,
        "patch_size": "whole",
        "lr": 1e-2,
        "held_out": 1 / 16,
    },
    ss.Noise2SameDenoiser: {
        "lambda_inv": 0.95,
        "fill": "neighbors",
        "max_steps": 80_000,
        "halvings": tuple(5000 * n / 80_000 for n in range(1, 16)),
    },
    ss.Neighbor2NeighborDenoiser: {"max_steps": 100 * 44_328 // 4},
    ss.Self2SelfDenoiser: {"n_predictions": 100, "max_steps": 150_000, "lr": 1e-4},
    ss.Self2SelfPlusDenoiser: {},
}
# A small one of the same network, for a few steps.
SMALL = {
    ss.Noise2SelfDenoiser: {"module": partial(Noise2SelfUNet, width=4, depth=2)},
    ss.Noise2SameDenoiser: {"module": partial(ResidualUNet, width=4, depth=1)},
    ss.Neighbor2NeighborDenoiser: {"module": partial(UNet, width=4, depth=2)},
    ss.Self2SelfDenoiser: {"module": partial(Self2SelfUNet, width=6, depth=2)},
    ss.Self2SelfPlusDenoiser: {"module": partial(Self2SelfPlusUNet, width=4, depth=2), "iqa": None},
}
each = pytest.mark.parametrize("cls", PAPERS, ids=lambda cls: cls.__name__)


def differing(estimator, expected):
    """Names of parameters that are not as expected."""
    params = estimator.get_params(deep=False)
    params = {k: repr(v) if k == "partition" else v for k, v in params.items()}
    return {name for name, value in expected.items() if params[name] != value}


@each
def test_settings_are_those_of_the_paper(cls):
    expected = {**PAPERS[cls], **WHITE}
    network, options = expected.pop("module")
    estimator = cls.from_paper()
    assert not differing(estimator, expected)
    module = estimator.module
    assert getattr(module, "func", module) is network
    assert getattr(module, "keywords", {}) == options
    assert {*expected, "module"} == set(inspect.signature(cls).parameters) - OPEN  # all are set
    # Negative control: the defaults are others.
    assert len(differing(cls(), expected)) > 3


@each
def test_settings_are_those_of_the_code(cls):
    expected = {**PAPERS[cls], **WHITE, **CODES[cls]}
    del expected["module"]
    assert not differing(cls.from_code(), expected)
    assert repr(cls.from_code()) != repr(cls.from_paper())


@each
def test_it_can_be_seen_cloned_and_changed(cls):
    estimator = cls.from_paper(max_steps=7, lr=0.5)
    assert (estimator.max_steps, estimator.lr) == (7, 0.5)
    assert clone(estimator).get_params(deep=False).keys() == estimator.get_params(deep=False).keys()
    assert repr(clone(estimator)) == repr(estimator)
    assert "held_out=0" in repr(estimator) and "max_gradient_norm=None" in repr(estimator)
    with config_context(print_changed_only=False):
        assert all(f"{name}=" in repr(estimator) for name in PAPERS[cls])
    assert cls.from_paper().max_steps == PAPERS[cls]["max_steps"]  # another one is not changed
    match = f"{cls.__name__}.from_paper expected parameters.*'max_step'; did you mean 'max_steps'"
    with pytest.raises(TypeError, match=match):
        cls.from_paper(max_step=3)
    with pytest.raises(TypeError, match="'quux'; see"):
        cls.from_code(quux=3)


def test_estimators_share_no_partition():
    ss.Noise2SelfDenoiser.from_paper().set_params(partition__n_subsets=3)
    assert ss.Noise2SelfDenoiser.from_paper().partition.n_subsets == 25


@each
def test_a_few_steps(cls, rng):
    X = rng.normal(100, 5, (1, 16, 16))
    small = {"max_steps": 3, "batch_size": 2, "random_state": 1}
    for make in (cls.from_paper, cls.from_code):
        estimator = make(**SMALL[cls], **small)
        if "n_predictions" in estimator.get_params():
            estimator.set_params(n_predictions=2)
        if isinstance(estimator.patch_size, int):
            estimator.set_params(patch_size=16)
        fitted = estimator.fit(X)
        assert np.isfinite(fitted.transform(X)).all() and fitted.n_steps_ == 3


class Gradients(torch.optim.SGD):
    """Notes the length of each gradient."""

    lengths: list = []

    def step(self, closure):
        loss = closure()  # in which skorch computes the gradients
        squares = [p.grad.square().sum() for group in self.param_groups for p in group["params"]]
        self.lengths.append(float(torch.stack(squares).sum().sqrt()))
        super().step()
        return loss


def test_no_gradient_is_shortened_and_no_pixel_held_out(rng):
    X = rng.normal(100, 5, (1, 16, 16))
    lengths = {}
    for norm in (None, 1e-3):
        Gradients.lengths = []
        fitted = ss.Self2SelfDenoiser.from_paper(
            **SMALL[ss.Self2SelfDenoiser],
            max_steps=2,
            n_predictions=1,
            optimizer=Gradients,
            max_gradient_norm=norm,
        ).fit(X)
        lengths[norm] = max(Gradients.lengths)
    assert lengths[None] > 0.01 > lengths[1e-3]  # the second is the negative control
    assert fitted.mean_ == X.mean() and np.isnan(fitted.held_out_loss_)
    assert fitted.held_out_partition_ is None


class Copy(torch.nn.Conv2d):
    """At first the identity."""

    def __init__(self):
        super().__init__(1, 1, 1)
        torch.nn.init.ones_(self.weight)
        torch.nn.init.zeros_(self.bias)


def test_without_held_out_pixels_networks_are_judged_on_what_they_did_not_see(rng):
    X = rng.normal(size=(1, 12, 12))
    settings = {"max_steps": 1, "lr": 1e-9, "held_out": 0, "precision": "float32"}
    fitted = ss.Noise2SelfDenoiser(Copy(), **settings).fit(X)
    assert -fitted.score(X) > X.var()
    # Negative control: fitted once, on all, it returns what it is judged on.
    assert np.mean((fitted.transform(X) - X) ** 2) < 1e-6


def test_skips_as_the_paper_has_them(rng):
    """Before they are halved, features are of the same resolution, and other numbers."""
    x = torch.from_numpy(rng.normal(size=(1, 1, 16, 16)).astype(np.float32))
    outputs = []
    for pooled in (True, False):
        torch.manual_seed(0)
        net = Self2SelfUNet(width=6, depth=2, dropout=0.0, pooled_skips=pooled)
        assert sum(p.numel() for p in net.parameters()) == sum(
            p.numel() for p in Self2SelfUNet(width=6, depth=2).parameters()
        )
        outputs.append(net(x))
    assert outputs[0].shape == outputs[1].shape and not torch.equal(*outputs)
