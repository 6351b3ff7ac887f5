"""The projects that were open last, kept for the person beside the settings of other programs.

Comfort alone: a list that cannot be read is an empty one, and one that cannot be written is forgotten.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import platformdirs

from annotations.disk.files import read_json, write_atomically
from annotations.errors import ProjectError
from annotations.project.project import Project

__all__ = ["Recent", "ago", "forget", "note_opened", "read_recent"]

_MOST = 12
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"))


@dataclass(frozen=True, slots=True)
class Recent:
    """A project that was open.

    Parameters
    ----------
    project : Path
        Its folder.
    image : str
        The orthophoto's name, as the panel shows it.
    opened : float
        When, in seconds since 1970.
    """

    project: Path
    image: str
    opened: float

    @property
    def there(self) -> bool:
        """Whether the project can be found now; a drive may not be plugged in."""
        return Project.is_project(self.project)


def _file() -> Path:
    return platformdirs.user_config_path("partialseg") / "recent.json"


def read_recent() -> list[Recent]:
    """Return the projects that were open, the last one first."""
    value: Any = None
    with suppress(ProjectError, OSError):
        value = read_json(_file())
    found = [_recent(item) for item in value] if isinstance(value, list) else []
    return sorted((item for item in found if item is not None), key=lambda item: -item.opened)[:_MOST]


def note_opened(project: Path, image: str) -> None:
    """Put a project at the top of the list."""
    project = project.expanduser().absolute()
    _write([Recent(project, image, time.time()), *(item for item in read_recent() if item.project != project)])


def forget(project: Path) -> None:
    """Take a project off the list; the project itself is not touched."""
    _write([item for item in read_recent() if item.project != project])


def ago(opened: float, now: float) -> str:
    """Return how long ago that was, in the largest unit that fits: "just now", "5 minutes ago", "3 days ago"."""
    seconds = max(now - opened, 0)
    for unit, name in _UNITS:
        count = int(seconds // unit)
        if count:
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "just now"


def _recent(item: object) -> Recent | None:
    if not isinstance(item, dict):
        return None
    project, image, opened = item.get("project"), item.get("image"), item.get("opened")
    if not isinstance(project, str) or not isinstance(image, str) or not isinstance(opened, int | float):
        return None
    return Recent(Path(project), image, float(opened)) if project and "\0" not in project else None


def _write(items: list[Recent]) -> None:
    plain = [asdict(item) | {"project": str(item.project)} for item in items[:_MOST]]
    with suppress(OSError):
        _file().parent.mkdir(parents=True, exist_ok=True)
        write_atomically(_file(), json.dumps(plain, indent=1).encode())
