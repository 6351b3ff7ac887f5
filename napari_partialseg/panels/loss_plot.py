"""A small plot of the loss: drawn with QPainter, since it must cost next to nothing beside a live viewer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent

__all__ = ["LossPlot"]

_KEPT = 600
_LINE = "#f2a541"


class LossPlot(QWidget):
    """The loss over the training steps, on a logarithmic scale."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: list[tuple[int, float]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("Loss on the labelled pixels of the training crops, smoothed; lower is better.")

    def sizeHint(self) -> QSize:
        """Return the preferred size."""
        return QSize(260, 84)

    @property
    def values(self) -> list[tuple[int, float]]:
        """The (step, loss) pairs shown."""
        return list(self._values)

    def add(self, step: int, loss: float) -> None:
        """Add a value; old ones are thinned out so that the whole history stays in view."""
        if not math.isfinite(loss):
            return
        if self._values and step < self._values[-1][0]:  # started afresh
            self._values.clear()
        self._values.append((step, loss))
        if len(self._values) > _KEPT:
            self._values = self._values[::2]
        self.update()

    def clear(self) -> None:
        """Forget all values."""
        self._values.clear()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the curve, its range and its last value."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        faint = QColor(text)
        faint.setAlpha(60)
        area = QRectF(self.rect()).adjusted(38, 8, -8, -18)
        painter.setPen(QPen(faint, 1))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        font = painter.font()
        font.setPointSizeF(max(7.0, font.pointSizeF() * 0.8))
        painter.setFont(font)
        if len(self._values) < 2:
            faint.setAlpha(160)
            painter.setPen(faint)
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "the loss appears here while training")
            return
        smooth = _smoothed([v for _, v in self._values])
        logs = [math.log10(max(v, 1e-4)) for v in smooth]
        low, high = min(logs), max(logs)
        high = max(high, low + 0.1)
        first, last = self._values[0][0], self._values[-1][0]
        points = [
            QPointF(
                area.left() + (step - first) / max(last - first, 1) * area.width(),
                area.bottom() - (value - low) / (high - low) * area.height(),
            )
            for (step, _), value in zip(self._values, logs, strict=True)
        ]
        painter.setPen(text)
        left = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(0, area.top() - 7, 34, 14), left, f"{10**high:.2g}")
        painter.drawText(QRectF(0, area.bottom() - 7, 34, 14), left, f"{10**low:.2g}")
        painter.drawText(QRectF(area.left(), area.bottom() + 3, 120, 14), Qt.AlignmentFlag.AlignLeft, f"step {first:,}")
        painter.drawText(
            QRectF(area.right() - 160, area.bottom() + 3, 160, 14), Qt.AlignmentFlag.AlignRight, f"{last:,}"
        )
        painter.setPen(QPen(QColor(_LINE), 1.6))
        painter.drawPolyline(QPolygonF(points))
        painter.setBrush(QColor(_LINE))
        painter.drawEllipse(points[-1], 2.5, 2.5)


def _smoothed(values: list[float], weight: float = 0.8) -> list[float]:
    result, mean = [], values[0]
    for value in values:
        mean = weight * mean + (1 - weight) * value
        result.append(mean)
    return result
