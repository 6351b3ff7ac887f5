"""A full disk, told before it is full where that can be known."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tqdm import tqdm

from annotations.disk.full import disk_is_full
from trainer.landcover_ai.layout import DatasetError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["disk_error", "require_space"]


def require_space(folder: Path, needed: int) -> None:
    """Raise DatasetError where the disk of `folder` has less than `needed` bytes left."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DatasetError(
            f"{folder}: the disk has {_amount(free)} left, but {_amount(needed)} are needed. Make room, or choose a "
            "folder on another disk; the same command goes on from what is there."
        )


def disk_error(path: Path, error: OSError) -> DatasetError:
    """Return the error for a file that cannot be written."""
    way = "The disk is full: make room" if disk_is_full(error) else "Allow writing to the folder"
    return DatasetError(
        f"{path}: cannot be written ({error.strerror or error}). {way}, or choose a folder on another disk; the same "
        "command goes on from what is there."
    )


def _amount(size: int) -> str:
    return str(tqdm.format_sizeof(size, "B", 1024))
