"""Sees what is painted, undone and redone on the Labels layer, and hands it to the journal and the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from annotations.region import Region

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Labels

    from annotations.journal import EditJournal
    from annotations.strokes import Stroke
    from napari_partialseg._prepare import Prepared

__all__ = ["LabelTracker", "redraw"]

_SETTLE_MILLISECONDS = 30


def redraw(layer: Labels, region: Region) -> None:
    """Draw one region of a Labels layer anew, after its array was written; costs no full refresh.

    The event is public; what it carries is the layer's texture, and for 8-bit labels that is the data itself.
    """
    if region.empty or not layer.visible:
        return
    layer.events.labels_update(data=layer.data.view(np.uint8)[region.slices], offset=[region.top, region.left])


class LabelTracker(QObject):
    """Turns the layer's events into strokes, saves them, and says which region changed.

    Signals
    -------
    changed(region)
        Labels in the region have changed and are on their way to the disk.

    Notes
    -----
    napari tells of painting once per stroke, with the places; of undo, redo and writes from outside it tells only
    that something was drawn anew, so these are found by comparing with the journal's own copy.
    """

    changed = Signal(object)

    def __init__(self, layer: Labels, prepared: Prepared, journal: EditJournal, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layer = layer
        self._journal = journal
        self._prepared = prepared
        self._pressed = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SETTLE_MILLISECONDS)
        self._timer.timeout.connect(lambda: self.look_for_changes())
        # napari tells of an edit before it writes it, unless it was made with the mouse: look at it a moment later.
        self._told: tuple[Region, str] | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._record_told)
        layer.events.paint.connect(self._painted)
        layer.events.set_data.connect(self._drawn_anew)
        layer.mouse_drag_callbacks.append(self._while_pressed)
        # Undo and redo emit no event of their own, and a change can be the one of an edit and the other of the next.
        self._history = {"undo": layer.undo, "redo": layer.redo}
        layer.undo = lambda: self._in_history("undo")
        layer.redo = lambda: self._in_history("redo")

    def disconnect_layer(self) -> None:
        """Stop listening."""
        self._timer.stop()
        self._soon.stop()
        self._layer.events.paint.disconnect(self._painted)
        self._layer.events.set_data.disconnect(self._drawn_anew)
        for name in self._history:
            vars(self._layer).pop(name, None)  # the class's own methods again
        if self._while_pressed in self._layer.mouse_drag_callbacks:
            self._layer.mouse_drag_callbacks.remove(self._while_pressed)

    def record(self, region: Region, tool: str, origin: Any = "drawn") -> None:
        """Note that a region was written, as one stroke of the given tool."""
        result = self._journal.record(region, tool=tool, origin=origin)
        if result is not None:
            self._submit(result[0], [result[1]])

    def _in_history(self, step: Literal["undo", "redo"]) -> None:
        self._record_told()
        self._history[step]()
        self.look_for_changes(step)

    def look_for_changes(self, hint: Literal["undo", "redo"] | None = None) -> None:
        """Compare with the journal and note what an undo, a redo or a write from outside has changed."""
        self._record_told()
        if self._pressed:  # half a stroke is no stroke
            self._timer.start()
            return
        region = self._journal.sync(hint=hint)
        if region is not None and not region.empty:
            self._submit(region, self._journal.take_new_strokes())

    def _painted(self, event: Any) -> None:
        region = Region(0, 0, 0, 0)
        for atom in event.value:
            region = region.union(_place_of(atom))
        region = region.clipped(self._layer.data.shape)
        self._record_told()  # an earlier edit that has not had its moment yet
        if not region.empty:
            self._told = region, str(self._layer.mode)
            self._soon.start()

    def _record_told(self) -> None:
        if self._told is not None:
            (region, tool), self._told = self._told, None
            self.record(region, tool)

    def _drawn_anew(self, event: object = None) -> None:
        self._timer.start()

    def _while_pressed(self, layer: Labels, event: Any) -> Iterator[None]:
        self._pressed = True
        yield
        while event.type == "mouse_move":
            yield
        self._pressed = False

    def _submit(self, region: Region, strokes: list[Stroke]) -> None:
        held = self._prepared
        held.store.submit(region, held.labels[region.slices], held.strokes[region.slices], strokes)
        self.changed.emit(region)


def _place_of(atom: Any) -> Region:
    """Return where an item of the layer's history lies: a mask with its bounding box, or index arrays."""
    box = getattr(atom, "slice_key", None)
    if box is not None:
        rows, columns = box[-2], box[-1]
        return Region.from_bounds(rows.start, columns.start, rows.stop, columns.stop)
    rows, columns = np.atleast_1d(atom[0][-2]), np.atleast_1d(atom[0][-1])
    if not rows.size:
        return Region(0, 0, 0, 0)
    return Region.from_bounds(int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
