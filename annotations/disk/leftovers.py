"""Half-written files of programs that were killed: told apart from those that are being written, and swept."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import socket
import time
from contextlib import suppress
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["plain_parts", "sweep_leftovers", "this_system"]

# As `annotations.disk.files.replacing` names them: .STEM-PID-COUNT-HEX.ending, and what GDAL keeps beside one.
_TEMPORARY: Final = re.compile(
    r"\.(?P<stem>.+)-(?P<pid>\d{1,10})-\d{1,10}-(?P<unique>[0-9a-f]{8}|[0-9a-f]{16})(?P<suffix>\.[^.]*?)?"
    r"(?:\.aux\.xml|\.msk|\.ovr|-journal|-wal|-shm)?"
)
# Temporary names are plain: libraries take brackets, semicolons or question marks in a path for something else.
_PLAIN: Final = re.compile(r"[^A-Za-z0-9._-]")
_PART_LENGTH: Final = 64
_ANY_SYSTEM_SECONDS: Final = 24 * 3600.0


def plain_parts(name: str) -> tuple[str, str]:
    """Return stem and ending that stand for a file's name in a temporary one: plain, and short of a long one."""
    path = PurePath(name)
    return _PLAIN.sub("_", path.stem)[:_PART_LENGTH] or "_", _PLAIN.sub("_", path.suffix)[:_PART_LENGTH]


@functools.cache
def this_system() -> str:
    """Return 8 hex digits that tell where numbers of processes mean something: this machine, or this container."""
    with suppress(OSError):
        return _digest(f"{socket.gethostname()} {os.readlink('/proc/self/ns/pid')}")
    return _digest(socket.gethostname())


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # somebody else's
        return True
    return True


def _is_left(name: str, path: Path, now: float) -> bool:
    found = _TEMPORARY.fullmatch(name)
    if found is None:
        return False
    # On Windows asking for a process ends it.
    if os.name != "nt" and len(found["unique"]) == 16 and found["unique"].startswith(this_system()):
        return not _runs(int(found["pid"]))
    # Of another machine that writes into the same folder: nothing is written for a day without touching the file.
    try:
        return now - path.stat().st_mtime > _ANY_SYSTEM_SECONDS
    except OSError:
        return False


def sweep_leftovers(folder: Path, targets: Iterable[str] | None = None) -> list[Path]:
    """Delete the half-written files in a folder whose programs are gone; return which.

    Files of programs that run, and of other machines within the last day, are left alone. What cannot be deleted stays
    and is not an error.

    Parameters
    ----------
    folder : Path
        Not searched below; need not exist.
    targets : iterable of str, optional
        Names of the files that were to be written; by default any.
    """
    wanted = None if targets is None else {"".join(plain_parts(name)) for name in targets}
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    swept = []
    now = time.time()
    for name in names:
        found = _TEMPORARY.fullmatch(name)
        if found is None or (wanted is not None and found["stem"] + (found["suffix"] or "") not in wanted):
            continue
        path = folder / name
        if _is_left(name, path, now) and not path.is_dir():
            with suppress(OSError):
                path.unlink()
                swept.append(path)
    return swept
