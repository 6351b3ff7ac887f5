"""Where work on an image was left: what was in view, in hand and open. Comfort alone: nothing depends on the file."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard

from annotations.disk.files import read_json, write_atomically
from annotations.errors import ProjectError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LeftOff", "read_left", "write_left"]


@dataclass(frozen=True)
class LeftOff:
    """Where work was left.

    Parameters
    ----------
    centre : (float, float), optional
        Row and column in the middle of the view, in pixels of the image.
    zoom : float
        Screen pixels per pixel of the image; 0 where that is not known.
    class_name : str
        The class in hand; "" for the one that takes labels away, or none.
    tool : str
        The tool in hand; "" for none.
    brush : int
        The brush's diameter in pixels; 0 where that is not known.
    sections : dict of bool
        Which sections of the panel are open, by their titles.
    layers : dict of (bool, float)
        Whether each layer is shown, and its opacity, 0 to 1, by what it is.
    """

    centre: tuple[float, float] | None = None
    zoom: float = 0.0
    class_name: str = ""
    tool: str = ""
    brush: int = 0
    sections: dict[str, bool] = field(default_factory=dict)
    layers: dict[str, tuple[bool, float]] = field(default_factory=dict)


def write_left(path: Path, left: LeftOff) -> None:
    """Write the file, whole or not at all; OSError where the disk is full or failing."""
    write_atomically(path, json.dumps({"format": 1, **asdict(left)}, indent=1).encode())


def read_left(path: Path) -> LeftOff | None:
    """Return what the file says; each part that is missing or damaged is as if nothing had been said of it.

    None where there is no file, or nothing in it can be read.
    """
    try:
        value = read_json(path)
    except ProjectError:
        return None
    if not isinstance(value, dict):
        return None
    centre = value.get("centre")
    place = centre if isinstance(centre, list) and len(centre) == 2 and all(_finite(v) for v in centre) else None
    sections, layers = value.get("sections"), value.get("layers")
    brush, zoom = value.get("brush"), value.get("zoom")
    return LeftOff(
        None if place is None else (float(place[0]), float(place[1])),
        float(zoom) if _finite(zoom) and 0 < zoom < 1e6 else 0.0,
        _text(value.get("class_name")),
        _text(value.get("tool")),
        brush if type(brush) is int and 0 < brush <= 10_000 else 0,
        {str(k): v for k, v in sections.items() if type(v) is bool} if isinstance(sections, dict) else {},
        {str(k): (v[0], float(v[1])) for k, v in layers.items() if _layer(v)} if isinstance(layers, dict) else {},
    )


def _finite(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and type(value) is not bool and abs(value) < 1e12 and math.isfinite(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _layer(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and type(value[0]) is bool
        and _finite(value[1])
        and 0 <= value[1] <= 1
    )
