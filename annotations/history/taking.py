"""What a snapshot is made of, read from the files as they are at a moment between two writes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from annotations.classes import ClassScheme
    from annotations.project_files import ImageFiles

__all__ = ["Taken", "take"]


@dataclass(frozen=True)
class Taken:
    """The files at a moment, as they were on disk: compressed, a few megabytes of a large image.

    Parameters
    ----------
    time : float
        Seconds since 1970.
    why, name : str
        What it was taken for; the name that a person gave.
    scheme : ClassScheme
        The classes then.
    counts : tuple of int
        Labelled pixels per class.
    labels, numbers : dict of bytes
        The chunks that were there, by (row, column).
    descriptions : (bytes, bytes)
        zarr.json of the two arrays.
    points : bytes
        points.json; empty where there was none.
    log_size : int
        Bytes of the file of strokes.
    """

    time: float
    why: str
    name: str
    scheme: ClassScheme
    counts: tuple[int, ...]
    labels: dict[tuple[int, int], bytes]
    numbers: dict[tuple[int, int], bytes]
    descriptions: tuple[bytes, bytes]
    points: bytes
    log_size: int


def take(
    files: ImageFiles, time: float, why: str, scheme: ClassScheme, *, name: str = "", counts: tuple[int, ...] = ()
) -> Taken:
    """Read all that a snapshot holds; for the thread that writes the labels, where nothing is half-written.

    Raises
    ------
    OSError
        A file cannot be read.
    """
    return Taken(
        time,
        why,
        name,
        scheme,
        counts,
        _chunks(files.labels),
        _chunks(files.numbers),
        ((files.labels / "zarr.json").read_bytes(), (files.numbers / "zarr.json").read_bytes()),
        files.points.read_bytes() if files.points.exists() else b"",
        files.strokes.stat().st_size if files.strokes.exists() else 0,
    )


def _chunks(array: Path) -> dict[tuple[int, int], bytes]:
    """Return the chunks of an array (zarr v3, two axes) as they lie on the disk."""
    result: dict[tuple[int, int], bytes] = {}
    top = array / "c"
    for row in os.listdir(top) if top.is_dir() else ():
        for column in os.listdir(top / row) if row.isdecimal() else ():
            if column.isdecimal():
                result[int(row), int(column)] = (top / row / column).read_bytes()
    return result
