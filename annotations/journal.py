"""Which stroke each labelled pixel came from, kept true through painting, undo and redo."""

from __future__ import annotations

import time as clock
from collections import deque
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from annotations.classes import UNLABELLED
from annotations.edits import Edit, coded, make_edit
from annotations.region import Region
from annotations.sparse_memory import sparse_zeros
from annotations.strokes import Origin, Stroke

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["EditJournal"]

_STRIP: Final = 64
_HISTORY_BYTES: Final = 256 * 2**20


class EditJournal:
    """Notices what changed in the labels that a viewer paints into, and keeps stroke numbers beside them.

    A viewer says after each stroke where it painted (`record`); what it does by itself, undo and redo above all, is
    found by comparison (`sync`): pixels that all return to what an edit found there get its stroke numbers back.

    Parameters
    ----------
    labels : ndarray of int8, (H, W)
        The live array. The journal reads it, and keeps a private copy of what it last saw, in pages of zeros where
        nothing is labelled.
    strokes : ndarray of uint32, (H, W)
        Stroke numbers, 0 for none; the journal changes them in place.
    next_number : int
        The first number that is free.
    history : int
        How many edits can be undone and how many redone.

    Attributes
    ----------
    next_number : int
    taken : list of Stroke
        Strokes that `sync` made; drained by `take_new_strokes`.
    """

    def __init__(
        self, labels: NDArray[np.int8], strokes: NDArray[np.uint32], next_number: int, history: int = 100
    ) -> None:
        """Take a first look at the labels."""
        if labels.dtype != np.int8 or strokes.dtype != np.uint32 or labels.shape != strokes.shape:
            raise ValueError(f"int8 labels and uint32 strokes of one shape, not {labels.dtype}, {strokes.dtype}")
        self._labels, self._strokes = labels, strokes
        # Coded so that unlabelled is 0: zeros cost no memory until something else is written.
        self._shadow: NDArray[np.uint8] = sparse_zeros(labels.shape, np.uint8)
        self._undo: deque[Edit] = deque(maxlen=history)
        self._redo: deque[Edit] = deque(maxlen=history)
        self.next_number = max(int(next_number), 1)
        self.taken: list[Stroke] = []
        for top in range(0, labels.shape[0], 512):
            for left in range(0, labels.shape[1], 512):
                block = slice(top, top + 512), slice(left, left + 512)
                if (labels[block] != UNLABELLED).any():
                    self._shadow[block] = coded(labels[block])

    def record(
        self, region: Region, *, tool: str, origin: Origin = "drawn", time: float | None = None
    ) -> tuple[Region, Stroke] | None:
        """Make a stroke of the pixels in a region whose label is not the one last seen.

        Parameters
        ----------
        region : Region
            Where the viewer painted, or more; what changed elsewhere waits for `sync`.
        tool, origin, time
            Of the stroke; now by default.

        Returns
        -------
        (Region, Stroke) or None
            The tight bounds of what changed, and the new stroke; None where nothing did. A pixel that lost its label
            has stroke number 0.
        """
        found = self._changes(region)
        if found is None:
            return None
        region, changed, new = found
        place = region.slices
        shadow, numbers = self._shadow[place], self._strokes[place]
        number, self.next_number = self.next_number, self.next_number + 1
        after = new[changed]
        given = np.where(after == 0, np.uint32(0), np.uint32(number)).astype(np.uint32)
        self._keep(self._undo, make_edit(region, changed, shadow[changed], after, numbers[changed], given))
        numbers[changed] = given
        shadow[changed] = after
        commonest = int(np.bincount(after).argmax())
        label = 255 - commonest if commonest else UNLABELLED
        return region, Stroke(number, label, tool, clock.time() if time is None else time, origin)

    def sync(self, region: Region | None = None, *, hint: Literal["undo", "redo"] | None = None) -> Region | None:
        """Find what changed without `record`: undo, redo, or a write from elsewhere.

        Parameters
        ----------
        region : Region, optional
            Look only here for writes from elsewhere; the whole image by default. Undo and redo are found in any case.
        hint : {"undo", "redo"}, optional
            What the viewer did, where that is known: a change that is at once the undo of one edit and the redo of
            another is taken for this.

        Returns
        -------
        Region or None
            What changed; None where nothing did. Changes that are no undo and no redo become one stroke of the tool
            "edit" (see `take_new_strokes`).
        """
        changed = Region(0, 0, 0, 0)
        while (step := self._explain(hint)) is not None:
            changed = changed.union(step)
        rest = self.record(Region.whole(self._labels.shape) if region is None else region, tool="edit")
        if rest is not None:
            changed = changed.union(rest[0])
            self.taken.append(rest[1])
        return None if changed.empty else changed

    def adopt(self, region: Region) -> Region | None:
        """Accept a change that its maker wrote into both labels and stroke numbers (a point, an import).

        It is not part of the history: a viewer's undo does not know of it. Returns the tight bounds of what changed.
        """
        found = self._changes(region)
        if found is None:
            return None
        self._shadow[found[0].slices] = found[2]
        return found[0]

    def reserve(self) -> int:
        """Return a stroke number for a change that is made elsewhere (see `adopt`)."""
        number, self.next_number = self.next_number, self.next_number + 1
        return number

    def take_new_strokes(self) -> list[Stroke]:
        """Return the strokes that `sync` made since the last call."""
        strokes, self.taken = self.taken, []
        return strokes

    def _changes(self, region: Region) -> tuple[Region, NDArray[np.bool_], NDArray[np.uint8]] | None:
        """Return the tight bounds of what changed in a region, where in them, and the coded labels there."""
        region = region.clipped(self._labels.shape)
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
        if bounds.empty:
            return None
        now = coded(self._labels[bounds.slices])
        return bounds, now != self._shadow[bounds.slices], now

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

    def _explain(self, hint: Literal["undo", "redo"] | None) -> Region | None:
        """Find an edit whose undo or redo the labels show, and follow it.

        The newest edits are tried first: the viewer's history does not hold all of ours, a point for example.
        """
        kinds = (
            ((self._redo, False), (self._undo, True)) if hint == "redo" else ((self._undo, True), (self._redo, False))
        )
        tops = [(stack, back, [len(stack) - 1]) for stack, back in kinds if stack]
        deeper = [(stack, back, range(len(stack) - 2, -1, -1)) for stack, back in kinds if len(stack) > 1]
        for stack, back, indices in (*tops, *deeper):
            for index in indices:
                edit = stack[index]
                if edit.leads(self._labels, self._shadow, back=back):
                    del stack[index]
                    self._keep(self._redo if back else self._undo, edit)
                    self._follow(edit, back)
                    return edit.region
        return None

    def _follow(self, edit: Edit, back: bool) -> None:
        rows, columns = edit.places()
        live = coded(self._labels[rows, columns])
        moved = live != self._shadow[rows, columns]
        numbers = edit.old_strokes if back else edit.new_strokes
        if isinstance(numbers, np.ndarray):
            numbers = numbers[moved]
        self._strokes[rows[moved], columns[moved]] = numbers
        self._shadow[rows[moved], columns[moved]] = live[moved]

    @staticmethod
    def _keep(stack: deque[Edit], edit: Edit) -> None:
        stack.append(edit)
        total = sum(e.size for e in stack)
        while total > _HISTORY_BYTES and len(stack) > 1:
            total -= stack.popleft().size
