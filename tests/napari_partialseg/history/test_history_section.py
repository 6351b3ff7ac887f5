"""The section History in a viewer: snapshots, notes, time, and a project that opens where it was left."""

from __future__ import annotations

import errno
import json
import os

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog, QLineEdit, QMessageBox
from viewer_helpers import on_disk, stroke

from annotations.history import snapshots as snapshots_module
from annotations.history.snapshots import SnapshotStore
from napari_partialseg.session.layers import MARK
from trainer.opened.open_image import open_image


@pytest.fixture
def widget(scene, orthophoto, tmp_path):
    return scene(orthophoto[0], folder=tmp_path / "p.partialseg")


@pytest.fixture
def yes(monkeypatch):
    asked = []
    monkeypatch.setattr(QMessageBox, "question", lambda *a: (asked.append(a[2]), QMessageBox.StandardButton.Yes)[1])
    return asked


def kept(widget):
    """Return the snapshots that the panel shows."""
    return widget.board.history.snapshots._snapshots


def take(widget, qtbot, name):
    panel = widget.board.history.snapshots
    panel.take.emit(name)
    qtbot.waitUntil(lambda: any(s.name == name for s in kept(widget)), timeout=10000)
    return next(s for s in kept(widget) if s.name == name)


def history_of(widget):
    return widget.session.opened_image.entry.files


def test_put_back_is_one_step_and_the_labels_of_before_are_kept(widget, qtbot, yes):
    stroke(widget, (10, 20), (10, 40), 1)
    widget.session.layers.points.add((100, 100))
    first = take(widget, qtbot, "first")
    wanted = on_disk(widget).copy()
    stroke(widget, (10, 20), (10, 40), 2)
    stroke(widget, (60, 70), (10, 40), 3)
    before = widget.session.layers.labels.data.copy()
    widget.board.history.snapshots.restore.emit(first.id)
    qtbot.waitUntil(lambda: "as in the snapshot first" in widget.viewer.status, timeout=10000)
    assert "Ctrl+Z" in yes[0]
    assert "water: 300 pixels now, 0 then" in yes[0]
    np.testing.assert_array_equal(widget.session.layers.labels.data, wanted)
    np.testing.assert_array_equal(on_disk(widget), wanted)
    assert len(widget.session.layers.points.data) == 1
    qtbot.waitUntil(lambda: any(s.why == "before putting back" for s in kept(widget)), timeout=10000)
    widget.session.labels.undo()
    np.testing.assert_array_equal(widget.session.layers.labels.data, before)
    np.testing.assert_array_equal(on_disk(widget), before)
    assert widget.board.classes._counts[3] == 300


def test_compare_shows_what_would_change_and_leaves_the_work_alone(widget, qtbot):
    stroke(widget, (10, 20), (10, 40), 1)
    first = take(widget, qtbot, "first")
    stroke(widget, (10, 20), (10, 25), 2)
    stroke(widget, (60, 70), (10, 40), 3)
    panel, viewer = widget.board.history.snapshots, widget.viewer
    before = widget.session.layers.labels.data.copy()
    own = len(viewer.layers)
    panel.compare.emit(first.id)
    qtbot.waitUntil(lambda: len(viewer.layers) == own + 1, timeout=10000)
    layer = viewer.layers[-1]
    assert layer.metadata[MARK] == "snapshot"
    assert not layer.editable
    assert (layer.data[10:20, 10:25] == 2).all()  # class 1 would be there
    assert (layer.data[60:70, 10:40] == 255).all()
    assert np.count_nonzero(layer.data) == 150 + 300
    assert viewer.layers.selection.active is widget.session.layers.labels
    assert widget.session.hand.ours
    assert "450 pixels" in panel._said.text()
    panel.go_there.emit()
    region = widget.session.watch.view.region()
    assert region.top <= 10
    assert region.bottom >= 70
    panel.compare.emit("")
    assert len(viewer.layers) == own
    np.testing.assert_array_equal(widget.session.layers.labels.data, before)


def test_snapshots_come_by_themselves(widget, qtbot, tmp_path):
    stroke(widget, (10, 20), (10, 40), 1)
    desk = widget.history.snapshots
    desk.take_if_changed()
    qtbot.waitUntil(lambda: [s.why for s in kept(widget)] == ["while working"], timeout=10000)
    desk.take_if_changed()  # nothing has changed
    stroke(widget, (30, 40), (10, 40), 1)
    mask = np.full(widget.session.layers.labels.data.shape, -1, np.int8)
    mask[100:120] = 2
    filled = []
    widget.session.labels.fill_in(mask, "import", "imported", filled.append)
    qtbot.waitUntil(lambda: bool(filled), timeout=10000)
    widget.session.labels.remove_origin("imported")
    stroke(widget, (50, 55), (10, 40), 1)
    files = history_of(widget)
    widget.close_session()
    store = SnapshotStore(files.history)
    assert [s.why for s in reversed(store.all())] == [
        "while working",
        "before an import",
        "before removing imported labels",
        "closed",
    ]
    assert [s.labelled for s in reversed(store.all())] == [300, 600, 600 + 20 * 256, 750]


def test_a_snapshot_that_cannot_be_kept_is_said_once_and_nothing_is_put_back(widget, qtbot, yes, monkeypatch):
    stroke(widget, (10, 20), (10, 40), 1)
    first = take(widget, qtbot, "first")
    stroke(widget, (10, 20), (10, 40), 2)
    before = widget.session.layers.labels.data.copy()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    banner = widget.board.banner
    with monkeypatch.context() as patch:
        patch.setattr(snapshots_module, "write_atomically", full)
        widget.history.snapshots.take("while working")
        qtbot.waitUntil(lambda: "disk is full" in banner.text, timeout=10000)
        banner.dismiss(0)
        widget.board.history.snapshots.restore.emit(first.id)
        qtbot.waitUntil(lambda: "left as they are" in banner.text, timeout=10000)
        banner.dismiss(0)
        stroke(widget, (40, 50), (10, 40), 2)
        before[40:50, 10:40] = 2
        np.testing.assert_array_equal(on_disk(widget), before)  # labels go on being saved
        asked = []
        widget.history.snapshots.take("while working", told=lambda *a: asked.append(a))
        qtbot.waitUntil(lambda: bool(asked), timeout=10000)
    assert banner.text == ""
    np.testing.assert_array_equal(widget.session.layers.labels.data, before)


def test_names_and_deleting_and_reading_only(widget, qtbot, yes, orthophoto):
    stroke(widget, (10, 20), (10, 40), 1)
    first = take(widget, qtbot, "first")
    panel = widget.board.history.snapshots
    panel.renamed.emit(first.id, "delivered")
    qtbot.waitUntil(lambda: [s.name for s in kept(widget)] == ["delivered"], timeout=10000)
    other = open_image(orthophoto[0], folder=widget.session.opened_image.project.folder)
    assert other.read_only
    store = SnapshotStore(other.entry.files.history, writable=False)
    assert [s.name for s in store.all()] == ["delivered"]
    other.close()
    panel._table.selectRow(0)
    panel._delete.click()
    qtbot.waitUntil(lambda: kept(widget) == [], timeout=10000)
    assert "Labels" in yes[0] or "labels" in yes[0]


# ------------------------------------------------------------------------------------------------------------ notes


def test_notes_are_edited_shown_deleted_and_brought_back(widget, qtbot):
    panel, viewer = widget.board.history.notes, widget.viewer
    own = len(viewer.layers)
    viewer.scene.camera.center = (0, 50.0, 100.0)
    panel.add.emit()
    (note,) = widget.history.notes.notes
    scale = widget.session.layers.labels.scale
    assert (note.row, note.column) == pytest.approx((50.0 / scale[0], 100.0 / scale[1]))
    (editor,) = panel.findChildren(QLineEdit)
    editor.setText("what is {this}?")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: widget.history.notes.notes[0].text == "what is {this}?", timeout=5000)
    layer = viewer.layers[-1]
    assert layer.metadata[MARK] == "notes"
    assert not layer.editable
    assert [t.strip() for t in layer.text.values] == ["what is {this}?"]
    assert viewer.layers.selection.active is widget.session.layers.labels
    panel.delete.emit(note.number)
    assert len(viewer.layers) == own
    panel.bring_back.emit()
    assert [n.text for n in widget.history.notes.notes] == ["what is {this}?"]
    viewer.scene.camera.center = (0, 0.0, 0.0)
    panel._table.cellClicked.emit(0, 1)
    assert viewer.scene.camera.center[-2:] == pytest.approx((50.0, 100.0))
    viewer.layers.remove(viewer.layers[-1])  # hidden, and not lost
    assert not panel.on_image
    panel.set_on_image(True)
    assert viewer.layers[-1].metadata[MARK] == "notes"
    widget.close_session()
    assert not len(viewer.layers)


def test_the_key_pins_a_note_to_the_pointer(widget, qtbot):
    scale = widget.session.layers.labels.scale
    widget.viewer.cursor.position = (30 * scale[0], 40 * scale[1])
    widget.session.note_here.emit()
    widget.viewer.cursor.position = (-1000.0, 0.0)
    widget.session.note_here.emit()
    notes = widget.history.notes.notes
    assert (notes[0].row, notes[0].column) == pytest.approx((30, 40))
    assert 0 <= notes[1].row < 192
    assert widget.board.layout.sections["History"].isExpanded()


def test_notes_are_exported_and_nothing_else_is_replaced(widget, qtbot, tmp_path, monkeypatch, orthophoto):
    widget.board.history.notes.add.emit()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(tmp_path / "n"), "GeoJSON (*.geojson)"))
    widget.board.history.notes.export.emit()
    target = tmp_path / "n.geojson"
    qtbot.waitUntil(target.exists, timeout=10000)
    assert json.loads(target.read_text())["features"][0]["properties"]["number"] == 1
    widget.history.notes.export(widget.session.opened_image.project.folder / "project.csv")
    qtbot.waitUntil(lambda: "project.csv" in widget.board.banner.text, timeout=10000)


# ------------------------------------------------------------------------------------------------------------- time


def test_work_is_added_up_and_exported(widget, qtbot, tmp_path):
    stroke(widget, (10, 20), (10, 40), 1)
    stroke(widget, (30, 40), (10, 40), 2)
    widget.board.layout.sections["History"].expand()
    panel = widget.board.history.time
    on_disk(widget)  # both strokes: the table is read from there
    widget.history.time._stale = True
    widget.board.history.bring_up(panel)
    widget.history.time._panel.isVisible = lambda: True  # the window of a test is not shown
    widget.history.time._refresh()
    qtbot.waitUntil(lambda: bool(panel.work.by_day), timeout=10000)
    assert {label: (w.strokes, w.pixels) for (_, label), w in panel.work.by_day.items()} == {1: (1, 300), 2: (1, 300)}
    widget.history.time.export(tmp_path / "work.csv")
    qtbot.waitUntil((tmp_path / "work.csv").exists, timeout=10000)
    lines = (tmp_path / "work.csv").read_text("utf-8-sig").splitlines()
    assert lines[0] == "day,class,strokes,pixels,minutes"
    assert lines[1].split(",")[1:4] == ["building", "1", "300"]
    del widget.history.time._panel.isVisible


def test_activity_is_in_the_project_after_closing(widget, monkeypatch):
    from napari_partialseg.history import time_desk

    now = [1_790_000_000.0]
    monkeypatch.setattr(time_desk.clock, "time", lambda: now[0])
    files = history_of(widget)
    for _ in range(5):
        now[0] += 20
        widget.viewer.scene.camera.zoom *= 1.1
    widget.close_session()
    (line,) = files.activity.read_text().splitlines()
    value = json.loads(line)
    assert value["to"] - value["from"] == 80


# -------------------------------------------------------------------------------------------------- where it was left


def test_a_project_opens_where_it_was_left(widget, qtbot, tmp_path):
    session, viewer = widget.session, widget.viewer
    session.hand.take_tool("polygon")
    session.hand.take_class(3)
    session.layers.labels.brush_size = 23
    session.layers.prediction.visible = False
    session.layers.labels.opacity = 0.4
    widget.board.layout.sections["Export"].expand()
    widget.board.layout.sections["Draw"].collapse()
    viewer.scene.camera.center = (0, 30.0, 60.0)
    viewer.scene.camera.zoom = 7.5
    widget.close_session()
    for title, section in widget.board.layout.sections.items():
        section.toggleButton().setChecked(title == "Draw")
    viewer.scene.camera.zoom = 1.0
    widget.open_path(tmp_path / "p.partialseg")
    qtbot.waitUntil(lambda: widget.session is not None, timeout=20000)
    session = widget.session
    assert (session.hand.tool, session.hand.label) == ("polygon", 3)
    assert session.layers.labels.brush_size == 23
    assert not session.layers.prediction.visible
    assert session.layers.labels.opacity == 0.4
    assert widget.board.layout.sections["Export"].isExpanded()
    assert not widget.board.layout.sections["Draw"].isExpanded()
    assert viewer.scene.camera.zoom == pytest.approx(7.5)
    assert viewer.scene.camera.center[-2:] == pytest.approx((30.0, 60.0))
    assert widget.board.classes.index == 3


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"layers": 3, "tool": "no such", "class_name": "gone", "zoom": 0}']
)
def test_it_opens_whatever_is_written_there(widget, qtbot, tmp_path, content):
    left = history_of(widget).left
    widget.close_session()
    left.write_text(content)
    widget.open_path(tmp_path / "p.partialseg")
    qtbot.waitUntil(lambda: widget.session is not None, timeout=20000)
    QApplication.processEvents()
    assert widget.board.banner.text == ""
    assert widget.session.hand.label == 0
