"""A project's lock: held by the kernel, so that it is free the moment its holder is gone, however it went."""

from __future__ import annotations

import json
import os
import socket
import time
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from annotations.errors import ProjectError, ProjectLockedError
from annotations.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ProjectLock"]


class ProjectLock:
    """Keeps a second viewer from writing to a project.

    Parameters
    ----------
    folder : Path
        The project. The lock is the file "lock" in it; "lock.json" tells who holds it.

    Raises
    ------
    ProjectLockedError
        Another viewer, of this process or another, holds it.
    ProjectError
        The folder cannot be written to.
    """

    def __init__(self, folder: Path) -> None:
        """Take the lock, or say who has it."""
        self._about = folder / "lock.json"
        # Not bound to the thread that takes it: a viewer may open in one thread and close in another.
        self._lock = FileLock(folder / "lock", thread_local=False)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise ProjectLockedError(
                f"{folder}: open in another viewer{self._holder()}. Close that one, or open the project read-only."
            ) from error
        except OSError as error:
            raise ProjectError(
                f"{folder}: cannot be written to ({error}). Open the project read-only, or allow writing to the folder."
            ) from error
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "time": time.time()}
        try:
            write_atomically(self._about, json.dumps(holder).encode())
        except OSError:
            # Only the message to a second viewer needs it; a full disk must not keep anybody from their labels.
            self._about.unlink(missing_ok=True)

    def _holder(self) -> str:
        try:
            holder: Any = json.loads(self._about.read_text("utf-8"))
            since = time.strftime("%Y-%m-%d %H:%M", time.localtime(float(holder["time"])))
            return f" (process {holder['pid']} on {holder['host']}, since {since})"
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def release(self) -> None:
        """Give the lock back; may be called twice."""
        if self._lock.is_locked:
            self._about.unlink(missing_ok=True)
            self._lock.release()
