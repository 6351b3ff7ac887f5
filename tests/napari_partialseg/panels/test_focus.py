"""Keyboard and wheel in a panel: nothing is pressed, renamed or changed that nobody meant."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QApplication,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSlider,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_partialseg.panels.focus import PanelManners


@pytest.fixture
def panel(qtbot):
    """Return a panel with one control of each kind, made in another order than they lie in."""
    outer = QWidget()
    outer.held = []
    inner = QWidget()
    outer.fields = {"slider": QSlider(), "spin": QSpinBox(), "double": QDoubleSpinBox(), "combo": QComboBox()}
    outer.text = QLineEdit()
    outer.button = QPushButton("go")
    outer.table = QTableWidget(3, 1)
    for row, name in enumerate(("bare", "water", "wood")):
        outer.table.setItem(row, 0, QTableWidgetItem(name))
    outer.fields["combo"].addItems(["a", "b", "c"])
    for field in list(outer.fields.values())[:3]:
        field.setValue(5)
    outer.fields["combo"].setCurrentIndex(1)
    layout = QVBoxLayout(inner)
    layout.addWidget(outer.table)
    row = QHBoxLayout()
    row.addWidget(outer.button)
    row.addWidget(outer.text)
    layout.addLayout(row)
    grid = QGridLayout()
    for i, field in enumerate(outer.fields.values()):
        grid.addWidget(field, i // 2, i % 2)
    layout.addLayout(grid)
    layout.addSpacing(2000)
    scroll = QScrollArea()
    scroll.setWidgetResizable(True)
    scroll.setWidget(inner)
    QVBoxLayout(outer).addWidget(scroll)
    outer.scroll = scroll.verticalScrollBar()
    outer.manners = PanelManners(outer, outer.held.append)
    outer.resize(300, 300)
    qtbot.addWidget(outer)
    with qtbot.waitExposed(outer):
        outer.show()
    outer.activateWindow()
    return outer


def value(field):
    return field.currentIndex() if isinstance(field, QComboBox) else field.value()


def turn(widget):
    middle = QPointF(widget.rect().center())
    event = QWheelEvent(
        middle,
        QPointF(widget.mapToGlobal(widget.rect().center())),
        QPoint(0, 0),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def focus(widget, qtbot):
    widget.setFocus()
    qtbot.waitUntil(widget.hasFocus)


def test_the_wheel_scrolls_the_panel_and_changes_a_field_only_when_it_is_chosen(panel, qtbot, display):
    for name, field in panel.fields.items():
        before, place = value(field), panel.scroll.value()
        turn(field)
        assert value(field) == before, name
        assert panel.scroll.value() > place, name
        assert not field.hasFocus(), name
    focus(panel.fields["spin"], qtbot)
    turn(panel.fields["spin"])
    assert panel.fields["spin"].value() == 4


def test_space_moves_the_view_and_presses_nothing(panel, qtbot, display):
    pressed = []
    panel.button.clicked.connect(lambda: pressed.append(1))
    focus(panel.button, qtbot)
    QTest.keyPress(panel.button, Qt.Key.Key_Space)
    assert panel.held == [True]
    QTest.keyRelease(panel.button, Qt.Key.Key_Space)
    assert panel.held == [True, False]
    assert not pressed
    QTest.keyClick(panel.button, Qt.Key.Key_Return)
    assert pressed == [1]
    focus(panel.table, qtbot)
    QTest.keyPress(panel.table, Qt.Key.Key_Space)
    focus(panel.text, qtbot)  # away while it is held
    assert panel.held[2:] == [True, False]
    QTest.keyClicks(panel.text, "a 1 pex")
    assert panel.text.text() == "a 1 pex"
    assert len(panel.held) == 4
    focus(panel.fields["spin"], qtbot)
    panel.fields["spin"].selectAll()
    QTest.keyClicks(panel.fields["spin"], "37")
    assert panel.fields["spin"].value() == 37


def test_a_click_leaves_the_focus_where_it_was(panel, qtbot, display):
    focus(panel.text, qtbot)
    QTest.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    assert panel.text.hasFocus()


def test_letters_at_a_table_neither_edit_nor_search(panel, qtbot, display):
    table = panel.table
    table.setCurrentCell(0, 0)
    focus(table, qtbot)
    QTest.keyClicks(table, "wep2")
    assert table.state() == table.State.NoState
    assert table.currentRow() == 0
    assert [table.item(row, 0).text() for row in range(3)] == ["bare", "water", "wood"]
    QTest.keyClick(table, Qt.Key.Key_F2)
    assert table.state() == table.State.EditingState
    editor = table.findChild(QLineEdit)
    QTest.keyClicks(editor, "p 2")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: table.item(0, 0).text() == "p 2")


def test_tab_goes_through_all_in_the_order_in_which_they_lie(panel, qtbot, display):
    wanted = [panel.table, panel.button, panel.text, *panel.fields.values()]
    focus(panel.table, qtbot)
    seen = [panel.table]
    for _ in wanted[1:]:
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        seen.append(QApplication.focusWidget())
    assert seen == wanted
