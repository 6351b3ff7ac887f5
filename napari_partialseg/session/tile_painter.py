"""Draws the worker's tiles as they come, a few times a second, and only where they changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject
from superqt.utils import QSignalThrottler

from napari_partialseg.session.tracker import redraw

if TYPE_CHECKING:
    from annotations.region import Region
    from napari_partialseg.session.layers import SessionLayers
    from trainer import protocol

__all__ = ["TilePainter"]

_MILLISECONDS = 200
_WHOLE_FROM = 24  # so many tiles at once are drawn faster by one refresh of all


class TilePainter(QObject):
    """Collects tiles and redraws their regions of the prediction and, where it is shown, the confidence.

    Parameters
    ----------
    layers : SessionLayers
        Whose arrays the worker writes.
    """

    def __init__(self, layers: SessionLayers, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layers = layers
        self._regions: set[Region] = set()
        self.newest_step = 0
        self._round = QSignalThrottler(QSignalThrottler.EmissionPolicy.Trailing, self)
        self._round.setTimeout(_MILLISECONDS)
        self._round.triggered.connect(self.draw)
        layers.prediction.events.visible.connect(self._shown)

    def add(self, message: protocol.Tiles) -> None:
        """Take in tiles; they are drawn with the next round."""
        for tile in message.tiles:
            self._regions.add(tile.region)
            self.newest_step = max(self.newest_step, tile.step)
        self._round.throttle()

    def draw(self) -> None:
        """Draw what has come since the last round."""
        regions, self._regions = self._regions, set()
        if not regions:
            return
        layers = self._layers
        if len(regions) >= _WHOLE_FROM:
            layers.prediction.refresh(extent=False, thumbnail=False, highlight=False)
        else:
            for region in regions:
                redraw(layers.prediction, region)
        if layers.confidence.visible:
            layers.confidence.refresh(extent=False, thumbnail=False, highlight=False)

    def stop(self) -> None:
        """Draw no more."""
        self._round.cancel()
        self._regions.clear()
        self._layers.prediction.events.visible.disconnect(self._shown)

    def _shown(self, event: object = None) -> None:
        # What came while the layer was hidden was not drawn.
        if self._layers.prediction.visible:
            self._layers.prediction.refresh()
