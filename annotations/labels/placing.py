"""Points taken away and added in one step: all of it is done, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotations.labels.points import PointLabel
from annotations.labels.shapes import disc
from annotations.store.strokes import Stroke

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from annotations.labels.points import PointSet

__all__ = ["NewPoint", "Placed", "place_points"]


@dataclass(frozen=True, slots=True)
class NewPoint:
    """A point that is to be added: row and column in pixels, class index, radius of its disc."""

    row: float
    column: float
    label: int
    radius: int = 3


@dataclass(frozen=True, slots=True)
class Placed:
    """What came of it.

    Parameters
    ----------
    points : PointSet
        The points as they are now.
    numbers : list of int
        Of those added, in their order.
    records : list of Stroke
        The same as strokes.
    places : ndarray of int64
        Flat places in the image, each once, where labels or stroke numbers may have changed.
    strokes : ndarray of uint32
        The stroke numbers there before.
    """

    points: PointSet
    numbers: list[int]
    records: list[Stroke]
    places: NDArray[np.int64]
    strokes: NDArray[np.uint32]


def place_points(
    arrays: tuple[NDArray[np.int8], NDArray[np.uint32]],
    points: PointSet,
    removed: Sequence[int],
    added: Sequence[NewPoint],
    reserve: Callable[[], int],
) -> Placed:
    """Take points away and add others in a copy of their set.

    Parameters
    ----------
    arrays : (ndarray of int8, ndarray of uint32), (H, W)
        Labels and stroke numbers; changed in place.
    points : PointSet
        The points so far; left as they are.
    removed : sequence of int
        Numbers of those that go.
    added : sequence of NewPoint
        Those that come.
    reserve : callable
        Returns a stroke number that is free.

    Raises
    ------
    LabelError
        A number is not that of a point, or a new point lies outside the image or has no class; the arrays are as
        before.
    """
    labels, strokes = arrays
    gone = [points[number] for number in removed]
    discs = [(p.row, p.column, p.radius) for p in gone] + [(p.row, p.column, p.radius) for p in added]
    places = _places(discs, (labels.shape[0], labels.shape[1]))
    where = np.divmod(places, labels.shape[1])
    before = labels[where], strokes[where]
    result, records = points.copy(), []
    try:
        for number in removed:
            result.remove(labels, strokes, number, tidy=False)
        result.tidy()
        for new in added:
            point = PointLabel(reserve(), new.row, new.column, new.label, new.radius)
            result.add(labels, strokes, point)
            records.append(Stroke.now(point.number, new.label, "point"))
    except BaseException:
        labels[where], strokes[where] = before
        raise
    return Placed(result, [record.number for record in records], records, places, before[1])


def _places(discs: Iterable[tuple[float, float, int]], shape: tuple[int, int]) -> NDArray[np.int64]:
    found = [np.empty(0, np.int64)]
    for row, column, radius in discs:
        if not np.isfinite((row, column)).all():
            continue
        region, inside = disc(shape, row, column, radius)
        rows, columns = np.nonzero(inside)
        found.append((rows + region.top).astype(np.int64) * shape[1] + columns + region.left)
    return np.unique(np.concatenate(found))
