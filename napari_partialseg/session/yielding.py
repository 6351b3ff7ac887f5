"""Tells the worker while the hand is on the canvas, so that it gives way to the brush."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from trainer import protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.viewer import Viewer

__all__ = ["StrokeWatcher"]


class StrokeWatcher:
    """Sends `Drawing` at the press and at the release of the mouse on the canvas.

    Parameters
    ----------
    viewer : Viewer
        Whose canvas.
    send : callable
        Takes the messages.
    """

    def __init__(self, viewer: Viewer, send: Callable[[protocol.Message], object]) -> None:
        self._viewer = viewer
        self._send = send
        viewer.mouse_drag_callbacks.append(self._dragged)

    def stop(self) -> None:
        """Watch no more."""
        with suppress(ValueError):
            self._viewer.mouse_drag_callbacks.remove(self._dragged)

    def _dragged(self, viewer: Viewer, event: Any) -> Iterator[None]:
        self._send(protocol.Drawing(down=True))
        yield
        while event.type == "mouse_move":
            yield
        self._send(protocol.Drawing(down=False))
