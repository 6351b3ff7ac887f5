"""What of the viewer's canvas napari has no public name for: its widget, and what draws a layer.

Nothing else here reaches into napari's inner parts. Where there is no window, both are None.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

__all__ = ["canvas_widget", "node_of"]


def canvas_widget(viewer: Viewer) -> QWidget | None:
    """Return the widget that the layers are drawn on."""
    canvas = _canvas(viewer)
    native = getattr(canvas, "native", None)
    return native if isinstance(native, QWidget) else None


def node_of(viewer: Viewer, layer: Layer) -> Any:
    """Return vispy's image that draws a layer; None where it is not drawn."""
    canvas = _canvas(viewer)
    visual = None if canvas is None else canvas.layer_to_visual.get(layer)
    return None if visual is None else visual.node


def _canvas(viewer: Viewer) -> Any:
    window = getattr(viewer, "window", None)
    return getattr(getattr(window, "_qt_viewer", None), "canvas", None)
