"""Which part of the image is in view, told when the camera has come to rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QApplication
from superqt.utils import QSignalDebouncer

from annotations.region import Region
from trainer import protocol

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["ViewWatcher", "region_in_view"]

_REST_MILLISECONDS = 150


def region_in_view(
    centre: tuple[float, float], zoom: float, canvas: tuple[float, float], scale: tuple[float, float]
) -> Region:
    """Return the pixels in view.

    Parameters
    ----------
    centre : tuple of float
        (row, column) at the middle of the canvas, in world units.
    zoom : float
        Screen pixels per world unit.
    canvas : tuple of float
        (height, width) of the canvas in screen pixels.
    scale : tuple of float
        World units per image pixel, rows and columns.
    """
    half_height, half_width = canvas[0] / zoom / 2, canvas[1] / zoom / 2
    # napari's pixel centres lie at whole numbers
    return Region.from_bounds(
        round((centre[0] - half_height) / scale[0]),
        round((centre[1] - half_width) / scale[1]),
        round((centre[0] + half_height) / scale[0]) + 1,
        round((centre[1] + half_width) / scale[1]) + 1,
    )


class ViewWatcher(QObject):
    """Says which region is in view whenever pan or zoom has come to rest.

    Signals
    -------
    moved(region)
        In full-resolution pixels; may reach beyond the image.
    """

    moved = Signal(object)

    def __init__(self, viewer: Viewer, scale: tuple[float, float], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._scale = scale
        self._rest = QSignalDebouncer(parent=self)
        self._rest.setTimeout(_REST_MILLISECONDS)
        self._rest.triggered.connect(lambda: self.moved.emit(self.region()))
        self._events = [viewer.scene.camera.events.center, viewer.scene.camera.events.zoom]
        for event in self._events:
            event.connect(self._start)

    def region(self) -> Region:
        """Return what is in view now."""
        camera = self._viewer.scene.camera
        size: Any = self._viewer.canvas.size
        return region_in_view(
            (float(camera.center[-2]), float(camera.center[-1])),
            float(camera.zoom),
            (float(size[0]), float(size[1])),
            self._scale,
        )

    def pixels_per_dot(self) -> float:
        """Return how many image pixels lie across a dot of the screen; above 1 when zoomed out."""
        application = QApplication.instance()
        dots = application.devicePixelRatio() if isinstance(application, QApplication) else 1.0
        zoom = float(self._viewer.scene.camera.zoom) * min(self._scale) * dots
        return 1.0 / zoom if zoom > 0 else 1.0

    def message(self) -> protocol.ViewChanged:
        """Return what the worker should know of the view now."""
        return protocol.ViewChanged(self.region(), self.pixels_per_dot())

    def stop(self) -> None:
        """Watch no more."""
        self._rest.cancel()
        for event in self._events:
            event.disconnect(self._start)

    def _start(self, event: object = None) -> None:
        self._rest.throttle()
