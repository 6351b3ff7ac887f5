"""The line of the swipe: it lies over the canvas and is dragged with the mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from qtpy.QtGui import QMouseEvent, QPaintEvent, QShowEvent

__all__ = ["SwipeLine"]

_WIDTH = 23  # what can be grabbed; the line itself is thin
_GRIP = 9.0
_EDGE = 0.01


class SwipeLine(QWidget):
    """A line from top to bottom of the canvas, with a grip.

    It keeps its share of the canvas's width when that changes.

    Parameters
    ----------
    canvas : QWidget
        What it lies over; its parent.

    Signals
    -------
    moved(column)
        It lies at another column of the canvas, in physical pixels.
    """

    moved = Signal(float)

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._share = 0.5
        self._grabbed_at: float | None = None
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setToolTip("Drag: the map is shown to the left of the line. W takes it away")
        self.setAccessibleName("Swipe line")
        canvas.installEventFilter(self)
        self.hide()

    @property
    def column(self) -> float:
        """Where it lies on the canvas, in physical pixels."""
        return self._share * self._canvas.width() * self._canvas.devicePixelRatioF()

    def place(self, share: float) -> None:
        """Put it at a share of the canvas's width, 0 to 1."""
        self._share = min(max(share, _EDGE), 1 - _EDGE)
        self._lie()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the size of the canvas."""
        if watched is self._canvas and event.type() == QEvent.Type.Resize:
            self._lie()
        return False

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold of it."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._grabbed_at = event.position().x() - self.width() / 2

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag it."""
        if self._grabbed_at is not None:
            middle = self.x() + event.position().x() - self._grabbed_at
            self.place(middle / max(self._canvas.width(), 1))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let it go."""
        self._grabbed_at = None

    def showEvent(self, event: QShowEvent) -> None:
        """Lie where it belongs."""
        super().showEvent(event)
        self._lie()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it light with a dark edge, so that it is seen on any ground."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle, height = self.width() / 2, self.height()
        dark, light = QColor(0, 0, 0, 150), QColor(255, 255, 255, 235)
        for colour, width in ((dark, 4.0), (light, 2.0)):
            painter.setPen(QPen(colour, width))
            painter.drawLine(QPointF(middle, 0), QPointF(middle, height))
        grip = QRectF(middle - _GRIP, height / 2 - _GRIP, 2 * _GRIP, 2 * _GRIP)
        painter.setPen(QPen(dark, 1.5))
        painter.setBrush(light)
        painter.drawEllipse(grip)
        painter.setPen(QPen(QColor(40, 40, 40), 1.8, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        for side in (-1, 1):
            tip = QPointF(middle + side * 6, height / 2)
            for up in (-3, 3):
                painter.drawLine(tip, QPointF(middle + side * 3, height / 2 + up))

    def _lie(self) -> None:
        middle = self._share * self._canvas.width()
        self.setGeometry(round(middle - _WIDTH / 2), 0, _WIDTH, self._canvas.height())
        self.moved.emit(self.column)
