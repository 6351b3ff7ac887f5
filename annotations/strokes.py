"""What was drawn, stroke by stroke: an append-only file of JSON lines beside the stroke numbers."""

from __future__ import annotations

import json
import os
import time as clock
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from annotations.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Origin", "Stroke", "StrokeLog"]

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
    """

    number: int
    label: int
    tool: str
    time: float
    origin: Origin = "drawn"

    @classmethod
    def now(cls, number: int, label: int, tool: str, origin: Origin = "drawn") -> Stroke:
        """Make a stroke of this moment."""
        return cls(number, label, tool, clock.time(), origin)


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

    def append(self, strokes: Iterable[Stroke]) -> None:
        """Add strokes; a line that an earlier crash left torn is cut off first.

        Raises
        ------
        OSError
            The disk is full or failing; the file is then as before, or has a torn line that does no harm.
        """
        lines = "".join(json.dumps(asdict(s), separators=(",", ":")) + "\n" for s in strokes).encode()
        if not lines:
            return
        with self.path.open("ab+") as file:
            end = file.seek(0, os.SEEK_END)
            whole = self._whole_length(file, end)
            if whole < end:
                file.truncate(whole)
            try:
                file.write(lines)
                file.flush()
            except OSError:
                # Best effort: a half-written batch would stand twice after the retry.
                file.truncate(whole)
                raise

    @staticmethod
    def _whole_length(file: Any, end: int) -> int:
        """Return the length up to and with the last newline."""
        position = end
        while position > 0:
            start = max(0, position - 4096)
            file.seek(start)
            found = file.read(position - start).rfind(b"\n")
            if found >= 0:
                return int(start + found + 1)
            position = start
        return 0

    def read(self) -> list[Stroke]:
        """Return the strokes in the order in which they were added; a torn last line is left out.

        A stroke that stands twice (a batch written again after a failure) counts once.

        Raises
        ------
        ProjectError
            A line inside the file is damaged.
        """
        try:
            lines = self.path.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return []
        strokes: dict[int, Stroke] = {}
        for number, line in enumerate(lines, 1):
            try:
                value = json.loads(line)
                stroke = Stroke(
                    int(value["number"]), int(value["label"]), str(value["tool"]), float(value["time"]), value["origin"]
                )
            except (ValueError, KeyError, TypeError) as error:
                raise ProjectError(
                    f"{self.path}: line {number} is damaged ({error}). The labels themselves are not in this file; "
                    "remove that line, or restore the file from a backup."
                ) from error
            strokes[stroke.number] = stroke
        return list(strokes.values())
