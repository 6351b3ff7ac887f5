"""The classes: colour, name, key and labelled pixels of each; pick one to draw with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from annotations.classes import UNLABELLED, ClassScheme, LandClass
from annotations.errors import LabelError
from napari_partialseg.words import ElidedLabel

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ClassesPanel"]

_NEW_COLOURS = ("#f6c445", "#9b5de5", "#00bbf9", "#ef798a", "#7a4f2a", "#00f5d4", "#b8de6f", "#e05780")
_COLOUR, _NAME, _KEY, _PIXELS = range(4)


class ClassesPanel(QWidget):
    """A table with a row per class.

    Signals
    -------
    selected(index)
        The class to draw with.
    edited(scheme)
        A class was renamed, recoloured or added, or the last one removed.
    moved(index, to)
        All labels of a class shall go to another one, or (-1) be taken away.
    refused(text)
        An edit that cannot be; the text says why.
    """

    selected = Signal(int)
    edited = Signal(object)
    moved = Signal(int, int)
    refused = Signal(str)

    def __init__(self, scheme: ClassScheme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scheme = scheme
        self._counts: Sequence[int] = [0] * len(scheme)
        self._filling = False
        self._table = QTableWidget(0, 4)
        self._table.setHorizontalHeaderLabels(["", "class", "key", "pixels"])
        self._table.verticalHeader().hide()
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._table.setShowGrid(False)
        header = self._table.horizontalHeader()
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        for column in (_COLOUR, _KEY, _PIXELS):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        header.setMinimumSectionSize(28)
        self._table.itemSelectionChanged.connect(self._picked)
        self._table.itemChanged.connect(self._renamed)
        self._table.cellDoubleClicked.connect(self._double_clicked)
        self._add = QPushButton("Add class")
        self._add.setToolTip("Add a class; what was learnt of the others is kept")
        self._add.clicked.connect(self.add_class)
        self._remove = QPushButton("Remove last")
        self._remove.setToolTip("Remove the last class, if nothing is labelled with it")
        self._remove.clicked.connect(self.remove_last)
        buttons = QHBoxLayout()
        self._move = QPushButton("Move labels")
        self._move.setToolTip("Give all labels of the chosen class to another class, or take them away, as one step")
        self._move.setMenu(QMenu(self._move))
        self._move.menu().aboutToShow.connect(self._offer_targets)
        buttons.addWidget(self._add)
        buttons.addWidget(self._move)
        buttons.addWidget(self._remove)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._ignored = ElidedLabel()
        layout.addWidget(self._table)
        layout.addWidget(self._ignored)
        layout.addLayout(buttons)
        self.show_ignored(0)
        self.set_scheme(scheme)
        self.select(0)

    @property
    def scheme(self) -> ClassScheme:
        """The classes shown."""
        return self._scheme

    @property
    def index(self) -> int:
        """The class picked; -1 while what is drawn becomes unlabelled."""
        return self._table.currentRow()

    def set_scheme(self, scheme: ClassScheme) -> None:
        """Show another scheme."""
        self._scheme = scheme
        self._filling = True
        picked = self.index
        self._table.setRowCount(len(scheme))
        for row, item in enumerate(scheme.classes):
            swatch = QTableWidgetItem(_swatch(item.colour), "")
            swatch.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            swatch.setToolTip("Double-click to choose another colour")
            name = QTableWidgetItem(item.name)
            name.setToolTip("Double-click to rename")
            key = QTableWidgetItem(item.key)
            key.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            key.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
            key.setToolTip("Press this key to draw with the class")
            pixels = QTableWidgetItem("")
            pixels.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            pixels.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            for column, cell in enumerate((swatch, name, key, pixels)):
                self._table.setItem(row, column, cell)
            self._table.setRowHeight(row, 24)
        self._table.setFixedHeight(24 * min(len(scheme), 8) + 30)
        self._filling = False
        self.set_counts(self._counts)
        self.select(min(picked, len(scheme) - 1))

    def set_counts(self, counts: Sequence[int]) -> None:
        """Show the labelled pixels per class."""
        self._counts = list(counts)
        self._filling = True
        for row in range(self._table.rowCount()):
            cell = self._table.item(row, _PIXELS)
            count = int(self._counts[row]) if row < len(self._counts) else 0
            if cell is not None:
                cell.setText(f"{count:,}" if count else "–")
        self._filling = False

    def show_ignored(self, count: int) -> None:
        """Say how many labels lie where the image has no data; nothing of none."""
        self._ignored.setText(f"{count:,} labels lie on no data and are not learnt")
        self._ignored.setVisible(count > 0)

    def select(self, index: int) -> None:
        """Pick a class; -1 picks none."""
        if index == self.index:
            return
        if 0 <= index < len(self._scheme):
            self._table.setCurrentCell(index, _NAME)
        elif index == UNLABELLED:
            self._table.setCurrentCell(-1, -1)
            self._table.clearSelection()

    def add_class(self) -> None:
        """Add a class with a name and colour of its own."""
        number = len(self._scheme) + 1
        names = set(self._scheme.names)
        name = next(f"class {i}" for i in range(number, number + 200) if f"class {i}" not in names)
        colour = _NEW_COLOURS[(number - 1) % len(_NEW_COLOURS)]
        self._edit(lambda: self._scheme.added(LandClass(name, colour, str(number) if number <= 9 else "")))
        self.select(len(self._scheme) - 1)

    def remove_last(self) -> None:
        """Remove the last class, unless it has labels or only two are left."""
        last = len(self._scheme) - 1
        if last < 2:
            self.refused.emit("A map needs at least two classes.")
        elif last < len(self._counts) and self._counts[last]:
            self.refused.emit(
                f"{self._scheme.names[last]!r} has {self._counts[last]:,} labelled pixels: erase or move them "
                "first (Move labels)."
            )
        else:
            self._edit(lambda: ClassScheme(self._scheme.classes[:-1]))

    def _offer_targets(self) -> None:
        """Offer the classes that the labels of the chosen one can go to."""
        menu, label = self._move.menu(), self.index
        menu.clear()
        if label < 0:
            menu.addAction("choose a class first").setEnabled(False)
            return
        for to, item in enumerate(self._scheme.classes):
            if to != label:
                action = menu.addAction(_swatch(item.colour), f"to {item.name}".replace("&", "&&"))
                action.triggered.connect(lambda _=False, to=to: self.moved.emit(label, to))
        menu.addSeparator()
        menu.addAction("to unlabelled").triggered.connect(lambda _=False: self.moved.emit(label, UNLABELLED))

    def set_colour(self, index: int, colour: str) -> None:
        """Give a class another colour, "#rrggbb"."""
        self._edit(lambda: self._scheme.with_class(index, colour=colour))

    def rename(self, index: int, name: str) -> None:
        """Give a class another name."""
        self._edit(lambda: self._scheme.with_class(index, name=name.strip()))

    def _edit(self, change: Any) -> None:
        try:
            scheme = change()
        except LabelError as error:
            self.refused.emit(str(error))
            self.set_scheme(self._scheme)
            return
        if scheme != self._scheme:
            self.set_scheme(scheme)
            self.edited.emit(scheme)

    def _picked(self) -> None:
        if not self._filling and self.index >= 0:
            self.selected.emit(self.index)

    def _renamed(self, item: QTableWidgetItem) -> None:
        if not self._filling and item.column() == _NAME:
            self.rename(item.row(), item.text())

    def _double_clicked(self, row: int, column: int) -> None:
        if column == _COLOUR:
            colour = QColorDialog.getColor(QColor(self._scheme[row].colour), self, self._scheme[row].name)
            if colour.isValid():
                self.set_colour(row, colour.name())


def _swatch(colour: str) -> QIcon:
    pixmap = QPixmap(18, 18)
    pixmap.fill(QColor(colour))
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)  # else Qt tints it with the colour of the selection
    return icon
