# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The widget in napari: choose a layer and a method, see how far it is, cancel."""

import threading
import time
from typing import Any

from magicgui.widgets import (
    CheckBox,
    ComboBox,
    Container,
    Label,
    LineEdit,
    ProgressBar,
    PushButton,
    TextEdit,
)

from selfsupervised.core.optional import optional
from selfsupervised.core.progress import DenoisingCancelled
from selfsupervised.napari.layers import METHODS, default_axes, denoise_layer

MIN_SECONDS_BETWEEN_NEWS = 0.1
MAX_STATUS_LETTERS = 48  # a longer line would widen the window; errors are shown below


class DenoiseWidget(Container):
    """Denoises an image layer of a viewer into a new layer.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Whose layers are offered, and which gets the result.
    """

    def __init__(self, napari_viewer):
        self._viewer = napari_viewer
        self._cancel, self._last_news = threading.Event(), 0.0
        self._worker: Any = None
        self.layer = ComboBox(label="image layer", choices=self._layers)
        self.method = ComboBox(label="method", choices=METHODS)
        self.axes = LineEdit(
            label="axes",
            tooltip="A letter for each axis: Y, X and Z are places, S colours; T, C and all others "
            "count images, each of which is denoised by itself.",
        )
        self.preview = CheckBox(label="preview on a crop", value=True)
        self.run = PushButton(text="Denoise")
        self.cancel = PushButton(text="Cancel", enabled=False)
        self.progress = ProgressBar(label="", min=0, max=100, value=0)
        self.status = Label(value="")
        self.why = TextEdit(label="why", value="")
        self.why.read_only = True
        super().__init__(
            widgets=[
                self.layer,
                self.method,
                self.axes,
                self.preview,
                Container(
                    widgets=[self.run, self.cancel], layout="horizontal", labels=False, label=""
                ),
                self.progress,
                self.status,
                self.why,
            ]
        )
        self.layer.changed.connect(self._suggest_axes)
        self.run.clicked.connect(self._start)
        self.cancel.clicked.connect(self._cancel.set)
        for event in ("inserted", "removed"):
            getattr(napari_viewer.layers.events, event).connect(self._layers_changed)
        self._suggest_axes()

    def _layers(self, _widget=None):
        """Names and image layers of the viewer."""
        layers = self._viewer.layers
        return [(layer.name, layer) for layer in layers if type(layer).__name__ == "Image"]

    def _layers_changed(self, _event=None):
        before = self.layer.value
        self.layer.reset_choices()
        if self.layer.value is not before:
            self._suggest_axes()

    def _suggest_axes(self, _layer=None):
        self.axes.value = "" if self.layer.value is None else default_axes(self.layer.value)

    def _start(self):
        """Denoise in a thread of its own, so that the window stays alive."""
        if self.layer.value is None:
            self.status.value = "Open an image first."
            return
        utils = optional("superqt.utils", caller="The widget", extra="napari")
        self._cancel.clear()
        self.run.enabled, self.cancel.enabled, self.why.value = False, True, ""
        self._news = utils.ensure_main_thread(self._show)
        chosen = self.layer.value, self.method.value, self.axes.value
        self._worker = utils.create_worker(
            self._work,
            *chosen,
            self.preview.value,
            _connect={"returned": self._end},
            _start_thread=True,
        )

    def _work(self, layer, method, axes, preview):
        """In the thread: what is to be shown at the end, a layer or the words of an error."""
        try:
            return denoise_layer(layer, method, axes, preview=preview, callback=self._tell)
        except DenoisingCancelled:
            return "Cancelled."
        except Exception as error:  # shown in the widget, whatever it is
            return f"No result.\n{type(error).__name__}: {error}"

    def _tell(self, share, message):
        now = time.monotonic()
        if now - self._last_news > MIN_SECONDS_BETWEEN_NEWS:
            self._last_news = now
            self._news(share, message)
        return not self._cancel.is_set()

    def _show(self, share, message):
        self.progress.value = int(100 * share)
        short = len(message) <= MAX_STATUS_LETTERS
        self.status.value = message if short else f"{message[:MAX_STATUS_LETTERS]}…"

    def _end(self, result):
        """Show the result, or why there is none."""
        self.run.enabled, self.cancel.enabled = True, False
        if isinstance(result, str):
            first, _, self.why.value = result.partition("\n")
            self._show(0.0, first)
            return
        data, settings, _ = result
        before = self.layer.value
        self._viewer.add_image(data, **settings)
        self.layer.value = before
        self._show(1.0, f"added {settings['name']}")
        self.why.value = settings["metadata"]["selfsupervised"]["why"]
