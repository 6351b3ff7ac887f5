"""Keeps our layers in the viewer: one that is removed is put back, with its data, where it was.

A session without its labels or points would raise at the next tool, and train on unseen. Who wants to be rid of all of
them closes the project instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject
from superqt.utils import QSignalDebouncer

from napari_partialseg.session.layers import MARK

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_partialseg.session.layers import SessionLayers

__all__ = ["PresentLayers"]


class PresentLayers(QObject):
    """Locks our layers against deletion, puts back what code removes all the same, and tells copies from ours.

    Parameters
    ----------
    viewer : Viewer
        Which shows them.
    layers : SessionLayers
        The layers of the session.
    say : callable
        Told what was put back.
    """

    def __init__(
        self, viewer: Viewer, layers: SessionLayers, say: Callable[[str], None], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layers = layers
        self._say = say
        self._order = list(viewer.layers)
        # Not while napari is still removing: it clears a list one by one, and empties it when the viewer closes.
        self._soon = QSignalDebouncer(parent=self)
        self._soon.triggered.connect(self.put_back)
        for layer in layers.all():
            layer.locked = True  # napari's own delete button and keys then say so
        events = viewer.layers.events
        self._connected: list[tuple[Any, Callable[..., None]]] = [
            (events.inserted, self._inserted),
            (events.removed, self._changed),
            (events.changed, self._changed),
            (events.reordered, self._changed),
        ]
        for emitter, callback in self._connected:
            emitter.connect(callback)

    def put_back(self) -> None:
        """Put back what is missing, now."""
        self._soon.cancel()
        missing = self._missing()
        if not missing:
            return
        shown = self._viewer.layers
        active = shown.selection.active
        names = ", ".join(repr(layer.name) for layer in missing)
        for layer in missing:
            name = layer.name
            below = self._order[: self._order.index(layer)] if layer in self._order else []
            index = max((shown.index(one) + 1 for one in below if one in shown), default=0)
            shown.insert(index, layer)
            layer.name = name
            layer.locked = True
        shown.selection.active = active if active in shown else self._layers.labels
        if self._layers.labels in missing:
            shown.selection.active = self._layers.labels
        self._order = list(shown)
        self._say(
            f"{names} cannot be deleted while the project is open, and came back as before. To be rid of a layer, hide "
            f"it; to close the project, open another or close this panel."
        )

    def stop(self) -> None:
        """Let them go."""
        self._soon.cancel()
        for emitter, callback in self._connected:
            emitter.disconnect(callback)
        self._connected.clear()
        for layer in self._layers.all():
            layer.locked = False

    def _missing(self) -> list[Layer]:
        return [layer for layer in self._layers.all() if not any(layer is one for one in self._viewer.layers)]

    def _changed(self, event: object = None) -> None:
        if self._missing():
            self._soon.throttle()
        else:
            self._order = list(self._viewer.layers)

    def _inserted(self, event: Any) -> None:
        self._unmark(event.value)
        self._changed()

    def _unmark(self, layer: Layer) -> None:
        """Take our mark from a copy of one of our layers ("Duplicate layer"), and say what it is."""
        mark = layer.metadata.get(MARK)
        ours = {"image", "prediction", "confidence", "uncertainty", "labels", "points", "place"}
        if mark not in ours or any(layer is one for one in self._layers.all()):
            return
        if mark == "image" and layer.metadata.get("path") != self._layers.image.metadata.get("path"):
            return  # another orthophoto, not a copy of this one
        layer.metadata = {key: value for key, value in layer.metadata.items() if key != MARK}
        if mark in ("labels", "points"):
            self._say(f"{layer.name!r} is a copy of the project's {mark}: what is drawn on it is not saved or learnt.")
