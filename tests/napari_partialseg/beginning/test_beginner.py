"""An empty panel leads somewhere, the first strokes are led through, and Train is pressed by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from viewer_helpers import stroke

from napari_partialseg.beginning import beginner
from napari_partialseg.preferences import prefer, read_preferences
from trainer import protocol
from trainer.config import LiveConfig


@pytest.fixture
def opened(scene, orthophoto, tmp_path):
    """A widget with an orthophoto open."""
    return scene(orthophoto[0], folder=tmp_path / "p.partialseg")


def _visible(widget):
    return {title for title, section in widget.board.layout.sections.items() if not section.isHidden()}


def _by_network(session):
    config = session.worker.config
    session.worker.start_afresh(replace(config, live=LiveConfig("network", start="none")))


def test_an_empty_panel_shows_how_to_begin_and_an_open_one_what_to_do(scene, orthophoto, tmp_path, qtbot):
    widget = scene()
    assert _visible(widget) == {"Start", "Classes"}
    widget.open_path(orthophoto[0], folder=tmp_path / "p.partialseg")
    qtbot.waitUntil(lambda: widget.session is not None, timeout=20000)
    assert "Start" not in _visible(widget)
    assert {"Classes", "Draw", "Export"} <= _visible(widget)
    widget.close_session()
    assert _visible(widget) == {"Start", "Classes"}


def test_a_project_is_opened_again_from_the_list(opened, tmp_path, qtbot):
    opened.close_session()
    (button,) = opened.board.welcome.items
    button.click()
    qtbot.waitUntil(lambda: opened.session is not None, timeout=20000)
    assert opened.session.opened_image.project.folder == tmp_path / "p.partialseg"


def test_a_project_that_is_gone_cannot_be_pressed_but_taken_off(opened, tmp_path):
    opened.close_session()
    (tmp_path / "p.partialseg").rename(tmp_path / "elsewhere.partialseg")
    opened.board.welcome.show_recent(beginner.read_recent(), 0)
    (button,) = opened.board.welcome.items
    assert not button.isEnabled()
    assert "not there now" in button.toolTip()
    opened.board.welcome.forget.emit(tmp_path / "p.partialseg")
    assert opened.board.welcome.items == []


def test_the_sample_is_opened_with_its_truth_in_a_project_that_lasts(scene, orthophoto, qtbot, monkeypatch):
    monkeypatch.setattr(beginner, "sample_paths", lambda: orthophoto)
    widget = scene()
    widget.board.welcome.try_sample.click()
    qtbot.waitUntil(lambda: widget.session is not None and widget.session.truth is not None, timeout=20000)
    assert widget.session.opened_image.project.folder == beginner.sample_project()


def test_a_sample_that_cannot_be_made_is_said(scene, qtbot, monkeypatch):
    def fails():
        raise OSError("no room")

    monkeypatch.setattr(beginner, "sample_paths", fails)
    widget = scene()
    widget.board.welcome.try_sample.click()
    qtbot.waitUntil(lambda: "no room" in widget.board.banner.text, timeout=5000)
    assert widget.board.welcome.try_sample.isEnabled()


def test_the_first_strokes_are_led_through_once(opened):
    steps, session = opened.board.first_steps, opened.session
    assert "Draw a short stroke" in steps.text
    stroke(opened, (10, 20), (10, 20), 0)
    assert "needs two classes" in steps.text
    stroke(opened, (10, 20), (60, 70), 1)
    assert "on its way" in steps.text
    session.worker.tiles.emit(protocol.Tiles(()))
    for place in range(3):
        assert "where it is wrong" in steps.text
        stroke(opened, (100, 110), (20 * place, 20 * place + 10), 2)
    assert steps.text == ""
    assert not read_preferences().guided


def test_who_knows_how_is_told_nothing(opened, orthophoto, tmp_path, qtbot):
    opened.board.first_steps.cross.click()
    assert opened.board.first_steps.text == ""
    opened.open_path(orthophoto[0], folder=tmp_path / "q.partialseg")
    qtbot.waitUntil(lambda: opened.session.opened_image.project.folder.name == "q.partialseg", timeout=20000)
    assert opened.board.first_steps.text == ""


def test_a_network_is_trained_by_itself_once_there_are_two_classes(opened):
    _by_network(opened.session)
    stroke(opened, (10, 20), (10, 20), 0)
    assert not opened.session.worker.learning.wanted
    stroke(opened, (10, 20), (60, 70), 1)
    assert opened.session.worker.learning.wanted
    opened.board.learn.pause.emit()
    stroke(opened, (30, 40), (60, 70), 1)
    assert not opened.session.worker.learning.wanted  # the person decided


def test_who_wants_to_press_train_does_it(scene, orthophoto, tmp_path):
    prefer(train_by_itself=False)
    widget = scene(orthophoto[0], folder=tmp_path / "p.partialseg")
    _by_network(widget.session)
    stroke(widget, (10, 20), (10, 20), 0)
    stroke(widget, (10, 20), (60, 70), 1)
    assert not widget.session.worker.learning.wanted
    assert "Press Train" in widget.board.first_steps.text
    widget.board.learn.show_by_itself(True)
    assert read_preferences().train_by_itself


def test_a_head_needs_no_train(opened):
    stroke(opened, (10, 20), (10, 20), 0)
    stroke(opened, (10, 20), (60, 70), 1)
    assert not any(isinstance(message, protocol.Train) for message in opened.client.sent)
