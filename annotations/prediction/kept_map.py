"""The finished prediction, kept as zarr beside the labels: classes and confidence outlive the viewer.

It can be made anew at any time, so nothing that is wrong with it keeps a project from opening: what is damaged is set
aside, said, and made again.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import zarr

from annotations.classes import NOT_PREDICTED
from annotations.disk.aside import set_aside
from annotations.disk.files import write_atomically
from annotations.export.provenance import file_digest
from annotations.project_files import ImageFiles
from annotations.region import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KeptPrediction", "MadeBy", "load_prediction", "made_by"]

_CHUNK = 512
_FILLS: Final = (NOT_PREDICTED, 0)
"""What classes and confidence hold where nothing is predicted."""


@dataclass(frozen=True, slots=True)
class MadeBy:
    """What a kept map without gaps was made by.

    Parameters
    ----------
    checkpoint : str
        SHA-256 of the network's file.
    step : int
        Training steps that the network had seen.
    """

    checkpoint: str
    step: int


def made_by(folder: str | Path) -> MadeBy | None:
    """Return what made the map kept in a folder; None where it has gaps, is of several states, or that is not known."""
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        told = json.loads(ImageFiles(Path(folder)).made_by.read_bytes())
        return MadeBy(str(told["checkpoint"]), int(told["step"]))
    return None


class KeptPrediction:
    """Two uint8 zarr arrays, `prediction.zarr` and `confidence.zarr`; one process writes them.

    Parameters
    ----------
    folder : Path
        Where they lie; made anew where they are missing, damaged or of another size. `prediction.json` beside them says
        what network made them, while they are complete.
    shape : tuple of int
        (H, W) of the orthophoto.

    Attributes
    ----------
    notes : list of str
        What was set aside, a sentence each, for people.
    """

    def __init__(self, folder: str | Path, shape: tuple[int, int]) -> None:
        self.folder = Path(folder)
        self.shape = shape
        self.notes: list[str] = []
        self._files = ImageFiles(self.folder)
        self._paths = _paths(self._files)
        self._arrays = [self._open_or_make(n) for n in range(len(_FILLS))]
        self._stale: set[Region] = set()

    def mark(self, region: Region) -> None:
        """Note that a region of the shared arrays has changed."""
        self._stale.update(cell.clipped(self.shape) for cell in region.tiles(_CHUNK))

    def save(self, classes: NDArray[np.uint8], confidence: NDArray[np.uint8]) -> int:
        """Write what was marked since the last time; return how many chunks that were.

        Raises
        ------
        OSError
            The disk is full or the folder gone; what was marked stays marked.
        """
        written = 0
        if self._stale:
            self._files.made_by.unlink(missing_ok=True)
        for cell in sorted(self._stale):
            for n, content in enumerate((classes, confidence)):
                self._write(n, cell, content)
            self._stale.discard(cell)
            written += 1
        return written

    def completed(self, checkpoint: Path, step: int) -> None:
        """Note that what is saved is a whole map, made by this network; OSError where that cannot be noted."""
        told = {"checkpoint": file_digest(checkpoint), "step": step}
        write_atomically(self._files.made_by, json.dumps(told).encode())

    def _write(self, n: int, cell: Region, content: NDArray[np.uint8]) -> None:
        try:
            self._arrays[n][cell.slices] = np.ascontiguousarray(content[cell.slices])
        except OSError:
            raise
        except Exception as error:  # whatever zarr and its codecs raise at what they find there
            self._set_aside(self._paths[n], error)
            self._arrays[n] = self._make(n)
            for part in Region.whole(self.shape).tiles(_CHUNK):
                inside = part.clipped(self.shape)
                self._arrays[n][inside.slices] = np.ascontiguousarray(content[inside.slices])

    def _open_or_make(self, n: int) -> zarr.Array[Any]:
        path = self._paths[n]
        if os.path.lexists(path):
            try:
                return _opened(path, self.shape, mode="r+")
            except Exception as error:  # whatever zarr and its codecs raise at what they find there
                self._set_aside(path, error)
        return self._make(n)

    def _set_aside(self, path: Path, error: Exception) -> None:
        self.notes.append(_aside(path, error))

    def _make(self, n: int) -> zarr.Array[Any]:
        chunks = (_CHUNK, _CHUNK)
        return zarr.create_array(self._paths[n], shape=self.shape, chunks=chunks, dtype="uint8", fill_value=_FILLS[n])


def _paths(files: ImageFiles) -> tuple[Path, Path]:
    return files.prediction, files.confidence


def load_prediction(
    folder: str | Path,
    classes: NDArray[np.uint8],
    confidence: NDArray[np.uint8],
    *,
    notes: list[str] | None = None,
    mend: bool = False,
) -> bool:
    """Fill the shared arrays from what was kept.

    Parameters
    ----------
    folder : path
        Where `prediction.zarr` and `confidence.zarr` lie.
    classes, confidence : ndarray of uint8, shape (H, W)
        Filled in place; without any prediction where what was kept is damaged.
    notes : list of str, optional
        Takes a sentence for people about each that is damaged.
    mend : bool
        Whether what is damaged may be set aside: for whoever holds the project's lock.

    Returns
    -------
    bool
        Whether there was anything that can be used.
    """
    found, damaged = False, False
    paths = _paths(ImageFiles(Path(folder)))
    for path, fill, array in zip(paths, _FILLS, (classes, confidence), strict=True):
        if not os.path.lexists(path):
            continue
        try:
            kept = _opened(path, array.shape, mode="r")
            for cell in Region.whole(array.shape).tiles(2048):
                part = cell.clipped(array.shape)
                array[part.slices] = kept[part.slices]
            found = True
        except Exception as error:  # whatever zarr and its codecs raise at what they find there
            damaged = True
            array[:] = fill
            if notes is not None:
                notes.append(_aside(path, error) if mend else _sentence(path, error))
    if damaged:  # one without the other would be a map that nobody has predicted
        for fill, array in zip(_FILLS, (classes, confidence), strict=True):
            array[:] = fill
    return found and not damaged


def _opened(path: Path, shape: tuple[int, ...], *, mode: str) -> zarr.Array[Any]:
    array = zarr.open_array(path, mode=mode)
    if array.shape != tuple(shape) or array.dtype != np.uint8:
        raise ValueError(f"it holds {array.dtype} of {array.shape}, not uint8 of {tuple(shape)}")
    if array.chunks != (_CHUNK, _CHUNK):  # chunks of any size would be read whole
        raise ValueError(f"its chunks are {array.chunks}, not {(_CHUNK, _CHUNK)}")
    return array


def _sentence(path: Path, error: Exception) -> str:
    reason = (str(error).splitlines() or [""])[0][:200] or type(error).__name__
    return f"{path}: the kept map is damaged ({reason}) and is not shown; the map is made anew while training goes on."


def _aside(path: Path, error: Exception) -> str:
    try:
        kept = set_aside(path)
    except OSError:
        kept = None
    told = _sentence(path, error)
    return told if kept is None else f"{told} It is kept as {kept.name}."
