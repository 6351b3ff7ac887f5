"""Damaged files are kept under another name, so that what can be made anew never stands in the way."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

__all__ = ["set_damaged_aside", "unused"]


def unused(path: Path) -> Path:
    """Return a name that nothing has: `path` itself, or with _2, _3 ... before its ending."""
    if not os.path.lexists(path):
        return path
    names = (path.with_name(f"{path.stem}_{n}{path.suffix}") for n in itertools.count(2))
    return next(name for name in names if not os.path.lexists(name))


def set_damaged_aside(path: str | Path) -> Path:
    """Rename a file or folder to NAME.damaged-N, the first N that is free; return the new name.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    path = Path(path)
    names = (path.with_name(f"{path.name}.damaged-{n}") for n in itertools.count(1))
    kept = next(name for name in names if not os.path.lexists(name))
    os.rename(path, kept)
    return kept
