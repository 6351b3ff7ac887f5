"""A key that does something for as long as it is held down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QApplication

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["HeldKey"]

_AWAY = (QEvent.Type.WindowDeactivate, QEvent.Type.ApplicationDeactivate, QEvent.Type.FocusOut)


class HeldKey(QObject):
    """Waits for a key to come up, wherever the keyboard is by then.

    A shortcut tells that its key went down, never that it came up; and a key that comes up in another window is told to
    nobody here, so that the end of the keyboard's stay counts too.

    Parameters
    ----------
    key : Qt.Key
        The key.
    act : callable
        Told True when it goes down, and False once, when it is up again or not ours any more.
    """

    def __init__(self, key: Qt.Key, act: Callable[[bool], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._key = key
        self._act = act
        self._held = False

    @property
    def held(self) -> bool:
        """Whether it is down."""
        return self._held

    def press(self) -> None:
        """Take note that the key is down."""
        application = QApplication.instance()
        if self._held or application is None:
            return
        self._held = True
        application.installEventFilter(self)
        self._act(True)

    def release(self) -> None:
        """Take note that it is up."""
        application = QApplication.instance()
        if not self._held:
            return
        self._held = False
        if application is not None:
            application.removeEventFilter(self)
        self._act(False)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """See the key come up, or the keyboard go away."""
        kind = event.type()
        came_up = kind == QEvent.Type.KeyRelease and event.key() == self._key and not event.isAutoRepeat()
        if came_up or kind in _AWAY:
            self.release()
        return False
