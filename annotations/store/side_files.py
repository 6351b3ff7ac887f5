"""The small files beside the labels, strokes and points: read whatever was done to them, and every loss is told."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from annotations.disk.aside import free_name, set_aside
from annotations.disk.files import read_json, write_atomically
from annotations.errors import ProjectError
from annotations.store.saved import SavedState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from annotations.store.strokes import Stroke, StrokeLog

__all__ = ["own_file", "take_points", "take_saved", "take_strokes"]

_LARGEST_LINKED = 2**28


def own_file(path: Path) -> None:
    """Put a file of its own in the place of a link, which is set aside: what is written here stays in the project."""
    if not path.is_symlink():
        return
    content = path.read_bytes() if path.is_file() and path.stat().st_size <= _LARGEST_LINKED else None
    set_aside(path)
    if content is not None:
        write_atomically(path, content)


def take_saved(path: Path, *, writable: bool, say: Callable[[str], None]) -> SavedState:
    """Read what was saved (`SavedState`); a damaged one is set aside and begun anew."""
    if writable and (path.is_symlink() or path.is_dir()):
        set_aside(path)
    saved = SavedState(path)
    if saved.damaged:
        say(
            f"{path.name} (what was saved, by which losses are noticed) is damaged: whether labels are missing cannot "
            "be told this time."
        )
        if writable:
            kept = free_name(path.with_name(f"{path.stem}-set-aside{path.suffix}"))
            shutil.copyfile(path, kept)
            saved.tidy()
    return saved


def take_strokes(
    log: StrokeLog, saved: SavedState, *, writable: bool, say: Callable[[str], None]
) -> tuple[list[Stroke], int]:
    """Read the strokes and the size of their file in bytes.

    Damaged lines are set aside with the file as it was, and the good ones kept. What is missing is said.
    """
    path = log.path
    if writable:
        own_file(path)
    try:
        strokes, damaged, size = log.salvage()
    except OSError as error:
        kept = set_aside(path) if writable else None
        where = f" and is kept as {kept.name}" if kept else ""
        say(f"{path.name} (what was drawn when and how) cannot be read ({error.strerror}){where}: {_WITHOUT_STROKES}")
        strokes, damaged, size = [], 0, 0
    else:
        if size < saved.log_size:
            lost = "is missing" if not path.exists() else f"was {saved.log_size} bytes long and has {size}"
            say(f"{path.name} (what was drawn when and how) {lost}: {_WITHOUT_STROKES}")
    shrunk = size < saved.log_size
    if damaged:
        where = "they are left out"
        if writable:
            kept = free_name(path.with_name(f"{path.stem}-set-aside{path.suffix}"))
            shutil.copyfile(path, kept)
            where = f"the file as it was is kept as {kept.name}"
        say(f"{path.name}: {damaged} lines are damaged; {where}. {_WITHOUT_STROKES[0].upper()}{_WITHOUT_STROKES[1:]}")
    if writable and (damaged or shrunk):
        # Noted before the file shrinks: a kill between must not look like another loss.
        saved.note([{"log": 0, "next": max([saved.next_number, *(s.number + 1 for s in strokes)])}])
        if damaged:
            size = log.renew(strokes)
        saved.note([{"log": size}])
    return strokes, size


_WITHOUT_STROKES = (
    "all labels are there, but of some it is not known any more whether they were drawn, random or imported. "
    "Restore it from a backup if that matters."
)


def take_points(path: Path, saved: SavedState, *, writable: bool, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Read the points; what is damaged is set aside, what is missing said."""
    if writable:
        own_file(path)
    expected = saved.least_points()
    without = "the labels that the points made are there, but can no longer be taken back point by point."
    points: Any = []
    try:
        if path.exists():
            points = read_json(path)
            if not isinstance(points, list):
                raise ProjectError(f"{path}: not a list of points")
    except ProjectError as error:
        kept = set_aside(path) if writable else None
        where = f" and is kept as {kept.name}" if kept else ""
        say(f"{path.name} is damaged ({str(error.__cause__ or error)[:100]}){where}: {without}")
        points = []
    else:
        if len(points) < expected:
            what = "is missing" if not path.exists() else f"holds {len(points)} points"
            say(f"{path.name} {what}, but {expected} were saved: {without} Restore it from a backup if that matters.")
    if writable and len(points) < expected:
        saved.note([{"points": len(points)}])
    return list(points)
