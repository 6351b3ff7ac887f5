"""A project's lock: held by the kernel, so that it is free the moment its holder is gone, however it went."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from annotations.disk.files import write_atomically
from annotations.errors import ProjectError, ProjectLockedError
from annotations.project_files import ProjectFiles

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
        self._folder = folder
        files = ProjectFiles(folder)
        self._about = files.holder
        if files.lock.is_symlink():
            raise ProjectError(f"{files.lock}: is a link, which a lock never is. Delete it and open again.")
        # Not bound to the thread that takes it: a viewer may open in one thread and close in another.
        self._lock = FileLock(files.lock, thread_local=False)
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
        self._identity = self._look()
        self._tell()

    def _tell(self) -> None:
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "time": time.time()}
        try:
            write_atomically(self._about, json.dumps(holder).encode())
        except OSError:
            # Only the message to a second viewer needs it; a full disk must not keep anybody from their labels.
            with suppress(OSError):
                self._about.unlink(missing_ok=True)

    def _look(self) -> tuple[int, int] | None:
        """Return which file the lock is now; None where there is none."""
        try:
            found = os.stat(ProjectFiles(self._folder).lock)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def check(self) -> None:
        """Make sure that the lock is held still; where folder and lock were replaced, take the new one.

        Raises
        ------
        ProjectError
            The folder is gone, or somebody else has the project: nothing may be written.
        """
        if not self._lock.is_locked:
            raise ProjectError(f"{self._folder}: was closed; open it again to go on")
        if os.name == "nt" or (self._identity is not None and self._look() == self._identity):
            return
        files = ProjectFiles(self._folder)
        if not files.document.is_file():
            raise ProjectError(
                f"{self._folder} is gone: it was deleted or renamed, or its drive is not connected; put it back"
            )
        # Restored, or on a drive that was connected again: another file by that name, and another lock.
        lock = FileLock(files.lock, thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise ProjectLockedError(
                f"{self._folder}: was replaced, and is open in another viewer{self._holder()}; close that one"
            ) from error
        old, self._lock = self._lock, lock
        old.release()
        self._identity = self._look()
        self._tell()

    def _holder(self) -> str:
        try:
            holder: Any = json.loads(self._about.read_text("utf-8"))
            since = time.strftime("%Y-%m-%d %H:%M", time.localtime(float(holder["time"])))
            host = "".join(c for c in str(holder["host"])[:80] if c.isalnum() or c in "-._")
            return f" (process {int(holder['pid'])} on {host}, since {since})"
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return ""

    def release(self) -> None:
        """Give the lock back; may be called twice."""
        if self._lock.is_locked:
            with suppress(OSError):
                self._about.unlink(missing_ok=True)
            self._lock.release()
