"""What a person prefers in every project, kept beside the settings of other programs.

Comfort alone: what cannot be read or written is as if nothing had been said.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

import platformdirs

from annotations.disk.files import read_json, write_atomically
from annotations.errors import ProjectError

__all__ = ["Preferences", "prefer", "read_preferences"]


@dataclass(frozen=True, slots=True)
class Preferences:
    """Choices of a person.

    Parameters
    ----------
    guided : bool
        Whether the first steps are still shown.
    train_by_itself : bool
        Whether Train is pressed for the person once two classes have labels.
    scale_bar : bool
        Whether the scale bar is shown.
    legend : bool
        Whether the legend is shown over the canvas.
    """

    guided: bool = True
    train_by_itself: bool = True
    scale_bar: bool = True
    legend: bool = False


def read_preferences() -> Preferences:
    """Return what was kept; the usual where nothing was, or nothing that can be read."""
    value: object = None
    with suppress(ProjectError, OSError):
        value = read_json(platformdirs.user_config_path("partialseg") / "preferences.json")
    if not isinstance(value, dict):
        return Preferences()
    usual = asdict(Preferences())
    return Preferences(**{name: value[name] for name in usual if type(value.get(name)) is type(usual[name])})


def prefer(**changes: bool) -> Preferences:
    """Keep other choices, fields of `Preferences`; where that cannot be written, they are forgotten with the viewer."""
    preferences = replace(read_preferences(), **changes)
    path = platformdirs.user_config_path("partialseg") / "preferences.json"
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(asdict(preferences)).encode())
    return preferences
