"""Files of lines that are only ever added to: a kill tears the last line at most, and the next writer cuts that off."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path

__all__ = ["append_lines", "whole_lines"]


def append_lines(path: Path, lines: bytes) -> int:
    """Add whole lines; a line that an earlier crash left torn is cut off first. Return the size of the file then.

    Raises
    ------
    OSError
        The disk is full or failing; the file is then as before, or has a torn line that does no harm.
    """
    # Without a buffer: what could not be written must not be written after all when the file is cut or closed.
    with path.open("ab+", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        whole = _whole_length(file, end)
        if whole < end:
            file.truncate(whole)
        try:
            left = memoryview(lines)
            while left:
                left = left[file.write(left) :]
        except OSError:
            # Best effort: a half-written batch would stand twice after the retry.
            with suppress(OSError):
                file.truncate(whole)
            raise
    return whole + len(lines)


def whole_lines(path: Path) -> list[bytes]:
    """Return the lines of a file, without one that is torn at the end; none where there is no file."""
    try:
        return path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []


def _whole_length(file: FileIO, end: int) -> int:
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
