"""Labels filled in from a mask part by part, so that a viewer goes on meanwhile; one step of the history in the end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import numpy as np

from annotations.classes import UNLABELLED
from annotations.labels.edits import TILE, Edit, coded, make_edit
from annotations.region import Region
from annotations.store.strokes import Origin, Stroke

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

__all__ = ["Filling", "fill_tile"]

_PART: Final = 3 * TILE  # side of what is done at once: some hundredths of a second


def fill_tile(
    region: Region,
    mask: NDArray[np.int8],
    n_classes: int,
    number: int,
    arrays: tuple[NDArray[np.int8], NDArray[np.uint32], NDArray[np.uint8]],
) -> tuple[Edit, NDArray[np.int64]] | None:
    """Label what is not labelled in a tile as a mask says; return the edit and how many pixels of each code.

    What somebody is drawing at this moment, which no step holds yet, counts as theirs, be it a label or its erasing.

    Parameters
    ----------
    region : Region
        At most one tile of the journal's grid.
    mask : ndarray of int8, (H, W)
        Values that are not a class are left out.
    n_classes, number : int
        How many classes there are; the stroke number for these pixels.
    arrays : tuple of ndarray
        Labels, stroke numbers and the labels last seen (coded), (H, W); changed in place.
    """
    labels, strokes, seen = (array[region.slices] for array in arrays)
    new = mask[region.slices]
    free = (labels == UNLABELLED) & (seen == 0) & (new >= 0) & (new < n_classes)
    count = int(np.count_nonzero(free))
    if not count:
        return None
    codes = coded(new)
    after = codes[free]
    edit = make_edit(region, free, np.zeros(count, np.uint8), after, strokes[free], np.full(count, number, np.uint32))
    np.copyto(labels, new, where=free, casting="unsafe")
    np.copyto(seen, codes, where=free)
    np.copyto(strokes, np.uint32(number), where=free)
    return edit, np.bincount(after, minlength=256)


class Filling:
    """A mask being filled in.

    Parameters
    ----------
    mask : ndarray of int8, (H, W)
        Values that are not a class are left out.
    fill : callable
        Fills one tile, see `fill_tile`.
    filled : callable
        Takes the edits and the stroke, when all is filled in.
    keep : callable
        Then saves it region by region; the stroke comes with the first.
    number, tool, origin
        Of the stroke.

    Attributes
    ----------
    added : int
        Pixels labelled so far.
    done : bool
        Whether all is filled in, one step of the history, and handed over to be saved.
    """

    def __init__(
        self,
        mask: NDArray[np.int8],
        fill: Callable[[Region], tuple[Edit, NDArray[np.int64]] | None],
        filled: Callable[[list[Edit], Stroke], object],
        keep: Callable[[Region, Stroke | None], object],
        number: int,
        tool: str,
        origin: Origin,
    ) -> None:
        self._shape: tuple[int, int] = (mask.shape[0], mask.shape[1])
        self._fill = fill
        self._filled, self._keep = filled, keep
        self._stroke = number, tool, origin
        self._parts = self._go()
        self._changed: list[Region] = []
        self.added = 0
        self.done = False

    def advance(self) -> None:
        """Do the next part."""
        self.done = next(self._parts, True) is True
        if self.done:
            self._fill = _nothing  # lets go of the mask

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
        counts = np.zeros(256, np.int64)
        for part in Region.whole(self._shape).tiles(_PART):
            changed = Region(0, 0, 0, 0)
            for tile in part.clipped(self._shape).tiles(TILE):
                found = self._fill(tile.intersection(part).clipped(self._shape))
                if found is not None:
                    edits.append(found[0])
                    counts += found[1]
                    changed = changed.union(found[0].region)
            self.added = int(counts.sum())
            if not changed.empty:
                touched.append(changed)
                self._changed.append(changed)
            yield
        if not edits:
            return
        number, tool, origin = self._stroke
        label = 255 - int(counts.argmax())  # as it is coded
        stroke = Stroke(number, label, tool, time.time(), origin)
        self._filled(edits, stroke)
        for i, region in enumerate(touched):
            self._keep(region, stroke if i == 0 else None)
            yield


def _nothing(tile: Region) -> None:
    return None
