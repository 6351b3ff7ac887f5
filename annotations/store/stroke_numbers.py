"""Stroke numbers on disk: a uint32 zarr array that labels can do without, and that is made anew where it is damaged."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import zarr

from annotations.disk.aside import set_aside
from annotations.errors import ProjectError
from annotations.store.chunk_files import strange_entries

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["LARGEST_NUMBER", "StrokeNumbers", "make_numbers"]

_CHUNK: Final = 512
LARGEST_NUMBER: Final = 2**31
_log = logging.getLogger(__name__)


def make_numbers(path: Path, shape: tuple[int, int]) -> zarr.Array[Any]:
    """Make an array without any stroke, in place of what is there."""
    return zarr.create_array(
        path,
        shape=shape,
        chunks=(_CHUNK, _CHUNK),
        dtype="uint32",
        fill_value=0,
        overwrite=True,
        dimension_names=("row", "column"),
    )


class StrokeNumbers:
    """The stroke numbers (H, W) of one orthophoto; read and written by slices.

    What is damaged is set aside beside it and reads as 0, as if no stroke were there: the labels do not depend on it.
    Read-only, it reads as 0 too, but nothing is touched.

    Parameters
    ----------
    path : Path
        The zarr array.
    shape : tuple of int
        (H, W) of the labels.
    writable : bool
        Whether what is damaged may be set aside and made anew.
    say : callable(str)
        Told what was found damaged.
    """

    def __init__(self, path: Path, shape: tuple[int, int], *, writable: bool, say: Callable[[str], None]) -> None:
        """Open the array, or make it anew."""
        self.path, self.shape = path, shape
        self._writable, self._say = writable, say
        self._array = self._open()
        for entry in strange_entries(path) if self._array is not None else []:
            self._drop(entry, "is not a file")

    def _open(self) -> zarr.Array[Any] | None:
        try:
            array = zarr.open_array(self.path, mode="r+" if self._writable else "r")
            chunk = tuple(array.chunks)
            if array.shape != self.shape or array.dtype != np.uint32 or max(chunk) > 2**13 or array.fill_value != 0:
                raise ValueError(f"it holds {array.dtype} of shape {array.shape} in chunks of {chunk}")
        except Exception as error:  # whatever zarr makes of what somebody wrote there
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            if not self._writable:
                self._say(f"{self.path.name} (which stroke a pixel came from) cannot be read: {reason}.")
                return None
            try:
                kept = set_aside(self.path)
                array = make_numbers(self.path, self.shape)
            except OSError as failed:
                raise ProjectError(
                    f"{self.path}: the stroke numbers are damaged ({reason}) and cannot be made anew ({failed}). "
                    "Make room or allow writing to the folder; the labels beside them are untouched."
                ) from failed
            where = "was missing" if kept is None else f"was damaged ({reason}) and is kept as {kept.name}"
            self._say(
                f"{self.path.name} {where}. All labels are there, but which stroke made them is not known any more: "
                "random labels, imports and points from before can only be erased by hand."
            )
        return array

    def __getitem__(self, place: tuple[slice, slice]) -> NDArray[np.uint32]:
        """Return the numbers of a region inside the array; 0 where they are damaged."""
        if self._array is None:
            return np.zeros(tuple(s.stop - s.start for s in place), np.uint32)
        try:
            return self._sensible(np.array(self._array[place], np.uint32))
        except OSError:
            raise  # the disk, not what is on it
        except Exception:
            _log.debug("damaged stroke numbers in %s", self.path, exc_info=True)
        result = np.zeros(tuple(s.stop - s.start for s in place), np.uint32)
        rows, columns = place
        high, wide = self._array.chunks
        for row in range(rows.start // high, -(-rows.stop // high)):
            for column in range(columns.start // wide, -(-columns.stop // wide)):
                own = (
                    slice(max(rows.start, row * high), min(rows.stop, (row + 1) * high)),
                    slice(max(columns.start, column * wide), min(columns.stop, (column + 1) * wide)),
                )
                target = tuple(slice(o.start - p.start, o.stop - p.start) for o, p in zip(own, place, strict=True))
                try:
                    result[target] = self._array[own]
                except OSError:
                    raise
                except Exception:
                    self._drop(self.path / "c" / str(row) / str(column), "is damaged")
        return self._sensible(result)

    def _sensible(self, numbers: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Set numbers that no stroke can have to 0, in place."""
        if int(numbers.max(initial=0)) > LARGEST_NUMBER:
            numbers[numbers > LARGEST_NUMBER] = 0
            self._say(
                f"{self.path.name} holds numbers that no stroke can have; they are left out. All labels are there."
            )
        return numbers

    def __setitem__(self, place: tuple[slice, slice], values: NDArray[np.uint32]) -> None:
        """Write the numbers of a region."""
        if self._array is None:
            raise ProjectError(f"{self.path}: opened read-only.")
        self._array[place] = values

    def _drop(self, entry: Path, what: str) -> None:
        name = entry.relative_to(self.path).as_posix()
        kept = None
        if self._writable:
            kept = set_aside(entry, self.path.parent, f"{self.path.stem}-{name.replace('/', '-')}-set-aside")
        self._say(
            f"{self.path.name}/{name} {what}{f' and is kept as {kept.name}' if kept else ''}: of the labels there it "
            "is not known any more which stroke made them."
        )

    def largest(self) -> int:
        """Return the largest number in the array, 0 where there is none; reads all chunks that exist."""
        largest = 0
        if self._array is None:
            return 0
        high, wide = self._array.chunks
        for entry in (self.path / "c").glob("*/*"):
            if entry.parent.name.isdecimal() and entry.name.isdecimal():
                top, left = int(entry.parent.name) * high, int(entry.name) * wide
                place = (
                    slice(top, min(top + high, self.shape[0])),
                    slice(left, min(left + wide, self.shape[1])),
                )
                if top < self.shape[0] and left < self.shape[1]:
                    largest = max(largest, int(self[place].max(initial=0)))
        return largest
