"""Which axis of an array is what: rows, columns, bands, and those that an image of the ground cannot have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from annotations.errors import RasterError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np

__all__ = ["ImageAxes", "find_axes"]

_ROWS: Final = frozenset({"y", "row", "rows", "lat", "latitude", "northing", "height", "line"})
_COLUMNS: Final = frozenset({"x", "col", "cols", "column", "columns", "lon", "longitude", "easting", "width", "sample"})
_BANDS: Final = frozenset({"c", "channel", "channels", "band", "bands", "wavelength", "variable", "s", "samples"})


@dataclass(frozen=True, slots=True)
class ImageAxes:
    """Where rows, columns and bands are in an array's shape; all others have length 1.

    Parameters
    ----------
    rows, columns : int
        Which axis they are, from 0.
    bands : int or None
        The same; None where there is a single band without an axis.
    """

    rows: int
    columns: int
    bands: int | None

    def index(self, n_axes: int, rows: slice, columns: slice) -> tuple[Any, ...]:
        """Return what takes a window, with all bands, out of the array."""
        chosen: list[Any] = [0] * n_axes
        chosen[self.rows], chosen[self.columns] = rows, columns
        if self.bands is not None:
            chosen[self.bands] = slice(None)
        return tuple(chosen)

    def order(self) -> tuple[int, ...]:
        """Return how to transpose what `index` took out to (rows, columns, bands), or (rows, columns)."""
        kept = sorted(a for a in (self.rows, self.columns, self.bands) if a is not None)
        wanted = (self.rows, self.columns) if self.bands is None else (self.rows, self.columns, self.bands)
        return tuple(kept.index(a) for a in wanted)


def find_axes(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], names: Sequence[str] | None) -> ImageAxes:
    """Decide by the axes' names, where the file tells them, else by their lengths.

    Without names the last of three axes holds the bands where it is no longer than the first (rows, columns, bands),
    else the first does (bands, rows, columns); further axes in front may be there with length 1.

    Raises
    ------
    RasterError
        The array has several times, depths or the like, or is not an image.
    """
    described = f"an array of shape {shape} and type {dtype}"
    if names is not None:
        described += f" with axes {', '.join(names)}"
    if dtype.kind not in "uifb" or len(shape) < 2 or 0 in shape:
        raise RasterError(
            f"{path}: {described} is not an image: "
            "(rows, columns), (rows, columns, bands) or (bands, rows, columns) of numbers is."
        )
    found = None if names is None else _by_name(shape, [n.lower() for n in names])
    if isinstance(found, int):
        raise RasterError(
            f"{path}: {described} has {shape[found]} images along {names[found] if names else found!r}: "
            "that is not one image of the ground. Write one of them into an array of its own and open that."
        )
    if found is None:
        found = _by_length(shape)
    if found is None:
        raise RasterError(
            f"{path}: {described} is not one image: (rows, columns), (rows, columns, bands) or (bands, rows, columns) "
            "is. Write one of its images into an array of its own and open that."
        )
    return found


def _by_name(shape: tuple[int, ...], names: list[str]) -> ImageAxes | int | None:
    """Return the axes; the number of one that is too long; None where the names do not tell."""
    if len(names) != len(shape) or len(set(names)) != len(names):
        return None
    rows = [i for i, n in enumerate(names) if n in _ROWS]
    columns = [i for i, n in enumerate(names) if n in _COLUMNS]
    bands = [i for i, n in enumerate(names) if n in _BANDS]
    if len(rows) != 1 or len(columns) != 1 or len(bands) > 1:
        return None
    others = [i for i in range(len(shape)) if i not in (*rows, *columns, *bands)]
    for i in others:
        if shape[i] > 1:
            return i
    return ImageAxes(rows[0], columns[0], bands[0] if bands else None)


def _by_length(shape: tuple[int, ...]) -> ImageAxes | None:
    front = len(shape) - 3
    if front < 0:
        return ImageAxes(0, 1, None)
    if any(n > 1 for n in shape[:front]):
        return None
    if shape[-1] <= shape[front]:
        return ImageAxes(front, front + 1, front + 2)
    return ImageAxes(front + 1, front + 2, front)
