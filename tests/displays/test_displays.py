# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Plots: what they show, on whose axes, and that matplotlib is imported when one is drawn."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

import selfsupervised as ss
from cases import HAS_NETWORKS, NETWORK_DENOISERS
from selfsupervised.core.optional import optional

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _no_figures_left():
    yield
    plt.close("all")


@pytest.fixture
def stack(noisy):
    return np.stack([noisy, noisy[::-1]])


# -- calibration -------------------------------------------------------------------------------


def radius_search(X, **options):
    search = GridSearchCV(
        ss.JInvariantWrapper(ss.MedianDenoiser()),
        {"estimator__radius": [3, 1, 2], **options},
        cv=ss.SameSplit(),
    )
    return search.fit(X)


def test_a_search_over_one_number(stack):
    search = radius_search(stack)
    display = ss.CalibrationDisplay.from_estimator(search)
    assert_array_equal(display.line_.get_xdata(), [1, 2, 3])
    losses = -search.cv_results_["mean_test_score"]
    assert_array_equal(display.line_.get_ydata(), losses[[1, 2, 0]])
    assert display.ax_.get_xlabel() == "radius"
    assert display.ax_.get_ylabel() == "self-supervised loss"
    (label,) = (text.get_text() for text in display.ax_.get_legend().get_texts())
    assert label == f"chosen: {search.best_params_['estimator__radius']}"
    assert display.figure_ is display.ax_.figure


def test_a_search_over_two_parameters(stack):
    search = radius_search(stack, mix=[None, "optimal"])
    display = ss.CalibrationDisplay.from_estimator(search)
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert len(names) == 6
    display.figure_.draw_without_rendering()
    best = f"radius={search.best_params_['estimator__radius']}, mix={search.best_params_['mix']}"
    assert names[-1] == best


def test_splits_have_a_spread(stack):
    search = GridSearchCV(ss.GaussianDenoiser(), {"sigma": [0.5, 1, 2]}, cv=2).fit(stack)
    assert len(ss.CalibrationDisplay.from_estimator(search).ax_.collections) == 1
    search = GridSearchCV(ss.GaussianDenoiser(), {"sigma": [0.5, 1, 2]}, cv=ss.SameSplit())
    assert not ss.CalibrationDisplay.from_estimator(search.fit(stack)).ax_.collections


def test_kinds_that_denoise_compared(noisy):
    _, found = ss.denoise(noisy, return_search=True)
    display = found.plot()
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert len(names) == len(found.cv_results_["params"])
    assert display.ax_.get_xlabel() == "estimated error"
    assert display.line_.get_xdata()[-1] == np.min(-found.cv_results_["mean_test_score"])
    assert all(len(name) <= 48 for name in names)
    display.figure_.draw_without_rendering()  # there is room for the names
    _, found = ss.denoise(noisy, "total_variation", return_search=True)
    display = found.plot()
    assert display.ax_.get_xlabel() == "weight" and len(display.line_.get_xdata()) == 5
    _, found = ss.denoise(noisy, budget_s=0, return_search=True)
    assert np.isfinite(found.plot().line_.get_xdata()[-1])
    _, found = ss.denoise(noisy, "nl_ridge", return_search=True)
    assert len(found.plot().line_.get_xdata()) == 1


def test_an_estimator_and_values(stack):
    axes = plt.figure().subplots()
    display = ss.CalibrationDisplay.from_estimator(
        ss.GaussianDenoiser(),
        stack,
        param_name="sigma",
        param_range=[0.5, 1.0, 8.0],
        ax=axes,
        color="tab:blue",
    )
    assert display.ax_ is axes and axes.get_xscale() == "log"
    assert display.line_.get_color() == "tab:blue"
    expected = ss.self_supervised_loss(ss.GaussianDenoiser(1.0), stack)
    assert_allclose(display.line_.get_ydata()[1], expected)
    with pytest.raises(ValueError, match="a fitted search, or X, param_name and param_range"):
        ss.CalibrationDisplay.from_estimator(ss.GaussianDenoiser(), stack)


# -- before and after --------------------------------------------------------------------------


def titles(display):
    return [axis.get_title() for axis in display.axes_]


def test_before_and_after(stack, clean):
    denoiser = ss.GaussianDenoiser(1.0)
    display = ss.DenoisingDisplay.from_estimator(denoiser, stack, index=1)
    assert titles(display) == ["noisy", "denoised", "removed"]
    shown = [image.get_array() for image in display.images_]
    assert_allclose(shown[1], denoiser.transform(stack)[1])
    assert_allclose(shown[2], stack[1] - shown[1])
    assert display.images_[0].get_clim() == display.images_[1].get_clim()
    low, high = display.images_[2].get_clim()
    assert low == -high

    axes = plt.figure().subplots(2, 2)
    display = ss.DenoisingDisplay.from_estimator(denoiser, stack, clean=[clean, clean], ax=axes)
    assert display.figure_ is axes[0, 0].figure
    before, after = (float(title.split()[1]) for title in titles(display)[:2])
    assert titles(display)[3] == "clean" and after > before + 3


def test_volumes_show_a_plane(rng):
    volume = rng.normal(size=(5, 8, 9))
    display = ss.DenoisingDisplay.from_predictions(volume, volume / 2)
    assert_array_equal(display.images_[0].get_array(), volume[2])
    display = ss.DenoisingDisplay.from_predictions(volume, volume / 2, plane=0)
    assert_array_equal(display.images_[1].get_array(), volume[0] / 2)


@pytest.mark.parametrize("number", [2, 3])
def test_channels(rng, number):
    image = rng.normal(size=(number, 16, 18))
    display = ss.DenoisingDisplay.from_predictions(image, image / 2, channel_axis=0)
    shapes = {image.get_array().shape for image in display.images_}
    assert shapes == {(16, 18, 3) if number == 3 else (16, 18)}
    denoiser = ss.GaussianDenoiser(channel_axis=-1)
    display = ss.DenoisingDisplay.from_estimator(denoiser, np.moveaxis(image, 0, -1)[None])
    assert len(display.images_) == 3


def test_missing_pixels(noisy, clean):
    holes = noisy.copy()
    holes[:5] = np.nan
    display = ss.DenoisingDisplay.from_predictions(holes, clean, clean=clean)
    assert titles(display)[1] == "denoised, inf dB" and "nan" not in titles(display)[0]


def test_what_cannot_be_drawn(stack):
    with pytest.raises(ValueError, match=r"images of one shape, got \(2, 64, 64\), \(64, 64\)"):
        ss.DenoisingDisplay.from_predictions(stack, stack[0])
    with pytest.raises(ValueError, match="ax to be 3 axes, got 1"):
        ss.DenoisingDisplay.from_predictions(stack[0], stack[0], ax=plt.figure().subplots())
    with pytest.raises(ValueError, match=r"2 or 3 spatial axes, got shape \(9,\)"):
        ss.DenoisingDisplay.from_predictions(np.ones(9), np.ones(9))
    with pytest.raises(NotFittedError):
        ss.DenoisingDisplay.from_estimator(ss.AutoDenoiser(), stack)


# -- networks ----------------------------------------------------------------------------------


@pytest.mark.skipif(not HAS_NETWORKS, reason="networks are not installed")
def test_loss_curves(noisy):
    network = clone(NETWORK_DENOISERS[0]).set_params(max_steps=6).fit(noisy[None])
    display = ss.LossCurveDisplay.from_estimator(network, name="tiny")
    assert [line.get_label() for line in display.lines_] == ["tiny, training", "tiny, held out"]
    assert_array_equal(display.lines_[0].get_xdata(), network.loss_curve_["step"])
    assert_array_equal(display.lines_[1].get_ydata(), network.loss_curve_["held_out_loss"])
    chosen = ss.AutoDenoiser(network).fit(noisy[None])
    again = ss.LossCurveDisplay.from_estimator(chosen, ax=display.ax_)
    assert again.ax_ is display.ax_
    assert len(display.ax_.lines) == 4


def test_no_loss_curve(stack):
    with pytest.raises(TypeError, match="a network with a loss_curve_, got .*GaussianDenoiser"):
        ss.LossCurveDisplay.from_estimator(ss.GaussianDenoiser().fit(stack))


# -- matplotlib --------------------------------------------------------------------------------


def test_matplotlib_is_imported_when_a_display_is_drawn():
    code = (
        "import sys, numpy, selfsupervised as ss\n"
        "ss.CalibrationDisplay, ss.DenoisingDisplay, ss.LossCurveDisplay\n"
        "assert 'matplotlib' not in sys.modules\n"
        "sys.modules['matplotlib'] = None\n"
        "try: ss.DenoisingDisplay.from_predictions(numpy.eye(4), numpy.eye(4))\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "DenoisingDisplay needs matplotlib" in done.stdout, done.stderr
    assert "selfsupervised[plots]" in done.stdout


def test_a_package_that_is_broken_is_no_missing_one(monkeypatch, tmp_path):
    (tmp_path / "halfway_there.py").write_text("import missing_part_of_it")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="missing_part_of_it"):
        optional("halfway_there", caller="a test", extra="plots")
