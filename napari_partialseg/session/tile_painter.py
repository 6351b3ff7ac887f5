"""Draws the worker's tiles as they come, a few times a second, and only where they changed.

Each round makes the whole canvas be drawn anew, which costs half a second of a core where there is no graphics card. So
what lies out of view waits until it comes into view, or until there is more of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject
from superqt.utils import QSignalThrottler

from napari_partialseg.session.tracker import redraw

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotations.region import Region
    from napari_partialseg.session.layers import SessionLayers
    from trainer import protocol

__all__ = ["TilePainter"]

_MILLISECONDS = 200
_UNSEEN_MILLISECONDS = 3000
_WHOLE_FROM = 24  # so many tiles at once are drawn faster by one refresh of all


class TilePainter(QObject):
    """Collects tiles and redraws their regions of the prediction and, where it is shown, the confidence.

    Parameters
    ----------
    layers : SessionLayers
        Whose arrays the worker writes.
    in_view : callable
        Returns the region that is in view now.
    """

    def __init__(self, layers: SessionLayers, in_view: Callable[[], Region], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layers = layers
        self._in_view = in_view
        self._regions: set[Region] = set()
        self.newest_step = 0
        self._round = QSignalThrottler(QSignalThrottler.EmissionPolicy.Trailing, self)
        self._round.setTimeout(_MILLISECONDS)
        self._round.triggered.connect(self.draw_view)
        self._unseen = QSignalThrottler(QSignalThrottler.EmissionPolicy.Trailing, self)
        self._unseen.setTimeout(_UNSEEN_MILLISECONDS)
        self._unseen.triggered.connect(self.draw)
        layers.prediction.events.visible.connect(self._shown)

    def add(self, message: protocol.Tiles) -> None:
        """Take in tiles; they are drawn with the next round."""
        for tile in message.tiles:
            self._regions.add(tile.region)
            self.newest_step = max(self.newest_step, tile.step)
        self._round.throttle()

    def draw_view(self) -> None:
        """Draw what has come of what is in view; the rest waits."""
        view = self._in_view()
        self._draw({region for region in self._regions if not region.intersection(view).empty})
        if self._regions:
            self._unseen.throttle()

    def draw(self) -> None:
        """Draw all that has come and is not drawn yet."""
        self._draw(self._regions)

    def _draw(self, regions: set[Region]) -> None:
        self._regions = self._regions - regions
        if not regions:
            return
        layers = self._layers
        if len(regions) >= _WHOLE_FROM:
            layers.prediction.refresh(extent=False, thumbnail=False, highlight=False)
        else:
            for region in regions:
                redraw(layers.prediction, region)
        for layer in (layers.confidence, layers.uncertainty):
            if layer.visible:
                layer.refresh(extent=False, thumbnail=False, highlight=False)

    def stop(self) -> None:
        """Draw no more."""
        self._round.cancel()
        self._unseen.cancel()
        self._regions.clear()
        self._layers.prediction.events.visible.disconnect(self._shown)

    def _shown(self, event: object = None) -> None:
        # What came while the layer was hidden was not drawn.
        if self._layers.prediction.visible:
            self._layers.prediction.refresh()
