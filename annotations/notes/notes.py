"""Notes pinned to places: a few words at a pixel, kept with the image whatever becomes of its file's place."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from annotations.disk.aside import set_aside
from annotations.disk.files import read_json, write_atomically
from annotations.disk.full import why_not_written
from annotations.errors import ProjectError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Note", "Notes"]

_FORMAT: Final = 1
_LONGEST: Final = 2000


@dataclass(frozen=True, slots=True)
class Note:
    """A note.

    Parameters
    ----------
    number : int
        Unique in its orthophoto.
    row, column : float
        In pixels; whole numbers are pixel centres.
    text : str
        What it says.
    time : float
        When it was made, in seconds since 1970.
    """

    number: int
    row: float
    column: float
    text: str
    time: float


class Notes:
    """The notes of one orthophoto, and their file, which is replaced whole at each change.

    Parameters
    ----------
    path : Path
        The file; made with the first note. A damaged one is set aside.
    shape : tuple of int
        (H, W) of the image.
    writable : bool
        Whether notes may be changed, and a damaged file set aside.

    Attributes
    ----------
    problem : str
        What was wrong with the file; "" where nothing was.
    """

    def __init__(self, path: Path, shape: tuple[int, int], *, writable: bool = True) -> None:
        """Read the file."""
        self._path, self._shape, self._writable = path, shape, writable
        self.problem = ""
        self._notes: dict[int, Note] = {}
        self._unknown: dict[str, Any] = {}
        self._read()

    def __len__(self) -> int:
        return len(self._notes)

    def all(self) -> list[Note]:
        """Return the notes in the order in which they were made."""
        return [self._notes[number] for number in sorted(self._notes)]

    def add(self, row: float, column: float, text: str, time: float) -> Note:
        """Pin a note to a place inside the image; one outside is moved to its edge.

        Raises
        ------
        ProjectError
            It could not be saved; nothing is changed.
        """
        height, width = self._shape
        place = min(max(row, -0.5), height - 0.5), min(max(column, -0.5), width - 0.5)
        note = Note(max(self._notes, default=0) + 1, *place, text[:_LONGEST], time)
        self._change({**self._notes, note.number: note})
        return note

    def edit(self, number: int, text: str) -> None:
        """Give a note another text; raises as `add` does."""
        note = replace(self._notes[number], text=text[:_LONGEST])
        self._change({**self._notes, number: note})

    def remove(self, number: int) -> Note:
        """Take a note away and return it; raises as `add` does."""
        note = self._notes[number]
        self._change({n: kept for n, kept in self._notes.items() if n != number})
        return note

    def put_back(self, note: Note) -> None:
        """Take up a note again that was taken away; raises as `add` does."""
        self._change({**self._notes, note.number: note})

    # -- the file ------------------------------------------------------------------------------------------------------

    def _change(self, notes: dict[int, Note]) -> None:
        if not self._writable:
            raise ProjectError(f"{self._path}: the project is open for reading only.")
        content = {**self._unknown, "format": _FORMAT, "notes": [asdict(notes[n]) for n in sorted(notes)]}
        try:
            write_atomically(self._path, json.dumps(content, indent=1, ensure_ascii=False).encode("utf-8", "replace"))
        except OSError as error:
            raise ProjectError(
                f"{self._path}: the notes could not be saved: {why_not_written(error)}. Make room or check the disk, "
                "then try again; they are as they were."
            ) from error
        self._notes = notes

    def _read(self) -> None:
        if not self._path.exists():
            return
        try:
            value = read_json(self._path)
            if not isinstance(value, dict) or not isinstance(value.get("notes"), list):
                raise ProjectError(f"{self._path}: holds no notes")
            if isinstance(value.get("format"), int) and value["format"] > _FORMAT:
                self._writable = False
                self.problem = f"{self._path}: is of a newer version; notes are shown as far as they can be read."
        except ProjectError as error:
            self._set_aside(str(error.__cause__ or error))
            return
        self._unknown = {k: v for k, v in value.items() if k not in ("format", "notes")}
        notes = [_note(entry, self._shape) for entry in value["notes"]]
        self._notes = {note.number: note for note in notes if note is not None}
        if len(self._notes) < len(notes) and not self.problem:
            self._set_aside(f"{len(notes) - len(self._notes)} of {len(notes)} notes cannot be read")
            if self._writable and self._notes:
                with suppress(ProjectError):  # a full disk: the next change writes them
                    self._change(self._notes)

    def _set_aside(self, why: str) -> None:
        kept = None
        if self._writable:
            with suppress(OSError):
                kept = set_aside(self._path)
        where = f" The file as it was is kept as {kept.name}." if kept else ""
        self.problem = f"{self._path}: is damaged ({why[:200]}).{where} The labels are not touched."


def _note(value: Any, shape: tuple[int, int]) -> Note | None:
    try:
        note = Note(
            int(value["number"]), float(value["row"]), float(value["column"]), str(value["text"]), float(value["time"])
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    inside = -0.5 <= note.row <= shape[0] - 0.5 and -0.5 <= note.column <= shape[1] - 0.5
    return note if note.number > 0 and inside and math.isfinite(note.time) else None
