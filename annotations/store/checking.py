"""Reading all labels of an orthophoto, and comparing them with what was saved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annotations.classes import UNLABELLED
from annotations.errors import ProjectError
from annotations.region import Region
from annotations.store.chunk_files import chunk_file, strange_entries
from annotations.store.saved import ChunkState, SavedState
from annotations.store.sparse_memory import sparse_zeros

if TYPE_CHECKING:
    from collections.abc import Container

    from numpy.typing import NDArray

    from annotations.store.mask import SparseMask
    from annotations.store.stroke_numbers import StrokeNumbers

__all__ = ["Loaded", "read_checked"]

_NAMED: Final = 5


@dataclass
class Loaded:
    """Labels and stroke numbers as they are on disk.

    Parameters
    ----------
    labels : ndarray of int8, (H, W)
        -1 where unlabelled.
    numbers : ndarray of uint32, (H, W)
        0 where unlabelled.
    largest : int
        The largest stroke number.
    notes : list of str
        What is missing.
    found : list of dict
        Lines for `SavedState.note`: chunks that it did not know.
    """

    labels: NDArray[np.int8]
    numbers: NDArray[np.uint32]
    largest: int = 0
    notes: list[str] = field(default_factory=list)
    found: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class _Loss:
    name: str
    region: Region
    expected: int
    there: int
    gone: bool


def read_checked(
    mask: SparseMask, numbers: StrokeNumbers, saved: SavedState, *, moving: Container[tuple[int, int]]
) -> Loaded:
    """Read everything.

    Parameters
    ----------
    mask, numbers
        The arrays.
    saved : SavedState
        What each chunk held when it was last written.
    moving : container of (int, int)
        Chunks (row, column) that are being written, which are not compared; more may come while it reads.

    Raises
    ------
    ProjectError
        Chunks of the labels are damaged; the message names their files. Nothing is touched: labels are for a person to
        give up.
    """
    check = _Check(mask, numbers, saved, moving, _empty(mask))
    for top in range(0, mask.shape[0], mask.chunk):
        check.strip(Region(top, 0, min(mask.chunk, mask.shape[0] - top), mask.shape[1]))
    return check.result()


def _empty(mask: SparseMask) -> Loaded:
    try:
        return Loaded(np.full(mask.shape, UNLABELLED, np.int8), sparse_zeros(mask.shape, np.uint32))
    except (MemoryError, ValueError, OSError) as error:
        raise ProjectError(
            f"{mask.path}: {mask.shape[0]} x {mask.shape[1]} labels do not fit into memory ({error}). Open the project "
            "on a machine with more, or cut the image."
        ) from error


class _Check:
    """Reads strip by strip, and keeps what was found."""

    def __init__(
        self,
        mask: SparseMask,
        numbers: StrokeNumbers,
        saved: SavedState,
        moving: Container[tuple[int, int]],
        loaded: Loaded,
    ) -> None:
        self._mask, self._numbers, self._saved, self._moving, self._loaded = mask, numbers, saved, moving, loaded
        strange = strange_entries(mask.path)
        self._damaged = [(entry.relative_to(mask.path).as_posix(), "is not a file") for entry in strange]
        self._lost: list[_Loss] = []
        self._unnumbered = 0

    def strip(self, strip: Region) -> None:
        """Read a row of chunks."""
        mask, loaded = self._mask, self._loaded
        try:
            loaded.labels[strip.slices] = mask.read(strip)
        except ProjectError:
            self._damaged += _damaged_in(mask, strip)
            return
        for tile in strip.tiles(mask.chunk):
            part = tile.clipped(mask.shape)
            labels = loaded.labels[part.slices]
            labelled = labels != UNLABELLED
            raw = None
            if labelled.any():
                raw = np.asarray(self._numbers[part.slices])
                loaded.largest = max(loaded.largest, int(raw.max(initial=0)))
                # A kill between the two writes can leave a number behind on a pixel that has no label.
                loaded.numbers[part.slices] = np.where(labelled, raw, 0)
            self._compare(part, labels, raw)

    def _compare(self, part: Region, labels: NDArray[np.int8], raw: NDArray[np.uint32] | None) -> None:
        """Compare a chunk with what was saved."""
        row, column = part.top // self._mask.chunk, part.left // self._mask.chunk
        states = self._saved.states(row, column)
        if not states and raw is None:
            return
        state = ChunkState.of(labels, raw)
        if not states:
            self._loaded.found.append(self._saved.found(row, column, state))
        elif not _as_saved(state, states) and (row, column) not in self._moving:
            loss = _look_again(self._mask, part, states, state, self._saved)
            self._lost += [loss] if loss is not None else []
        elif raw is not None and all(s.numbers > state.numbers for s in states) and (row, column) not in self._moving:
            self._unnumbered += min(s.numbers for s in states) - state.numbers
            self._loaded.found.append(self._saved.found(row, column, state))

    def result(self) -> Loaded:
        """Return what was read, and what is to be said of it; raise where labels are damaged."""
        if self._damaged:
            raise _damaged(self._mask, self._damaged, self._saved)
        if self._lost:
            self._loaded.notes.append(_say_lost(self._mask, self._lost))
        if self._unnumbered:
            self._loaded.notes.append(
                f"{self._numbers.path.name}: of {self._unnumbered:,} labelled pixels the stroke that they came from is "
                "lost. The labels are there."
            )
        return self._loaded


def _as_saved(state: ChunkState, states: list[ChunkState]) -> bool:
    return any(s.labels == state.labels and s.checksum == state.checksum for s in states)


def _look_again(
    mask: SparseMask, part: Region, states: list[ChunkState], state: ChunkState, saved: SavedState
) -> _Loss | None:
    """Read a chunk again, since another viewer may have written meanwhile; None where all is as it was saved."""
    row, column = part.top // mask.chunk, part.left // mask.chunk
    states = SavedState(saved.path).states(row, column) or states
    state = ChunkState.of(mask.read(part), None)
    if _as_saved(state, states):
        return None
    file = chunk_file(mask.path, row, column)
    expected = max(s.labels for s in states)
    return _Loss(file.relative_to(mask.path).as_posix(), part, expected, state.labels, not file.is_file())


def _say_lost(mask: SparseMask, lost: list[_Loss]) -> str:
    gone, other = [x for x in lost if x.gone], [x for x in lost if not x.gone]
    parts = []
    for losses, what in ((gone, "missing"), (other, "not as saved")):
        if losses:
            places = "; ".join(
                f"{x.name} (rows {x.region.top} to {x.region.bottom}, columns {x.region.left} to {x.region.right}: "
                f"{x.expected:,} labelled pixels were saved, {x.there:,} are there)"
                for x in losses[:_NAMED]
            )
            more = f" and {len(losses) - _NAMED} more" if len(losses) > _NAMED else ""
            parts.append(f"{len(losses)} files of {mask.path} are {what}: {places}{more}.")
    return (
        f"{' '.join(parts)} Labels are lost there. Restore the files from a backup, or draw there again; "
        "all other labels are as you left them."
    )


def _damaged_in(mask: SparseMask, strip: Region) -> list[tuple[str, str]]:
    found = []
    for tile in strip.tiles(mask.chunk):
        part = tile.clipped(mask.shape)
        try:
            mask.read(part)
        except ProjectError as error:
            name = chunk_file(mask.path, part.top // mask.chunk, part.left // mask.chunk)
            found.append((name.relative_to(mask.path).as_posix(), str(error.__cause__ or error)[:100]))
    return found


def _damaged(mask: SparseMask, damaged: list[tuple[str, str]], saved: SavedState) -> ProjectError:
    places = []
    for name, reason in damaged[:_NAMED]:
        pieces = name.split("/")
        text = f"{name} ({reason})"
        if len(pieces) == 3 and all(p.isdecimal() for p in pieces[1:]):
            row, column = int(pieces[1]), int(pieces[2])
            text = f"{name} (rows from {row * mask.chunk}, columns from {column * mask.chunk}"
            states = saved.states(row, column)
            known = f", {max(s.labels for s in states):,} labelled pixels" if states else ""
            text = f"{text}{known}: {reason})"
        places.append(text)
    more = f" and {len(damaged) - _NAMED} more" if len(damaged) > _NAMED else ""
    return ProjectError(
        f"{mask.path}: a chunk of the labels is damaged: {'; '.join(places)}{more}. Nothing was changed. Restore "
        "from a backup what is named here, or move it out of the folder: the project then opens, that part unlabelled."
    )
