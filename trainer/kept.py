"""The finished prediction, kept as zarr beside the labels: classes and confidence outlive the viewer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from annotations.classes import NOT_PREDICTED
from annotations.region import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KeptPrediction", "load_prediction"]

_CHUNK = 512


class KeptPrediction:
    """Two uint8 zarr arrays, `prediction.zarr` and `confidence.zarr`; one process writes them.

    Parameters
    ----------
    folder : Path
        Where they lie; made anew where they are missing or of another size.
    shape : tuple of int
        (H, W) of the orthophoto.
    """

    def __init__(self, folder: str | Path, shape: tuple[int, int]) -> None:
        self.shape = shape
        self._arrays = [
            _open_or_make(Path(folder) / "prediction.zarr", shape, NOT_PREDICTED),
            _open_or_make(Path(folder) / "confidence.zarr", shape, 0),
        ]
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
        for cell in sorted(self._stale):
            for array, content in zip(self._arrays, (classes, confidence), strict=True):
                array[cell.slices] = np.ascontiguousarray(content[cell.slices])
            self._stale.discard(cell)
            written += 1
        return written


def load_prediction(folder: str | Path, classes: NDArray[np.uint8], confidence: NDArray[np.uint8]) -> bool:
    """Fill the shared arrays from what was kept; return whether there was anything of the right size."""
    found = False
    for name, array in (("prediction.zarr", classes), ("confidence.zarr", confidence)):
        path = Path(folder) / name
        if not (path / "zarr.json").is_file():
            continue
        kept = zarr.open_array(path, mode="r")
        if kept.shape != array.shape or kept.dtype != np.uint8:
            continue
        for cell in Region.whole(array.shape).tiles(2048):
            part = cell.clipped(array.shape)
            array[part.slices] = kept[part.slices]
        found = True
    return found


def _open_or_make(path: Path, shape: tuple[int, int], fill: int) -> zarr.Array[Any]:
    if (path / "zarr.json").is_file():
        array = zarr.open_array(path, mode="r+")
        if array.shape == tuple(shape) and array.dtype == np.uint8:
            return array
    return zarr.create_array(path, shape=shape, chunks=(_CHUNK, _CHUNK), dtype="uint8", fill_value=fill, overwrite=True)
