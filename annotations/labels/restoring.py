"""Labels put back as they were at another time, part by part, so that a viewer goes on; one step of the history."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annotations.classes import UNLABELLED
from annotations.labels.class_matching import Matched, match_classes
from annotations.labels.edits import TILE, Edit, coded, make_edit
from annotations.labels.points import PointSet
from annotations.region import Region
from annotations.store.strokes import Stroke

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from annotations.classes import ClassScheme

__all__ = ["Recorded", "Restoring", "Target", "restore_tile", "target_of"]

_PART: Final = 3 * TILE  # side of what is done at once: some hundredths of a second


@dataclass(frozen=True)
class Recorded:
    """What labels were at another time.

    Parameters
    ----------
    labels, numbers : ndarray of int8 and uint32, (H, W)
        Labels (-1 where unlabelled) and stroke numbers (0 there).
    points : list of dict
        As `PointSet.to_json` gives them.
    scheme : ClassScheme
        What the labels mean.
    used : frozenset of int
        Those of them that have labels or points.
    """

    labels: NDArray[np.int8]
    numbers: NDArray[np.uint32]
    points: list[Any]
    scheme: ClassScheme
    used: frozenset[int]


@dataclass(frozen=True)
class Target:
    """What labels, stroke numbers and points are to be.

    Parameters
    ----------
    recorded : Recorded
        The arrays.
    matched : Matched
        What its classes are now.
    points : PointSet
        Their numbers are those of the strokes.
    """

    recorded: Recorded
    matched: Matched
    points: PointSet

    def tile(self, region: Region) -> tuple[NDArray[np.int8], NDArray[np.uint32]]:
        """Return labels, in the classes of now, and stroke numbers of a region."""
        return self.matched.labels(self.recorded.labels[region.slices]), self.recorded.numbers[region.slices]


def target_of(recorded: Recorded, scheme: ClassScheme) -> Target:
    """Return what labels were, in the classes of now (`scheme`) and those that come back with them.

    Raises
    ------
    LabelError
        There would be too many classes.
    """
    matched = match_classes(recorded.scheme, scheme, recorded.used)
    shape = (recorded.labels.shape[0], recorded.labels.shape[1])
    points, _ = PointSet.recovered(matched.points(recorded.points), len(matched.scheme), shape)
    return Target(recorded, matched, points)


def restore_tile(
    region: Region,
    target: Target,
    arrays: tuple[NDArray[np.int8], NDArray[np.uint32], NDArray[np.uint8]],
) -> Edit | None:
    """Give a tile the labels and stroke numbers of a target; return the edit, None where they were the same.

    What somebody is drawing at this moment, which no step holds yet, is left: it becomes the step after.

    Parameters
    ----------
    region : Region
        At most one tile of the journal's grid.
    target : Target
        What is to be there.
    arrays : tuple of ndarray
        Labels, stroke numbers and the labels last seen (coded), (H, W); changed in place.
    """
    at = region.slices
    labels, strokes, seen = arrays[0][at], arrays[1][at], arrays[2][at]
    wanted, numbers = target.tile(region)
    if not seen.any() and int(wanted.max()) == UNLABELLED:
        return None
    codes = coded(wanted)
    differs = (codes != seen) | (numbers != strokes)
    if not differs.any():
        return None
    edit = make_edit(region, differs, seen[differs], codes[differs], strokes[differs], numbers[differs])
    np.copyto(labels, wanted, where=differs & (coded(labels) == seen))
    np.copyto(seen, codes, where=differs)
    np.copyto(strokes, numbers, where=differs)
    return edit


class Restoring:
    """Labels on their way to what they were; goes on as `Filling` does.

    Parameters
    ----------
    shape : tuple of int
        (H, W) of the labels.
    restore : callable
        Restores one tile, see `restore_tile`.
    restored : callable
        Takes the edits, when all is as it was.
    keep : callable
        Then saves it region by region; a stroke that tells when it was comes with the first.
    number : int
        Of that stroke; no pixel has it.
    tool : str
        Of that stroke: labels of a class that go to another go the same way ("reclass").

    Attributes
    ----------
    added : int
        Pixels that are others now, so far.
    done : bool
        Whether all is restored, one step of the history, and handed over to be saved.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        restore: Callable[[Region], Edit | None],
        restored: Callable[[list[Edit]], object],
        keep: Callable[[tuple[Region, ...], list[Stroke]], object],
        number: int,
        tool: str = "restore",
    ) -> None:
        self._shape = shape
        self._restore, self._restored, self._keep = restore, restored, keep
        self._number, self._tool = number, tool
        self._changed: list[Region] = []
        self._parts = self._go()
        self.added = 0
        self.done = False

    def advance(self) -> None:
        """Do the next part."""
        self.done = next(self._parts, True) is True
        if self.done:
            self._restore = _nothing  # lets go of the target

    def finish(self) -> None:
        """Do all that is left."""
        while not self.done:
            self.advance()

    def take_changed(self) -> tuple[Region, ...]:
        """Return where labels changed since the last call."""
        changed, self._changed = tuple(self._changed), []
        return changed

    def _go(self) -> Iterator[None]:
        edits: list[Edit] = []
        touched: list[Region] = []
        for part in Region.whole(self._shape).tiles(_PART):
            changed = Region(0, 0, 0, 0)
            for tile in part.clipped(self._shape).tiles(TILE):
                edit = self._restore(tile.intersection(part).clipped(self._shape))
                if edit is not None:
                    edits.append(edit)
                    self.added += edit.count
                    changed = changed.union(edit.region)
            if not changed.empty:
                touched.append(changed)
                self._changed.append(changed)
            yield
        self._restored(edits)
        record = Stroke(self._number, UNLABELLED, self._tool, time.time(), "drawn")
        for i, region in enumerate(touched):
            self._keep((region,), [record] if i == 0 else [])
            yield
        self._keep((), [])


def _nothing(tile: Region) -> None:
    return None
