"""The doubt about the finished map, kept as zarr beside it: the next places are there when a project is opened again.

It is made with every map. So one that is missing (of an earlier version), damaged or of another size is nothing to tell
anybody: it is made anew, and until then nothing is known.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import zarr

from annotations.disk.aside import set_aside
from annotations.prediction.cells import CELL, cells_shape
from annotations.project_files import ImageFiles
from annotations.region import Region

if TYPE_CHECKING:
    from pathlib import Path

    from annotations.prediction.doubt import Doubt

__all__ = ["KeptDoubt", "load_doubt"]

_CHUNK: Final = 512  # cells


class KeptDoubt:
    """A zarr array `doubt.zarr`, uint8 of (2, h, w): margin and runner-up of `Doubt`; one process writes it.

    Parameters
    ----------
    folder : Path
        Where it lies.
    shape : tuple of int
        (H, W) of the orthophoto.
    """

    def __init__(self, folder: Path, shape: tuple[int, int]) -> None:
        self._path = ImageFiles(folder).doubt
        self._shape = cells_shape(shape)
        self._stale: set[Region] = set()

    def mark(self, region: Region) -> None:
        """Note that a region, in pixels of the image, has changed."""
        self._stale.update(tile.clipped(self._shape) for tile in region.shrunk(CELL).tiles(_CHUNK))

    def save(self, doubt: Doubt) -> None:
        """Write what was marked since the last time; OSError where the disk is full or the folder gone."""
        if not self._stale:
            return
        array = _opened(self._path, self._shape, "r+")
        if array is None:
            if os.path.lexists(self._path):
                set_aside(self._path)
            array = zarr.create_array(
                self._path, shape=(2, *self._shape), chunks=(1, _CHUNK, _CHUNK), dtype="uint8", fill_value=0
            )
            self._stale = {tile.clipped(self._shape) for tile in Region.whole(self._shape).tiles(_CHUNK)}
        for tile in sorted(self._stale):
            for n, values in enumerate((doubt.margin, doubt.runner_up)):
                array[n, *tile.slices] = np.ascontiguousarray(values[tile.slices])
            self._stale.discard(tile)


def load_doubt(folder: Path, doubt: Doubt, shape: tuple[int, int]) -> bool:
    """Fill in what was kept of an image of shape (H, W); return whether there was anything that can be used."""
    array = _opened(ImageFiles(folder).doubt, cells_shape(shape), "r")
    if array is None:
        return False
    try:
        for n, values in enumerate((doubt.margin, doubt.runner_up)):
            values[:] = array[n]
    except Exception:  # whatever zarr and its codecs raise at what they find there
        doubt.clear()
        return False
    return True


def _opened(path: Path, shape: tuple[int, int], mode: Any) -> zarr.Array[Any] | None:
    with suppress(Exception):  # whatever zarr and its codecs raise at what they find there
        array = zarr.open_array(path, mode=mode)
        chunks = (1, _CHUNK, _CHUNK)  # of any size they would be read whole
        if array.shape == (2, *shape) and array.dtype == np.uint8 and array.chunks == chunks:
            return array
    return None
