"""Clicks: a Points layer whose points carry a class; each is a small disc of labels."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal
from superqt.utils import QSignalDebouncer

from annotations.errors import PartialSegError
from annotations.labels.placing import NewPoint
from annotations.labels.points import inside_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.layers import Points

    from annotations.labels.labelling import Labelling

__all__ = ["PointKeeper"]

RADIUS = 3
_log = logging.getLogger(__name__)


class PointKeeper(QObject):
    """Keeps the points that are saved in step with those of a Points layer.

    Whatever happens to the points (added, moved, deleted, pasted, given another class), the layer is compared with what
    was there: a point has its class's index and a stroke number of its own in the layer's features, the number being 0
    while it is new. Whatever goes wrong, the next look compares again.

    Parameters
    ----------
    points : napari.layers.Points
        The layer.
    labelling : Labelling
        Owns the points.
    before : callable
        Called before points change: takes in what was painted up to then.

    Signals
    -------
    happened(Change)
        Points changed, and labels with them.
    problem(text)
        Something the user should know.
    """

    happened = Signal(object)
    problem = Signal(str)

    def __init__(
        self, points: Points, labelling: Labelling, before: Callable[[], None], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._points = points
        self._labelling = labelling
        self._before = before
        self._shape = labelling.shape
        self._busy = False
        self._moving = False  # between a drag's first event and its last
        self._adding = False
        self._added: frozenset[int] = frozenset()  # selected by napari because they were just added
        self._class = 0
        self.radius = RADIUS
        self._soon = QSignalDebouncer(parent=self)
        self._soon.triggered.connect(self._look)
        self.show()
        points.events.data.connect(self._edited)
        points.events.features.connect(self._edited)
        # napari tells of no pasting; of that, as of all, it draws the layer anew.
        points.events.set_data.connect(self._drawn_anew)
        points.events.current_properties.connect(self._selected)
        points.events.current_face_color.connect(self._coloured)

    def select_class(self, index: int) -> None:
        """Give the next points this class, and those that are selected.

        The point just added is selected by napari, not by the person: it keeps its class.
        """
        if not 0 <= index < len(self._labelling.scheme):
            return
        self._class = index
        chosen = self._chosen()
        self._offer()
        if chosen:
            with self._quietly():
                features = self._points.features.copy()
                features.iloc[sorted(chosen), features.columns.get_loc("class")] = index
                self._points.features = features
            self._look()

    def deselect(self) -> None:
        """Select no point: another tool was taken up, and choosing a class is meant for that."""
        if len(self._points.selected_data):
            with self._quietly():
                self._points.selected_data = set()
        self._added = frozenset()

    def show(self) -> None:
        """Show the points as they are kept, after an undo for example."""
        kept = list(self._labelling.points)
        with self._quietly():
            self._points.selected_data = set()
            self._points.data = np.array([[p.row, p.column] for p in kept]).reshape(-1, 2)
            self._write_features([p.label for p in kept], [p.number for p in kept])
        self._moving = False
        self.recolour()

    def recolour(self) -> None:
        """Give every point its class's colour."""
        self._class = min(self._class, len(self._labelling.scheme) - 1)
        colours = self._labelling.scheme.colours
        with self._quietly():
            if len(self._points.data):
                labels = [_whole(c) for c in self._points.features["class"]]
                wanted = [colours[c] if c is not None and 0 <= c < len(colours) else "#ff00ff" for c in labels]
                self._points.face_color = wanted
        self._offer()

    def settle(self) -> None:
        """Take what was done up to now, where napari has not told of it."""
        self._soon.flush(restart_timer=False)

    def stop(self) -> None:
        """Listen no more."""
        self._soon.cancel()
        self._points.events.data.disconnect(self._edited)
        self._points.events.features.disconnect(self._edited)
        self._points.events.set_data.disconnect(self._drawn_anew)
        self._points.events.current_properties.disconnect(self._selected)
        self._points.events.current_face_color.disconnect(self._coloured)

    # ------------------------------------------------------------------------------------------- what napari tells

    def _edited(self, event: Any = None) -> None:
        if self._busy:
            return
        action = str(getattr(event, "action", ""))
        if action in ("adding", "changing", "removing"):
            self._moving = action == "changing"
            self._offer()  # a selection made since has put its own class in place of the chosen one
            return
        if action:
            self._moving, self._adding = False, action == "added"
        elif self._adding:  # what `add` tells last, once it has selected the new points
            self._adding, self._added = False, frozenset(int(i) for i in self._points.selected_data)
        if not self._moving:
            self._look()

    def _drawn_anew(self, event: object = None) -> None:
        if not self._busy and not self._moving:
            self._soon.throttle()

    def _selected(self, event: object = None) -> None:
        if not self._busy and not self._adding:
            self._added = frozenset()

    def _coloured(self, event: object = None) -> None:
        """Take back a colour that was picked in napari's controls: a point's colour says its class."""
        if not self._busy and not self._adding:
            self.recolour()

    def _chosen(self) -> frozenset[int]:
        selected = frozenset(int(i) for i in self._points.selected_data if 0 <= int(i) < len(self._points.data))
        return selected if str(self._points.mode) == "select" or selected != self._added else frozenset()

    def _offer(self) -> None:
        """Have the next point carry the chosen class."""
        with self._quietly(), self._points.block_update_properties():
            self._points.feature_defaults = {"class": [self._class], "stroke": [0]}
            self._points.current_face_color = self._labelling.scheme.colours[self._class]

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Let the layer be changed without taking that for a person's doing."""
        before, self._busy = self._busy, True
        try:
            yield
        finally:
            self._busy = before

    # --------------------------------------------------------------------------------------------------- comparing

    def _look(self) -> None:
        if self._busy:
            return
        try:
            self._before()
            with self._quietly():
                self._reconcile()
        except PartialSegError as error:
            self.problem.emit(str(error))
        except Exception as error:
            _log.exception("points could not be compared")
            self.problem.emit(f"The last change to the points was not taken: {type(error).__name__}: {error}.")

    def _reconcile(self) -> None:
        known = {p.number: p for p in self._labelling.points}
        data = np.asarray(self._points.data, np.float64)[:, -2:]
        labels, numbers = self._read_features(known, data)
        seen: set[int] = set()
        fresh: list[tuple[int, NewPoint]] = []
        strays: list[int] = []
        put_back = 0
        for i, (row, column) in enumerate(data.tolist()):
            old = known.get(numbers[i]) if numbers[i] not in seen else None
            label = labels[i]
            if label is None or not 0 <= label < len(self._labelling.scheme):
                label = self._class if old is None else old.label
            place = (row, column)
            if not inside_image(self._shape, row, column) and (old is None or place != (old.row, old.column)):
                if old is None:
                    strays.append(i)
                    continue
                place = (old.row, old.column)  # moved out: back to where it was
                self._points.data[i, -2:] = place
                put_back += 1
            if old is not None and (*place, label) == (old.row, old.column, old.label):
                seen.add(old.number)
            else:
                fresh.append((i, NewPoint(*place, label, self.radius)))
            labels[i] = label
        gone = sorted(known.keys() - seen)
        if gone or fresh:
            given, change = self._labelling.change_points(gone, [point for _, point in fresh])
            for (i, _), number in zip(fresh, given, strict=True):
                numbers[i] = number
        kept = [i for i in range(len(data)) if i not in set(strays)]
        if strays:
            self._points.remove(strays)
        if strays or put_back:
            self._points.refresh()
        if strays or fresh or gone:
            self._write_features([labels[i] or 0 for i in kept], [numbers[i] for i in kept])
            self.recolour()
        if gone or fresh:
            self.happened.emit(change)
        if strays:
            self.problem.emit("A point outside the image labels nothing and was not kept.")
        elif put_back:
            self.problem.emit("A point was moved out of the image; it is back where it was.")

    def _read_features(self, known: dict[int, Any], data: np.ndarray) -> tuple[list[int | None], list[int]]:
        """Return class and number of each point as far as they can be made out; 0 for a number that cannot."""
        features = self._points.features
        nothing = [None] * len(data)
        labels = [_whole(v) for v in (features["class"] if "class" in features else nothing)]
        found = [_whole(v) for v in (features["stroke"] if "stroke" in features else nothing)]
        if None in found:  # a table put in place of ours: known by where they are
            places = {(p.row, p.column): number for number, p in known.items() if number not in found}
            found = [
                places.pop((row, column), 0) if number is None else number
                for number, (row, column) in zip(found, data.tolist(), strict=True)
            ]
        return labels, [number or 0 for number in found]

    def _write_features(self, labels: list[int], numbers: list[int]) -> None:
        self._points.features = {"class": np.array(labels, np.int64), "stroke": np.array(numbers, np.int64)}


def _whole(value: Any) -> int | None:
    """Return a table's cell as a whole number; None where it is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() else None
