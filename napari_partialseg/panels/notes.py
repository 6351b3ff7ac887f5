"""Notes pinned to places: a list whose texts are edited in place; a click leads to where a note is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QTableWidgetItem, QVBoxLayout, QWidget

from napari_partialseg.panels.snapshots import plain_table
from napari_partialseg.words import ElidedLabel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotations.notes.notes import Note

__all__ = ["NotesPanel"]

_ROW_HEIGHT = 24
_NUMBER, _TEXT = range(2)


class NotesPanel(QWidget):
    """A table of notes.

    Signals
    -------
    add()
        Pin a note to the middle of the view.
    edited(number, text)
        A note got another text.
    go_to(number)
        Bring a note into view.
    delete(number), bring_back()
        Take a note away; take up the last one again that was taken away.
    shown_on_image(on)
        Whether notes are shown on the image.
    export()
        Write them as a file.
    """

    add = Signal()
    edited = Signal(int, str)
    go_to = Signal(int)
    delete = Signal(int)
    bring_back = Signal()
    shown_on_image = Signal(bool)
    export = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._notes: list[Note] = []
        self._filling = False
        self._writable = False
        self._add = QPushButton("Add note")
        self._add.setToolTip("Pin a note to the middle of the view; the key Y pins one to the place under the pointer")
        self._add.clicked.connect(self.add)
        self._shown = QCheckBox("show on image")
        self._shown.setToolTip("Show the notes on the image, beside the labels")
        self._shown.setChecked(True)
        self._shown.toggled.connect(self.shown_on_image)
        self._table = plain_table(["", "note"], stretched=_TEXT)
        self._table.setAccessibleName("Notes")
        self._table.setFixedHeight(_ROW_HEIGHT * 6 + 30)
        self._table.itemChanged.connect(self._changed)
        self._table.cellClicked.connect(lambda row, _: self.go_to.emit(self._notes[row].number))
        self._table.itemSelectionChanged.connect(self._enable)
        self._delete = QPushButton("Delete")
        self._delete.setToolTip("Delete the chosen note; Bring back takes it up again")
        self._delete.clicked.connect(lambda: self.delete.emit(self.chosen))
        self._back = QPushButton("Bring back")
        self._back.setToolTip("Take up the note again that was deleted last")
        self._back.clicked.connect(self.bring_back)
        self._export = QPushButton("Export…")
        self._export.setToolTip("The notes with their coordinates, as CSV or GeoJSON")
        self._export.clicked.connect(self.export)
        self._hint = ElidedLabel("key Y: a note where the pointer is")
        self._lay_out()
        self.show_notes([], writable=False, deleted=False)

    def _lay_out(self) -> None:
        top, buttons = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self._add, 1)
        top.addWidget(self._shown)
        for button in (self._delete, self._back, self._export):
            buttons.addWidget(button, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.addLayout(top)
        layout.addWidget(self._table)
        layout.addLayout(buttons)
        layout.addWidget(self._hint)
        layout.addStretch(1)

    @property
    def chosen(self) -> int:
        """The number of the note that is chosen; 0 for none."""
        row = self._table.currentRow()
        return self._notes[row].number if 0 <= row < len(self._notes) and self._table.selectedItems() else 0

    @property
    def on_image(self) -> bool:
        """Whether notes are to be shown on the image."""
        return self._shown.isChecked()

    def set_on_image(self, on: bool) -> None:
        """Show that notes are, or are not, on the image."""
        self._shown.setChecked(on)

    def show_notes(self, notes: Sequence[Note], *, writable: bool, deleted: bool) -> None:
        """Show these notes; `deleted`: whether there is one to bring back."""
        chosen = self.chosen
        self._notes, self._writable = list(notes), writable
        self._filling = True
        self._table.setRowCount(len(notes))
        for row, note in enumerate(notes):
            number, text = QTableWidgetItem(str(note.number)), QTableWidgetItem(note.text)
            number.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            if not writable:
                text.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            text.setToolTip("Click to go there, double-click to edit")
            self._table.setItem(row, _NUMBER, number)
            self._table.setItem(row, _TEXT, text)
            self._table.setRowHeight(row, _ROW_HEIGHT)
            if note.number == chosen:
                self._table.selectRow(row)
        self._filling = False
        self._add.setEnabled(writable)
        self._back.setEnabled(writable and deleted)
        self._export.setEnabled(bool(notes))
        self._enable()

    def begin_edit(self, number: int) -> None:
        """Choose a note and have its text edited."""
        for row, note in enumerate(self._notes):
            if note.number == number:
                self._table.setCurrentCell(row, _TEXT)
                cell = self._table.item(row, _TEXT)
                if cell is not None:
                    self._table.scrollToItem(cell)
                    self._table.setFocus(Qt.FocusReason.OtherFocusReason)
                    self._table.editItem(cell)

    def _changed(self, cell: QTableWidgetItem) -> None:
        if not self._filling and cell.column() == _TEXT:
            self.edited.emit(self._notes[cell.row()].number, cell.text())

    def _enable(self) -> None:
        self._delete.setEnabled(self._writable and bool(self.chosen))
