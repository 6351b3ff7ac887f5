"""Files out of the way of others: damaged ones set aside and never deleted, whole ones kept as the former."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["free_name", "keep_former", "set_aside"]


def free_name(path: Path) -> Path:
    """Return the path, or one with a number in its name where something has that name already."""
    found, number = path, 1
    while os.path.lexists(found):
        number += 1
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return found


def set_aside(path: Path, folder: Path | None = None, name: str = "") -> Path | None:
    """Rename NAME.ext to NAME-set-aside.ext (or `name`), a link without what it leads to; return where it is now.

    Parameters
    ----------
    path : Path
        A file, folder or link; None is returned where there is nothing.
    folder : Path, optional
        Where it goes; by default it stays where it is.
    name : str
        Its new name.

    Raises
    ------
    OSError
        It cannot be renamed.
    """
    if not os.path.lexists(path):
        return None
    target = free_name((folder or path.parent) / (name or f"{path.stem}-set-aside{path.suffix}"))
    os.rename(path, target)
    return target


def keep_former(path: Path) -> None:
    """Rename NAME.ext to NAME.before.ext, in place of what has that name; nothing happens where there is no file."""
    with suppress(FileNotFoundError):
        os.replace(path, path.with_name(f"{path.stem}.before{path.suffix}"))
