"""The panel closed and opened, one project after another, and what happens when an opening fails."""

from __future__ import annotations

import gc
import shutil
import weakref

import numpy as np
import pytest
import rasterio
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDockWidget, QFileDialog, QMainWindow, QMessageBox
from viewer_helpers import FakeClient, on_disk, stroke

from annotations.classes import LANDCOVER_AI
from annotations.project.project import Project
from napari_partialseg import launch as _scene
from napari_partialseg.panels.section import Section
from napari_partialseg.session import label_work, layer_watch
from napari_partialseg.widget import PartialSegWidget
from trainer import protocol


def dock_of(widget):
    above = widget.parentWidget()
    while above is not None and not isinstance(above, QDockWidget):
        above = above.parentWidget()
    return above


def docks(viewer):
    return [d for d in viewer.window._qt_window.findChildren(QDockWidget) if "Partial Seg" in d.windowTitle()]


def second(orthophoto, tmp_path):
    (tmp_path / "other").mkdir()
    return shutil.copy(orthophoto[0], tmp_path / "other" / "forest.tif")


def test_the_cross_hides_the_panel_and_the_menu_brings_it_back(scene, orthophoto, tmp_path, qtbot):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    viewer, session, client = widget.viewer, widget.session, widget.client
    stroke(widget, (10, 20), (10, 20), 1)
    widget.client.received.emit(protocol.Status("training", "training"))
    dock_of(widget).destroyOnClose()  # what napari's cross does
    qtbot.waitUntil(lambda: isinstance(widget.parent(), QMainWindow))
    assert not widget.isVisible()
    layer = session.layers.labels  # what is drawn meanwhile is saved as ever
    layer.data_setitem((np.array([50]), np.array([60])), 2)
    again = PartialSegWidget(viewer, FakeClient())
    viewer.window.add_dock_widget(again, name="Partial Seg (napari-partialseg)")
    assert again is widget
    assert again.session is session
    assert again.client is client
    assert again.board.learn._state.text() == "Training"
    labels = on_disk(again)
    assert (labels[10:20, 10:20] == 1).all()
    assert labels[50, 60] == 2
    assert not session.read_only


def test_a_second_panel_in_one_viewer_is_the_first_in_another_dock(scene, orthophoto, tmp_path, qtbot):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    other = PartialSegWidget(widget.viewer, FakeClient())
    widget.viewer.window.add_dock_widget(other, name="Partial Seg (napari-partialseg)")
    QApplication.processEvents()
    assert other is widget
    assert widget.session is not None
    assert [d.windowTitle() for d in docks(widget.viewer) if d.widget() is not None] == [
        "Partial Seg (napari-partialseg)"
    ]


def test_closed_while_it_is_opening_it_opens_all_the_same(scene, orthophoto, tmp_path, qtbot):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    widget.open_path(second(orthophoto, tmp_path))
    dock_of(widget).destroyOnClose()
    qtbot.waitUntil(lambda: widget.session is not None and widget.session.opened_image.ortho.name == "forest")
    again = PartialSegWidget(widget.viewer, FakeClient())
    widget.viewer.window.add_dock_widget(again, name="Partial Seg")
    assert again.board.header.title.text() == "forest"
    assert not (tmp_path / "p.partialseg" / "lock.json").exists()


def test_shut_down_it_leaves_no_layers_that_nobody_saves(scene, orthophoto, tmp_path):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    widget.shut_down()
    assert len(widget.viewer.layers) == 0
    assert not (tmp_path / "p.partialseg" / "lock.json").exists()


# ---------------------------------------------------------------------------------------------------------- opening


def test_shut_down_it_holds_no_session(scene, orthophoto, tmp_path):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    session = weakref.ref(widget.session)
    widget.shut_down()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    assert session() is None


def test_what_fails_to_open_leaves_open_what_is(scene, orthophoto, tmp_path, qtbot):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    session = widget.session
    (tmp_path / "notes.tif").write_text("these are notes")
    widget.open_path(tmp_path / "notes.tif")
    assert "notes.tif" in widget.board.header.reading.text()
    qtbot.waitUntil(lambda: "notes.tif" in widget.board.banner.text, timeout=20000)
    assert widget.session is session
    assert widget.board.header.title.text() == "field"
    assert widget.board.header.reading.isHidden()
    stroke(widget, (10, 20), (10, 20), 1)
    assert (on_disk(widget)[10:20, 10:20] == 1).all()
    widget.open_path(second(orthophoto, tmp_path))  # and what opens takes its place, and the message goes
    qtbot.waitUntil(lambda: widget.session is not session and widget.session is not None, timeout=20000)
    assert widget.board.banner.text == ""
    assert sorted(layer.name for layer in widget.viewer.layers).count("labels") == 1


def test_the_same_project_again_does_not_meet_its_own_lock(scene, orthophoto, tmp_path, qtbot):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    first = widget.session
    stroke(widget, (10, 20), (10, 20), 1)
    widget.open_path(tmp_path / "p.partialseg")
    widget.open_path(orthophoto[0], folder=tmp_path / "p.partialseg")  # in the same moment: the last wins
    qtbot.waitUntil(lambda: widget.session not in (None, first), timeout=20000)
    assert not widget.session.read_only
    assert widget.session.snapshot().counts[1] == 100
    assert widget.board.banner.text == ""


def test_a_project_that_cannot_be_opened_again_with_another_image_comes_back(scene, orthophoto, tmp_path, qtbot):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    first = widget.session
    stroke(widget, (10, 20), (10, 20), 1)
    (tmp_path / "notes.tif").write_text("these are notes")
    widget.open_path(tmp_path / "notes.tif", folder=tmp_path / "p.partialseg")
    qtbot.waitUntil(lambda: widget.session not in (None, first), timeout=20000)
    assert "notes.tif" in widget.board.banner.text  # the reason outlives the project's coming back
    assert widget.session.snapshot().counts[1] == 100


@pytest.mark.parametrize(
    ("room", "part"),
    [
        (layer_watch, "TilePainter"),
        (layer_watch, "ViewWatcher"),
        (label_work, "LabelCounter"),
        (label_work, "LabelTracker"),
        (label_work, "PointKeeper"),
    ],
)
def test_a_session_that_cannot_be_made_is_undone(scene, orthophoto, tmp_path, qtbot, monkeypatch, room, part):
    widget = scene()

    def fails(*arguments, **options):
        raise ValueError("nobody foresaw this")

    with monkeypatch.context() as patch:
        patch.setattr(room, part, fails)
        widget.open_path(orthophoto[0], folder=tmp_path / "p.partialseg")
        qtbot.waitUntil(lambda: bool(widget.board.banner.text), timeout=20000)
    assert "field.tif" in widget.board.banner.text
    assert "nobody foresaw this" in widget.board.banner.text
    assert widget.session is None
    assert len(widget.viewer.layers) == 0
    assert not (tmp_path / "p.partialseg" / "lock.json").exists()
    widget.open_path(orthophoto[0], folder=tmp_path / "p.partialseg")
    qtbot.waitUntil(lambda: widget.session is not None, timeout=20000)
    assert not widget.session.read_only


def test_of_two_openings_at_once_the_last_wins_and_the_first_is_given_back(scene, orthophoto, tmp_path, qtbot):
    widget = scene()
    widget.open_path(orthophoto[0], folder=tmp_path / "a.partialseg")
    assert widget._opener.job.wait(20)  # read; that it is waits in the queue
    widget.open_path(second(orthophoto, tmp_path))
    assert not (tmp_path / "a.partialseg" / "lock.json").exists()
    qtbot.waitUntil(lambda: widget.session is not None, timeout=20000)
    QApplication.processEvents()
    assert widget.session.opened_image.ortho.name == "forest"
    assert [layer.name for layer in widget.viewer.layers].count("labels") == 1


# ---------------------------------------------------------------------------------------------- classes and figures


def test_classes_edited_before_anything_is_open_are_those_of_the_new_project(scene, orthophoto, tmp_path, qtbot):
    widget = scene()
    widget.board.classes.rename(1, "roof")
    widget.board.classes.add_class()
    scheme = widget.board.classes.scheme
    widget.open_path(orthophoto[0], folder=tmp_path / "p.partialseg")
    qtbot.waitUntil(lambda: widget.session is not None, timeout=20000)
    assert widget.session.scheme == scheme == widget.board.classes.scheme
    widget.close_session()
    with Project.open(tmp_path / "p.partialseg") as project:
        assert project.scheme == scheme
    assert widget.board.classes.scheme == LANDCOVER_AI
    widget.board.classes.rename(1, "hut")  # for a project that has its own: said, not taken
    widget.open_path(tmp_path / "p.partialseg")
    qtbot.waitUntil(lambda: widget.session is not None, timeout=20000)
    assert widget.board.classes.scheme == scheme
    assert "classes of its own" in widget.board.banner.text


def test_another_orthophoto_begins_without_the_figures_of_the_one_before(scene, orthophoto, tmp_path, qtbot):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    first, tell = widget.session, widget.client.received.emit
    tell(protocol.Opened("cpu", "float32", "", 1, "UNet, width 16", 10))
    for step in (11, 12):
        tell(protocol.Progress(step, 0.25, 6.25, (1, 2), 3, 4, 20, 125.0))
    assert widget.board.learn._figures["step"].text() == "12"
    widget.open_path(second(orthophoto, tmp_path))
    qtbot.waitUntil(lambda: widget.session not in (None, first), timeout=20000)
    tell(protocol.Progress(13, 0.25, 6.25, (1, 2), 3, 4, 20, 125.0))  # was under way: of the one before
    assert {label.text() for label in widget.board.learn._figures.values()} == {"–"}
    assert widget.board.learn.plot.values == []
    assert widget.board.learn._bar.format() == "not predicting"
    tell(protocol.Opened("cpu", "float32", "", 1, "UNet, width 16", 0))
    tell(protocol.Progress(1, 0.5, 6.25, (1, 2), 3, 4, 20, None))
    assert widget.board.learn._figures["step"].text() == "1"


def test_messages_go_when_their_cause_is_gone(scene, orthophoto, tmp_path, qtbot):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    widget.client.died.emit("The worker was ended from outside or crashed.")
    widget.client.received.emit(protocol.Problem("Memory ran out; training goes on with 4 crops at once."))
    assert "Memory" in widget.board.banner.text
    assert "labels are safe" in widget.board.banner.text
    widget.client.received.emit(protocol.Opened("cpu", "float32", "", 1, "UNet, width 16", 10))
    assert widget.board.banner.text == "Memory ran out; training goes on with 4 crops at once."
    widget.close_session()
    assert widget.board.banner.text == ""
    assert widget.board.header.title.text() == "No orthophoto open"


# --------------------------------------------------------------------------------------------------------- confirms


def test_return_does_not_start_afresh(scene, orthophoto, tmp_path):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    asked = []

    def press_return():
        box = QApplication.activeModalWidget()
        asked.append(box.defaultButton().text())
        box.defaultButton().click()

    QTimer.singleShot(0, press_return)
    widget.board.learn.afresh.emit(widget.session.worker.config)
    assert [text.replace("&", "") for text in asked] == ["No"]
    assert widget.client.of(protocol.StartAfresh) == []


def test_what_was_asked_of_one_project_is_not_done_to_the_next(scene, orthophoto, tmp_path, qtbot, monkeypatch):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    first = widget.session

    def yes(*_):
        widget.open_path(second(orthophoto, tmp_path))
        qtbot.waitUntil(lambda: widget.session not in (None, first), timeout=20000)
        return QMessageBox.StandardButton.Yes

    monkeypatch.setattr(QMessageBox, "question", yes)
    widget.board.learn.afresh.emit(first.worker.config)
    assert widget.client.of(protocol.StartAfresh) == []


# ----------------------------------------------------------------------------------------------------------- locate


def test_an_orthophoto_that_moved_is_located(scene, orthophoto, tmp_path, qtbot, monkeypatch):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    stroke(widget, (10, 20), (10, 20), 1)
    on_disk(widget)
    widget.close_session()
    moved = shutil.move(orthophoto[0], tmp_path / "moved.tif")
    widget.open_path(tmp_path / "p.partialseg")
    qtbot.waitUntil(lambda: bool(widget.board.banner.text), timeout=20000)
    assert widget.board.banner.action == "Locate…"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(moved), ""))
    widget.board.banner.press()
    qtbot.waitUntil(lambda: widget.session is not None, timeout=20000)
    assert widget.session.snapshot().counts[1] == 100
    assert widget.board.banner.text == ""


@pytest.mark.parametrize("same_ground", [True, False])
def test_other_pixels_are_taken_only_where_the_ground_is_the_same(
    scene, orthophoto, tmp_path, qtbot, monkeypatch, same_ground
):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    stroke(widget, (10, 20), (10, 20), 1)
    on_disk(widget)
    widget.close_session()
    with rasterio.open(orthophoto[0], "r+") as file:
        file.write(np.zeros((3, 192, 256), np.uint8))
    widget.open_path(tmp_path / "p.partialseg")
    qtbot.waitUntil(lambda: bool(widget.board.banner.text), timeout=20000)
    answers = []

    def answer(parent, title, text, buttons, default):
        answers.append(default)
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        return yes if same_ground else no

    monkeypatch.setattr(QMessageBox, "question", answer)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(orthophoto[0]), ""))
    widget.board.banner.press()
    qtbot.waitUntil(lambda: widget.session is not None or bool(widget.board.banner.text), timeout=20000)
    assert answers == [QMessageBox.StandardButton.No]
    assert (widget.session is not None) == same_ground
    if same_ground:
        assert widget.session.snapshot().counts[1] == 100
    else:
        assert widget.board.banner.action == "Locate…"


# ----------------------------------------------------------------------------------------------------------- layout


def test_the_window_is_no_larger_than_the_screen(make_napari_viewer, display):
    viewer = make_napari_viewer(show=False)
    room = viewer.window._qt_window.screen().availableGeometry()
    wide, high = _scene._fitting(viewer, (9000, 9000))
    assert room.width() - 60 < wide < room.width()
    assert room.height() - 60 < high < room.height()
    assert _scene._fitting(viewer, (640, 480)) == (640, 480)


def test_the_panel_fits_a_small_window_in_both_themes(scene, orthophoto, tmp_path):
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg", show=True)
    window = widget.viewer.window._qt_window
    window.resize(1280, 720)
    looks = set()
    for theme in ("dark", "light"):
        widget.viewer.theme = theme
        widget.board.banner.say("The worker was ended from outside or crashed.", "Restart worker", lambda: None)
        window.resizeDocks([dock_of(widget)], [320], Qt.Orientation.Horizontal)
        QTest.qWaitForWindowExposed(window)
        QApplication.processEvents()
        assert widget.minimumWidth() <= 320
        inside = widget.rect()
        for control in (
            widget.board.learn._train,
            widget.board.learn._state,
            widget.board.learn._bar,
            widget.board.learn._figures["loss"],
        ):
            corner = control.mapTo(widget, control.rect().bottomRight())
            assert control.isVisible()
            assert inside.contains(corner)
        assert widget.board.learn._bar.height() >= widget.board.learn._bar.fontMetrics().height()
        looks.add(widget.board.banner.styleSheet())
    assert len(looks) == 2
    section = next(s for s in widget.findChildren(Section) if s.toggleButton().text().endswith("Export"))
    section.expand()
    QApplication.processEvents()
    widget.board.exports.show_busy("predicting the whole image")
    QApplication.processEvents()
    area = widget.board.layout.scroll.viewport()
    cancel = widget.board.exports.last
    assert area.rect().contains(cancel.mapTo(area, cancel.rect().bottomLeft()))
