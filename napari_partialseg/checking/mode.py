"""Looking at points without the map: it is hidden, the view goes to a point, keys answer what is there.

Whoever sees the map agrees with it too often: it is out of sight until the checking ends, and the checking ends once it
is shown again, in whatever way.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QShortcut, QWidget

from annotations.region import Region
from napari_partialseg.session.where_layers import Outline, look_at

if TYPE_CHECKING:
    from napari_partialseg.session.session import Session

__all__ = ["CheckMode"]

_AROUND = 48  # px on each side of a point are brought into view


class CheckMode(QObject):
    """Hides the map of a session and leads from point to point, until it is stopped.

    Parameters
    ----------
    session : Session
        What is checked.
    window : QWidget, optional
        Where the keys 0 (cannot tell) and Backspace (back) are bound.

    Signals
    -------
    unclear(), back()
        These keys were pressed.
    broken(text)
        The map was shown, or somebody went elsewhere: the checking is over.
    """

    unclear = Signal()
    back = Signal()
    broken = Signal(str)

    def __init__(self, session: Session, window: QWidget | None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._ends = ExitStack()
        self._stopped = False
        layers, hand = session.layers, session.hand
        self._tool = hand.tool
        session.places.leave()
        hand.take_tool("move")  # a click is to draw nothing
        for layer in (layers.prediction, layers.confidence, layers.uncertainty):
            self._hide(layer)
        for layer in layers.all():
            self._silence(layer)
        self._outline = Outline(session.viewer, layers.place, margin=1.0)  # it is one pixel that is asked for
        self._ends.callback(self._outline.stop)
        self._ends.callback(self._clear)
        session.places.changed.connect(self._led_elsewhere)
        self._ends.callback(session.places.changed.disconnect, self._led_elsewhere)
        if window is not None:
            taken = {item.key for item in session.scheme.classes}
            self._bind(window, {"0": self.unclear.emit, "Backspace": self.back.emit}, taken)

    def look(self, row: int, column: int) -> None:
        """Bring a pixel of the image into view, and outline it."""
        shape = self._session.opened_image.ortho.shape
        point = Region(row, column, 1, 1)
        look_at(self._session.viewer, self._session.layers.labels, point.grown(_AROUND).clipped(shape))
        self._outline.show(point)

    def stop(self) -> None:
        """Show everything as it was before."""
        if not self._stopped:
            self._stopped = True
            self._ends.close()
            if self._tool and self._session.hand.tool == "move":
                self._session.hand.take_tool(self._tool)

    def _hide(self, layer: Any) -> None:
        before = bool(layer.visible)
        layer.visible = False
        layer.events.visible.connect(self._shown)
        # in turn: followed no more, then shown
        self._ends.callback(lambda: setattr(layer, "visible", before or bool(layer.visible)))
        self._ends.callback(layer.events.visible.disconnect, self._shown)

    def _clear(self) -> None:
        if self._session.places.current is None:  # else the outline is that place's by now
            self._outline.show(None)

    def _silence(self, layer: Any) -> None:
        """Have the status bar say where the pointer is, and not what the map has there."""
        before = vars(layer).get("get_status")
        if before is None:
            return

        def status(position: Any = None, **others: Any) -> dict[str, str]:
            told = before(position, **others)
            return {**told, "coordinates": told["coords"], "value": ""}

        layer.get_status = status
        self._ends.callback(setattr, layer, "get_status", before)

    def _shown(self, event: Any) -> None:
        if event.source.visible and not self._stopped:
            self.broken.emit("the map is shown: the check is paused (C goes on)")

    def _led_elsewhere(self) -> None:
        if self._session.places.current is not None and not self._stopped:
            self.broken.emit("the check is paused (C goes on)")

    def _bind(self, window: QWidget, keys: dict[str, Any], taken: set[str]) -> None:
        for key, act in keys.items():
            if key in taken:
                continue
            shortcut = QShortcut(QKeySequence(key), window)
            shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
            shortcut.setAutoRepeat(False)
            shortcut.activated.connect(act)
            self._ends.callback(shortcut.deleteLater)
            self._ends.callback(shortcut.setEnabled, False)
