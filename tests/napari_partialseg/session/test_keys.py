"""One class and one tool, whoever chooses them; and keys that do what a person at an orthophoto expects."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from napari.layers.labels import _labels_key_bindings as naparis
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLineEdit
from viewer_helpers import holding, on_disk, stroke

from annotations.errors import PartialSegError

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def widget(scene, orthophoto, tmp_path, qtbot):
    """Return a widget in a window that has the keyboard."""
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg", show=True)
    window = widget.window()
    window.activateWindow()
    canvas_of(widget).setFocus()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is window)
    return widget


def canvas_of(widget):
    return widget.window()._qt_viewer.canvas.native


def press(widget, key, modifiers=Qt.KeyboardModifier.NoModifier, at=None):
    key = getattr(Qt.Key, f"Key_{key}")
    QTest.keyClick(at or canvas_of(widget), key, modifiers)


def state(widget):
    return widget.session.layers.labels.selected_label, widget.board.classes.index, widget.board.draw.tool


def test_class_and_tool_follow_each_other_both_ways(widget):
    labels, points = widget.session.layers.labels, widget.session.layers.points
    widget.board.classes.select(3)
    assert state(widget) == (3, 3, "brush")
    labels.selected_label = 1  # napari's field
    assert state(widget) == (1, 1, "brush")
    assert holding(widget) == "draws: building"
    naparis.swap_selected_and_background_labels(labels)
    assert state(widget) == (-1, -1, "brush")
    assert "unlabelled" in holding(widget)
    widget.board.classes.select(2)
    assert state(widget) == (2, 2, "brush")
    for mode, tool in {"erase": "eraser", "polygon": "polygon", "fill": "fill", "pick": "pick"}.items():
        labels.mode = mode
        assert widget.board.draw.tool == tool
    labels.mode = "pan_zoom"
    assert widget.board.draw.tool == "move"
    labels.selected_label = 90
    assert "90" in widget.board.banner.text
    assert state(widget)[:2] == (4, 4)
    widget.board.draw.choose("point")
    assert (str(points.mode), widget.board.draw.tool) == ("add", "point")
    points.mode = "select"
    assert widget.board.draw.tool == "select"
    widget.board.classes.select(1)
    points.add([(60.0, 70.0)])
    assert on_disk(widget)[60, 70] == 1
    labels.selected_label = -1
    widget.board.draw.choose("point")  # a point always labels
    assert state(widget) == (1, 1, "point")
    widget.board.classes.rename(1, "house")
    assert holding(widget) == "draws: house"
    widget.board.classes.add_class()
    widget.board.classes.select(5)
    widget.board.banner.hide()
    widget.board.classes.remove_last()  # the class in use
    assert state(widget)[:2] == (4, 4)
    assert widget.board.banner.text == ""


def test_keys_on_the_canvas(widget):
    viewer, layers = widget.viewer, widget.session.layers
    labels = layers.labels
    for layer in (layers.labels, layers.points, layers.prediction, layers.image):
        viewer.layers.selection.active = layer
        mode = str(layer.mode)
        for digit in "3456789":
            press(widget, digit)
            assert str(layer.mode) == mode
        assert state(widget)[:2] == (4, 4)  # the last class; 6 to 9 do nothing
        press(widget, 1)
        assert state(widget)[:2] == (0, 0)
    for key, tool in {"P": "brush", "E": "eraser", "F": "fill", "L": "pick", "Z": "move", "D": "point"}.items():
        press(widget, key)
        assert widget.board.draw.tool == tool, key
    press(widget, "P")
    stroke(widget, (10, 20), (10, 20), 2)
    press(widget, "X")
    assert state(widget)[:2] == (-1, -1)
    press(widget, "X")
    assert state(widget)[:2] == (2, 2)
    press(widget, "Minus")
    press(widget, "M")
    assert state(widget)[:2] == (1, 1)
    press(widget, "V")
    assert labels.visible
    assert not layers.prediction.visible
    press(widget, "V")
    assert layers.prediction.visible
    press(widget, "Z", CTRL)
    assert (on_disk(widget) == -1).all()
    press(widget, "Y", CTRL)
    assert (on_disk(widget) == 2).sum() == 100
    for key in "ETG":
        press(widget, key, CTRL)
    press(widget, "T", CTRL | Qt.KeyboardModifier.AltModifier)
    assert (viewer.dims.ndisplay, viewer.dims.order, viewer.canvas.grid.enabled) == (2, (0, 1), False)
    assert np.allclose(labels.data_to_world((10, 20)), (5, 10))
    press(widget, "Delete", CTRL)
    assert len(viewer.layers) == len(layers.all())
    stroke(widget, (30, 40), (30, 40), 1)
    press(widget, "S", CTRL)
    assert "saved" in viewer.status
    press(widget, "Space")  # napari's own: held and let go
    assert widget.board.draw.tool == "brush"
    other = viewer.add_shapes(name="mine")
    press(widget, "P")  # napari's polygon
    assert str(other.mode) == "add_polygon"
    assert widget.board.draw.tool == ""
    assert widget.board.classes.index == 1


def test_keys_that_reach_the_layers_by_another_way(widget):
    """A floating dock, for example, is a window of its own, for which shortcuts of the main window do not hold."""
    viewer, layers = widget.viewer, widget.session.layers
    handler = widget.window()._qt_viewer._key_map_handler
    for layer in (layers.labels, layers.points, layers.prediction):
        viewer.layers.selection.active = layer
        mode = str(layer.mode)
        for key in "3", "7", "Ctrl+Y", "Ctrl+E", "Ctrl+G", "Ctrl+Alt+T":
            handler.press_key(key)
        assert str(layer.mode) == mode
        assert state(widget)[:2] == (2, 2)
        assert (viewer.dims.ndisplay, viewer.dims.order, viewer.canvas.grid.enabled) == (2, (0, 1), False)
        handler.press_key("X")
        assert state(widget)[0] == -1
        handler.press_key("1")
        handler.press_key("E")
        assert state(widget) == (0, 0, "eraser")
    labels = layers.labels
    widget.close_session()
    assert not labels.keymap


def test_keys_in_the_panel(widget, qtbot):
    table = widget.board.classes._table
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualItemRect(table.item(3, 1)).center())
    assert table.hasFocus()
    names = widget.session.scheme.names
    press(widget, "E", at=table)
    assert (table.state(), widget.board.draw.tool) == (table.State.NoState, "eraser")
    press(widget, "2", at=table)
    assert state(widget)[:2] == (1, 1)
    assert widget.session.scheme.names == names
    QTest.keyPress(table, Qt.Key.Key_Space)
    assert widget.board.draw.tool == "move"
    QTest.keyRelease(table, Qt.Key.Key_Space)
    assert widget.board.draw.tool == "eraser"
    press(widget, "F2", at=table)
    editor = table.findChild(QLineEdit)
    QTest.keyClicks(editor, "e 2")
    press(widget, "Return", at=editor)
    qtbot.waitUntil(lambda: widget.session.scheme.names[1] == "e 2")
    assert widget.board.draw.tool == "eraser"
    press(widget, "Tab", at=table)
    assert not table.hasFocus()
    canvas_of(widget).setFocus()
    QTest.mouseClick(widget.board.draw._buttons["polygon"], Qt.MouseButton.LeftButton)
    assert widget.board.draw.tool == "polygon"
    widget.board.draw.choose("brush")
    QTest.keyPress(QApplication.focusWidget(), Qt.Key.Key_Space)
    assert widget.board.draw.tool == "move"
    QTest.keyRelease(QApplication.focusWidget(), Qt.Key.Key_Space)
    assert widget.board.draw.tool == "brush", type(QApplication.focusWidget())


def test_every_way_of_saving_keeps_minus_one(widget, tmp_path):
    viewer, labels = widget.viewer, widget.session.layers.labels
    stroke(widget, (10, 20), (10, 20), 2)
    viewer.layers.selection = {labels}
    ways = {
        "selected.tif": lambda path: viewer.layers.save(path, selected=True),
        "napari.tif": lambda path: viewer.layers.save(path, selected=True, plugin="napari"),
        "layer.tif": labels.save,
        "bare": lambda path: viewer.layers.save(path, selected=True),
    }
    for name, save in ways.items():
        (written,) = save(str(tmp_path / name))
        with rasterio.open(written) as file:
            read = file.read(1)
            assert file.nodata == -1
        assert (read[10:20, 10:20] == 2).all()
        assert (read == -1).sum() == read.size - 100
    written = viewer.layers.save(str(tmp_path / "all"))
    assert len({path for path in written if "labels" in path}) == 1
    with rasterio.open(tmp_path / "all" / "labels.tif") as file:
        assert (file.read(1) == labels.data).all()
    with pytest.raises(PartialSegError, match=r"\.png"):
        labels.save(str(tmp_path / "labels.png"))
    with pytest.raises(PartialSegError, match="there already"):
        viewer.layers.save(str(tmp_path / "bare"), selected=True)
