"""Messages on the banner, and texts that are shown as they stand."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QTextDocument
from qtpy.QtWidgets import QLabel, QWidget
from viewer_helpers import button

from napari_partialseg.panels.banner import Banner
from napari_partialseg.words import ElidedLabel, as_text

pytestmark = pytest.mark.usefixtures("display", "qapp")


@pytest.fixture
def banner(qtbot):
    parent = QWidget()
    qtbot.addWidget(parent)
    yield Banner(parent)  # which goes with its parent


def test_the_banner_is_hidden_until_there_is_something_to_say(banner):
    assert banner.text == ""
    banner.say("the disk is full")
    assert banner.text == "the disk is full"
    assert not banner.isHidden()
    assert button(banner, "").isHidden()


def test_the_way_out_is_taken_once_and_the_message_goes(banner):
    taken = []
    banner.say("the worker is gone", "Restart worker", lambda: taken.append(banner.text))
    assert not button(banner, "Restart worker").isHidden()
    button(banner, "Restart worker").click()
    assert taken == [""]
    assert banner.text == ""


def test_a_way_out_may_say_something_itself(banner):
    banner.say("the worker is gone", "Restart worker", lambda: banner.say("it cannot be started"))
    banner.press()
    assert banner.text == "it cannot be started"


def test_an_older_way_out_does_not_stay_behind_a_newer_message(banner):
    taken = []
    banner.say("first", "Do it", lambda: taken.append(1))
    banner.say("second")
    banner.press()
    assert taken == []


def test_messages_stand_below_each_other_and_go_with_their_cause(banner):
    banner.say("the disk is full", cause="disk")
    banner.say("the worker is gone", "Restart worker", lambda: None, cause="worker")
    banner.say("memory ran out")
    assert banner.text.split("\n") == ["memory ran out", "the worker is gone", "the disk is full"]
    banner.clear("worker")
    assert banner.text.split("\n") == ["memory ran out", "the disk is full"]
    banner.dismiss(0)
    assert banner.findChild(QLabel, "PartialSegText").text() == "the disk is full"
    banner.clear("disk")
    assert banner.isHidden()


@pytest.mark.parametrize("name", ["<b>x</b>&<img src='http://nowhere/x.png'>", "a & b", "plain"])
def test_names_are_shown_as_they_stand(qtbot, banner, name):
    banner.say(name, detail=name)
    assert banner.findChild(QLabel, "PartialSegText").textFormat() == Qt.TextFormat.PlainText
    assert banner.text == name
    document = QTextDocument()
    for tip in (banner.findChild(QLabel, "PartialSegText").toolTip(), as_text(name)):
        if Qt.mightBeRichText(tip):
            document.setHtml(tip)
            assert name in document.toPlainText()
        else:
            assert name in tip
    label = ElidedLabel(name)
    qtbot.addWidget(label)
    assert label.textFormat() == Qt.TextFormat.PlainText
    assert label.text() == name


@pytest.mark.parametrize("padding", [0, 9])
def test_a_shortened_text_fits_whatever_the_style_puts_around_it(qtbot, padding):
    label = ElidedLabel("1,528 x 1,632 px, 3 bands; a_very_long_name_of_a_field.partialseg")
    qtbot.addWidget(label)
    label.setStyleSheet(f"padding: {padding}px")
    label.show()
    for width in (150, 200, 251):
        label.resize(width, 40)
        shown = QLabel.text(label)
        assert "…" in shown
        assert label.fontMetrics().horizontalAdvance(shown) <= width - 2 * padding
        assert label.fontMetrics().horizontalAdvance(shown) > width - 2 * padding - 40
