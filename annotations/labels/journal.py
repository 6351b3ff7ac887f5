"""The history of the labels: which stroke each pixel came from, and what undo and redo give back."""

from __future__ import annotations

import time as clock
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annotations.classes import UNLABELLED
from annotations.labels.edits import TILE, Edit, Step, coded, decoded, make_edit
from annotations.labels.filling import fill_tile
from annotations.labels.moving import move_tile
from annotations.labels.restoring import restore_tile
from annotations.region import Region
from annotations.store.sparse_memory import sparse_zeros
from annotations.store.strokes import Origin, Stroke

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.labels.restoring import Target

__all__ = ["EditJournal"]

STEPS: Final = 100
"""How many can be undone, and how many redone."""
_STRIP: Final = 64
_HISTORY_BYTES: Final = 256 * 2**20


class EditJournal:
    """Notices what changed in the labels that a viewer paints into, and keeps stroke numbers and one history of it.

    A viewer says after each stroke where it painted (`record`); writes that nobody announced are found by comparison
    (`changed`). Every change is one step of one history, whoever made it, so that undo takes back the newest: a
    viewer's own history knows its brush alone, and would take a stroke where an import is meant.

    Parameters
    ----------
    labels : ndarray of int8, (H, W)
        The live array. The journal keeps a private copy of what it last saw, in pages of zeros where nothing is
        labelled, and writes into the live array in `undo`, `redo` and `put_back` only.
    strokes : ndarray of uint32, (H, W)
        Stroke numbers, 0 for none; the journal changes them in place.
    next_number : int
        The first number that is free.
    """

    def __init__(self, labels: NDArray[np.int8], strokes: NDArray[np.uint32], next_number: int) -> None:
        """Take a first look at the labels."""
        if labels.dtype != np.int8 or strokes.dtype != np.uint32 or labels.shape != strokes.shape:
            raise ValueError(f"int8 labels and uint32 strokes of one shape, not {labels.dtype}, {strokes.dtype}")
        self._labels, self._strokes = labels, strokes
        # Coded so that unlabelled is 0: zeros cost no memory until something else is written.
        self._shadow: NDArray[np.uint8] = sparse_zeros(labels.shape, np.uint8)
        self._undo: deque[Step] = deque(maxlen=STEPS)
        self._redo: deque[Step] = deque(maxlen=STEPS)
        self.next_number = max(int(next_number), 1)
        for tile in Region.whole(labels.shape).tiles(TILE):
            block = tile.clipped(labels.shape).slices
            if (labels[block] != UNLABELLED).any():
                self._shadow[block] = coded(labels[block])

    # ------------------------------------------------------------------------------------------------ what changed

    def changed(self, region: Region | None = None) -> Region:
        """Return the tight bounds of where labels differ from what was last seen, in a region or in all."""
        region = Region.whole(self._labels.shape) if region is None else region.clipped(self._labels.shape)
        bounds = Region(0, 0, 0, 0)
        # A strip at a time, in the same buffers, stays in the processor's cache: far faster than the whole.
        live = np.empty((_STRIP, region.width), np.int8)
        differing = np.empty((_STRIP, region.width), bool)
        for top in range(region.top, region.bottom, _STRIP):
            rows = slice(top, min(top + _STRIP, region.bottom))
            strip = rows, slice(region.left, region.right)
            if self._same(rows, live, region.width):
                continue
            differs = differing[: rows.stop - rows.start]
            np.invert(self._labels[strip], out=live[: rows.stop - rows.start])
            np.not_equal(live[: rows.stop - rows.start].view(np.uint8), self._shadow[strip], out=differs)
            if differs.any():
                high, wide = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
                found = Region.from_bounds(
                    top + high[0], region.left + wide[0], top + high[-1] + 1, region.left + wide[-1] + 1
                )
                bounds = bounds.union(found)
        return bounds

    def put_back(self, region: Region, where: NDArray[np.bool_]) -> None:
        """Give pixels of a region (`where`, of its shape) the label last seen there: a change that is refused."""
        self._labels[region.slices][where] = decoded(self._shadow[region.slices][where])

    def record(
        self, region: Region, *, tool: str, origin: Origin = "drawn", time: float | None = None, extra: Any = None
    ) -> tuple[Region, Stroke] | None:
        """Make a stroke, and the newest step, of the pixels in a region whose label is not the one last seen.

        Parameters
        ----------
        region : Region
            Where the viewer painted, or more; what changed elsewhere waits for its turn.
        tool, origin, time
            Of the stroke; now by default.
        extra : object
            What else changed with it, see `Step`.

        Returns
        -------
        (Region, Stroke) or None
            The tight bounds of what changed, and the new stroke; None where nothing did. A pixel that lost its label
            has stroke number 0.
        """
        region = self.changed(region)
        if region.empty:
            return None
        number, self.next_number = self.next_number, self.next_number + 1
        edits: list[Edit] = []
        counts = np.zeros(256, np.int64)
        for tile in region.tiles(TILE):
            part = tile.intersection(region)
            now, seen, numbers = coded(self._labels[part.slices]), self._shadow[part.slices], self._strokes[part.slices]
            differs = now != seen
            if not differs.any():
                continue
            after, before = now[differs], seen[differs]
            given = np.full(len(after), number, np.uint32)
            if not after.all():
                given[after == 0] = 0
            edits.append(make_edit(part, differs, before, after, numbers[differs], given))
            np.copyto(numbers, np.where(now == 0, np.uint32(0), np.uint32(number)), where=differs)
            np.copyto(seen, now)
            counts += np.bincount(after, minlength=256)
        self._add(Step(edits, extra))
        label = int(decoded(int(counts.argmax())))
        return region, Stroke(number, label, tool, clock.time() if time is None else time, origin)

    def record_places(self, places: NDArray[np.int64], old_strokes: NDArray[np.uint32], extra: Any = None) -> Region:
        """Take as one step what its maker wrote into both labels and stroke numbers (points); return its bounds.

        Parameters
        ----------
        places : ndarray of int64
            Flat places in the image, each once, where something may have changed.
        old_strokes : ndarray of uint32
            The stroke numbers there before.
        extra : object
            What else changed with it; a step is made of it even where no pixel changed.
        """
        width = self._labels.shape[1]
        rows, columns = np.divmod(places, width)
        after, before = coded(self._labels[rows, columns]), self._shadow[rows, columns]
        numbers = self._strokes[rows, columns]
        moved = np.flatnonzero((after != before) | (numbers != old_strokes))
        tiles = (rows[moved] // TILE) * (width // TILE + 1) + columns[moved] // TILE
        # By tile, and within it by place: values stand in the order in which a bitmap is read.
        order = moved[np.lexsort((places[moved], tiles))]
        edits = []
        for part in np.split(order, np.flatnonzero(np.diff(np.sort(tiles))) + 1) if len(order) else ():
            high, wide = rows[part], columns[part]
            region = Region.from_bounds(high.min(), wide.min(), high.max() + 1, wide.max() + 1)
            mask = np.zeros(region.shape, bool)
            mask[high - region.top, wide - region.left] = True
            edits.append(make_edit(region, mask, before[part], after[part], old_strokes[part], numbers[part]))
        self._shadow[rows, columns] = after
        step = Step(edits, extra)
        self._add(step)
        return step.region

    # ------------------------------------------------------------------------------------------------- the history

    def push(self, extra: Any) -> None:
        """Add a step that changed no pixel."""
        self._add(Step((), extra))

    def fill(
        self, region: Region, mask: NDArray[np.int8], n_classes: int, number: int
    ) -> tuple[Edit, NDArray[np.int64]] | None:
        """Fill in one tile, see `fill_tile`: an edit of a step that `push_edits` adds in the end."""
        return fill_tile(region, mask, n_classes, number, (self._labels, self._strokes, self._shadow))

    def restore(self, region: Region, target: Target) -> Edit | None:
        """Restore one tile, see `restore_tile`: an edit of a step that `push_edits` adds in the end."""
        return restore_tile(region, target, (self._labels, self._strokes, self._shadow))

    def move(self, region: Region, label: int, to: int) -> Edit | None:
        """Move the labels of one tile, see `move_tile`: an edit of a step that `push_edits` adds in the end."""
        return move_tile(region, label, to, (self._labels, self._strokes, self._shadow))

    def push_edits(self, edits: list[Edit], extra: Any = None) -> None:
        """Add a step of edits that are made already, and what else changed with them."""
        self._add(Step(edits, extra))

    def last(self, *, back: bool) -> Step | None:
        """Return the step that the next undo (`back`) or redo would take; None where there is none."""
        stack = self._undo if back else self._redo
        return stack[-1] if stack else None

    def drop(self, *, back: bool) -> None:
        """Forget the step that the next undo (`back`) or redo would take."""
        (self._undo if back else self._redo).pop()

    def undo(self) -> Step | None:
        """Give labels and stroke numbers back as they were before the newest step; return it, None where none is left.

        What changed since the last `record` is not in the history yet: take it in first.
        """
        return self._follow(back=True)

    def redo(self) -> Step | None:
        """Do again what the last undo took back; return it, None where there is nothing."""
        return self._follow(back=False)

    def reserve(self) -> int:
        """Return a stroke number for a change that is made elsewhere (see `record_places`)."""
        number, self.next_number = self.next_number, self.next_number + 1
        return number

    def _follow(self, *, back: bool) -> Step | None:
        stack, other = (self._undo, self._redo) if back else (self._redo, self._undo)
        if not stack:
            return None
        step = stack.pop()
        for edit in step.edits:
            edit.write(self._labels, self._strokes, self._shadow, back=back)
        other.append(step)
        return step

    def _add(self, step: Step) -> None:
        self._redo.clear()
        self._undo.append(step)
        total = sum(s.size for s in self._undo)
        while total > _HISTORY_BYTES and len(self._undo) > 1:
            total -= self._undo.popleft().size

    def _same(self, rows: slice, buffer: NDArray[np.int8], width: int) -> bool:
        """Whether nothing changed in whole rows, by words of eight pixels; False where that cannot be told."""
        size = (rows.stop - rows.start) * width
        if width != self._labels.shape[1] or size % 8 or not self._labels.flags.c_contiguous:
            return False
        words = buffer.reshape(-1)[:size].view(np.uint64)
        live, seen = self._labels[rows].reshape(-1).view(np.uint64), self._shadow[rows].reshape(-1).view(np.uint64)
        # A code is the complement of its label: where they agree, all bits of the difference are set.
        np.bitwise_xor(live, seen, out=words)
        return bool(np.bitwise_and.reduce(words) == np.uint64(0xFFFFFFFFFFFFFFFF))
