"""Points that carry a class: each labels a disc, and taking one away gives back what lay under it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from annotations.classes import UNLABELLED
from annotations.errors import LabelError
from annotations.labels.shapes import disc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from annotations.region import Region

__all__ = ["PointLabel", "PointSet", "PointsChange", "inside_image"]

_LARGEST_RADIUS = 10_000


@dataclass(frozen=True, slots=True)
class PointLabel:
    """A point with a class.

    Parameters
    ----------
    number : int
        Its stroke number, unique among strokes and points of the orthophoto.
    row, column : float
        In pixels; whole numbers are pixel centres.
    label : int
        Class index.
    radius : int
        Of the disc that it labels, in pixels.
    """

    number: int
    row: float
    column: float
    label: int
    radius: int = 3


@dataclass(slots=True)
class _Under:
    """What a point found under its disc: flat places in the image, labels, stroke numbers; labelled pixels only."""

    places: NDArray[np.int64]
    labels: NDArray[np.int8]
    strokes: NDArray[np.uint32]

    def only(self, kept: NDArray[np.bool_]) -> _Under:
        return _Under(self.places[kept], self.labels[kept], self.strokes[kept])


@dataclass(frozen=True, slots=True)
class PointsChange:
    """What became of some numbers between two states of a `PointSet`: point and memory of each, before and after."""

    before: dict[int, tuple[PointLabel | None, _Under | None]]
    after: dict[int, tuple[PointLabel | None, _Under | None]]

    def __bool__(self) -> bool:
        return bool(self.before)


class PointSet:
    """The points of one orthophoto.

    Each remembers label and stroke number of the pixels that it covered. Where the pixel beneath belonged to a point
    that has itself been removed since, the chain is followed down, so that what is left is as if the removed points had
    never been there. Iterating gives the points in the order of their numbers, in which they were added.
    """

    def __init__(self) -> None:
        """Make an empty set."""
        self._points: dict[int, PointLabel] = {}
        self._under: dict[int, _Under] = {}

    def __len__(self) -> int:
        return len(self._points)

    def __iter__(self) -> Iterator[PointLabel]:
        return iter([self._points[number] for number in sorted(self._points)])

    def __contains__(self, number: object) -> bool:
        return number in self._points

    def __getitem__(self, number: int) -> PointLabel:
        """Return the point of a number; LabelError where there is none."""
        if number not in self._points:
            raise LabelError(f"there is no point {number}; it was removed already.")
        return self._points[number]

    def add(self, labels: NDArray[np.int8], strokes: NDArray[np.uint32], point: PointLabel) -> Region:
        """Label a point's disc.

        Parameters
        ----------
        labels : ndarray of int8, (H, W)
            Changed in place.
        strokes : ndarray of uint32, (H, W)
            Changed in place: the disc gets the point's number, also where the label was the same already.
        point : PointLabel
            Its place, radius, class and a stroke number that no other point has.

        Returns
        -------
        Region
            The disc's bounds inside the image.

        Raises
        ------
        LabelError
            The number is taken, or the point lies outside the image.
        """
        if point.number in self._points or point.number in self._under or point.number < 1:
            raise LabelError(f"point {point.number}: the number is in use; take the journal's next one.")
        if point.label < 0:
            raise LabelError(f"point {point.number}: {point.label} is not a class. Choose a class for the point.")
        if not inside_image(labels.shape, point.row, point.column):
            raise LabelError(f"point {point.number} at ({point.row:g}, {point.column:g}) lies outside the image.")
        region, inside = disc((labels.shape[0], labels.shape[1]), point.row, point.column, point.radius)
        rows, columns = np.nonzero(inside)
        rows, columns = rows + region.top, columns + region.left
        held = labels[rows, columns] != UNLABELLED
        places = rows[held].astype(np.int64) * labels.shape[1] + columns[held]
        found = _Under(places, labels[rows[held], columns[held]], strokes[rows[held], columns[held]])
        self._points[point.number], self._under[point.number] = point, found
        labels[rows, columns] = point.label
        strokes[rows, columns] = point.number
        return region

    def remove(
        self, labels: NDArray[np.int8], strokes: NDArray[np.uint32], number: int, *, tidy: bool = True
    ) -> Region:
        """Take a point away: pixels that still carry its number get back what lay under it.

        Without `tidy` call that yourself, once after many.

        Returns
        -------
        Region
            The disc's bounds inside the image.

        Raises
        ------
        LabelError
            There is no such point.
        """
        point = self[number]
        del self._points[number]
        region, inside = disc((labels.shape[0], labels.shape[1]), point.row, point.column, point.radius)
        rows, columns = np.nonzero(inside & (strokes[region.slices] == number))
        rows, columns = rows + region.top, columns + region.left
        places = rows.astype(np.int64) * labels.shape[1] + columns
        labels[rows, columns], strokes[rows, columns] = self._beneath(places, number)
        if tidy:
            self.tidy()
        return region

    def copy(self) -> PointSet:
        """Return a set that can be changed alone."""
        result = PointSet()
        result._points, result._under = dict(self._points), dict(self._under)
        return result

    def change_to(self, other: PointSet) -> PointsChange:
        """Return what leads from this set to another; `apply` follows it, in either direction."""
        mine, theirs = self._held(), other._held()
        numbers = [n for n in mine.keys() | theirs.keys() if not _same(mine.get(n), theirs.get(n))]
        nothing = (None, None)
        return PointsChange({n: mine.get(n, nothing) for n in numbers}, {n: theirs.get(n, nothing) for n in numbers})

    def apply(self, change: PointsChange, *, back: bool = False) -> None:
        """Follow a change, or take it back; labels and stroke numbers are their owner's to write."""
        for number, (point, under) in (change.before if back else change.after).items():
            for held, value in ((self._points, point), (self._under, under)):
                held.pop(number, None)
                if value is not None:
                    held[number] = value  # type: ignore[assignment]

    def forget(self, *, strokes: NDArray[np.uint32] | None = None, labels_from: int | None = None) -> None:
        """Forget labels that lie under points: those of some strokes, or of classes from an index on."""
        for number, under in list(self._under.items()):
            found = under
            if labels_from is not None and (under.labels >= labels_from).any():
                found = self._uncovered(found, lambda labels: labels >= labels_from)
            if strokes is not None and np.isin(found.strokes, strokes).any():
                found = found.only(~np.isin(found.strokes, strokes))
            if found is not under:
                self._under[number] = found

    def moved(self, label: int, to: int) -> PointSet:
        """Return a set in which a class has become another one, or (-1) is unlabelled: its points are gone then."""
        result = self.copy()
        for number, under in self._under.items():
            theirs = under.labels == label
            if theirs.any() and to == UNLABELLED:
                result._under[number] = self._uncovered(under, lambda labels: labels == label)
            elif theirs.any():
                result._under[number] = _Under(under.places, np.where(theirs, np.int8(to), under.labels), under.strokes)
        for number, point in self._points.items():
            if point.label == label and to == UNLABELLED:
                del result._points[number]
            elif point.label == label:
                result._points[number] = replace(point, label=to)
        result.tidy()
        return result

    def agree(self, labels: NDArray[np.int8], strokes: NDArray[np.uint32]) -> None:
        """Give each point the class that its pixels have: a kill may have come between these and the points.

        Of several classes, where it came between two files of pixels, it is the lowest: a class that goes takes its
        points with it, and none of them may have pixels of a class that stays.
        """
        for number, point in self._points.items():
            region, inside = disc((labels.shape[0], labels.shape[1]), point.row, point.column, point.radius)
            held = labels[region.slices][inside & (strokes[region.slices] == number)]
            if held.size and int(held.min()) != point.label and int(held.min()) >= 0:
                self._points[number] = replace(point, label=int(held.min()))

    def _uncovered(self, under: _Under, lost: Callable[[NDArray[np.int8]], NDArray[np.bool_]]) -> _Under:
        """Return a memory without the labels that are lost: of removed points, what lay under these instead."""
        labels, strokes = under.labels.copy(), under.strokes.copy()
        for owner in np.unique(strokes[lost(labels)]):
            if int(owner) in self._under and int(owner) not in self._points:
                mine = lost(labels) & (strokes == owner)
                labels[mine], strokes[mine] = self._beneath(under.places[mine], int(owner))
        kept = ~lost(labels) & (labels != UNLABELLED)
        return _Under(under.places[kept], labels[kept], strokes[kept])

    def _held(self) -> dict[int, tuple[PointLabel | None, _Under | None]]:
        numbers = self._points.keys() | self._under.keys()
        return {n: (self._points.get(n), self._under.get(n)) for n in numbers}

    def _beneath(self, places: NDArray[np.int64], number: int) -> tuple[NDArray[np.int8], NDArray[np.uint32]]:
        """Return label and stroke number under a point, down through points that are gone."""
        labels = np.full(places.shape, UNLABELLED, np.int8)
        owners = np.zeros(places.shape, np.uint32)
        # Each round looks under one point; a chain ends, for a point lies on earlier ones only.
        open_ = {number: np.arange(len(places))}
        while open_:
            owner, which = open_.popitem()
            under = self._under[owner]
            order = np.searchsorted(under.places, places[which])
            inside = order < len(under.places)
            inside[inside] = under.places[order[inside]] == places[which][inside]
            hit, at = which[inside], order[inside]
            labels[hit], owners[hit] = under.labels[at], under.strokes[at]
            gone = which[~inside]
            labels[gone], owners[gone] = UNLABELLED, 0
            for below in np.unique(owners[hit]):
                if int(below) in self._under and int(below) not in self._points:
                    mine = hit[owners[hit] == below]
                    earlier = open_.get(int(below))
                    open_[int(below)] = mine if earlier is None else np.concatenate([earlier, mine])
        return labels, owners

    def tidy(self) -> None:
        """Drop the memory of removed points that nothing can lead to any more."""
        needed = set(self._points)
        waiting = list(needed)
        while waiting:
            for below in np.unique(self._under[waiting.pop()].strokes):
                if int(below) in self._under and int(below) not in needed:
                    needed.add(int(below))
                    waiting.append(int(below))
        self._under = {number: under for number, under in self._under.items() if number in needed}

    def to_json(self) -> list[dict[str, Any]]:
        """Return plain values: the points, and what they and the removed ones beneath them cover."""
        result = []
        for number, under in self._under.items():
            point = self._points.get(number)
            entry: dict[str, Any] = {"number": number} if point is None else asdict(point)
            entry["removed"] = point is None
            entry["under"] = [under.places.tolist(), under.labels.tolist(), under.strokes.tolist()]
            result.append(entry)
        return result

    @classmethod
    def from_json(cls, value: list[dict[str, Any]]) -> PointSet:
        """Rebuild from `to_json`.

        Raises
        ------
        LabelError
            An entry is damaged.
        """
        points = cls()
        points._read(value)
        return points

    @classmethod
    def recovered(
        cls, value: Iterable[Any], n_classes: int, shape: tuple[int, int]
    ) -> tuple[PointSet, list[dict[str, Any]]]:
        """Rebuild what can be kept of `to_json`, whatever was done to it.

        Returns
        -------
        points : PointSet
            Without points of classes that do not exist, and without such labels under the others.
        left_out : list of dict
            The entries that were not kept whole, as they were.
        """
        points = cls()
        left_out = []
        for entry in value:
            try:
                points._read([entry])
                number = int(entry["number"])
                under = points._under[number]
                under_fits = ((under.labels >= 0) & (under.labels < n_classes)).all()
                in_image = ((under.places >= 0) & (under.places < shape[0] * shape[1])).all()
                point = points._points.get(number)
                fits = point is None or (
                    0 <= point.label < n_classes
                    and number > 0
                    and 0 <= point.radius <= _LARGEST_RADIUS
                    and math.isfinite(point.row)
                    and math.isfinite(point.column)
                )
                if fits and in_image and (np.diff(under.places) > 0).all():
                    if not under_fits:
                        left_out.append(entry)
                    continue
                points._points.pop(number, None)
                if not in_image or (np.diff(under.places) <= 0).any():
                    points._under.pop(number, None)
            except LabelError:
                pass
            left_out.append(entry)
        points.forget(labels_from=n_classes)
        points.tidy()
        return points, left_out

    def _read(self, value: Iterable[Any]) -> None:
        for entry in value:
            try:
                number = int(entry["number"])
                places, labels, strokes = entry["under"]
                under = _Under(np.array(places, np.int64), np.array(labels, np.int8), np.array(strokes, np.uint32))
                if not under.places.shape == under.labels.shape == under.strokes.shape == (len(places),):
                    raise ValueError("what lies under it has different lengths")
                point = None
                if not entry["removed"]:
                    point = PointLabel(
                        number, float(entry["row"]), float(entry["column"]), int(entry["label"]), int(entry["radius"])
                    )
            except (KeyError, ValueError, TypeError, OverflowError) as error:
                raise LabelError(
                    f"a saved point is damaged ({entry!r}: {error!r}). Remove it from points.json."
                ) from error
            self._under[number] = under
            if point is not None:
                self._points[number] = point


def inside_image(shape: tuple[int, ...], row: float, column: float) -> bool:
    """Whether a place (any numbers, infinite ones too) lies on a pixel of an image of shape (H, W)."""
    return -0.5 <= row < shape[0] - 0.5 and -0.5 <= column < shape[1] - 0.5


def _same(a: tuple[Any, Any] | None, b: tuple[Any, Any] | None) -> bool:
    """Whether two states of a number are the same; memories are never changed in place, so identity is enough."""
    return a is b or (a is not None and b is not None and a[0] is b[0] and a[1] is b[1])
