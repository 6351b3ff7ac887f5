"""Notes shown on the image: a layer of points of its own, which can only be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points

from napari_partialseg.session.layers import MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from annotations.notes.notes import Note
    from napari_partialseg.session.session import Session

__all__ = ["NotesLayer"]

_LETTERS = 40
_DOTS = 13
_COLOUR = "#ffe14d"


class NotesLayer:
    """Puts the layer into the viewer while there are notes to show; the active layer stays what it was.

    A canvas overlay would need what napari keeps to itself, and a note in the layer of the points would be a label.

    Parameters
    ----------
    session : Session
        On whose image the notes are.
    deleted : callable
        Called when a person has deleted the layer: notes are hidden then, and not lost.
    """

    def __init__(self, session: Session, deleted: Callable[[], object]) -> None:
        self._session, self._deleted = session, deleted
        self._layer: Points | None = None
        session.viewer.layers.events.removed.connect(self._removed)

    def show(self, notes: Sequence[Note]) -> None:
        """Show these notes; without any there is no layer."""
        if not notes:
            self.remove()
            return
        places = np.array([[note.row, note.column] for note in notes], np.float64)
        texts = np.array([_short(note.text) for note in notes], object)
        if self._layer is None:
            self._add(places, texts)
            return
        if len(places) == len(self._layer.data):
            self._layer.features = {"note": texts}
            self._layer.data = places
            self._layer.editable = False  # napari has made it editable with the data
        else:  # a layer keeps the texts of points by their order: made anew
            layer, visible = self._layer, self._layer.visible
            self.remove()
            self._add(places, texts, name=layer.name, visible=visible)

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._session.viewer.layers:
            self._session.viewer.layers.remove(layer)

    def stop(self) -> None:
        """Show no notes any more."""
        self._session.viewer.layers.events.removed.disconnect(self._removed)
        self.remove()

    def _add(self, places: Any, texts: Any, *, name: str = "notes", visible: bool = True) -> None:
        session = self._session
        ours, viewer = session.layers.labels, session.viewer
        layer = Points(
            places,
            name=name,
            features={"note": texts},
            # By the name of the column and not as a format: braces in a note are braces.
            text={"string": "note", "size": 11, "color": _COLOUR, "anchor": "upper_left", "translation": [0, 0]},
            symbol="disc",
            face_color=_COLOUR,
            border_color="black",
            border_width=0.2,
            size=_DOTS,
            canvas_size_limits=(_DOTS, _DOTS),
            scale=ours.scale,
            units=ours.units,
            visible=visible,
            metadata={MARK: "notes"},
        )
        active = viewer.layers.selection.active
        viewer.add_layer(layer)
        viewer.layers.selection.active = active if active in viewer.layers else ours
        layer.editable = False  # not before: napari makes it editable when it is added
        self._layer = layer

    def _removed(self, event: Any) -> None:
        if self._layer is not None and event.value is self._layer:
            self._layer = None
            self._deleted()


def _short(text: str) -> str:
    line = " ".join(text.split())
    return "  " + (line if len(line) <= _LETTERS else f"{line[: _LETTERS - 1]}…")
