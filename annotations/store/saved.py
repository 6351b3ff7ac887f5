"""What was saved, kept beside the labels, so that what goes missing is noticed and not taken for unlabelled ground.

`saved.jsonl` is only ever added to, by the thread that writes the labels. Before a chunk is written a line says what it
will hold; when the batch is on disk a line says so. Between the two, killed or not, a chunk may hold either: no order
of writes can look like a loss.
"""

from __future__ import annotations

import itertools
import json
import logging
import secrets
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annotations.classes import UNLABELLED
from annotations.disk.files import write_atomically
from annotations.disk.lines import append_lines, whole_lines

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["ChunkState", "SavedState"]

_FORMAT: Final = 1
# Rewritten on opening when it has several lines a chunk.
_SLACK: Final = 4
_LONGEST: Final = 400
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChunkState:
    """What a chunk holds.

    Parameters
    ----------
    labels : int
        Labelled pixels.
    checksum : int
        CRC-32 of its labels, 0 where there is none.
    numbers : int
        Pixels with a stroke number.
    """

    labels: int
    checksum: int
    numbers: int

    @classmethod
    def of(cls, labels: NDArray[np.int8], numbers: NDArray[np.uint32] | None) -> ChunkState:
        """Return the state of a chunk (h, w)."""
        count = int(np.count_nonzero(labels != UNLABELLED))
        checksum = zlib.crc32(np.ascontiguousarray(labels).data) if count else 0
        return cls(count, checksum, 0 if numbers is None else int(np.count_nonzero(numbers)))


@dataclass(slots=True)
class _Held:
    """The states that a chunk may be in: the one that is known to be written, and those begun since, by batch."""

    known: ChunkState | None = None
    begun: list[tuple[str, ChunkState]] = field(default_factory=list)


class SavedState:
    """The file, and what it says.

    Parameters
    ----------
    path : Path
        Need not exist: projects of earlier versions have none, and get one.

    Attributes
    ----------
    next_number : int
        A stroke number above all that were ever given.
    points : int
        How many points were saved at the least.
    log_size : int
        Bytes that the file of strokes had at the least.
    damaged : bool
        Whether a part of the file could not be read, which then says less than it did.
    """

    def __init__(self, path: Path) -> None:
        """Read the file."""
        self.path = path
        self.next_number, self.points, self.log_size = 1, 0, 0
        self.damaged = False
        self._chunks: dict[tuple[int, int], _Held] = {}
        self._points_begun: list[tuple[str, int]] = []
        self._in_batch: dict[str, set[tuple[int, int]]] = {}
        self._names = (f"{secrets.token_hex(3)}{n:x}" for n in itertools.count())
        self._lines = 0
        try:
            lines = whole_lines(path)
            # One torn line is what a kill leaves; a long one is not of ours.
            self.damaged = path.exists() and path.stat().st_size - sum(len(line) + 1 for line in lines) > _LONGEST
        except OSError:
            lines, self.damaged = [], True
        for line in lines:
            self._lines += 1
            try:
                self._follow(json.loads(line))
            except (ValueError, KeyError, TypeError, RecursionError):
                self.damaged = True
        if self.damaged:
            # What follows a lost line may contradict it: better silent than wrong about labels.
            self._chunks.clear()
            self.points = 0

    def _follow(self, line: Any) -> None:
        if not isinstance(line, dict):
            raise TypeError(f"{line!r} says nothing")
        batch = str(line.get("batch", ""))
        if "chunk" in line:
            row, column, labels, checksum, numbers = (int(v) for v in line["chunk"])
            held = self._chunks.setdefault((row, column), _Held())
            held.begun.append((batch, ChunkState(labels, checksum, numbers)))
            if batch:
                self._in_batch.setdefault(batch, set()).add((row, column))
            else:
                self._settle(held, batch)
        if "points" in line:
            self._points_begun.append((batch, int(line["points"])))
        if "next" in line:
            self.next_number = max(self.next_number, int(line["next"]))
        if "log" in line:
            self.log_size = int(line["log"])
        if line.get("done"):
            for place in self._in_batch.pop(batch, ()):
                self._settle(self._chunks[place], batch)
            mine = [count for name, count in self._points_begun if name == batch]
            if mine:
                self.points, self._points_begun = mine[-1], []

    @staticmethod
    def _settle(held: _Held, batch: str) -> None:
        mine = [state for name, state in held.begun if name == batch]
        if mine:
            held.known, held.begun = mine[-1], []

    def states(self, row: int, column: int) -> list[ChunkState]:
        """Return what a chunk may hold; nothing where that was never noted."""
        held = self._chunks.get((row, column))
        # Of a chunk that was begun and never finished before, it is not known what it held.
        return [] if held is None or held.known is None else [held.known, *(state for _, state in held.begun)]

    def least_points(self) -> int:
        """Return how many points there are at the least."""
        return min([self.points, *(count for _, count in self._points_begun)])

    def new_batch(self) -> str:
        """Return the name of a batch that is about to be written."""
        return next(self._names)

    def begin(
        self, batch: str, *, chunk: tuple[int, int, ChunkState] | None = None, points: int | None = None, next_: int = 0
    ) -> None:
        """Note what is about to be written; OSError where that cannot be noted."""
        line: dict[str, Any] = {"batch": batch}
        if chunk is not None:
            row, column, state = chunk
            held = self._chunks.get((row, column))
            if held is not None and held.begun and held.begun[-1] == (batch, state):
                return  # tried again after a failure
            line["chunk"] = [row, column, state.labels, state.checksum, state.numbers]
        if points is not None:
            line["points"] = points
        if next_ > self.next_number:
            line["next"] = next_
        if len(line) > 1:
            self._append([line])

    def done(self, batch: str, log_size: int) -> None:
        """Note that all of a batch is on disk; OSError where that cannot be noted."""
        self._append([{"batch": batch, "done": 1, "log": log_size}])

    def note(self, lines: Iterable[dict[str, Any]]) -> None:
        """Note what was found on opening: lines without a batch count at once."""
        self._append([*lines])

    def found(self, row: int, column: int, state: ChunkState) -> dict[str, Any]:
        """Return the line for a chunk as it was found."""
        return {"chunk": [row, column, state.labels, state.checksum, state.numbers]}

    def _append(self, lines: list[dict[str, Any]]) -> None:
        if lines:
            content = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
            if not self._lines:
                content = f'{{"format":{_FORMAT}}}\n{content}'
            append_lines(self.path, content.encode())
            for line in lines:
                self._lines += 1
                self._follow(line)

    def tidy(self) -> None:
        """Write the file anew where it has grown long, or was damaged; nothing is lost where that fails."""
        if not self.damaged and self._lines <= 64 + _SLACK * len(self._chunks):
            return
        lines: list[dict[str, Any]] = [{"format": _FORMAT}, {"next": self.next_number, "log": self.log_size}]
        for (row, column), held in self._chunks.items():
            for batch, state in [("", s) for s in ([held.known] if held.known else [])] + held.begun:
                line = self.found(row, column, state)
                lines.append({"batch": batch, **line} if batch else line)
        lines.append({"batch": "tidy", "points": self.points})
        lines.append({"batch": "tidy", "done": 1, "log": self.log_size})
        lines += [{"batch": batch, "points": count} for batch, count in self._points_begun]
        try:
            write_atomically(
                self.path, "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines).encode()
            )
            self._lines, self.damaged = len(lines), False
        except OSError:
            _log.warning("%s could not be written anew", self.path, exc_info=True)
