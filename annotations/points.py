"""Points that carry a class: each labels a disc, and taking one away gives back what lay under it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotations.classes import UNLABELLED
from annotations.drawing import disc
from annotations.errors import LabelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.region import Region

__all__ = ["PointLabel", "PointSet"]


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


class PointSet:
    """The points of one orthophoto.

    Each remembers label and stroke number of the pixels that it covered. Where the pixel beneath belonged to a point
    that has itself been removed since, the chain is followed down, so that what is left is as if the removed points had
    never been there. Iterating gives the points in the order in which they were added.
    """

    def __init__(self) -> None:
        """Make an empty set."""
        self._points: dict[int, PointLabel] = {}
        self._under: dict[int, _Under] = {}

    def __len__(self) -> int:
        return len(self._points)

    def __iter__(self) -> Any:
        return iter(list(self._points.values()))

    def __contains__(self, number: object) -> bool:
        return number in self._points

    def __getitem__(self, number: int) -> PointLabel:
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
            raise LabelError(f"point {point.number}: {point.label} is no class. Choose a class for the point.")
        region, inside = disc((labels.shape[0], labels.shape[1]), point.row, point.column, point.radius)
        if not inside.any():
            raise LabelError(f"point {point.number} at ({point.row:g}, {point.column:g}) lies outside the image.")
        rows, columns = np.nonzero(inside)
        rows, columns = rows + region.top, columns + region.left
        held = labels[rows, columns] != UNLABELLED
        places = rows[held].astype(np.int64) * labels.shape[1] + columns[held]
        found = _Under(places, labels[rows[held], columns[held]], strokes[rows[held], columns[held]])
        self._points[point.number], self._under[point.number] = point, found
        labels[rows, columns] = point.label
        strokes[rows, columns] = point.number
        return region

    def remove(self, labels: NDArray[np.int8], strokes: NDArray[np.uint32], number: int) -> Region:
        """Take a point away: pixels that still carry its number get back what lay under it.

        Returns
        -------
        Region
            The disc's bounds inside the image.

        Raises
        ------
        LabelError
            There is no such point.
        """
        point = self._points.pop(number, None)
        if point is None:
            raise LabelError(f"there is no point {number}; it was removed already.")
        region, inside = disc((labels.shape[0], labels.shape[1]), point.row, point.column, point.radius)
        rows, columns = np.nonzero(inside & (strokes[region.slices] == number))
        rows, columns = rows + region.top, columns + region.left
        places = rows.astype(np.int64) * labels.shape[1] + columns
        labels[rows, columns], strokes[rows, columns] = self._beneath(places, number)
        self._forget_unused(strokes)
        return region

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

    def _forget_unused(self, strokes: NDArray[np.uint32]) -> None:
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
        for entry in value:
            try:
                number = int(entry["number"])
                places, labels, strokes = entry["under"]
                points._under[number] = _Under(
                    np.array(places, np.int64), np.array(labels, np.int8), np.array(strokes, np.uint32)
                )
                if not entry["removed"]:
                    points._points[number] = PointLabel(
                        number, float(entry["row"]), float(entry["column"]), int(entry["label"]), int(entry["radius"])
                    )
            except (KeyError, ValueError, TypeError, OverflowError) as error:
                raise LabelError(
                    f"a saved point is damaged ({entry!r}: {error!r}). Remove it from points.json."
                ) from error
        return points
