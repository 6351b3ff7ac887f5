"""What a label file may be: a raster that GDAL reads, a .npy file or a zarr array, read by window."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from annotations.errors import LabelError, PartialSegError, RasterError
from annotations.images.gdal_raster import open_dataset
from annotations.images.georeference import Georeference
from annotations.images.zarr_image import ZarrImage, is_zarr, open_zarr_array

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from annotations.region import Region

__all__ = ["LabelSource", "open_label_source"]


class LabelSource(Protocol):
    """A label file that is open.

    Attributes
    ----------
    shape : tuple of int
        (H, W).
    georeference : Georeference or None
        Where it lies; None where that is not known.
    """

    shape: tuple[int, int]
    georeference: Georeference | None

    def read(self, window: Region | None) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Return the numbers (h, w) of a window, or of all, and where they count; None where all do."""


@contextmanager
def open_label_source(path: Path) -> Iterator[LabelSource]:
    """Open a label file; only its header is read yet.

    Raises
    ------
    RasterError
        It is missing or damaged.
    LabelError
        It is not a label file: several bands, several images, no numbers.
    """
    if is_zarr(path):
        array = open_zarr_array(path)
        own = array.attrs.asdict().get("partialseg")
        try:
            place = Georeference.from_json(dict(own)) if isinstance(own, dict) else ZarrImage(path).georeference
        except (TypeError, ValueError, RasterError):  # what is wrong with the array itself is said where it is read
            place = None
        yield _Array(path, array, place)
    elif path.suffix.lower() == ".npy":
        try:
            # A map of the file: a header that lies about the size is noticed before memory is asked for.
            content = np.load(path, mmap_mode="r", allow_pickle=False)
        except Exception as error:  # a header is a text of Python, and fails in as many ways
            raise RasterError(f"{path}: not a .npy file that can be read ({error}). Save it again.") from error
        if not isinstance(content, np.ndarray):
            raise RasterError(f"{path}: not a .npy file but an archive of several arrays. Save the labels alone.")
        yield _Array(path, content, None)
    else:
        with open_dataset(path) as dataset:
            yield _Raster(path, dataset)


class _Array:
    """A numpy or zarr array; an axis of length 1 beside rows and columns is left out."""

    def __init__(self, path: Path, array: Any, georeference: Georeference | None) -> None:
        self._path, self._array, self.georeference = path, array, georeference
        shape = tuple(int(n) for n in array.shape)
        self._axis = None if len(shape) != 3 else (0 if shape[0] == 1 else 2 if shape[2] == 1 else None)
        if self._axis is not None:
            shape = shape[1:] if self._axis == 0 else shape[:2]
        if len(shape) != 2:
            raise LabelError(f"{path}: an array of shape {shape}, but a label file has (rows, columns).")
        if np.dtype(array.dtype).kind not in "biuf":
            raise LabelError(f"{path}: labels must be integers, not {array.dtype}")
        self.shape = (shape[0], shape[1])

    def read(self, window: Region | None) -> tuple[NDArray[Any], None]:
        rows, columns = (slice(None), slice(None)) if window is None else window.slices
        index = {None: (rows, columns), 0: (0, rows, columns), 2: (rows, columns, 0)}[self._axis]
        try:
            return np.array(self._array[index]), None
        except Exception as error:  # whatever zarr and its codecs raise
            raise RasterError(f"{self._path}: damaged or cut off ({error}). Copy or download it again.") from error


class _Raster:
    """A raster file with one band of class numbers, with or without transparency beside it."""

    def __init__(self, path: Path, dataset: Any) -> None:
        self._path, self._dataset = path, dataset
        bands = [i for i, kind in enumerate(dataset.colorinterp, 1) if kind != ColorInterp.alpha]
        if len(bands) != 1:
            hint = (
                "It holds several images: export the one with the labels."
                if not bands and dataset.subdatasets
                else "Is this the image itself, or a coloured picture of the labels?"
            )
            raise LabelError(
                f"{path}: has {dataset.count} bands, but a label file has one band of class numbers. {hint}"
            )
        self._band = bands[0]
        if np.dtype(dataset.dtypes[self._band - 1]).kind not in "iuf":
            raise LabelError(f"{path}: labels must be integers, not {dataset.dtypes[self._band - 1]}")
        self.shape = (int(dataset.height), int(dataset.width))
        # A transform of its own or none: one made of control points would be a guess.
        self.georeference: Georeference | None = Georeference(
            "" if dataset.crs is None else str(dataset.crs.to_wkt()), _six(tuple(dataset.transform))
        )

    def read(self, window: Region | None) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        place = None if window is None else Window(window.left, window.top, window.width, window.height)
        try:
            values: NDArray[Any] = self._dataset.read(self._band, window=place)
            valid: NDArray[np.bool_] = self._dataset.read_masks(self._band, window=place) > 0
        except PartialSegError:
            raise
        except Exception as error:  # rasterio's own errors and those of GDAL beneath
            raise RasterError(f"{self._path}: damaged or cut off ({error}). Copy or download it again.") from error
        nodata = self._dataset.nodatavals[self._band - 1]
        if nodata is not None and not np.isnan(nodata):
            # Where a mask lies beside the file, GDAL forgets the nodata value.
            valid &= values != nodata
        return values, None if valid.all() else valid


def _six(values: tuple[Any, ...]) -> tuple[float, float, float, float, float, float]:
    a, b, c, d, e, f = (float(v) for v in values[:6])
    return a, b, c, d, e, f
