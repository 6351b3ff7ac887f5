"""The legend over the canvas: colours and names of the classes, out of the mouse's way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent

    from annotations.classes import ClassScheme

__all__ = ["Legend"]

_MARGIN = 10  # from the canvas's corner
_PAD = 8.0
_SWATCH = 12.0
_GAP = 7.0
_WIDEST = 260


class Legend(QWidget):
    """Lies in the lower left corner of the canvas; what is drawn there goes through it.

    Parameters
    ----------
    canvas : QWidget
        What it lies over; its parent.
    """

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._rows: list[tuple[str, str]] = []
        self._back, self._text = QColor(0, 0, 0), QColor(255, 255, 255)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        canvas.installEventFilter(self)
        self.hide()

    def set_scheme(self, scheme: ClassScheme) -> None:
        """Show these classes."""
        self._rows = [(item.name, item.colour) for item in scheme.classes]
        self.setAccessibleName("Legend: " + ", ".join(name for name, _ in self._rows))
        self._lie()

    def set_theme(self, back: str, text: str) -> None:
        """Take the colours of the viewer's theme."""
        self._back, self._text = QColor(back), QColor(text)
        self._back.setAlpha(215)
        self.update()

    @property
    def shown_rows(self) -> list[str]:
        """The lines that there is room for; the last one tells how many more there are."""
        names = [name for name, _ in self._rows]
        room = max(int((self._canvas.height() - 2 * (_MARGIN + _PAD)) // self._line()), 1)
        if len(names) <= room:
            return names
        return [*names[: room - 1], f"and {len(names) - room + 1} more"]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the size of the canvas."""
        if watched is self._canvas and event.type() == QEvent.Type.Resize:
            self._lie()
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw a line for each class."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._back)
        painter.drawRoundedRect(QRectF(self.rect()), 4, 4)
        line, metrics = self._line(), self.fontMetrics()
        rim = QColor(self._text)
        rim.setAlpha(110)
        left = _PAD + _SWATCH + _GAP
        width = self.width() - left - _PAD + 1
        rows = self.shown_rows
        for n, name in enumerate(rows):
            top = _PAD + n * line
            if n < len(self._rows) and name == self._rows[n][0]:
                painter.setPen(QPen(rim, 1))
                painter.setBrush(QColor(self._rows[n][1]))
                painter.drawRoundedRect(QRectF(_PAD, top + (line - _SWATCH) / 2, _SWATCH, _SWATCH), 2, 2)
            painter.setPen(self._text)
            text = metrics.elidedText(name, Qt.TextElideMode.ElideRight, int(width) + 1)
            painter.drawText(QRectF(left, top, width, line), Qt.AlignmentFlag.AlignVCenter, text)

    def _line(self) -> float:
        return max(float(self.fontMetrics().height()), _SWATCH) + 4

    def _lie(self) -> None:
        rows = self.shown_rows
        text = max((self.fontMetrics().horizontalAdvance(name) for name in rows), default=0) + 2
        width = min(text + 2 * _PAD + _SWATCH + _GAP, _WIDEST, max(self._canvas.width() - 2 * _MARGIN, 1))
        height = len(rows) * self._line() + 2 * _PAD
        self.setGeometry(_MARGIN, round(self._canvas.height() - height - _MARGIN), round(width), round(height))
        self.update()
