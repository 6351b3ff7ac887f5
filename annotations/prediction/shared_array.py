"""Arrays that two processes share through a file: predictions go from the worker to the viewer without a copy.

The file is allocated in full when it is made: writing to a sparse memory-mapped file on a full disk would end the
process (SIGBUS) instead of raising an error. So would reading one that a backup or a synchronisation has truncated.
Where the system allows it (Linux), the file therefore has no name that anybody could come by: it is opened by the
number that the process that made it holds it under, and what lies at the path only says which that is.

Memory maps are not coherent over network file systems; whoever needs one there puts another class with the same three
members in this one's place.
"""

from __future__ import annotations

import json
import mmap
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annotations.disk.files import write_atomically
from annotations.disk.full import disk_is_full, why_not_written
from annotations.errors import PartialSegError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SharedArray"]

_FILL_ROWS = 256
_MOST_POINTER = 4096  # bytes: what says where the array is, is far smaller
_held: dict[Path, int] = {}  # the open files of the arrays that this process made


class SharedArray:
    """A uint8 array of shape (H, W) in a memory-mapped file.

    Attributes
    ----------
    path : Path
        What it is opened by: the file, H * W bytes row by row, or what says where that is.
    array : ndarray of uint8, shape (H, W)
        The array itself; what one process writes, the other sees.
    """

    def __init__(self, path: Path, array: NDArray[np.uint8]) -> None:
        self.path = path
        self.array = array

    @classmethod
    def create(cls, path: str | Path, shape: tuple[int, int], fill: int) -> SharedArray:
        """Make the file, allocate all of it and fill it.

        It lasts until this process ends, `release` is called, or another is made at the same path.

        Raises
        ------
        PartialSegError
            The disk has no room for it, or the folder cannot be written.
        """
        path = Path(path).absolute()
        size = int(shape[0]) * int(shape[1])
        temporary = path.with_name(f".{path.name}-{os.getpid()}-{secrets.token_hex(4)}.new")
        cls.release(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(temporary, "w+b") as file:
                if hasattr(os, "posix_fallocate") and size:
                    os.posix_fallocate(file.fileno(), 0, size)
                rows = bytes([fill]) * (shape[1] * min(_FILL_ROWS, shape[0]))
                for start in range(0, shape[0], _FILL_ROWS):
                    file.write(rows[: shape[1] * min(_FILL_ROWS, shape[0] - start)])
                file.flush()
                number = os.dup(file.fileno())
            if _can_be_nameless(number):
                temporary.unlink()
                _held[path] = number
                write_atomically(path, _pointer(number))
            else:
                os.close(number)
                os.replace(temporary, path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            if disk_is_full(error):
                raise PartialSegError(
                    f"{path}: the disk is full; the map in view needs {size / 1e6:.0f} MB there. "
                    "Free some space and open the project again; your labels are untouched."
                ) from error
            raise PartialSegError(f"{path}: cannot be written ({why_not_written(error)}).") from error
        return cls.open(path, shape)

    @classmethod
    def open(cls, path: str | Path, shape: tuple[int, int]) -> SharedArray:
        """Open an existing file for reading and writing.

        Raises
        ------
        PartialSegError
            There is no such file or its size does not fit the shape.
        """
        path = Path(path).absolute()
        expected = int(shape[0]) * int(shape[1])
        problem = PartialSegError(
            f"{path}: not a shared array of {shape[0]} x {shape[1]} bytes; open the project again."
        )
        try:
            number = os.open(cls.address(path), os.O_RDWR)
        except OSError as error:
            raise problem from error
        try:
            if os.fstat(number).st_size != expected or not expected:
                raise problem
            content = mmap.mmap(number, expected)  # keeps the file open for itself
        except (OSError, ValueError) as error:
            raise problem from error
        finally:
            os.close(number)
        return cls(path, np.frombuffer(content, np.uint8).reshape(int(shape[0]), int(shape[1])))

    @staticmethod
    def address(path: str | Path) -> str:
        """Return what to open for the array at a path: for another process, too, while the one that made it lives.

        Of an array that this process made, it is right even if what lay at the path is gone.
        """
        path = Path(path).absolute()
        if path in _held:
            return f"/proc/{os.getpid()}/fd/{_held[path]}"
        try:
            if path.stat().st_size <= _MOST_POINTER:
                told = json.loads(path.read_bytes())
                place = f"/proc/{int(told['process'])}/fd/{int(told['file'])}"
                found = os.stat(place)
                if [found.st_dev, found.st_ino] == told["inode"]:
                    return place
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            pass
        return str(path)

    @staticmethod
    def release(path: str | Path) -> None:
        """Give back the file of an array that this process made; arrays that are in use stay as they are."""
        number = _held.pop(Path(path).absolute(), None)
        if number is not None:
            with suppress(OSError):
                os.close(number)


def _pointer(number: int) -> bytes:
    found = os.fstat(number)
    return json.dumps({"process": os.getpid(), "file": number, "inode": [found.st_dev, found.st_ino]}).encode()


def _can_be_nameless(number: int) -> bool:
    """Whether a file can be opened by the number that it is held under, as on Linux."""
    try:
        again = os.open(f"/proc/{os.getpid()}/fd/{number}", os.O_RDWR)
    except OSError:
        return False
    os.close(again)
    return True
