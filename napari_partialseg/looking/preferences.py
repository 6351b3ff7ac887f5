"""What a person likes to see over the canvas, in every project: kept beside the settings of other programs.

Comfort alone: what cannot be read or written is as if nothing had been said.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import platformdirs

from annotations.disk.files import read_json, write_atomically
from annotations.errors import ProjectError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Preferences", "read_preferences", "write_preferences"]


@dataclass(frozen=True, slots=True)
class Preferences:
    """What is shown over the canvas.

    Parameters
    ----------
    scale_bar : bool
        The scale bar.
    legend : bool
        The legend.
    """

    scale_bar: bool = True
    legend: bool = False


def _file() -> Path:
    return platformdirs.user_config_path("partialseg") / "view.json"


def read_preferences() -> Preferences:
    """Return what was kept; the usual where nothing was, or nothing that can be read."""
    with suppress(ProjectError, OSError):
        value = read_json(_file())
        if isinstance(value, dict):
            usual = asdict(Preferences())
            kept = {name: value[name] for name in usual if type(value.get(name)) is bool}
            return Preferences(**{**usual, **kept})
    return Preferences()


def write_preferences(preferences: Preferences) -> None:
    """Keep what is shown; where that cannot be written, it holds until the viewer is closed."""
    with suppress(OSError):
        _file().parent.mkdir(parents=True, exist_ok=True)
        write_atomically(_file(), json.dumps(asdict(preferences)).encode())
