"""What the hand holds: the class and the tool, one state of both, whoever changes it; and the keys of the tools.

Napari's layers hold it (selected label, modes, active layer); the panel, napari's own controls and the keys all change
it there, and all follow it from here. A second copy in the panel would go wrong at the first key that it does not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from annotations.classes import UNLABELLED

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer

    from napari_partialseg.session.layers import SessionLayers

__all__ = ["LABEL_TOOLS", "POINT_TOOLS", "TOOL_KEYS", "Hand"]

LABEL_TOOLS = {
    "brush": "paint",
    "eraser": "erase",
    "polygon": "polygon",
    "fill": "fill",
    "pick": "pick",
    "move": "pan_zoom",
}
"""Our names of the tools that draw on the labels, and napari's modes for them."""
POINT_TOOLS = {"point": "add", "select": "select"}
"""Our names of the tools that work on the points, and napari's modes for them."""

TOOL_KEYS = {
    "brush": "P",
    "eraser": "E",
    "polygon": "G",
    "fill": "F",
    "point": "D",
    "select": "S",
    "pick": "L",
    "move": "Z",
}
"""The key of each tool; where napari has one for it, the same."""


class Hand(QObject):
    """The class and the tool in use, read from the layers and set in them.

    Parameters
    ----------
    viewer : Viewer
        Whose active layer counts.
    layers : SessionLayers
        The layers of the session.
    point_class : callable
        Told the class that the next points get.
    ready : callable
        Called before a tool is taken up: puts back what is missing.

    Signals
    -------
    changed()
        Another class or tool is in use.
    """

    changed = Signal()

    def __init__(
        self,
        viewer: Viewer,
        layers: SessionLayers,
        point_class: Callable[[int], None],
        ready: Callable[[], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layers = layers
        self._point_class = point_class
        self._ready = ready
        self._last_class = max(int(layers.labels.selected_label), 0)
        self._seen = (self.label, self.tool)
        self._held: tuple[Any, str] | None = None
        self._events = [
            layers.labels.events.selected_label,
            layers.labels.events.mode,
            layers.points.events.mode,
            viewer.layers.selection.events.active,
        ]
        for event in self._events:
            event.connect(self._follow)

    @property
    def label(self) -> int:
        """The class to draw with; -1 when what is drawn becomes unlabelled."""
        return int(self._layers.labels.selected_label)

    @property
    def tool(self) -> str:
        """The tool in use; "" while a layer that is not ours is active."""
        active = self._viewer.layers.selection.active
        if active is self._layers.points:
            modes, mode = POINT_TOOLS, str(self._layers.points.mode)
        elif active is self._layers.labels:
            modes, mode = LABEL_TOOLS, str(self._layers.labels.mode)
        else:
            return "move" if any(active is layer for layer in self._layers.all()) else ""
        return next((tool for tool, name in modes.items() if name == mode), "move")

    @property
    def ours(self) -> bool:
        """Whether keys are meant for the session: what is selected are its layers, or nothing."""
        return all(any(one is layer for layer in self._layers.all()) for one in self._viewer.layers.selection)

    def take_class(self, index: int) -> None:
        """Draw with this class from now on, with the brush as with points; -1 takes labels away."""
        self._layers.labels.selected_label = index
        if index >= 0:
            self._point_class(index)

    def swap(self) -> None:
        """Change between the class and unlabelled, as napari's X does; but always back to a class.

        A point labels: with points there is nothing to change to.
        """
        free = self.label >= 0 and self.tool not in POINT_TOOLS
        self.take_class(UNLABELLED if free else self._last_class)

    def take_tool(self, name: str) -> None:
        """Take up a tool; its layer becomes the active one, and is shown if it was hidden."""
        self._ready()
        on_points = name in POINT_TOOLS
        layer: Any = self._layers.points if on_points else self._layers.labels
        if name != "move" and not layer.visible:
            layer.visible = True
        if on_points and self.label < 0:
            self.take_class(self._last_class)
        self._viewer.layers.selection.active = layer
        layer.mode = POINT_TOOLS[name] if on_points else LABEL_TOOLS[name]
        self._follow()

    def hold_move(self, held: bool) -> None:
        """Move the view while this is held, then go on with the tool from before."""
        if held and self._held is None:
            layer = self._viewer.layers.selection.active
            if layer is not None and str(layer.mode) != "pan_zoom":
                self._held = layer, str(layer.mode)
                layer.mode = "pan_zoom"
        elif not held and self._held is not None:
            (layer, mode), self._held = self._held, None
            layer.mode = mode

    def stop(self) -> None:
        """Follow no more."""
        for event in self._events:
            event.disconnect(self._follow)

    def _follow(self, event: object = None) -> None:
        now = (self.label, self.tool)
        if now == self._seen:
            return
        before, self._seen = self._seen, now
        if now[0] >= 0:
            self._last_class = now[0]
            if now[0] != before[0]:
                self._point_class(now[0])
        self.changed.emit()
