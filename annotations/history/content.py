"""Contents kept once, in files named by what is in them: snapshots that share a chunk share its file.

Copies and not links: a link to a chunk of the labels would be as damaged as that chunk, a file system need not have
links at all, and a project that is copied to another disk would lose all sharing.
"""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from annotations.disk.files import write_atomically
from annotations.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

__all__ = ["ContentStore", "name_of"]

_DIGEST_BYTES: Final = 16
_NAME: Final = re.compile(r"[0-9a-f]{32}")


def name_of(content: bytes) -> str:
    """Return the name of a content: 32 hex digits that no other content has."""
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).hexdigest()


class ContentStore:
    """Files named by their content.

    Parameters
    ----------
    folder : Path
        Where they lie; made when the first is kept.
    """

    def __init__(self, folder: Path) -> None:
        """Touch nothing yet."""
        self.folder = folder

    def has(self, content: bytes) -> bool:
        """Whether a content is kept, as far as its file's size tells."""
        try:
            return (self.folder / name_of(content)).stat().st_size == len(content)
        except OSError:
            return False

    def put(self, content: bytes) -> str:
        """Keep a content, and return its name; OSError where the disk is full or failing."""
        name = name_of(content)
        if not self.has(content):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self.folder / name, content)
        return name

    def get(self, name: str) -> bytes:
        """Return a content.

        Raises
        ------
        ProjectError
            It is missing, or not what it was.
        """
        path = self.folder / name
        try:
            content = path.read_bytes() if _NAME.fullmatch(name) else b""
        except OSError as error:
            raise ProjectError(f"{path}: a part of the snapshot is missing ({error.strerror}).") from error
        if name_of(content) != name:
            raise ProjectError(f"{path}: a part of the snapshot is damaged.")
        return content

    def names(self) -> set[str]:
        """Return the names of all that is kept."""
        try:
            return {name for name in os.listdir(self.folder) if _NAME.fullmatch(name)}
        except OSError:
            return set()

    def size(self) -> int:
        """Return the bytes of all that is kept."""
        total = 0
        with suppress(OSError), os.scandir(self.folder) as entries:
            for entry in entries:
                with suppress(OSError):
                    total += entry.stat().st_size
        return total

    def keep_only(self, names: Container[str]) -> None:
        """Delete all contents but these; what cannot be deleted stays, and is no error."""
        for name in self.names():
            if name not in names:
                with suppress(OSError):
                    (self.folder / name).unlink()
