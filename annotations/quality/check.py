"""A check of the map: points drawn by chance and what a person saw there, kept in the project and never learnt from.

Classes are kept by name: what was seen stays true when classes are added. What was seen of a class that is no more is
kept, and left out of the figures.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annotations.classes import NOT_PREDICTED
from annotations.disk.aside import set_aside
from annotations.disk.files import read_json, write_atomically
from annotations.disk.full import why_not_written
from annotations.errors import ProjectError
from annotations.quality.accuracy import Accuracy, assess

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from annotations.quality.drawing import Drawn

__all__ = ["Check", "CheckPoint", "accuracy_of", "check_of", "read_check", "write_check"]

_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class CheckPoint:
    """A point that was drawn.

    Parameters
    ----------
    row, column : int
        The pixel.
    stratum : str
        The class that the map had there when it was drawn.
    seen : str
        The class that a person saw, or "".
    unclear : bool
        Whether a person looked and could not tell.
    """

    row: int
    column: int
    stratum: str
    seen: str = ""
    unclear: bool = False

    @property
    def answered(self) -> bool:
        """Whether somebody has looked."""
        return self.unclear or bool(self.seen)


@dataclass(frozen=True, slots=True)
class Check:
    """Points in the order in which they are looked at.

    Parameters
    ----------
    pixels : dict of str to int
        How many pixels each class of the map had when the points were drawn.
    points : tuple of CheckPoint
        In their order.
    seed : int
        What they were drawn with.
    """

    pixels: dict[str, int]
    points: tuple[CheckPoint, ...]
    seed: int = 0

    @property
    def answered(self) -> int:
        """How many were looked at."""
        return sum(p.answered for p in self.points)

    @property
    def next(self) -> int | None:
        """The first point that nobody has looked at; None where all are done."""
        return next((n for n, p in enumerate(self.points) if not p.answered), None)

    def told(self, number: int, seen: str | None) -> Check:
        """Return the check with an answer; None says that a person cannot tell."""
        point = replace(self.points[number], seen=seen or "", unclear=seen is None)
        return replace(self, points=(*self.points[:number], point, *self.points[number + 1 :]))


def check_of(drawn: Drawn, names: Sequence[str], seed: int) -> Check:
    """Return the check of points that were drawn, with classes by their names."""
    points = tuple(
        CheckPoint(int(row), int(column), names[stratum])
        for (row, column), stratum in zip(drawn.places.tolist(), drawn.strata.tolist(), strict=True)
    )
    return Check({name: int(n) for name, n in zip(names, drawn.pixels.tolist(), strict=True)}, points, seed)


def accuracy_of(check: Check, prediction: NDArray[np.uint8], names: Sequence[str]) -> Accuracy | None:
    """Return what the answers say of a map; None where there is no answer yet, or no map at the points.

    Parameters
    ----------
    check : Check
        Points and answers; those of classes that are no more are left out.
    prediction : ndarray of uint8, shape (H, W)
        The map as it is now; points where it is not made are left out, since it may be made anew just then.
    names : sequence of str
        The classes of now.
    """
    index = {name: n for n, name in enumerate(names)}
    strata = {name: n for n, name in enumerate(check.pixels)}
    answered = [p for p in check.points if p.seen in index and p.stratum in strata]
    used = [p for p in answered if prediction[p.row, p.column] != NOT_PREDICTED]
    if not used:
        return None
    return assess(
        np.array(list(check.pixels.values()), np.int64),
        np.array([strata[p.stratum] for p in used]),
        np.array([int(prediction[p.row, p.column]) for p in used]),
        np.array([index[p.seen] for p in used]),
        len(names),
    )


def read_check(path: Path, shape: tuple[int, int], *, writable: bool = True) -> tuple[Check | None, str]:
    """Return the check kept in a file, and what is wrong with the file, "" for nothing.

    Parameters
    ----------
    path : Path
        It may be missing.
    shape : tuple of int
        (H, W) of the image.
    writable : bool
        Whether a damaged file may be set aside.
    """
    if not path.exists():
        return None, ""
    try:
        value = read_json(path)
        if not isinstance(value, dict) or int(value.get("format", _FORMAT)) > _FORMAT:
            raise ProjectError(f"{path}: is of a newer version")
        return _check(value, shape), ""
    except (ProjectError, KeyError, TypeError, ValueError, OverflowError) as error:
        kept = None
        if writable:
            with suppress(OSError):
                kept = set_aside(path)
        where = f" The file as it was is kept as {kept.name}." if kept else ""
        why = str(error.__cause__ or error)[:200]
        return None, f"{path}: the points of a check cannot be read ({why}).{where} The labels are not touched."


def _check(value: dict[str, Any], shape: tuple[int, int]) -> Check:
    pixels = {str(name): int(n) for name, n in value["pixels"].items()}
    points = tuple(
        CheckPoint(
            int(p["row"]), int(p["column"]), str(p["stratum"]), str(p.get("seen", "")), bool(p.get("unclear", False))
        )
        for p in value["points"]
    )
    if any(n < 0 for n in pixels.values()):
        raise ValueError("a class of less than no pixels")
    for p in points:
        if not (0 <= p.row < shape[0] and 0 <= p.column < shape[1]):
            raise ValueError(f"the point ({p.row}, {p.column}) is outside the image")
    return Check(pixels, points, int(value.get("seed", 0)))


def write_check(path: Path, check: Check, *, anew: bool = False) -> None:
    """Keep a check in a file; `anew` keeps the one before under another name.

    Raises
    ------
    ProjectError
        It could not be written; the file is as it was.
    """
    points = [
        {"row": p.row, "column": p.column, "stratum": p.stratum, "seen": p.seen, "unclear": p.unclear}
        for p in check.points
    ]
    content = {"format": _FORMAT, "seed": check.seed, "pixels": check.pixels, "points": points}
    try:
        if anew and path.exists():
            set_aside(path, name=f"{path.stem}-former{path.suffix}")  # a person's work: under a name that is free
        write_atomically(path, json.dumps(content, indent=1, ensure_ascii=False).encode())
    except OSError as error:
        raise ProjectError(
            f"{path}: what was seen at the points could not be saved: {why_not_written(error)}. Make room or check the "
            "disk, then answer again; what was answered before is kept."
        ) from error
