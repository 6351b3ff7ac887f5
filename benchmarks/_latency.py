"""How long a stroke waits until the map knows of it: the first part of the view, and all of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer import protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_partialseg.launch import Scene

__all__ = ["Latency"]

_TILE = 64


@dataclass
class _Stroke:
    revision: int
    end: float
    left: NDArray[np.bool_]  # cells of the view that do not know of it yet
    seen: bool = False


class Latency:
    """Watches a session from now on.

    Parameters
    ----------
    scene : Scene
        With a session; its view must not change meanwhile.

    Attributes
    ----------
    first, whole : list of float
        Seconds from the end of a stroke to the first tile in view that knows of it, and until no tile in view is older.
    """

    def __init__(self, scene: Scene) -> None:
        session = scene.widget.session
        assert session is not None
        self.first: list[float] = []
        self.whole: list[float] = []
        self._view = session.watch.view.region().clipped(session.opened_image.ortho.shape)
        self._waiting: list[_Stroke] = []
        self._revision = session.snapshot().learning.revision
        session.labels.changed.connect(self._stroke)
        scene.widget.client.received.connect(self._message)

    def _stroke(self) -> None:
        self._revision += 1
        rows, columns = (-(-side // _TILE) for side in self._view.shape)
        self._waiting.append(_Stroke(self._revision, time.perf_counter(), np.ones((rows, columns), bool)))

    def _message(self, message: Any) -> None:
        if not isinstance(message, protocol.Tiles):
            return
        now = time.perf_counter()
        for tile in message.tiles:
            part = tile.region.intersection(self._view)
            if part.empty:
                continue
            local = part.within(self._view).shrunk(_TILE)
            for stroke in self._waiting:
                if tile.revision < stroke.revision:
                    continue
                if not stroke.seen:
                    stroke.seen = True
                    self.first.append(now - stroke.end)
                stroke.left[local.slices] = False
        for stroke in [s for s in self._waiting if not s.left.any()]:
            self._waiting.remove(stroke)
            self.whole.append(now - stroke.end)

    def summary(self) -> dict[str, float]:
        """Return medians and maxima in seconds, and how many strokes there were."""
        result: dict[str, float] = {"strokes": len(self.first), "unanswered": len(self._waiting)}
        for name, seconds in (("first_tile", self.first), ("whole_view", self.whole)):
            if seconds:
                result[f"{name}_median"] = float(np.median(seconds))
                result[f"{name}_max"] = float(max(seconds))
        return result
