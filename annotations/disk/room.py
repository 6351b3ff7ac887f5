"""Asks for room on the disk and in memory before any of it is taken."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from annotations.errors import PartialSegError, RasterError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["free_memory", "need_address_space", "need_disk", "need_memory"]


def need_disk(size: int, folder: Path, what: str, way_out: str = "keep the project on another disk") -> None:
    """Raise PartialSegError where a folder's disk has less room than `size` bytes.

    Parameters
    ----------
    size : int
        Bytes.
    folder : Path
        Need not exist yet.
    what : str
        What for, as the beginning of a sentence.
    way_out : str
        What else can be done than making room.
    """
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        free = shutil.disk_usage(place).free
    except OSError:
        return  # a disk that does not tell is written to, and says then whether it is full
    if size > free:
        raise PartialSegError(
            f"{folder}: {what} needs {_amount(size)} there, and {_amount(free)} are free. Make room, or {way_out}."
        )


def need_memory(size: int, path: Path, way_out: str) -> None:
    """Raise RasterError where this machine has less free memory than `size` bytes."""
    free = free_memory()
    if free is not None and size > free:
        raise RasterError(
            f"{path}: reading it takes {_amount(size)} of memory, and {_amount(free)} are free; {way_out}."
        )


def need_address_space(size: int, path: Path, what: str) -> None:
    """Raise RasterError where a machine could never hold an array of `size` bytes, however sparsely it is filled."""
    total = _meminfo("MemTotal:", "SwapTotal:")
    if total is not None and size > total:
        raise RasterError(
            f"{path}: labels of {what} take up to {_amount(size)} of memory, and this machine has {_amount(total)}. "
            "Cut the image into parts, for example with gdal_retile."
        )


def free_memory() -> int | None:
    """Return the bytes of memory that could be had; None where the system does not tell."""
    found = _meminfo("MemAvailable:")
    if found is not None:
        return found
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _meminfo(*names: str) -> int | None:
    try:
        with open("/proc/meminfo") as file:
            values = [int(line.split()[1]) * 1024 for line in file if line.startswith(names)]
    except (OSError, ValueError, IndexError):
        return None
    return sum(values) if values else None


def _amount(size: int) -> str:
    return (
        f"{size / 1e12:,.1f} TB"
        if size >= 1e12
        else f"{size / 1e9:,.1f} GB"
        if size >= 1e9
        else f"{size / 1e6:,.0f} MB"
    )
