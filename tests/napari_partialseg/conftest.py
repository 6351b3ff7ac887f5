"""Fixtures for tests with a viewer: nothing may be left behind, neither widgets nor processes."""

from __future__ import annotations

import gc
import os

import numpy as np
import psutil
import pytest
import rasterio
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication
from rasterio import Affine
from viewer_helpers import FakeClient

from napari_partialseg.widget import PartialSegWidget


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """Fail a test that leaves a worker process or a visible top-level widget of ours."""
    # napari collects garbage at every layer that goes, and its application keeps the menus of every viewer there was:
    # what the tests before have left for good is not looked through each time. Not at a test's end, when pytest still
    # holds what the test has made.
    gc.collect()
    gc.freeze()
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    yield
    gc.collect()
    left = [
        p
        for p in psutil.Process().children(recursive=True)
        if p.pid not in before and p.is_running() and p.status() != psutil.STATUS_ZOMBIE
    ]
    named = [f"{p.pid}: {' '.join(p.cmdline())}" for p in left]
    for process in left:
        process.kill()
    assert not named, f"processes left running: {named}"
    if QApplication.instance() is not None:
        ours = [
            w
            for w in QApplication.topLevelWidgets()
            if type(w).__module__.startswith("napari_partialseg") and w.isVisible()
        ]
        assert not ours, f"widgets left open: {ours}"


@pytest.fixture(autouse=True)
def nobodys_settings(tmp_path, monkeypatch):
    """Let tests neither see nor change what the person prefers who runs them."""
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "settings"))


@pytest.fixture
def orthophoto(tmp_path):
    """Return a small georeferenced orthophoto with two obvious classes, and its truth."""
    rng = np.random.default_rng(0)
    truth = np.zeros((192, 256), np.uint8)
    truth[:, 128:] = 2
    image = rng.integers(0, 60, (3, 192, 256)).astype(np.uint8)
    image[0, :, :128] += 150
    image[1, :, 128:] += 150
    path = tmp_path / "field.tif"
    profile = {
        "driver": "GTiff",
        "height": 192,
        "width": 256,
        "crs": "EPSG:32640",
        "transform": Affine(0.5, 0, 3e5, 0, -0.5, 2e6),
    }
    with rasterio.open(path, "w", count=3, dtype="uint8", **profile) as file:
        file.write(image)
    with rasterio.open(tmp_path / "field_truth.tif", "w", count=1, dtype="uint8", **profile) as file:
        file.write(truth, 1)
    return path, tmp_path / "field_truth.tif"


@pytest.fixture
def display():
    """Skip where there is no screen for a shown viewer."""
    if not os.environ.get("DISPLAY"):
        pytest.skip("needs a display (make test starts a virtual one)")


@pytest.fixture
def scene(make_napari_viewer, display, qtbot):
    """Return a function that opens a widget in a viewer, and see to its end."""
    widgets = []

    def make(path=None, *, folder=None, client=None, show=False):
        viewer = make_napari_viewer(show=show)
        widget = PartialSegWidget(viewer, FakeClient() if client is None else client)
        widgets.append(widget)
        viewer.window.add_dock_widget(widget, name="Partial Seg")
        if path is not None:
            widget.open_path(path, folder=folder)
            qtbot.waitUntil(lambda: widget.session is not None or bool(widget.board.banner.text), timeout=20000)
        return widget

    yield make
    while widgets:
        widget = widgets.pop()
        widget.shut_down()
        widget.viewer.window.remove_dock_widget(widget)
        widget.viewer = None  # pytest keeps the widget until all fixtures have ended; napari looks for leaks before
        widget.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
