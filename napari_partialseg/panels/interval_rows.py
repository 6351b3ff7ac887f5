"""A row for each class: its IoU as a bar, the interval as a line on it, and how much of the ground it covers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QRectF, QSize
from qtpy.QtGui import QColor, QPainter, QPalette, QPen
from qtpy.QtWidgets import QGridLayout, QLabel, QSizePolicy, QWidget

from napari_partialseg.words import ElidedLabel, as_text

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent

    from annotations.classes import ClassScheme
    from annotations.quality.accuracy import Accuracy, Estimate

__all__ = ["IntervalBar", "IntervalRows"]

_HEADINGS = (
    ("class", "The classes"),
    (
        "IoU",
        "Of the ground that is of the class or mapped as it, the share that is both; with its 95 % interval",
    ),
    ("", ""),
    (
        "area",
        "The share of the ground that the class covers, by what was seen; with its 95 % interval",
    ),
)


class IntervalRows(QWidget):
    """A table without lines: class, bar, IoU, area."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 2, 0, 2)
        self._grid.setHorizontalSpacing(6)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnMinimumWidth(0, 82)
        self._grid.setColumnStretch(0, 2)
        self._grid.setColumnStretch(1, 1)
        for column, (text, tip) in enumerate(_HEADINGS):
            heading = QLabel(text)
            heading.setToolTip(tip)
            self._grid.addWidget(heading, 0, column)
        self._rows: list[tuple[ElidedLabel, IntervalBar, QLabel, QLabel]] = []

    def show_accuracy(self, accuracy: Accuracy, scheme: ClassScheme) -> None:
        """Show what is known of each class."""
        while len(self._rows) < len(scheme):
            row = ElidedLabel(), IntervalBar(), QLabel(), QLabel()
            for column, widget in enumerate(row):
                self._grid.addWidget(widget, len(self._rows) + 1, column)
            self._rows.append(row)
        for index, row in enumerate(self._rows):
            for widget in row:
                widget.setVisible(index < len(scheme))
            if index < len(scheme):
                self._show_row(row, accuracy, index, scheme)

    def _show_row(
        self, row: tuple[ElidedLabel, IntervalBar, QLabel, QLabel], accuracy: Accuracy, index: int, scheme: ClassScheme
    ) -> None:
        name, bar, value, area = row
        iou, share = accuracy.iou[index], accuracy.area[index]
        name.setText(scheme.names[index])
        bar.show_estimate(iou if iou.known else None, scheme.colours[index])
        value.setText(f"{iou.value:.2f}" if iou.known else "few")
        area.setText(f"{100 * share.value:.0f} ({100 * share.low:.0f}–{100 * share.high:.0f}) %")
        told = "\n".join(
            (
                scheme.names[index],
                f"IoU: {_told(iou)}",
                f"right where mapped (user's accuracy): {_told(accuracy.users[index])}",
                f"found where it is (producer's accuracy): {_told(accuracy.producers[index])}",
                f"area: {_told(share)} of the ground; the map shows {accuracy.mapped[index]:.2f}",
            )
        )
        for widget in (bar, value, area):
            widget.setToolTip(as_text(told))
            widget.setAccessibleName(told.replace("\n", ", "))


class IntervalBar(QWidget):
    """A bar from 0 to 1 in the colour of a class, with a line for the interval."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._estimate: Estimate | None = None
        self._colour = QColor()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_estimate(self, estimate: Estimate | None, colour: str) -> None:
        """Show a share; None shows an empty bar."""
        self._estimate, self._colour = estimate, QColor(colour)
        self.update()

    def sizeHint(self) -> QSize:
        """Return the size it would like."""
        return QSize(70, 14)

    def minimumSizeHint(self) -> QSize:
        """Return the least size it can be read at."""
        return QSize(40, 14)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the bar."""
        painter: Any = QPainter(self)
        ink = self.palette().color(QPalette.ColorRole.WindowText)
        width, height = float(self.width()), float(self.height())
        painter.fillRect(QRectF(0, 2, width, height - 4), QColor(128, 128, 128, 70))
        if self._estimate is not None:
            painter.fillRect(QRectF(0, 2, width * self._estimate.value, height - 4), self._colour)
            painter.setPen(QPen(ink, 1.5))
            low, high = 1 + (width - 2) * self._estimate.low, 1 + (width - 2) * self._estimate.high
            painter.drawLine(int(low), int(height / 2), int(high), int(height / 2))
            for end in (low, high):
                painter.drawLine(int(end), 3, int(end), int(height) - 4)
        painter.end()


def _told(estimate: Estimate) -> str:
    if not estimate.known:
        return f"too few points to say ({estimate.points})"
    return f"{estimate.value:.2f}, likely {estimate.low:.2f} to {estimate.high:.2f}, from {estimate.points} points"
