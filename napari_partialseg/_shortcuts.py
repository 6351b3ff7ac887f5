"""Keys 1 to 9 choose a class whatever layer is active.

The digits are mode keys of napari's layers, and a layer's own binding holds only while it is active: a shortcut of
the window wins over both. napari's letters (P, E, F, L, Z) stay. Digits typed into a field stay what they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QShortcut

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget

    from annotations.classes import ClassScheme

__all__ = ["ClassKeys"]


class ClassKeys(QObject):
    """One shortcut per class that has a key.

    Parameters
    ----------
    window : QWidget
        The main window.
    choose : callable
        Told the index of the class.
    """

    def __init__(self, window: QWidget, choose: Callable[[int], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._window = window
        self._choose = choose
        self._shortcuts: list[QShortcut] = []

    def set_scheme(self, scheme: ClassScheme) -> None:
        """Bind the keys of these classes, and only these."""
        self.clear()
        for index, item in enumerate(scheme.classes):
            if item.key:
                shortcut = QShortcut(QKeySequence(item.key), self._window)
                shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
                shortcut.activated.connect(lambda index=index: self._choose(index))
                self._shortcuts.append(shortcut)

    def clear(self) -> None:
        """Give all keys back."""
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._shortcuts.clear()
