# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The widget in a real window of napari, which only runs where napari and Qt are installed.

pip install "napari[pyqt6]" -e ".[napari]"
QT_QPA_PLATFORM=offscreen python -m pytest -m window tests/napari
"""

import os
import time

import numpy as np
import pytest

from cases import smooth_image

pytestmark = [pytest.mark.window, pytest.mark.filterwarnings("default")]


@pytest.fixture
def viewer():
    napari = pytest.importorskip("napari")
    pytest.importorskip("qtpy.QtWidgets", exc_type=Exception)
    viewer = napari.Viewer(show=False)
    viewer.window.resize(1200, 700)
    yield viewer
    viewer.close()


def wait(widget, seconds=60):
    """Until the thread has ended and the window has heard of it."""
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while not widget.run.enabled and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)
    QApplication.processEvents()
    assert widget.run.enabled


def test_a_layer_is_denoised(viewer, tmp_path):
    rng = np.random.default_rng(0)
    noisy = 100 * smooth_image((256, 256)) + rng.normal(0, 15, (256, 256))
    layer = viewer.add_image(noisy, name="cells", scale=(0.5, 0.5), translate=(3, 4))
    _, widget = viewer.window.add_plugin_dock_widget("selfsupervised", "Denoise")
    assert widget.layer.value is layer
    assert widget.axes.value == "YX"
    widget.run.clicked.emit(True)
    assert widget.cancel.enabled
    wait(widget)
    assert [each.name for each in viewer.layers] == ["cells", "cells denoised (preview)"]
    preview = viewer.layers[-1]
    np.testing.assert_allclose(preview.translate, [3 + 16, 4 + 16])
    np.testing.assert_allclose(preview.scale, layer.scale)
    assert "chosen: NLRidgeDenoiser" in widget.why.value
    assert preview.metadata["selfsupervised"]["why"] == widget.why.value.strip()

    widget.preview.value = False
    widget.run.clicked.emit(True)
    widget.cancel.clicked.emit(True)
    wait(widget)
    assert widget.status.value == "Cancelled." and len(viewer.layers) == 2

    widget.method.value = "gaussian"
    widget.run.clicked.emit(True)
    wait(widget)
    assert viewer.layers[-1].name == "cells denoised"
    assert viewer.layers[-1].data.shape == noisy.shape

    assert "chosen: GaussianDenoiser" in widget.why.value
    where = os.environ.get("NAPARI_SCREENSHOT", tmp_path / "window.png")
    viewer.screenshot(where, canvas_only=False)

    widget.axes.value = "ZYX"
    widget.run.clicked.emit(True)
    wait(widget)
    assert widget.why.value.startswith("ValueError: ") and len(viewer.layers) == 3
