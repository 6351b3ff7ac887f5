"""How a panel beside a canvas behaves under keyboard and wheel, for all panels in one place.

A hand that draws has its keys on the canvas, whatever it clicked last: no button keeps the focus after a click, so that
Space does not press it again; no letter typed at a table renames or changes a class; the wheel over a field that nobody
chose scrolls the panel. With Tab everything can be reached: Return presses, F2 or a double click edits.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QScrollBar,
    QTextEdit,
    QWidget,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["PanelManners"]

_TEXT = (QLineEdit, QPlainTextEdit, QTextEdit, QAbstractSpinBox)
_FIELDS = (QComboBox, QAbstractSpinBox, QAbstractSlider)
_Edit = QAbstractItemView.EditTrigger


class PanelManners(QObject):
    """Gives all controls of a panel these manners, and puts them into one tab order.

    Parameters
    ----------
    panel : QWidget
        The panel, complete.
    hold_move : callable
        Told True when Space goes down and False when it comes up: moves the view meanwhile.
    """

    def __init__(self, panel: QWidget, hold_move: Callable[[bool], None]) -> None:
        super().__init__(panel)
        self._hold_move = hold_move
        self._held = False
        controls = [one for one in _in_order(panel) if one.focusPolicy() != Qt.FocusPolicy.NoFocus]
        for control in controls:
            self._teach(control)
        for one, following in pairwise(controls):
            QWidget.setTabOrder(one, following)

    def _teach(self, control: QWidget) -> None:
        if isinstance(control, QScrollArea):
            control.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # a click into the panel leaves the canvas its keys
        elif isinstance(control, QAbstractButton):
            control.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        elif isinstance(control, QAbstractItemView):
            control.setEditTriggers(_Edit.DoubleClicked | _Edit.EditKeyPressed)
            control.setTabKeyNavigation(False)
        elif isinstance(control, _FIELDS):
            control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        control.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep wheel and keys from doing what nobody meant."""
        kind = event.type()
        if kind == QEvent.Type.Wheel:
            return self._wheel(watched, event)
        if kind == QEvent.Type.KeyPress:
            return self._pressed(watched, event)
        if kind == QEvent.Type.KeyRelease and self._held and self._is_space(event):
            if not event.isAutoRepeat():
                self._hold(False)
            return True
        if kind == QEvent.Type.FocusOut and self._held:
            self._hold(False)
        return False

    @staticmethod
    def _wheel(watched: Any, event: Any) -> bool:
        if isinstance(watched, _FIELDS) and not isinstance(watched, QScrollBar) and not watched.hasFocus():
            area = watched.parentWidget()
            while area is not None and not isinstance(area, QScrollArea):
                area = area.parentWidget()
            if area is None:
                event.ignore()
            else:
                QApplication.sendEvent(area.verticalScrollBar(), event)
            return True
        return False

    def _pressed(self, watched: Any, event: Any) -> bool:
        if isinstance(watched, _TEXT) or (isinstance(watched, QComboBox) and watched.isEditable()):
            return False
        if self._is_space(event):
            if not event.isAutoRepeat():
                self._hold(True)
            return True
        if isinstance(watched, QAbstractButton) and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            watched.click()
            return True
        plain = not event.modifiers() & ~(Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier)
        if (
            isinstance(watched, (QAbstractItemView, QComboBox))
            and plain
            and event.text().isprintable()
            and event.text()
        ):
            event.ignore()  # not a search for a row that begins with the letter; the canvas may know the key
            return True
        return False

    @staticmethod
    def _is_space(event: Any) -> bool:
        return event.key() == Qt.Key.Key_Space and not event.modifiers()

    def _hold(self, held: bool) -> None:
        self._held = held
        self._hold_move(held)


def _in_order(widget: QWidget) -> Iterator[QWidget]:
    """Yield a widget and all within it, in the order of its layouts; what lies in no layout comes last."""
    yield widget
    seen: list[QWidget] = []
    inner = widget.widget() if isinstance(widget, QScrollArea) else None
    if inner is not None:
        seen.append(inner)
    elif widget.layout() is not None:
        seen.extend(_laid_out(widget.layout()))
    if not isinstance(widget, (*_TEXT, *_FIELDS, QAbstractItemView)):  # what these are made of is their own affair
        known = set(map(id, seen))
        children = widget.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
        seen.extend(one for one in children if id(one) not in known and not one.isWindow() and inner is None)
    for one in seen:
        yield from _in_order(one)


def _laid_out(layout: Any) -> Iterator[QWidget]:
    for index in range(layout.count()):
        item = layout.itemAt(index)
        if item.widget() is not None:
            yield item.widget()
        elif item.layout() is not None:
            yield from _laid_out(item.layout())
