"""What was drawn, stroke by stroke: an append-only file of JSON lines beside the stroke numbers."""

from __future__ import annotations

import json
import time as clock
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from annotations.disk.files import write_atomically
from annotations.disk.lines import append_lines, whole_lines
from annotations.errors import ProjectError
from annotations.store.stroke_numbers import LARGEST_NUMBER

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Origin", "Stroke", "StrokeLog"]

_BAD_LINE = (ValueError, KeyError, TypeError, OverflowError, RecursionError)

Origin = Literal["drawn", "accepted", "random", "imported"]


@dataclass(frozen=True, slots=True)
class Stroke:
    """One act of labelling.

    Parameters
    ----------
    number : int
        From 1, unique in its orthophoto; what the stroke-number array holds.
    label : int
        The class it gave to most of its pixels; -1 for an eraser's.
    tool : str
        "paint", "erase", "fill", "polygon", "point", "edit" ...
    time : float
        Seconds since 1970.
    origin : {"drawn", "accepted", "random", "imported"}
        Who made it: a hand, the map that a person agreed to, a random mask, or a file.
    """

    number: int
    label: int
    tool: str
    time: float
    origin: Origin = "drawn"

    @classmethod
    def now(cls, number: int, label: int, tool: str) -> Stroke:
        """Make a stroke drawn at this moment."""
        return cls(number, label, tool, clock.time(), "drawn")


class StrokeLog:
    """The file of strokes; only ever added to.

    Parameters
    ----------
    path : Path
        The file; need not exist.
    """

    def __init__(self, path: Path) -> None:
        """Name the file."""
        self.path = Path(path)

    def append(self, strokes: Iterable[Stroke]) -> int:
        """Add strokes; a line that an earlier crash left torn is cut off first. Return the file's size in bytes.

        Raises
        ------
        OSError
            The disk is full or failing; the file is then as before, or has a torn line that does no harm.
        """
        lines = "".join(json.dumps(asdict(s), separators=(",", ":")) + "\n" for s in strokes).encode()
        if not lines:
            return self.path.stat().st_size if self.path.exists() else 0
        return append_lines(self.path, lines)

    def read(self) -> list[Stroke]:
        """Return the strokes in the order in which they were added; a torn last line is left out.

        A stroke that stands twice (a batch written again after a failure) counts once.

        Raises
        ------
        ProjectError
            A line inside the file is damaged.
        """
        strokes: dict[int, Stroke] = {}
        for number, line in enumerate(whole_lines(self.path), 1):
            try:
                stroke = _stroke(line)
            except _BAD_LINE as error:
                raise ProjectError(
                    f"{self.path}: line {number} is damaged ({error}). The labels themselves are not in this file; "
                    "remove that line, or restore the file from a backup."
                ) from error
            strokes[stroke.number] = stroke
        return list(strokes.values())

    def salvage(self) -> tuple[list[Stroke], int, int]:
        """Return what can be read, whatever was done to the file.

        Returns
        -------
        strokes : list of Stroke
            As `read` gives them, without those of damaged lines.
        damaged : int
            How many lines are damaged.
        size : int
            Bytes in whole lines.

        Raises
        ------
        OSError
            The file cannot be read at all.
        """
        strokes: dict[int, Stroke] = {}
        damaged = size = 0
        for line in whole_lines(self.path):
            size += len(line) + 1
            try:
                stroke = _stroke(line)
            except _BAD_LINE:
                damaged += 1
                continue
            strokes[stroke.number] = stroke
        return list(strokes.values()), damaged, size

    def renew(self, strokes: Iterable[Stroke]) -> int:
        """Write the file anew, whole or not at all; return its size."""
        content = "".join(json.dumps(asdict(s), separators=(",", ":")) + "\n" for s in strokes).encode()
        write_atomically(self.path, content)
        return len(content)


def _stroke(line: bytes) -> Stroke:
    value = json.loads(line)
    stroke = Stroke(
        int(value["number"]),
        int(value["label"]),
        str(value["tool"]),
        float(value["time"]),
        cast("Origin", str(value["origin"])),
    )
    if not 1 <= stroke.number <= LARGEST_NUMBER:
        raise ValueError(f"a stroke has no number {stroke.number}")
    return stroke
