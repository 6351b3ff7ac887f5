"""Arrays that two processes share through a file: predictions go from the worker to the viewer without a copy.

The file is allocated in full when it is made: writing to a sparse memory-mapped file on a full disk would end the
process (SIGBUS) instead of raising an error. Memory maps are not coherent over network file systems; whoever needs
one there puts another class with the same three members in this one's place.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annotations.errors import PartialSegError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SharedArray"]

_FILL_ROWS = 256


class SharedArray:
    """A uint8 array of shape (H, W) in a memory-mapped file.

    Attributes
    ----------
    path : Path
        The file: H * W bytes, row by row.
    array : numpy.memmap
        The array itself; what one process writes, the other sees.
    """

    def __init__(self, path: Path, array: NDArray[np.uint8]) -> None:
        self.path = path
        self.array = array

    @classmethod
    def create(cls, path: str | Path, shape: tuple[int, int], fill: int) -> SharedArray:
        """Make the file, allocate all of it and fill it.

        Raises
        ------
        PartialSegError
            The disk has no room for it, or the folder cannot be written.
        """
        path = Path(path)
        size = int(shape[0]) * int(shape[1])
        temporary = path.with_name(path.name + ".new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(temporary, "wb") as file:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, size)
                rows = bytes([fill]) * (shape[1] * min(_FILL_ROWS, shape[0]))
                for start in range(0, shape[0], _FILL_ROWS):
                    file.write(rows[: shape[1] * min(_FILL_ROWS, shape[0] - start)])
            os.replace(temporary, path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            if error.errno == errno.ENOSPC:
                raise PartialSegError(
                    f"{path}: the disk is full; the map in view needs {size / 1e6:.0f} MB there. "
                    "Free some space and open the project again; your labels are untouched."
                ) from error
            raise PartialSegError(f"{path}: cannot be written ({error.strerror}).") from error
        return cls.open(path, shape)

    @classmethod
    def open(cls, path: str | Path, shape: tuple[int, int]) -> SharedArray:
        """Open an existing file for reading and writing.

        Raises
        ------
        PartialSegError
            There is no such file or its size does not fit the shape.
        """
        path = Path(path)
        expected = int(shape[0]) * int(shape[1])
        if not path.is_file() or path.stat().st_size != expected:
            raise PartialSegError(
                f"{path}: not a shared array of {shape[0]} x {shape[1]} bytes; open the project again."
            )
        return cls(path, np.memmap(path, np.uint8, "r+", shape=(int(shape[0]), int(shape[1]))))
