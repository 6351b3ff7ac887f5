"""Files replaced whole or not at all, together with what lies beside them."""

from __future__ import annotations

import itertools
import json
import os
import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from annotations.disk.leftovers import plain_parts, this_system
from annotations.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

__all__ = ["read_json", "replacing", "replacing_together", "write_atomically"]

_count = itertools.count()


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file under another name, force it to the disk, then put it in place of the old one.

    Raises
    ------
    OSError
        The disk is full or failing; the old file is untouched.
    """
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _temporary(path: Path) -> Path:
    # Numbers of processes are alike on different machines, which may write into one folder.
    # `annotations.disk.leftovers` reads this name again, to see whether who writes it still runs.
    unique = f"{os.getpid()}-{next(_count)}-{this_system()}{secrets.token_hex(4)}"
    stem, suffix = plain_parts(path.name)  # of a name of 255 bytes, with no room for more, the beginning does
    return path.with_name(f".{stem}-{unique}{suffix}")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name in the same folder; after the block it takes the place of `path`, unless the block failed.

    The name ends as `path` does, since libraries choose a format by it.
    """
    temporary = _temporary(path)
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


@contextmanager
def replacing_together(
    paths: Sequence[Path], stale: Callable[[], Sequence[Path]] = lambda: ()
) -> Iterator[tuple[Path, ...]]:
    """Give temporary names for several files of one folder; after the block all take their places, or none does.

    Parameters
    ----------
    paths : sequence of Path
        The last one is put in place last: it is the file that people open, the others lie beside it.
    stale : callable
        Asked once the block has ended: what lies there of an older file and is to go. If a renaming fails all is as it
        was. Who is killed between them leaves the older file beside what belongs to either; without what was to go.
    """
    temporaries = tuple(_temporary(path) for path in paths)
    try:
        yield temporaries
        for temporary in temporaries:
            with temporary.open("rb+") as file:  # all of it, before anything old goes
                os.fsync(file.fileno())
        _swap(paths, temporaries, [p for p in stale() if p not in paths])
    finally:
        for temporary in temporaries:
            for left in (temporary, *(temporary.with_name(temporary.name + e) for e in ("-journal", "-wal", "-shm"))):
                with suppress(OSError):
                    left.unlink(missing_ok=True)


def _swap(paths: Sequence[Path], temporaries: Sequence[Path], stale: Sequence[Path]) -> None:
    moved: list[tuple[Path, Path]] = []
    placed: list[Path] = []
    try:
        for old in (*stale, *paths[:-1]):
            if os.path.lexists(old):
                aside = _temporary(old)
                if old in stale or not _second_name(old, aside):
                    os.replace(old, aside)
                moved.append((old, aside))
        for temporary, path in zip(temporaries, paths, strict=True):
            os.replace(temporary, path)
            placed.append(path)
    except BaseException:
        for path in placed:
            with suppress(OSError):
                path.unlink()
        for old, aside in moved:
            with suppress(OSError):
                os.replace(aside, old)
                aside.unlink(missing_ok=True)  # of two names of one file a renaming leaves both
        raise
    for _, aside in moved:
        with suppress(OSError):
            aside.unlink()


def _second_name(path: Path, other: Path) -> bool:
    """Give a file a second name, so that it keeps the first until another takes its place; False where that fails."""
    try:
        os.link(path, other, follow_symlinks=False)
    except (OSError, NotImplementedError):  # not every file system can
        return False
    return True


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    ProjectError
        It is missing or damaged.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ProjectError(f"{path}: is missing. Restore it from a backup.") from error
    except (ValueError, OSError, RecursionError) as error:
        raise ProjectError(f"{path}: is damaged ({error}). Restore it from a backup.") from error
