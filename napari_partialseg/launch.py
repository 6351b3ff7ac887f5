"""A viewer with the widget docked: what `python -m napari_partialseg` and the demo start with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import napari

from napari_partialseg.widget import PartialSegWidget

if TYPE_CHECKING:
    from pathlib import Path

    from napari.viewer import Viewer

__all__ = ["Scene", "open_scene", "run_viewer"]

_FRAME = 40  # title bar and borders, about


@dataclass(frozen=True)
class Scene:
    """A viewer and the widget in it."""

    viewer: Viewer
    widget: PartialSegWidget


def open_scene(
    path: str | Path | None = None,
    *,
    project: str | Path | None = None,
    truth: str | Path | None = None,
    size: tuple[int, int] = (1600, 1000),
    show: bool = True,
) -> Scene:
    """Open a viewer with the widget docked, and an orthophoto or a project in it.

    Parameters
    ----------
    path : str or Path, optional
        The orthophoto or project; read in the background, so `widget.session` is None until it is there.
    project : str or Path, optional
        Project folder for the orthophoto; by default the one beside it.
    truth : str or Path, optional
        Truth mask, loaded once the orthophoto is there.
    size : tuple of int
        Width and height of the window; less where the screen is smaller, so that the panel is in sight.
    show : bool
        Whether to show the window.
    """
    viewer = napari.Viewer(title="Partial Seg", show=show)
    widget = PartialSegWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Partial Seg", area="right")
    if show:
        viewer.window.resize(*_fitting(viewer, size))
    if path is not None:
        widget.open_path(path, folder=project, truth=truth)
    return Scene(viewer, widget)


def run_viewer(
    path: str | Path | None = None, *, project: str | Path | None = None, truth: str | Path | None = None
) -> None:
    """Open a viewer as `open_scene` does, and return when it has been closed."""
    scene = open_scene(path, project=project, truth=truth)
    try:
        napari.run()
    finally:  # Ctrl+C in the terminal ends it too
        scene.widget.shut_down()


def _fitting(viewer: Viewer, size: tuple[int, int]) -> tuple[int, int]:
    """Return the size, or as much of it as the screen has room for beside the window's frame."""
    window = viewer.window._qt_window  # napari offers no other way to its screen
    room = window.screen().availableGeometry()
    return min(size[0], room.width() - _FRAME), min(size[1], room.height() - _FRAME)
