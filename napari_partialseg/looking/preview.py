"""The smoothed map as it would be, of what is in view: a layer of its own, in the place of that part of the map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtCore import QObject, Signal
from superqt.utils import QSignalDebouncer, QSignalThrottler

from annotations.cleaning.cleaning import AS_IT_IS, Cleaning, cleaned_view, pixel_area
from annotations.errors import PartialSegError
from annotations.region import Region
from napari_partialseg.job import Job
from napari_partialseg.session.guard import prediction_colormap

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from napari_partialseg.looking.map_look import MapLook
    from napari_partialseg.session.session import Session

__all__ = ["MOST_PIXELS", "Preview"]

MOST_PIXELS = 4096 * 4096
"""What is smoothed for the eye at once: farther out, neither a speck nor a tooth of an edge can be seen."""

_QUIET_MILLISECONDS = 120
_TILES_MILLISECONDS = 1000
_NAME = "prediction, smoothed"


class Preview(QObject):
    """Shows the smoothed map where the view has come to rest, and keeps it up to date.

    The prediction itself is not touched: its layer leaves out the part that is shown smoothed.

    Parameters
    ----------
    session : Session
        Whose map it is.
    look : MapLook
        Draws both layers alike.

    Signals
    -------
    told(text)
        What the panel says of it: that it is being computed, or why there is none.
    gone()
        The person took the layer away.
    """

    told = Signal(str)
    gone = Signal()

    def __init__(self, session: Session, look: MapLook, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._look = look
        self._map: NDArray[np.uint8] = session.opened_image.prediction
        self._pixel = pixel_area(session.opened_image.ortho.georeference, self._map.shape)
        self._cleaning = AS_IT_IS
        self._job: Job | None = None
        self._again = False
        self._shown: tuple[Region, NDArray[np.uint8]] | None = None
        self.layer: Labels | None = None
        self._soon = QSignalDebouncer(parent=self)
        self._soon.setTimeout(_QUIET_MILLISECONDS)
        self._soon.triggered.connect(self._begin)
        self._tiles = QSignalThrottler(QSignalThrottler.EmissionPolicy.Trailing, self)
        self._tiles.setTimeout(_TILES_MILLISECONDS)
        self._tiles.triggered.connect(self._map_changed)
        session.worker.tiles.connect(self._tiles.throttle)
        session.watch.view.moved.connect(self._view_moved)
        session.scheme_changed.connect(self._follow_scheme)
        events = session.layers.prediction.events
        events.opacity.connect(self._follow)
        events.visible.connect(self._follow)
        events.blending.connect(self._follow)
        session.viewer.layers.events.removed.connect(self._removed)

    @property
    def pixel(self) -> float | None:
        """Square metres of a pixel; None where they are not known."""
        return self._pixel

    def set_cleaning(self, cleaning: Cleaning) -> None:
        """Show the map smoothed so; with nothing to do, as it is."""
        if cleaning == self._cleaning:
            return
        self._cleaning = cleaning
        self._drop_job()
        if cleaning:
            self._soon.throttle()
        else:
            self._put_away()
            self.told.emit("")

    def value_at(self, row: int, column: int) -> int:
        """Return the class that is seen at a pixel of the image; 255 for none."""
        if self._shown is not None:
            region, values = self._shown
            if region.contains(Region(row, column, 1, 1)):
                return int(values[row - region.top, column - region.left])
        return int(self._map[row, column])

    def stop(self) -> None:
        """Take it away, and follow no more."""
        session = self._session
        self._soon.cancel()
        self._tiles.cancel()
        self._drop_job()
        session.worker.tiles.disconnect(self._tiles.throttle)
        session.watch.view.moved.disconnect(self._view_moved)
        session.scheme_changed.disconnect(self._follow_scheme)
        events = session.layers.prediction.events
        for event in (events.opacity, events.visible, events.blending):
            event.disconnect(self._follow)
        session.viewer.layers.events.removed.disconnect(self._removed)
        self._put_away()

    # ------------------------------------------------------------------------------------------------ computing

    def _view_moved(self, region: Region) -> None:
        shown = None if self._shown is None else self._shown[0]
        if self._cleaning and (shown is None or not shown.contains(region.clipped(self._map.shape))):
            self._drop_job()
            self._begin()

    def _map_changed(self) -> None:
        if self._cleaning and self._session.layers.prediction.visible:
            self._begin()

    def _begin(self) -> None:
        """Smooth what is in view; while that is going on, do it again afterwards."""
        if self._job is not None:
            self._again = True
            return
        region = self._session.watch.view.region().clipped(self._map.shape)
        if not self._cleaning or region.empty:
            return
        if region.height * region.width > MOST_PIXELS:
            self._put_away()
            self.told.emit("Zoom in to see it: so wide a view is not smoothed.")
            return
        self._start(region, self._map, self._cleaning, self._pixel)

    def _start(self, region: Region, classes: NDArray[np.uint8], cleaning: Cleaning, pixel: float | None) -> None:
        def smooth(cancelled: Callable[[], bool], **_: Any) -> NDArray[np.uint8]:
            def go_on(part: float) -> None:
                if cancelled():
                    raise PartialSegError("not wanted any more")

            return cleaned_view(classes, cleaning, pixel, region, progress=go_on)

        self._again = False
        self._job = Job(smooth, self)
        self._job.done.connect(lambda values: self._show(region, values))
        self._job.failed.connect(self._failed)
        self._job.start()
        if self._shown is None:
            self.told.emit("smoothing what is in view…")

    def _failed(self, text: str) -> None:
        self._let_job_go()
        self._put_away()
        self.told.emit(text)

    def _let_job_go(self) -> None:
        job, self._job = self._job, None
        if job is not None:
            job.deleteLater()

    def _drop_job(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._let_job_go()
        self._again = False

    # -------------------------------------------------------------------------------------------------- showing

    def _show(self, region: Region, values: NDArray[np.uint8]) -> None:
        self._let_job_go()
        layer = self.layer
        scale = self._session.layers.prediction.scale
        place = (region.top * float(scale[-2]), region.left * float(scale[-1]))
        if layer is None:
            layer = self._add(values, place)
        else:
            layer.data = values
            layer.editable = False
            layer.translate = place
        self._shown = region, values
        self._follow()
        height, width = self._map.shape
        self._look.cut_out(
            self._session.layers.prediction,
            (region.left / width, region.top / height, region.right / width, region.bottom / height),
        )
        self.told.emit("")
        if self._again:
            self._begin()

    def _add(self, values: NDArray[np.uint8], place: tuple[float, float]) -> Labels:
        session = self._session
        below = session.layers.prediction
        layer = Labels(
            values,
            name=_NAME,
            colormap=prediction_colormap(session.scheme),
            scale=below.scale,
            units=below.units,
            translate=place,
        )
        layer.editable = False
        layers = session.viewer.layers
        chosen, active = set(layers.selection), layers.selection.active
        layers.insert(layers.index(below) + 1, layer)
        layers.selection = chosen
        layers.selection.active = active
        self.layer = layer
        self._look.take(layer)
        return layer

    def _put_away(self) -> None:
        layer, self.layer, self._shown = self.layer, None, None
        if layer is not None:
            self._look.cut_out(self._session.layers.prediction, None)
            self._look.drop(layer)
            if layer in self._session.viewer.layers:
                self._session.viewer.layers.remove(layer)

    def _follow(self, event: object = None) -> None:
        """Be as visible as the map is."""
        below, layer = self._session.layers.prediction, self.layer
        if layer is not None:
            layer.opacity, layer.blending = below.opacity, below.blending
            if layer.visible != below.visible:
                layer.visible = below.visible
                self._map_changed()

    def _follow_scheme(self) -> None:
        if self.layer is not None:
            self.layer.colormap = prediction_colormap(self._session.scheme)

    def _removed(self, event: Any) -> None:
        if self.layer is not None and event.value is self.layer:
            self._drop_job()
            self._put_away()
            self.gone.emit()
