"""Small files, replaced whole or not at all."""

from __future__ import annotations

import itertools
import json
import os
import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from annotations.errors import ProjectError
from annotations.leftovers import this_system

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["put_aside", "read_json", "replacing", "write_atomically"]

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


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name in the same folder; after the block it takes the place of `path`, unless the block failed.

    The name ends as `path` does, since libraries choose a format by it.
    """
    # Numbers of processes are alike on different machines, which may write into one folder.
    # `annotations.leftovers` reads this name again, to see whether who writes it still runs.
    unique = f"{os.getpid()}-{next(_count)}-{this_system()}{secrets.token_hex(4)}"
    temporary = path.with_name(f".{path.stem}-{unique}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def put_aside(path: Path) -> None:
    """Rename NAME.ext to NAME.before.ext, in place of what has that name; nothing happens where there is no file."""
    with suppress(FileNotFoundError):
        os.replace(path, path.with_name(f"{path.stem}.before{path.suffix}"))


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
