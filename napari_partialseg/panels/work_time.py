"""How long was worked, and at what: a line for each class, of one day or of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QTableWidgetItem, QVBoxLayout, QWidget

from annotations.history.work_table import WorkTable, name_of_class, summed
from napari_partialseg.panels.snapshots import plain_table
from napari_partialseg.words import ElidedLabel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QShowEvent

__all__ = ["WorkTimePanel", "duration"]

_ROW_HEIGHT = 24
_ALL = "all days"


class WorkTimePanel(QWidget):
    """A compact table of work, and its export.

    Signals
    -------
    export()
        Write it as a file.
    shown()
        It came into sight: what it shows may be old.
    """

    export = Signal()
    shown = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table_of_work, self._names = WorkTable(), tuple[str, ...]()
        self._days = QComboBox()
        self._days.setAccessibleName("Day")
        self._days.addItem(_ALL)
        self._days.currentTextChanged.connect(lambda _: self._show())
        self._export = QPushButton("Export (CSV)…")
        self._export.setToolTip("Day, class, strokes, pixels and minutes as a table for a spreadsheet")
        self._export.clicked.connect(self.export)
        self._table = plain_table(["class", "strokes", "pixels", "time"], stretched=0)
        self._table.setAccessibleName("Work on each class")
        self._table.setToolTip(
            "Pauses of more than a minute do not count. Pixels are those that are still labelled by these strokes"
        )
        self._sum = ElidedLabel()
        top = QHBoxLayout()
        top.addWidget(self._days, 1)
        top.addWidget(self._export)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.addLayout(top)
        layout.addWidget(self._table)
        layout.addWidget(self._sum)
        layout.addStretch(1)
        self.show_work(WorkTable(), ())

    @property
    def work(self) -> WorkTable:
        """What it shows."""
        return self._table_of_work

    def show_work(self, table: WorkTable, names: Sequence[str]) -> None:
        """Show this table, with these names of the classes."""
        self._table_of_work, self._names = table, tuple(names)
        chosen = self._days.currentText()
        self._days.blockSignals(True)
        self._days.clear()
        self._days.addItems([_ALL, *table.days])
        self._days.setCurrentText(chosen if chosen in table.days else _ALL)
        self._days.blockSignals(False)
        self._export.setEnabled(bool(table.by_day))
        self._show()

    def _show(self) -> None:
        day = self._days.currentText()
        work = summed(self._table_of_work, "" if day == _ALL else day)
        order = sorted(work, key=lambda label: (label < 0, label))
        self._table.setRowCount(len(order))
        for row, label in enumerate(order):
            one = work[label]
            texts = (
                name_of_class(label, self._names),
                f"{one.strokes:,}",
                f"{one.pixels:,}" if one.pixels else "–",
                duration(one.seconds),
            )
            for column, text in enumerate(texts):
                cell = QTableWidgetItem(text)
                cell.setFlags(Qt.ItemFlag.ItemIsEnabled)
                if column:
                    cell.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self._table.setItem(row, column, cell)
            self._table.setRowHeight(row, _ROW_HEIGHT)
        self._table.setFixedHeight(_ROW_HEIGHT * max(1, min(len(order), 8)) + 30)
        total = sum(one.seconds for one in work.values())
        self._sum.setText(f"in all {duration(total)} of work" if work else "nothing was drawn yet")

    def showEvent(self, event: QShowEvent) -> None:
        """Tell that it is in sight."""
        super().showEvent(event)
        self.shown.emit()


def duration(seconds: float) -> str:
    """Return a time in hours and minutes, "1:05 h", or in minutes and seconds where it is short, "4:09 min"."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d} h"
    return f"{whole // 60}:{whole % 60:02d} min"
