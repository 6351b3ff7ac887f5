"""The keys of the window, for as long as there are a window and a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_partialseg.session.shortcuts import ClassKeys, WorkKeys

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from annotations.classes import ClassScheme
    from napari_partialseg.session.session import Session

__all__ = ["WindowKeys"]


class WindowKeys(QObject):
    """Binds keys once the window is known, and gives them back.

    Signals
    -------
    chosen(index)
        The key of a class was pressed.
    hint(text)
        What a key did, or why it does nothing, in a few words.
    look(key)
        T, W or O, the keys for looking at the map, went down.
    """

    chosen = Signal(int)
    hint = Signal(str)
    look = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._window: QWidget | None = None
        self._classes: ClassKeys | None = None
        self._work: WorkKeys | None = None

    def set_window(self, window: QWidget) -> None:
        """Bind keys in this window from now on."""
        self._window = window
        self._classes = ClassKeys(window, self)
        self._classes.chosen.connect(self.chosen)

    def set_session(self, session: Session | None) -> None:
        """Work on this session from now on; without one the keys are the viewer's."""
        if self._work is not None:
            self._work.clear()
            self._work.deleteLater()
            self._work = None
        if session is not None and self._classes is not None and self._window is not None:
            self._classes.set_scheme(session.scheme)
            self._work = WorkKeys(self._window, session, self._classes, self.hint.emit, self.look.emit, self)
            session.scheme_changed.connect(lambda: self._bind(session.scheme))

    def _bind(self, scheme: ClassScheme) -> None:
        if self._classes is not None:
            self._classes.set_scheme(scheme)

    def stop(self) -> None:
        """Give all keys back."""
        self.set_session(None)
        if self._classes is not None:
            self._classes.clear()
            self._classes.deleteLater()
            self._classes = None
        self._window = None
