"""Labels imported from a file, and taken away again; points that leave the image."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QPushButton
from viewer_helpers import on_disk, stroke

from annotations.labels import filling
from annotations.region import Region
from annotations.store.mask import SparseMask


@pytest.fixture
def widget(scene, orthophoto, tmp_path):
    return scene(orthophoto[0], folder=tmp_path / "p.partialseg")


def press(widget, text):
    next(b for b in widget.board.masks.findChildren(QPushButton) if b.text() == text).click()


def bring_in(widget, path, qtbot):
    with qtbot.waitSignal(widget.mask_desk.done, timeout=20000) as caught:
        widget.mask_desk.import_labels(path)
    return caught.args[0]


def test_imported_labels_go_by_their_button_and_what_was_drawn_stays(widget, orthophoto, qtbot):
    stroke(widget, (10, 20), (10, 20), 1)
    said = bring_in(widget, orthophoto[1], qtbot)
    assert said == f"{192 * 256 - 100:,} labels imported from field_truth.tif"
    stroke(widget, (100, 120), (10, 40), 3)  # over imported ones
    drawn = np.full((192, 256), -1, np.int8)
    drawn[10:20, 10:20], drawn[100:120, 10:40] = 1, 3
    press(widget, "Remove imported labels")
    np.testing.assert_array_equal(on_disk(widget), drawn)
    assert f"{192 * 256 - 700:,} imported labels removed" in widget.viewer.status
    widget.session.labels.undo()
    assert (on_disk(widget) >= 0).all()
    press(widget, "Remove random labels")
    assert (on_disk(widget) >= 0).all()


def test_an_import_is_one_step_and_the_window_goes_on_meanwhile(widget, orthophoto, qtbot, monkeypatch):
    monkeypatch.setattr(filling, "_PART", 64)
    stroke(widget, (10, 20), (10, 20), 1)
    turns, told = [], []
    widget.session.labels.changed.connect(lambda: turns.append(int((widget.session.layers.labels.data >= 0).sum())))
    widget.mask_desk.done.connect(told.append)
    bring_in(widget, orthophoto[1], qtbot)
    assert len(turns) >= 12
    assert turns == sorted(turns)
    assert int(widget.session.snapshot().labelled) == 192 * 256
    assert len(told) == 1
    widget.session.labels.undo()
    assert (on_disk(widget) >= 0).sum() == 100


def test_closing_in_the_middle_of_an_import_keeps_all_of_it(widget, orthophoto, qtbot, monkeypatch):
    monkeypatch.setattr(filling, "_PART", 64)
    widget.session.labels.changed.connect(widget.close_session, Qt.ConnectionType.QueuedConnection)
    folder = widget.session.opened_image.entry.folder
    widget.mask_desk.import_labels(orthophoto[1])
    qtbot.waitUntil(lambda: widget.session is None, timeout=20000)
    mask = SparseMask.open(folder / "labels.zarr")
    assert (mask.read(Region.whole(mask.shape)) >= 0).all()


@pytest.mark.parametrize("how", ["pasted", "dragged", "added"])
def test_points_that_leave_the_image(widget, how):
    points = widget.session.layers.points
    widget.board.draw.choose("point")
    widget.board.classes.select(2)
    points.add([50.0, 60.0])
    QApplication.processEvents()
    before = on_disk(widget)
    assert (before == 2).sum() == 29
    if how == "pasted":
        points.selected_data = {0}
        points._copy_data()
        points._clipboard["data"] = np.array([[-40.0, 60.0]])
        points._paste_data()
    elif how == "dragged":
        points.mode = "select"
        points.selected_data = {0}
        points.events.data(value=points.data, action="changing", data_indices=(0,), vertex_indices=((),))
        with points.events.data.blocker():  # as napari does while the mouse is down
            for row in (50.0, 0.0, -40.0):
                points._move({0}, (row, 60.0))
        assert points.data[0, 0] == -40
        points._move({0}, (-40.0, 60.0))
    else:
        points.add([50.0, 900.0])
    QApplication.processEvents()
    assert ("outside the image" if how != "dragged" else "back where it was") in widget.board.banner.text
    np.testing.assert_array_equal(points.data, [[50, 60]])
    np.testing.assert_array_equal(on_disk(widget), before)
    assert widget.session.snapshot().points == 1
    widget.session.labels.undo()
    assert len(points.data) == 0
    assert (on_disk(widget) == -1).all()


def test_an_import_right_after_a_stroke_still_goes_part_by_part(widget, orthophoto, qtbot, monkeypatch):
    monkeypatch.setattr(filling, "_PART", 64)
    stroke(widget, (10, 20), (10, 20), 1)
    turns = []

    def look_again():
        turns.append(int((widget.session.layers.labels.data >= 0).sum()))
        widget.session.labels._tracker._settled.triggered.emit()  # as its timer does, a moment after the stroke

    widget.session.labels.changed.connect(look_again)
    bring_in(widget, orthophoto[1], qtbot)
    assert len(turns) >= 12
    assert turns == sorted(turns)
