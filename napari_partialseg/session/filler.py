"""Fills in a mask a part at each turn of the event loop: a large one would hold the viewer for seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

from annotations.labels.change import Change

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotations.labels.filling import Filling
    from annotations.labels.restoring import Restoring

__all__ = ["Filler"]


class Filler(QObject):
    """Goes on with one filling after another."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: list[tuple[Filling | Restoring, Callable[[Change], None], Callable[[int], object]]] = []
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._go_on)

    def fill(self, filling: Filling | Restoring, show: Callable[[Change], None], done: Callable[[int], object]) -> None:
        """Go on with a filling.

        Parameters
        ----------
        filling : Filling or Restoring
            What is to be labelled, or put back; it may have been begun, and may be finished by somebody else meanwhile.
        show : callable
            Told of each part that changed.
        done : callable
            Told, in the end, how many pixels were labelled, or are others.
        """
        self._waiting.append((filling, show, done))
        self._timer.start()

    def stop(self) -> None:
        """Finish all of it now."""
        while self._waiting:
            self._waiting[0][0].finish()
            self._go_on()

    def _go_on(self) -> None:
        filling, show, done = self._waiting[0]
        if not filling.done:
            filling.advance()
        show(Change(filling.take_changed()))
        if filling.done:  # it may have been finished by a step that came after it
            self._waiting.pop(0)
            if not self._waiting:
                self._timer.stop()
            done(filling.added)
