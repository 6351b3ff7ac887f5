"""A widget on an orthophoto with a made map, and nothing written among the settings of whoever runs the tests."""

from __future__ import annotations

import numpy as np
import platformdirs
import pytest
from qtpy.QtWidgets import QApplication


@pytest.fixture(autouse=True)
def settings_folder(tmp_path, monkeypatch):
    folder = tmp_path / "settings"
    monkeypatch.setattr(platformdirs, "user_config_path", lambda name: folder / name)
    return folder


@pytest.fixture
def mapped(scene, orthophoto, tmp_path):
    """Return a function that opens the orthophoto with a map of two halves, and specks in it."""

    def make(*, show=False):
        widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg", show=show)
        opened = widget.session.opened_image
        opened.prediction[:] = 1
        opened.prediction[:, 128:] = 3
        opened.prediction[40:42, 60:62] = 2
        opened.prediction[100:102, 200:202] = 2
        opened.confidence[:] = 204
        widget.session.layers.prediction.refresh()
        if show:
            window = widget.window()
            window.activateWindow()
            canvas_of(widget).setFocus()
            QApplication.processEvents()
        return widget

    return make


def canvas_of(widget):
    return widget.window()._qt_viewer.canvas.native


def picture(widget):
    """Return what the canvas shows, (H, W, 3)."""
    QApplication.processEvents()
    return np.asarray(widget.viewer.screenshot(canvas_only=True, flash=False))[..., :3].astype(int)


@pytest.fixture(name="picture")
def _picture():
    return picture


@pytest.fixture(name="canvas_of")
def _canvas_of():
    return canvas_of
