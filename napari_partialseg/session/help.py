"""What napari says of our layers: the keys that hold for them, and their names as they stand.

At the bottom right napari names its own keys, which are others than those of a session; in tool tips of its list of
layers it would take the name of a file for HTML.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_partialseg.session.hand import TOOL_KEYS
from napari_partialseg.words import without_markup

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_partialseg.session.layers import SessionLayers

__all__ = ["HELP", "LayerHelp"]

HELP = (
    ", ".join(f"{key} {tool}" for tool, key in TOOL_KEYS.items() if tool != "move")
    + ", Space moves, X unlabels, N next place, Y notes, C check; the map: V hides, T blinks, O outlines, W swipes"
)


class LayerHelp:
    """Puts our help in the place of napari's, which writes its own whenever a layer's mode changes.

    Parameters
    ----------
    viewer : Viewer
        Which shows it.
    layers : SessionLayers
        The layers of the session.
    """

    def __init__(self, viewer: Viewer, layers: SessionLayers) -> None:
        self._viewer = viewer
        self._layers = layers.all()
        for layer in self._layers:
            layer.get_source_str = _plain_source(layer)
            layer.events.help.connect(self._say)
        self._say()

    def stop(self) -> None:
        """Leave the layers to napari."""
        for layer in self._layers:
            vars(layer).pop("get_source_str", None)
            layer.events.help.disconnect(self._say)
            layer.help = ""

    def _say(self, event: object = None) -> None:
        for layer in self._layers:
            layer.help = HELP
        active = self._viewer.layers.selection.active
        if any(active is layer for layer in self._layers):
            self._viewer.help = HELP


def _plain_source(layer: Layer) -> Callable[[], str]:
    return lambda: without_markup(type(layer).get_source_str(layer))
