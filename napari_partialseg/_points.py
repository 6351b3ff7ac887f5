"""Clicks: a Points layer whose points carry a class; each is a small disc of labels."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject

from annotations.points import PointLabel, PointSet
from annotations.region import Region
from annotations.strokes import Stroke
from napari_partialseg._tracker import redraw

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels, Points

    from annotations.classes import ClassScheme
    from annotations.journal import EditJournal
    from napari_partialseg._prepare import Prepared

__all__ = ["PointKeeper"]

RADIUS = 3


class PointKeeper(QObject):
    """Keeps discs of labels in step with the points of a Points layer.

    Whatever happens to the points (added, moved, deleted, pasted, undone), the layer is compared with what was there:
    a point has a stroke number of its own in the layer's features, and 0 while it is new.

    Parameters
    ----------
    points, labels : napari layers
        The two layers.
    prepared : Prepared
        Holds labels, stroke numbers and the store.
    journal : EditJournal
        Of the labels.
    scheme : ClassScheme
        The classes.
    changed : callable
        Told the region whose labels changed.
    """

    def __init__(
        self,
        points: Points,
        labels: Labels,
        prepared: Prepared,
        journal: EditJournal,
        scheme: ClassScheme,
        changed: Callable[[Region], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._points = points
        self._labels = labels
        self._journal = journal
        self._prepared = prepared
        self._changed = changed
        self._busy = False
        self._set = PointSet.from_json(prepared.store.points())
        self.radius = RADIUS
        self.set_scheme(scheme)
        self._show_kept()
        points.events.data.connect(self._edited)
        points.events.features.connect(self._edited)

    def set_scheme(self, scheme: ClassScheme) -> None:
        """Take another class scheme."""
        self._scheme = scheme
        self._points.face_color_cycle = list(scheme.colours)
        self._recolour()

    def select_class(self, index: int) -> None:
        """Give the next points this class."""
        if not 0 <= index < len(self._scheme):
            return
        name = self._scheme.names[index]
        self._points.feature_defaults = {"class": [name], "stroke": [0]}
        self._points.current_face_color = self._scheme.colours[index]

    def stop(self) -> None:
        """Listen no more."""
        self._points.events.data.disconnect(self._edited)
        self._points.events.features.disconnect(self._edited)

    def _show_kept(self) -> None:
        kept = list(self._set)
        if kept:
            self._points.data = np.array([[p.row, p.column] for p in kept])
            self._points.features = {
                "class": [self._scheme.names[p.label] for p in kept],
                "stroke": [p.number for p in kept],
            }
            self._recolour()

    def _recolour(self) -> None:
        if len(self._points.data):
            colours = dict(zip(self._scheme.names, self._scheme.colours, strict=True))
            self._points.face_color = [colours.get(str(c), "#ff00ff") for c in self._points.features["class"]]

    def _edited(self, event: Any = None) -> None:
        action = str(getattr(event, "action", ""))
        if self._busy or action in ("adding", "removing", "changing"):
            return
        self._busy = True
        try:
            self._reconcile()
        finally:
            self._busy = False

    def _reconcile(self) -> None:
        names = list(self._scheme.names)
        known = {p.number: p for p in self._set}
        classes = [str(c) for c in self._points.features["class"]]
        numbers = [int(n) if n == n else 0 for n in self._points.features["stroke"]]  # NaN in a row just pasted
        seen: set[int] = set()
        fresh: list[int] = []
        for i, (row, column) in enumerate(np.asarray(self._points.data)[:, -2:]):
            old = known.get(numbers[i])
            label = names.index(classes[i]) if classes[i] in names else 0
            same = old is not None and (old.row, old.column, old.label) == (float(row), float(column), label)
            if same and numbers[i] not in seen:
                seen.add(numbers[i])
            else:
                fresh.append(i)
        region = Region(0, 0, 0, 0)
        for number in known.keys() - seen:
            region = region.union(self._set.remove(self._prepared.labels, self._prepared.strokes, number))
        strokes: list[Stroke] = []
        for i in fresh:
            row, column = (float(v) for v in self._points.data[i][-2:])
            label = names.index(classes[i]) if classes[i] in names else 0
            numbers[i] = self._journal.reserve()
            point = PointLabel(numbers[i], row, column, label, self.radius)
            region = region.union(self._set.add(self._prepared.labels, self._prepared.strokes, point))
            strokes.append(Stroke(numbers[i], label, "point", time.time(), "drawn"))
        if fresh:
            features = self._points.features.copy()
            features["stroke"] = np.array(numbers, np.int64)
            self._points.features = features
        if fresh or known.keys() - seen:
            self._save(region, strokes)

    def _save(self, region: Region, strokes: list[Stroke]) -> None:
        held = self._prepared
        held.store.submit_points(self._set.to_json())
        if region.empty:
            return
        self._journal.adopt(region)
        held.store.submit(region, held.labels[region.slices], held.strokes[region.slices], strokes)
        redraw(self._labels, region)
        self._changed(region)
