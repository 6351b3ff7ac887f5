"""All labels of a class given to another one from the panel: asked once, one step, saved as one."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtWidgets import QMenu, QMessageBox
from viewer_helpers import on_disk, stroke


@pytest.fixture
def widget(scene, orthophoto, tmp_path):
    return scene(orthophoto[0], folder=tmp_path / "p.partialseg")


@pytest.fixture
def asked(monkeypatch):
    """Answer what is asked with Yes, or with what `answer` says; return the questions."""
    texts = []

    def question(parent, title, text, buttons, default):
        assert default == QMessageBox.StandardButton.No
        texts.append(text)
        return question.answer

    question.answer = QMessageBox.StandardButton.Yes
    monkeypatch.setattr(QMessageBox, "question", question)
    return texts, question


def menu_of(widget):
    menu = widget.board.classes.findChild(QMenu)
    menu.aboutToShow.emit()
    return {action.text(): action for action in menu.actions() if action.text()}


def test_labels_go_to_another_class_and_come_back(widget, qtbot, asked):
    labels, points = widget.session.layers.labels, widget.session.layers.points
    stroke(widget, (20, 30), (20, 50), 3)
    stroke(widget, (100, 110), (20, 50), 1)
    widget.board.draw.choose("point")
    widget.board.classes.select(3)
    points.add((60, 60))
    before = labels.data.copy()
    assert "to water" not in menu_of(widget)
    menu_of(widget)["to building"].trigger()
    qtbot.waitUntil(lambda: not (labels.data == 3).any())
    assert asked[0] == [
        f"{int((before == 3).sum()):,} labelled pixels and 1 point of 'water' on this image become 'building', random "
        "and imported labels too.\n\nThe class stays in the list. It is one step, and Ctrl+Z takes it back."
    ]
    assert (labels.data == np.where(before == 3, 1, before)).all()
    assert list(points.features["class"]) == [1]
    assert (on_disk(widget) == labels.data).all()
    widget.session.labels.undo()
    assert (labels.data == before).all()
    assert list(points.features["class"]) == [3]
    assert (on_disk(widget) == before).all()


def test_labels_are_taken_away(widget, qtbot, asked):
    labels = widget.session.layers.labels
    stroke(widget, (20, 30), (20, 50), 3)
    widget.board.classes.select(3)
    menu_of(widget)["to unlabelled"].trigger()
    qtbot.waitUntil(lambda: not (labels.data >= 0).any())
    assert (on_disk(widget) == -1).all()
    assert widget.session.scheme.names[3] == "water"


def test_no_means_no(widget, asked):
    asked[1].answer = QMessageBox.StandardButton.No
    stroke(widget, (20, 30), (20, 50), 3)
    before = widget.session.layers.labels.data.copy()
    widget.board.classes.select(3)
    menu_of(widget)["to unlabelled"].trigger()
    widget.session.labels.settle()
    assert len(asked[0]) == 1
    assert (widget.session.layers.labels.data == before).all()


def test_without_labels_nothing_is_asked(widget, asked):
    said = []
    widget._showing.done.connect(said.append)
    widget.board.classes.select(2)
    menu_of(widget)["to water"].trigger()
    assert said == ["woodland has no labels to move"]
    assert asked[0] == []
