"""The map hidden, on one side of a line, as outlines: seen in pictures of the canvas, and the data never touched."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLineEdit

from annotations.project.left_off import read_left
from annotations.region import Region
from napari_partialseg.looking.looker import Looker
from napari_partialseg.panels.view import ViewPanel
from napari_partialseg.session.tracker import redraw


@pytest.fixture
def looked_at(mapped):
    widget = mapped(show=True)
    session = widget.session
    session.layers.labels.visible = session.layers.points.visible = False
    session.viewer.canvas.overlays.scale_bar.visible = False
    session.layers.prediction.opacity = 1.0
    session.viewer.reset_view()
    QTest.qWait(50)
    return widget


def press(widget, canvas, key):
    QTest.keyClick(canvas, getattr(Qt.Key, f"Key_{key}"))
    QApplication.processEvents()


def test_the_map_is_away_while_t_is_held(looked_at, picture, canvas_of):
    canvas, layer = canvas_of(looked_at), looked_at.session.layers.prediction
    with_map = picture(looked_at)
    layer.visible = False
    without = picture(looked_at)
    layer.visible = True
    assert (with_map != without).mean() > 0.1
    QTest.keyPress(canvas, Qt.Key.Key_T)
    assert np.array_equal(picture(looked_at), without)
    assert layer.visible
    layer.refresh()
    redraw(layer, Region(0, 0, 50, 50))
    assert np.array_equal(picture(looked_at), without)
    QTest.keyRelease(canvas, Qt.Key.Key_T)
    assert np.array_equal(picture(looked_at), with_map)
    for kind in (QEvent.Type.WindowDeactivate, QEvent.Type.FocusOut):  # the keyboard goes elsewhere
        QTest.keyPress(canvas, Qt.Key.Key_T)
        assert looked_at.looker.look.hidden
        QApplication.sendEvent(looked_at.window(), QEvent(kind))
        assert not looked_at.looker.look.hidden
    field = QLineEdit(looked_at)
    field.show()
    field.setFocus()
    QTest.keyClicks(field, "two")
    assert field.text() == "two"
    assert not looked_at.looker.look.hidden
    assert not looked_at.board.view.is_on("swipe")


def test_the_line_is_dragged_and_the_map_lies_to_its_left(looked_at, picture, canvas_of):
    canvas, session = canvas_of(looked_at), looked_at.session
    before = np.array(session.opened_image.prediction)
    with_map = picture(looked_at)
    session.layers.prediction.visible = False
    without = picture(looked_at)
    session.layers.prediction.visible = True
    press(looked_at, canvas, "W")
    line = looked_at.looker.line
    assert line.isVisible()
    middle = QPoint(line.width() // 2, 40)
    QTest.mousePress(line, Qt.MouseButton.LeftButton, pos=middle)
    QTest.mouseMove(line, middle + QPoint(-canvas.width() // 10, 0))
    QTest.mouseRelease(line, Qt.MouseButton.LeftButton, pos=middle)
    column = round(line.column)
    assert column == pytest.approx(0.4 * with_map.shape[1], abs=3)
    for _ in range(2):
        now = picture(looked_at)
        assert np.array_equal(now[:, : column - 1], with_map[:, : column - 1])
        assert np.array_equal(now[:, column + 2 :], without[:, column + 2 :])
        session.layers.prediction.refresh()  # as when tiles come
    session.viewer.scene.camera.zoom *= 1.7  # it stays where it is on the screen
    zoomed = picture(looked_at)
    session.layers.prediction.visible = False
    assert np.array_equal(picture(looked_at)[:, column + 2 :], zoomed[:, column + 2 :])
    session.layers.prediction.visible = True
    press(looked_at, canvas, "W")
    assert not line.isVisible()
    assert np.array_equal(session.opened_image.prediction, before)


def test_outlines_are_where_classes_meet(looked_at, picture, canvas_of):
    session, canvas = looked_at.session, canvas_of(looked_at)
    filled = picture(looked_at)
    session.layers.prediction.opacity = 0.6
    press(looked_at, canvas, "O")
    assert session.layers.prediction.opacity == 1.0  # lines are to be seen
    outlined = picture(looked_at)
    session.layers.prediction.visible = False
    image = picture(looked_at)
    session.layers.prediction.visible = True
    drawn = (outlined != image).any(axis=-1)
    assert 0 < drawn.sum() < 0.05 * drawn.size
    assert np.array_equal(outlined[drawn], filled[drawn])
    # along one column for the border in the middle, and around two specks
    full_height = drawn.sum(axis=0) > 0.9 * (filled != filled[0, 0]).any(axis=-1).sum(axis=0).max()
    assert 2 <= full_height.sum() <= 6
    press(looked_at, canvas, "O")
    assert session.layers.prediction.opacity == 0.6
    press(looked_at, canvas, "O")
    left = session.opened_image.entry.files.left
    looked_at.close_session()
    assert read_left(left).layers["prediction"] == (True, 0.6)  # the opacity of the filled map


def test_a_map_that_is_put_back_has_its_look(looked_at, picture, qtbot):
    session = looked_at.session
    layer = session.layers.prediction
    looked_at.looker.press("W")
    column = round(looked_at.looker.line.column)
    before = picture(looked_at)
    session.viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: layer in session.viewer.layers)
    QTest.qWait(20)
    after = picture(looked_at)
    assert np.array_equal(after[:, column + 2 :], before[:, column + 2 :])


def test_without_a_session_the_keys_do_nothing(qtbot):
    panel = ViewPanel()
    qtbot.addWidget(panel)
    looker = Looker(panel)
    for key in "TWO":
        looker.press(key)
    assert not panel.isEnabled()
    assert not panel.is_on("swipe")
    assert looker.look is None
