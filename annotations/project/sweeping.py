"""What killed programs left half-written in a project, swept by whoever holds its lock."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from annotations.disk.leftovers import this_system
from annotations.project_files import ImageFiles, ProjectFiles

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["sweep_places", "sweep_project"]

# As `annotations.disk.files.replacing` names them, now and in earlier versions.
_REPLACING: Final = re.compile(
    r"\..+-(?P<pid>\d{1,10})-\d{1,10}-(?P<unique>[0-9a-f]{8}|[0-9a-f]{16})(\.[^.]*)?(\.aux\.xml|-journal|-wal|-shm)?"
)
_ZARR: Final = re.compile(r"[\w-]+\.[0-9a-f]{32}\.partial")
_NEW: Final = re.compile(r"(\w+\.pth|\w+\.u8)\.new")
_SHARED: Final = re.compile(r"\.\w+\.u8-(?P<pid>\d{1,10})-[0-9a-f]{8}\.new")
_PART: Final = re.compile(r"display-[0-9a-f]+\.(?P<pid>\d{1,10})\.part")


def sweep_project(folder: Path) -> list[Path]:
    """Delete half-written files and return which; only names that this tool gives, only inside, no links followed.

    Only for the holder of the lock: then nobody but a process that is about to end can be writing here. Files of
    processes that run on this machine are left alone all the same. What cannot be deleted stays and is not an error.
    """
    return sweep_places(*_places(folder))


def sweep_places(*places: Path) -> list[Path]:
    """Delete half-written files that lie right in these folders, as `sweep_project`; return which."""
    swept = []
    for place in places:
        for name, path in _entries(place):
            if _is_left(name) and not path.is_dir():
                with suppress(OSError):
                    path.unlink()
                    swept.append(path)
            elif (part := _PART.fullmatch(name)) and path.is_dir() and not path.is_symlink() and not _runs(part["pid"]):
                shutil.rmtree(path, ignore_errors=True)
                swept.append(path)
    return swept


def _entries(place: Path) -> list[tuple[str, Path]]:
    try:
        return [(name, place / name) for name in os.listdir(place)]
    except OSError:
        return []


def _places(folder: Path) -> list[Path]:
    files = ProjectFiles(folder)
    places = [folder, files.weights.folder]
    for room in (files.images, files.cache):
        places += [path for _, path in _entries(room) if path.is_dir() and not path.is_symlink()]
    for place in [*places]:
        kept = ImageFiles(place).history
        places += [path for path in (kept.folder, kept.chunks) if path.is_dir()]
    arrays = [path for place in places for name, path in _entries(place) if name.endswith(".zarr")]
    for array in arrays:
        if not array.is_symlink():
            places += [array, *(array / "c" / name for name, _ in _entries(array / "c")), array / "c"]
    real = os.path.realpath(folder)
    return [place for place in places if os.path.commonpath([real, os.path.realpath(place)]) == real]


def _is_left(name: str) -> bool:
    if _ZARR.fullmatch(name) or _NEW.fullmatch(name):
        return True
    if found := _SHARED.fullmatch(name):
        return not _runs(found["pid"])
    found = _REPLACING.fullmatch(name)
    if found is None:
        return False
    ours = len(found["unique"]) == 8 or found["unique"].startswith(this_system())
    return not (ours and _runs(found["pid"]))


def _runs(pid: str) -> bool:
    if os.name == "nt":  # asking for a process would end it
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # somebody else's
        return True
    return True
