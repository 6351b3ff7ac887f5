"""The map is checked at points without being seen: keys answer, answers are kept, and figures follow."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox
from viewer_helpers import on_disk

from annotations.quality.check import read_check
from annotations.region import Region
from napari_partialseg.checking import desk as module
from napari_partialseg.panels.quality import QualityPanel
from trainer import protocol


@pytest.fixture
def widget(scene, orthophoto, tmp_path, qtbot):
    """Return a widget in a window that has the keyboard, with a map that is wrong in a corner."""
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg", show=True)
    window = widget.window()
    window.activateWindow()
    canvas(widget).setFocus()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is window)
    prediction = widget.session.opened_image.prediction
    prediction[:] = 0
    prediction[:, 128:] = 2
    prediction[:96, :64] = 1
    return widget


def canvas(widget):
    return widget.window()._qt_viewer.canvas.native


def press(widget, key):
    QTest.keyClick(canvas(widget), getattr(Qt.Key, f"Key_{key}"))


def begin(widget, qtbot, n=20):
    widget.checks.draw(n, seed=0)
    qtbot.waitUntil(lambda: widget.checks.looking, timeout=10_000)


def truth_at(widget):
    point = widget.checks.check.points[widget.checks.number]
    return 2 if point.column >= 128 else 0


def shown_text(widget, name):
    return widget.board.quality.findChild(object, name).text()


def kept(widget):
    opened = widget.session.opened_image
    return read_check(opened.entry.files.check, opened.ortho.shape)[0]


def test_keys_answer_and_the_map_stays_out_of_sight(widget, qtbot):
    layers = widget.session.layers
    layers.confidence.visible = True
    widget.session.hand.take_tool("brush")
    begin(widget, qtbot)
    assert widget.board.layout.sections["Quality"].isExpanded()
    assert not layers.prediction.visible
    assert not layers.confidence.visible
    assert "map" not in layers.labels.get_status((90, 30))["coordinates"]
    assert widget.session.hand.tool == "move"
    for _ in range(20):
        point = widget.checks.check.points[widget.checks.number]
        assert widget.session.watch.view.region().contains(Region(point.row, point.column, 1, 1))
        press(widget, "3" if truth_at(widget) == 2 else "1")
    assert not widget.checks.looking
    assert layers.prediction.visible
    assert layers.confidence.visible
    assert not layers.uncertainty.visible
    assert "map" in layers.labels.get_status((90, 30))["coordinates"]
    assert widget.session.hand.tool == "brush"
    assert (on_disk(widget) == -1).all()  # nothing was labelled
    assert kept(widget) == widget.checks.check
    found = widget.checks.accuracy()
    assert found.overall.low <= 0.75 <= found.overall.high
    assert found.users[1].value == 0
    assert f"{100 * found.overall.value:.0f}\u00a0% of the map is right" in shown_text(widget, "PartialSegOverall")
    assert shown_text(widget, "PartialSegQuality").startswith("mIoU")


def test_cannot_tell_back_pause_and_going_on(widget, qtbot):
    begin(widget, qtbot)
    press(widget, "0")
    assert widget.checks.check.points[0].unclear
    assert widget.checks.number == 1
    press(widget, "Backspace")
    assert widget.checks.number == 0
    assert "cannot tell" in shown_text(widget, "PartialSegChecked")
    press(widget, "3")
    assert widget.checks.check.points[0].seen == widget.session.scheme.names[2]
    assert widget.checks.number == 1
    press(widget, "C")
    assert not widget.checks.looking
    press(widget, "2")
    assert widget.board.classes.index == 1  # keys are for drawing again
    assert widget.checks.check.answered == 1
    press(widget, "C")
    assert (widget.checks.looking, widget.checks.number) == (True, 1)


def test_whoever_shows_the_map_or_goes_elsewhere_pauses(widget, qtbot):
    begin(widget, qtbot)
    press(widget, "V")
    assert not widget.checks.looking
    assert widget.session.layers.prediction.visible
    opened = widget.session.opened_image
    whole = Region.whole(opened.prediction.shape)
    margin = np.zeros(opened.prediction.shape, np.uint8)
    margin[40:80, 40:80] = 250
    opened.doubt.write(whole, margin, np.full_like(margin, 1))
    widget.session.worker.tiles.emit(protocol.Tiles((protocol.Tile(whole, 1, 1),)))
    press(widget, "C")
    assert widget.checks.looking
    press(widget, "N")
    qtbot.waitUntil(lambda: not widget.checks.looking, timeout=10_000)
    assert widget.session.layers.prediction.visible
    assert widget.session.layers.place.visible  # the place that was gone to is outlined


def test_answers_are_there_when_the_project_is_opened_again(widget, qtbot, orthophoto, tmp_path):
    begin(widget, qtbot)
    press(widget, "1")
    before = widget.checks.check
    widget.open_path(orthophoto[0], folder=tmp_path / "p.partialseg")
    first = widget.session
    qtbot.waitUntil(lambda: widget.session not in (None, first), timeout=20_000)
    assert widget.checks.check == before
    assert not widget.checks.looking
    assert widget.session.layers.prediction.visible


def test_without_a_map_no_points_are_drawn(widget, qtbot):
    widget.session.opened_image.prediction[:] = 255
    with qtbot.waitSignal(widget.checks.done) as said:
        press(widget, "C")
    assert "no map yet" in said.args[0]
    assert widget.checks.check is None


def test_new_points_ask_first_and_keep_the_answers(widget, qtbot, monkeypatch):
    begin(widget, qtbot)
    press(widget, "1")
    press(widget, "C")
    before = widget.checks.check
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.No)
    widget.checks.ask_anew()
    assert widget.checks.check == before
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    widget.checks.ask_anew()
    qtbot.waitUntil(lambda: widget.checks.looking, timeout=10_000)
    assert widget.checks.check.answered == 0
    assert len(widget.checks.check.points) == QualityPanel().wanted
    folder = widget.session.opened_image.entry.folder
    assert read_check(folder / "check-former.json", (192, 256))[0] == before


def test_the_table_is_written_and_a_write_that_fails_loses_no_answer(widget, qtbot, tmp_path, monkeypatch):
    begin(widget, qtbot)
    press(widget, "1")
    press(widget, "C")
    target = tmp_path / "check"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), module._KIND))
    with qtbot.waitSignal(widget.checks.done, timeout=10_000):
        widget.board.quality.export.emit()
    text = target.with_suffix(".csv").read_text("utf-8-sig")
    assert "overall accuracy" in text
    assert "area in hectares" in text

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("annotations.quality.check.write_atomically", full)
    press(widget, "C")
    press(widget, "1")
    assert "check.json" in widget.board.banner.text
    assert (widget.checks.number, widget.checks.check.answered) == (1, 1)
