"""Sees what is painted, undone and redone on the Labels layer, and hands it to the journal and the disk."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal
from superqt.utils import QSignalDebouncer

from annotations.region import Region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from napari.layers import Labels
    from napari.layers.base import Layer

    from annotations.labels.change import Change
    from annotations.labels.labelling import Labelling

__all__ = ["LabelTracker", "redraw"]

_SETTLE_MILLISECONDS = 30
_UNDO, _REDO = "Control-Z", "Control-Shift-Z"


def redraw(layer: Labels, region: Region) -> None:
    """Draw one region of a Labels layer anew, after its array was written; costs no full refresh.

    The event is public; what it carries is the layer's texture, and for 8-bit labels that is the data itself.
    """
    if region.empty or not layer.visible:
        return
    layer.events.labels_update(data=layer.data.view(np.uint8)[region.slices], offset=[region.top, region.left])


class LabelTracker(QObject):
    """Turns the layer's events into strokes, and leads undo and redo to the one history of labels, points and classes.

    Signals
    -------
    happened(Change)
        Labels have changed (points and classes too, by undo and redo) and are on their way to the disk.

    Notes
    -----
    napari tells of painting once per stroke, with the places; of writes from outside it tells only that something was
    drawn anew, so these are found by comparing with the journal's own copy. Its own history knows nothing of points,
    imports and classes: it is kept empty.
    """

    happened = Signal(object)

    def __init__(
        self, layer: Labels, labelling: Labelling, others: Iterable[Layer] = (), parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._layer = layer
        self._labelling = labelling
        self._pressed = False
        self._settled = QSignalDebouncer(parent=self)
        self._settled.setTimeout(_SETTLE_MILLISECONDS)
        self._settled.triggered.connect(self._look_later)
        # napari tells of an edit before it writes it, unless it was made with the mouse: look at it a moment later.
        self._told: tuple[Region, str] | None = None
        self._soon = QSignalDebouncer(parent=self)
        self._soon.triggered.connect(self.take_in)
        layer.events.paint.connect(self._painted)
        layer.events.set_data.connect(self._drawn_anew)
        layer.mouse_drag_callbacks.append(self._while_pressed)
        layer.undo = self.undo
        layer.redo = self.redo
        if hasattr(layer, "_undo_history"):  # masks of whole fills would be held twice
            layer._undo_history = deque(maxlen=0)
        self._others = tuple(others)
        for other in self._others:
            other.bind_key(_UNDO, lambda _: self.undo(), overwrite=True)
            other.bind_key(_REDO, lambda _: self.redo(), overwrite=True)

    def disconnect_layer(self) -> None:
        """Stop listening."""
        self._settled.cancel()
        self._soon.cancel()
        self._layer.events.paint.disconnect(self._painted)
        self._layer.events.set_data.disconnect(self._drawn_anew)
        for name in ("undo", "redo"):
            vars(self._layer).pop(name, None)  # the class's own methods again
        if self._while_pressed in self._layer.mouse_drag_callbacks:
            self._layer.mouse_drag_callbacks.remove(self._while_pressed)
        for other in self._others:
            for key in (_UNDO, _REDO):
                other.bind_key(key, None)

    def undo(self) -> None:
        """Take back the newest step, whatever it was: a stroke, points, an import, a change of classes."""
        self._in_history(self._labelling.undo)

    def redo(self) -> None:
        """Do again what was taken back last."""
        self._in_history(self._labelling.redo)

    def record(self, region: Region, tool: str, origin: Any = "drawn") -> None:
        """Note that a region was written, as one stroke of the given tool."""
        self.tell(self._labelling.record(region, tool, origin))

    def take_in(self) -> None:
        """Record the painting that napari has told of."""
        if self._told is not None:
            (region, tool), self._told = self._told, None
            self.record(region, tool)

    def look_for_changes(self) -> None:
        """Compare with the journal and note what a write from outside has changed."""
        self.take_in()
        if self._pressed:  # a stroke counts once it is finished
            self._settled.throttle()
            return
        self.tell(self._labelling.sync())

    def _look_later(self) -> None:
        """Look for changes once nothing is being filled in: what asks in between has the rest of it done at once."""
        if self._labelling.filling:
            self._settled.throttle()
            return
        self.look_for_changes()

    def tell(self, change: Change) -> None:
        """Draw a change anew where it is not drawn yet, and pass it on."""
        if not change:
            return
        if change.unseen:
            for region in change.regions:
                redraw(self._layer, region)
        self.happened.emit(change)

    def _in_history(self, follow: Callable[[], Change]) -> None:
        if self._pressed:
            return
        self.look_for_changes()
        self.tell(follow())

    def _painted(self, event: Any) -> None:
        region = Region(0, 0, 0, 0)
        for atom in event.value:
            region = region.union(_place_of(atom, self._layer.data.shape))
        region = region.clipped(self._layer.data.shape)
        self.take_in()  # an earlier edit that has not had its moment yet
        if not region.empty:
            self._told = region, str(self._layer.mode)
            self._soon.throttle()

    def _drawn_anew(self, event: object = None) -> None:
        self._settled.throttle()

    def _while_pressed(self, layer: Labels, event: Any) -> Iterator[None]:
        self._pressed = True
        try:
            yield
            while event.type == "mouse_move":
                yield
        finally:
            self._pressed = False


def _place_of(atom: Any, shape: tuple[int, ...]) -> Region:
    """Return where an item of the layer's history lies: a mask with its bounding box, or index arrays."""
    box = getattr(atom, "slice_key", None)
    if box is not None:
        rows, columns = box[-2], box[-1]
        return Region.from_bounds(rows.start, columns.start, rows.stop, columns.stop)
    rows, columns = np.atleast_1d(atom[0][-2]), np.atleast_1d(atom[0][-1])
    if not rows.size:
        return Region(0, 0, 0, 0)
    if rows.min() < 0 or columns.min() < 0:  # counted from the end
        rows, columns = rows % shape[-2], columns % shape[-1]
    return Region.from_bounds(int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
