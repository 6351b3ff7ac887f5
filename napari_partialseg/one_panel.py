"""One panel per viewer: closing it hides it, and opening it again brings back the very same.

napari's cross takes the dock away and leaves its widget without a parent, and the menu then makes another widget: two
workers, and a project locked by the panel that nobody sees. Here the first panel stays, with all it shows, and is what
the menu gets.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

from qtpy.QtWidgets import QDockWidget, QWidget

__all__ = ["OnePerViewer", "real_viewer"]

_panels: WeakValueDictionary[int, QWidget] = WeakValueDictionary()


def real_viewer(viewer: Any) -> Any:
    """Return the viewer itself where napari hands out a proxy for it."""
    return getattr(viewer, "__wrapped__", viewer)


class OnePerViewer(type(QWidget)):  # type: ignore[misc]  # the binding's own metaclass
    """Gives the panel that the viewer has already, taken out of the dock it may be in, or makes one."""

    def __call__(cls, napari_viewer: Any, *arguments: Any, **options: Any) -> Any:
        """Return the viewer's panel."""
        key = id(real_viewer(napari_viewer))
        panel: Any = _panels.get(key)
        if panel is not None and panel.usable and real_viewer(panel.viewer) is real_viewer(napari_viewer):
            _undock(panel)
            return panel
        panel = super().__call__(napari_viewer, *arguments, **options)
        _panels[key] = panel
        return panel


def _undock(panel: Any) -> None:
    """Take the panel out of its dock, which goes: it is about to get another."""
    above = panel.parentWidget()
    while above is not None and not isinstance(above, QDockWidget):
        above = above.parentWidget()
    if above is not None:
        real_viewer(panel.viewer).window.remove_dock_widget(above)
    panel.setParent(None)
