"""What of our layers stays as it is: their arrays, their place, and the view that strokes are measured in.

Menus, keys and other plugins replace an array ("Convert data type"), drag a layer away ("Transform") or turn the view.
The strokes would then be shown and saved nowhere, or land beside what they were meant for. Other contents for the
labels are taken over as an edit; everything else is put back, and said.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_partialseg.session.layers import SessionLayers

__all__ = ["FixedLayers"]

_PLACE = ("affine", "scale", "rotate", "shear", "translate", "units")
_REPEAT_SECONDS = 2.0


class FixedLayers(QObject):
    """Puts back what must not change, and says so.

    Parameters
    ----------
    viewer : Viewer
        Whose view stays flat and upright.
    layers : SessionLayers
        The layers of the session.
    say : callable
        Told what was put back.
    adopt : callable
        Given the array that was put in the place of the labels, after ours is back; takes its contents over.
    read_only : bool
        Whether nothing may be drawn.
    take_back : callable, optional
        Told what was said and holds no more.
    """

    def __init__(
        self,
        viewer: Viewer,
        layers: SessionLayers,
        say: Callable[[str], None],
        adopt: Callable[[Any], None],
        *,
        read_only: bool = False,
        take_back: Callable[[str], None] = lambda text: None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layers = layers
        self._tell = say
        self._adopt = adopt
        self._take_back = take_back
        self._read_only = read_only
        self._busy = False
        self._said = ("", 0.0)
        self._hidden: dict[Layer, str] = {}  # what was said of layers that are hidden
        # All share one place: the image may have been moved before it was taken over. Uncertainty has larger pixels.
        place = {name: _copied(getattr(layers.labels, name)) for name in _PLACE}
        coarse = {name: _copied(getattr(layers.uncertainty, name)) for name in _PLACE}
        self._place = {layer: coarse if layer is layers.uncertainty else place for layer in layers.all()}
        self._data = {
            layer: layer.data
            for layer in (layers.image, layers.prediction, layers.confidence, layers.uncertainty, layers.labels)
        }
        self._mode = {layer: str(layer.mode) for layer in layers.all()}
        self._connected: list[tuple[Any, Callable[..., None]]] = []
        for layer in layers.all():
            self._put_in_place(layer)
            for name in _PLACE:
                self._connect(getattr(layer.events, name), lambda _, layer=layer: self._moved(layer))
            self._connect(layer.events.mode, lambda _, layer=layer: self._mode_changed(layer))
        for layer in self._data:
            self._connect(layer.events.data, lambda _, layer=layer: self._data_changed(layer))
        for layer in (layers.labels, layers.points, layers.prediction):
            self._connect(layer.events.editable, lambda _, layer=layer: self._editable_changed(layer))
        for layer in (layers.labels, layers.prediction):
            self._connect(layer.events.contour, lambda _, layer=layer: self._contour_changed(layer))
        self._connect(layers.labels.events.n_edit_dimensions, self._dimensions_changed)
        for layer in (layers.labels, layers.points):
            self._connect(layer.events.visible, lambda _, layer=layer: self._visible_changed(layer))
        self._connect(viewer.dims.events.ndisplay, self._view_changed)
        self._connect(viewer.dims.events.order, self._view_changed)
        self._connect(viewer.canvas.grid.events.enabled, self._view_changed)

    def check(self) -> None:
        """Put back data that were replaced without an event: napari raises half way through some kinds."""
        for layer in list(self._data):
            self._data_changed(layer)

    def stop(self) -> None:
        """Let everything go."""
        for emitter, callback in self._connected:
            emitter.disconnect(callback)
        self._connected.clear()

    def _connect(self, emitter: Any, callback: Callable[..., None]) -> None:
        emitter.connect(callback)
        self._connected.append((emitter, callback))

    def _say(self, text: str) -> None:
        # A drag of the mouse moves a layer a hundred times; it is said once.
        now = time.monotonic()
        if text != self._said[0] or now - self._said[1] > _REPEAT_SECONDS:
            self._tell(text)
        self._said = text, now

    # ------------------------------------------------------------------------------------------------------- place

    def _moved(self, layer: Layer) -> None:
        if not self._busy and self._put_in_place(layer):
            self._say(
                f"{layer.name!r} was moved, scaled or turned, and put back: labels must lie on the pixels of the image "
                f"that they were drawn for."
            )

    def _put_in_place(self, layer: Layer) -> bool:
        """Give a layer our scale, translation, ...; return whether it had another."""
        busy, self._busy = self._busy, True
        try:
            place = self._place[layer]
            other = [name for name in _PLACE if not _same(getattr(layer, name), place[name])]
            for name in other:
                setattr(layer, name, _copied(place[name]))
        finally:
            self._busy = busy
        return bool(other)

    def _mode_changed(self, layer: Layer) -> None:
        if str(layer.mode) != "transform":
            if layer.visible and layer.editable:  # else napari has set it
                self._mode[layer] = str(layer.mode)
            return
        layer.mode = self._mode[layer]
        self._say(f"{layer.name!r} keeps its place on the image: it cannot be moved, scaled or turned.")

    def _view_changed(self, event: object = None) -> None:
        if self._busy:
            return
        dims, grid = self._viewer.dims, self._viewer.canvas.grid
        upright = tuple(sorted(dims.order))
        if dims.ndisplay == 2 and tuple(dims.order) == upright and not grid.enabled:
            return
        self._busy = True
        try:
            if dims.ndisplay != 2:
                dims.ndisplay = 2
            if tuple(dims.order) != upright:
                dims.order = upright
            if grid.enabled:
                grid.enabled = False
        finally:
            self._busy = False
        self._say(
            "While an orthophoto is open the view stays flat, upright and in one piece (no 3-D, transposing or grid): "
            "what is in view is predicted first and limits the fill."
        )

    # -------------------------------------------------------------------------------------------------------- data

    def _data_changed(self, layer: Any) -> None:
        other = layer.data
        if self._busy or other is self._data[layer]:
            return
        self._busy = True
        try:
            layer.data = self._data[layer]
            self._data[layer] = layer.data  # of a pyramid napari makes a new wrapper
            if layer is self._layers.prediction:
                layer.editable = False
        finally:
            self._busy = False
        self._put_in_place(layer)  # an array of other dimensions has changed the transforms too
        if layer is not self._layers.labels:
            self._say(f"Other data were given to {layer.name!r}; its own were put back: they belong to the project.")
        elif self._read_only:
            self._say(f"{layer.name!r} is open for reading only; its data were put back.")
        else:
            self._adopt(other)

    # -------------------------------------------------------------------------------------------------- the others

    def _editable_changed(self, layer: Any) -> None:
        wanted = layer is not self._layers.prediction and not self._read_only
        if self._busy or layer.editable == wanted:
            return
        mode = self._mode[layer]
        layer.editable = wanted
        if wanted:
            layer.mode = mode
            self._say(f"{layer.name!r} stays editable: it is what you draw on.")
        elif self._read_only:
            self._say(f"{layer.name!r} is open for reading only.")
        else:
            self._say(f"{layer.name!r} is written by the network and cannot be drawn on; draw on 'labels'.")

    def _contour_changed(self, layer: Any) -> None:
        if layer.contour:
            layer.contour = 0
            way = "; O outlines the map at no cost" if layer is self._layers.prediction else ""
            self._say(f"{layer.name!r} is drawn filled: these outlines would cost seconds on a large image{way}.")

    def _dimensions_changed(self, event: object = None) -> None:
        if self._layers.labels.n_edit_dimensions != 2:
            self._layers.labels.n_edit_dimensions = 2
            self._say("Labels of an orthophoto have two dimensions, and are edited in both.")

    def _visible_changed(self, layer: Any) -> None:
        if self._read_only:
            return
        # Not by its name of now: it may be renamed while it is hidden.
        if layer.visible:
            self._take_back(self._hidden.pop(layer, ""))
        else:
            self._hidden[layer] = (
                f"{layer.name!r} are hidden: nothing can be drawn on them until they are shown. Taking up a tool shows "
                f"them again."
            )
            self._tell(self._hidden[layer])


def _copied(value: Any) -> Any:
    return np.array(value) if isinstance(value, np.ndarray) else value


def _same(one: Any, other: Any) -> bool:
    if isinstance(other, tuple):
        return tuple(one) == other
    return np.shape(one) == np.shape(other) and bool(np.allclose(np.asarray(one), np.asarray(other)))
