"""Why something could not be written, in words: the one place that tells a full disk from other failures."""

from __future__ import annotations

import errno
from typing import Final

__all__ = ["disk_is_full", "why_not_written"]

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)  # a quota that is used up is a full disk to whoever has it


def disk_is_full(error: BaseException | None) -> bool:
    """Whether an error, or one that it followed, is that of a full disk or a quota that is used up.

    Libraries put errors of their own around the system's: torch a RuntimeError, for example.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


def why_not_written(error: BaseException) -> str:
    """Return the reason for people: "the disk is full", or what the system or library says."""
    if disk_is_full(error):
        return "the disk is full"
    said = error.strerror if isinstance(error, OSError) else None
    return said or str(error).encode("utf-8", "replace").decode() or type(error).__name__
