"""The files of a zarr array's chunks, looked at without zarr: it takes a folder in a chunk's place for none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["chunk_file", "strange_entries"]


def chunk_file(array: Path, row: int, column: int) -> Path:
    """Return where a chunk of an array (zarr v3, two axes) lies."""
    return array / "c" / str(row) / str(column)


def strange_entries(array: Path) -> list[Path]:
    """Return what lies in the place of a folder or of a chunk's file and is something else."""
    top = array / "c"
    if not os.path.lexists(top):
        return []
    if not top.is_dir():
        return [top]
    strange = []
    for row in os.scandir(top):
        if not row.name.isdecimal():
            continue
        if not row.is_dir():
            strange.append(top / row.name)
            continue
        strange += [
            top / row.name / chunk.name
            for chunk in os.scandir(row.path)
            if chunk.name.isdecimal() and not chunk.is_file()
        ]
    return sorted(strange)
