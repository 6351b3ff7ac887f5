"""What an empty panel offers: a sample to try, and the projects that were open last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from napari_partialseg.recent import ago
from napari_partialseg.words import ElidedLabel, as_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_partialseg.recent import Recent

__all__ = ["WelcomePanel"]

_SHOWN = 6
_SAMPLE = "Try it on a sample"
_LINK = "QPushButton { text-align: left; padding: 3px 6px; }"


class WelcomePanel(QWidget):
    """Shown while nothing is open.

    Signals
    -------
    sample()
        The sample is wanted.
    project(path)
        A project of the list is wanted.
    forget(path)
        A project is to be taken off the list.
    """

    sample = Signal()
    project = Signal(object)
    forget = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        about = QLabel(
            "Open an orthophoto, draw a few strokes on each kind of ground, and the map appears while you draw."
        )
        about.setWordWrap(True)
        self.try_sample = QPushButton(_SAMPLE)
        self.try_sample.setToolTip("A generated village of 2048 × 2048 px with its truth; your work on it is kept")
        self.try_sample.clicked.connect(self.sample)
        self._heading = QLabel("Opened before")
        self._heading.setStyleSheet("font-weight: bold")
        self._rows = QVBoxLayout()
        self._rows.setSpacing(2)
        self.items: list[QPushButton] = []
        """The buttons of the projects, the last one first."""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(about)
        layout.addWidget(self.try_sample)
        layout.addWidget(self._heading)
        layout.addLayout(self._rows)
        self.show_recent([], 0)

    def show_recent(self, recent: Sequence[Recent], now: float) -> None:
        """List projects; those that cannot be found now are named, and lead nowhere."""
        self.items.clear()
        while self._rows.count():
            old = self._rows.takeAt(0).widget()
            if old is not None:
                old.hide()
                old.deleteLater()
        shown = recent[:_SHOWN]
        self._heading.setVisible(bool(shown))
        for item in shown:
            self._rows.addWidget(self._row(item, now))

    def show_busy(self, *, busy: bool) -> None:
        """Say that the sample is being made."""
        self.try_sample.setEnabled(not busy)
        self.try_sample.setText("making the sample…" if busy else _SAMPLE)

    def _row(self, item: Recent, now: float) -> QWidget:
        row = QWidget()
        button = QPushButton()
        button.setStyleSheet(_LINK)
        button.setAccessibleName(f"Open {item.project.name}")
        button.setEnabled(item.there)
        missing = "" if item.there else "\nIt is not there now: the drive may not be plugged in, or it was moved."
        button.setToolTip(as_text(f"{item.project}{missing}"))
        button.clicked.connect(lambda: self.project.emit(item.project))
        text = ElidedLabel(f"{item.image}  ·  {ago(item.opened, now)}" if item.there else f"{item.image}  ·  not found")
        text.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        inside = QHBoxLayout(button)
        inside.setContentsMargins(8, 0, 8, 0)
        inside.addWidget(text)
        button.setMinimumHeight(text.sizeHint().height() + 10)
        cross = QToolButton()
        cross.setText("×")
        cross.setAccessibleName(f"Take {item.project.name} off the list")
        cross.setToolTip("Take it off this list; the project itself stays")
        cross.clicked.connect(lambda: self.forget.emit(item.project))
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(button, 1)
        layout.addWidget(cross)
        self.items.append(button)
        return row
