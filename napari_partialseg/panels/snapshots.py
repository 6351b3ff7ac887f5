"""The labels as they were at other times: kept with a name, compared with those of now, put back."""

from __future__ import annotations

import time as clock
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_partialseg.words import ElidedLabel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotations.history.comparing import Comparison
    from annotations.history.snapshot import LabelSnapshot

__all__ = ["SnapshotsPanel", "moment", "plain_table"]

_ROW_HEIGHT = 24
_ROWS = 7
_WHEN, _WHAT, _PIXELS = range(3)


class SnapshotsPanel(QWidget):
    """A table of snapshots, and what one of them would change.

    Signals
    -------
    take(name)
        Keep the labels as they are now; the name may be "".
    compare(id), restore(id), delete(id)
        What to do with a snapshot; `compare("")` ends the comparison.
    renamed(id, name)
        A person gave it a name, or ("") took that away.
    go_there()
        Bring into view where labels differ.
    """

    take = Signal(str)
    compare = Signal(str)
    restore = Signal(str)
    delete = Signal(str)
    renamed = Signal(str, str)
    go_there = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._snapshots: list[LabelSnapshot] = []
        self._filling = False
        self._writable = False
        self._name = QLineEdit()
        self._name.setPlaceholderText("name, to keep it for ever")
        self._name.setAccessibleName("Name of the snapshot")
        self._take = QPushButton("Keep now")
        self._take.setToolTip(
            "Keep the labels as they are now. This happens by itself as well: on opening and closing, every ten "
            "minutes of work, and before imports and other large steps"
        )
        self._take.clicked.connect(self._taken)
        self._name.returnPressed.connect(self._taken)
        self._table = plain_table(["when", "what", "pixels"], stretched=_WHAT)
        self._table.setAccessibleName("Snapshots of the labels")
        self._table.setFixedHeight(_ROW_HEIGHT * _ROWS + 30)
        self._table.itemSelectionChanged.connect(self._enable)
        self._table.itemChanged.connect(self._edited)
        self._compare = QPushButton("Compare")
        self._compare.setCheckable(True)
        self._compare.setToolTip("Show on the image what would change if the labels were put back as they were then")
        self._compare.clicked.connect(lambda on: self.compare.emit(self.chosen if on else ""))
        self._restore = QPushButton("Put back…")
        self._restore.setToolTip("Put labels, points and classes back as they were then; Ctrl+Z takes it back")
        self._restore.clicked.connect(lambda: self.restore.emit(self.chosen))
        self._delete = QPushButton("Delete…")
        self._delete.setToolTip("Delete this snapshot; the labels of now are not touched")
        self._delete.clicked.connect(lambda: self.delete.emit(self.chosen))
        self._about = ElidedLabel()
        self._said = QLabel()
        self._said.setWordWrap(True)
        self._said.setTextFormat(Qt.TextFormat.PlainText)
        self._counts = plain_table(["class", "now", "then"], stretched=0)
        self._counts.setAccessibleName("Labelled pixels now and then")
        self._go = QPushButton("Show where")
        self._go.setToolTip("Bring the places into view at which labels would change")
        self._go.clicked.connect(self.go_there)
        self._lay_out()
        self.show_snapshots([], 0, writable=False)
        self.show_comparison(None)

    def _lay_out(self) -> None:
        top, buttons = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self._name, 1)
        top.addWidget(self._take)
        for button in (self._compare, self._restore, self._delete):
            buttons.addWidget(button, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.addLayout(top)
        layout.addWidget(self._table)
        layout.addLayout(buttons)
        layout.addWidget(self._said)
        layout.addWidget(self._counts)
        layout.addWidget(self._go)
        layout.addWidget(self._about)
        layout.addStretch(1)

    @property
    def last(self) -> QWidget:
        """What stands lowest of a comparison."""
        return self._go

    @property
    def chosen(self) -> str:
        """The id of the snapshot that is chosen; "" for none."""
        row = self._table.currentRow()
        return self._snapshots[row].id if 0 <= row < len(self._snapshots) and self._table.selectedItems() else ""

    def show_snapshots(self, snapshots: Sequence[LabelSnapshot], size: int, *, writable: bool) -> None:
        """Show these, the newest first, and how many bytes they take together."""
        chosen = self.chosen
        self._snapshots, self._writable = list(snapshots), writable
        self._filling = True
        self._table.setRowCount(len(snapshots))
        for row, snapshot in enumerate(snapshots):
            self._fill_row(row, snapshot)
            if snapshot.id == chosen:
                self._table.selectRow(row)
        self._filling = False
        count = f"{len(snapshots)} snapshot{'s' if len(snapshots) != 1 else ''}"
        self._about.setText(f"{count}, {_amount(size)} on the disk" if snapshots else "no snapshots yet")
        self._enable()

    def _fill_row(self, row: int, snapshot: LabelSnapshot) -> None:
        fixed = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        when = QTableWidgetItem(moment(snapshot.time))
        when.setToolTip(clock.strftime("%Y-%m-%d %H:%M:%S", clock.localtime(snapshot.time)))
        what = QTableWidgetItem(snapshot.name or snapshot.why)
        what.setToolTip(
            f"{snapshot.why}; kept for ever" if snapshot.name else "Double-click to give it a name: it is then kept"
        )
        font = what.font()
        font.setBold(bool(snapshot.name))
        what.setFont(font)
        pixels = QTableWidgetItem(f"{snapshot.labelled:,}")
        pixels.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        when.setFlags(fixed)
        pixels.setFlags(fixed)
        what.setFlags(fixed | Qt.ItemFlag.ItemIsEditable if self._writable else fixed)
        for column, cell in enumerate((when, what, pixels)):
            self._table.setItem(row, column, cell)
        self._table.setRowHeight(row, _ROW_HEIGHT)

    def show_comparison(self, found: Comparison | None) -> None:
        """Show what would change, or nothing."""
        for widget in (self._said, self._counts, self._go):
            widget.setVisible(found is not None)
        self._compare.setChecked(found is not None)
        if found is None:
            return
        self._say(_in_words(found))
        self._go.setEnabled(found.changed > 0)
        classes = [i for i in range(len(found.matched.scheme)) if found.now[i] or found.then[i]]
        self._counts.setRowCount(len(classes))
        for row, index in enumerate(classes):
            item = found.matched.scheme[index]
            pixmap = QPixmap(12, 12)
            pixmap.fill(QColor(item.colour))
            cells = [
                QTableWidgetItem(QIcon(pixmap), item.name),
                QTableWidgetItem(f"{found.now[index]:,}"),
                QTableWidgetItem(f"{found.then[index]:,}"),
            ]
            for column, cell in enumerate(cells):
                cell.setFlags(Qt.ItemFlag.ItemIsEnabled)
                if column:
                    cell.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self._counts.setItem(row, column, cell)
            self._counts.setRowHeight(row, _ROW_HEIGHT)
        self._counts.setFixedHeight(_ROW_HEIGHT * min(len(classes), 8) + 30)

    def say(self, text: str) -> None:
        """Say what is being done; "" for nothing."""
        self._say(text)
        self._said.setVisible(bool(text))

    def _say(self, text: str) -> None:
        self._said.setText(text)
        # What is scrolled asks for no height by width: all lines must be had before it is laid out.
        self._said.setMinimumHeight(self._said.heightForWidth(max(self.width(), 240)))

    def _taken(self) -> None:
        if self._take.isEnabled():
            self.take.emit(self._name.text().strip())
            self._name.clear()

    def _edited(self, cell: QTableWidgetItem) -> None:
        if self._filling or cell.column() != _WHAT:
            return
        snapshot = self._snapshots[cell.row()]
        text = cell.text().strip()
        if text == snapshot.why and not snapshot.name:
            return
        self.renamed.emit(snapshot.id, "" if text == snapshot.why else text)

    def _enable(self) -> None:
        chosen = bool(self.chosen)
        self._name.setEnabled(self._writable)
        self._take.setEnabled(self._writable)
        self._compare.setEnabled(chosen or self._compare.isChecked())
        self._restore.setEnabled(chosen and self._writable)
        self._delete.setEnabled(chosen and self._writable)


def _in_words(found: Comparison) -> str:
    matched = found.matched
    parts = [
        f"{found.changed:,} pixels would have another label (magenta: none)."
        if found.changed
        else "All labels are the same."
    ]
    parts += [f"{then!r} is called {now!r} now." for then, now in matched.renamed]
    if matched.back:
        parts.append(f"{', '.join(map(repr, matched.back))} would come back as a class.")
    return " ".join(parts)


def _amount(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{max(size // 1000, 1)} kB"


def moment(time: float) -> str:
    """Return when something was, in as few words as will do: "18:54" today, else "27 Nov 18:54"."""
    then, now = clock.localtime(time), clock.localtime()
    if then[:3] == now[:3]:
        return clock.strftime("%H:%M", then)
    return clock.strftime("%d %b %H:%M" if then[0] == now[0] else "%d %b %Y", then)


def plain_table(titles: Sequence[str], stretched: int) -> QTableWidget:
    """Return a table in the manner of this panel: one row chosen at a time, one column as wide as there is room."""
    table = QTableWidget(0, len(titles))
    table.setHorizontalHeaderLabels(list(titles))
    table.verticalHeader().hide()
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setShowGrid(False)
    table.setWordWrap(False)
    header = table.horizontalHeader()
    header.setMinimumSectionSize(28)
    for column in range(len(titles)):
        fit = QHeaderView.ResizeMode.Stretch if column == stretched else QHeaderView.ResizeMode.ResizeToContents
        header.setSectionResizeMode(column, fit)
    return table
