"""The image: which bands are learnt from, which is the mask, what means no data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from annotations.errors import PartialSegError
from annotations.images.band_roles import BandRoles

if TYPE_CHECKING:
    from annotations.images.orthophoto import Orthophoto

__all__ = ["ImagePanel"]

_LEARN, _MASK, _LEAVE = range(3)
_ROLES = ("learn from", "mask", "leave out")
_ROWS_SHOWN = 5


class ImagePanel(QWidget):
    """A row per band of the file, and the values that mean no data.

    Signals
    -------
    changed(roles)
        The bands are to be used otherwise (`BandRoles`).
    refused(text)
        A choice that cannot be; the text says why.
    """

    changed = Signal(object)
    refused = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._roles: BandRoles | None = None
        self._choices: list[QComboBox] = []
        self._table = QTableWidget(0, 3)
        self._table.setHorizontalHeaderLabels(["band", "type", "use"])
        self._table.verticalHeader().hide()
        self._table.setShowGrid(False)
        self._table.setTabKeyNavigation(False)
        self._table.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        self._table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        header = self._table.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self._nodata = QLineEdit()
        self._nodata.setPlaceholderText("none besides")
        self._nodata.setToolTip(
            "Values that mean no data although the file does not say so, separated by spaces: 0, or -9999.\n"
            "A pixel counts as no data where all bands have the value; for a value no picture has, one band is enough."
        )
        self._declared = QCheckBox("no data as the file says")
        self._declared.setToolTip("Take the file's own nodata values and masks as they are declared")
        self._apply = QPushButton("Use the bands like this")
        self._apply.setToolTip("Opens the image again. Labels stay; what was learnt is fitted to the other bands")
        self._apply.clicked.connect(self._applied)
        self._notes = QLabel("")
        self._notes.setTextFormat(Qt.TextFormat.PlainText)
        self._notes.setWordWrap(True)
        self._notes.hide()
        form = QFormLayout()
        form.addRow("no data", self._nodata)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._table)
        layout.addLayout(form)
        layout.addWidget(self._declared)
        layout.addWidget(self._apply)
        layout.addWidget(self._notes)
        self.set_image(None)

    def set_image(self, ortho: Orthophoto | None, *, editable: bool = True) -> None:
        """Show an orthophoto's bands and what they are used for; None shows nothing."""
        self._roles = None if ortho is None else ortho.roles
        self._choices = []
        channels = () if ortho is None else ortho.channels
        self._table.setRowCount(len(channels))
        for row, channel in enumerate(channels):
            self._table.setItem(row, 0, QTableWidgetItem(f"{row + 1}: {channel.name}"))
            self._table.setItem(row, 1, QTableWidgetItem(str(channel.dtype)))
            choice = QComboBox()
            choice.addItems(_ROLES)
            choice.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            choice.installEventFilter(self)
            self._choices.append(choice)
            self._table.setCellWidget(row, 2, choice)
        if ortho is not None:
            for row, choice in enumerate(self._choices):
                mask = row == ortho.roles.mask
                choice.setCurrentIndex(_MASK if mask else _LEARN if row in ortho.roles.learnt else _LEAVE)
        roles = self._roles
        self._nodata.setText("" if roles is None else " ".join(f"{v:.17g}" for v in roles.nodata))
        self._declared.setChecked(roles is None or roles.declared)
        self._declared.setText(f"no data as the file says{'' if ortho is None else _declared(ortho)}")
        notes = "" if ortho is None else "\n".join(ortho.notes)
        self._notes.setText(notes)
        self._notes.setVisible(bool(notes))
        for part in (self._table, self._nodata, self._declared, self._apply):
            part.setEnabled(ortho is not None and editable)
        self._fit_height()

    def roles(self) -> BandRoles:
        """Return what is chosen.

        Raises
        ------
        PartialSegError
            No band is learnt from, several are the mask, or a value is not a number.
        """
        uses = [choice.currentIndex() for choice in self._choices]
        learnt = [band for band, use in enumerate(uses) if use == _LEARN]
        masks = [band for band, use in enumerate(uses) if use == _MASK]
        if len(masks) > 1:
            raise PartialSegError(f"bands {', '.join(str(m + 1) for m in masks)}: only one band can be the mask.")
        if not learnt:
            raise PartialSegError("No band is left to learn from: choose at least one.")
        # Bands that were in another order stay in it.
        if self._roles is not None and set(learnt) == set(self._roles.learnt):
            learnt = list(self._roles.learnt)
        values = []
        for word in self._nodata.text().replace(",", " ").replace(";", " ").split():
            try:
                values.append(float(word))
            except ValueError:
                raise PartialSegError(f"no data: {word!r} is not a number. Write values like 0 or -9999.") from None
            if not math.isfinite(values[-1]):
                values.pop()  # counts as missing without being named
        return BandRoles(tuple(learnt), masks[0] if masks else None, tuple(values), self._declared.isChecked())

    def _applied(self) -> None:
        try:
            roles = self.roles()
        except PartialSegError as error:
            self.refused.emit(str(error))
            return
        if roles != self._roles:
            self.changed.emit(roles)

    def _fit_height(self) -> None:
        self._table.resizeRowsToContents()
        rows = min(self._table.rowCount(), _ROWS_SHOWN)
        height = sum(self._table.rowHeight(row) for row in range(rows))
        self._table.setFixedHeight(self._table.horizontalHeader().sizeHint().height() + height + 4)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Leave the wheel to the panel: rolling past a field must not change it."""
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QComboBox) and not watched.hasFocus():
            event.ignore()
            return True
        return bool(super().eventFilter(watched, event))


def _declared(ortho: Orthophoto) -> str:
    values = sorted({f"{c.nodata:g}" for c in ortho.channels if c.nodata is not None})
    parts = [*values, *(["a mask"] if ortho.has_own_mask else [])]
    return f": {', '.join(parts)}" if parts else " (nothing)"
