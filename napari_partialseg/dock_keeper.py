"""The window that a panel is docked in: when it is found and when it closes; and a panel whose dock is taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtWidgets import QLabel, QMainWindow
from superqt.utils import QSignalDebouncer

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

__all__ = ["DockKeeper"]

_between: set[QWidget] = set()
"""Panels without a dock and a window for a moment: nobody else holds them."""


class DockKeeper(QObject):
    """Keeps a panel, out of sight, when its dock is taken away: napari's cross closes the panel, not the project.

    Parameters
    ----------
    panel : QWidget
        The panel.

    Signals
    -------
    found(window)
        The main window that the panel is in; told once.
    closed()
        That window has closed. Its close event comes before anybody could still say no; this comes after.
    """

    found = Signal(object)
    closed = Signal()

    def __init__(self, panel: QWidget) -> None:
        super().__init__(panel)
        self._panel = panel
        self._window: QMainWindow | None = None
        self._stopped = False
        self._soon = QSignalDebouncer(parent=self)
        self._soon.triggered.connect(self._stay)

    def find_window(self) -> None:
        """Look for the window, unless it is known."""
        window = self._panel.parentWidget()
        while window is not None and not isinstance(window, QMainWindow):
            window = window.parentWidget()
        if self._window is None and window is not None and not self._stopped:
            self._window = window
            window.installEventFilter(self)
            for label in window.statusBar().findChildren(QLabel):
                label.setTextFormat(Qt.TextFormat.PlainText)  # it shows names of classes and files
            self.found.emit(window)

    def parent_changed(self) -> None:
        """Follow the panel into a dock or out of it."""
        if self._stopped:
            return
        if self._panel.parent() is not None:
            self.find_window()
        elif self._window is not None:
            _between.add(self._panel)
            self._soon.throttle()

    def stop(self) -> None:
        """Let panel and window go."""
        self._stopped = True
        _between.discard(self._panel)
        if self._window is not None:
            self._window.removeEventFilter(self)
            self._window = None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Tell that the main window has closed."""
        if watched is self._window and event.type() == QEvent.Type.Hide and not event.spontaneous():
            self.closed.emit()
        return False

    def _stay(self) -> None:
        _between.discard(self._panel)
        if not self._stopped and self._panel.parent() is None and self._window is not None:
            self._panel.setParent(self._window)
            self._panel.hide()
