"""Pixels out of raster files through GDAL: one handle per thread, every failure a RasterError."""

from __future__ import annotations

import threading
import warnings
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from annotations.errors import RasterError
from annotations.georeference import Georeference

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from annotations.region import Region

__all__ = ["RasterFile", "open_dataset", "quiet_gdal"]

# GDAL would take a twentieth of the machine's memory for decoded blocks, in the viewer and again in the worker.
_BLOCK_CACHE_BYTES: Final = 192 * 2**20
# Formats that decode from the top: a window at the bottom costs the whole image, so they are decoded once and kept.
_SEQUENTIAL: Final = frozenset({"PNG", "JPEG", "GIF", "WEBP"})
# What stands at the end of a whole file; some programs add a little after it.
_LAST_WORDS: Final = {"PNG": b"IEND", "JPEG": b"\xff\xd9"}
_MAX_BLOCKS_CHECKED: Final = 20_000
# `warnings.catch_warnings` changes the process's filters: two threads in it at once would leave each other's behind.
_warnings_lock = threading.Lock()


@contextmanager
def quiet_gdal() -> Iterator[None]:
    """Open rasters without the warning that one has no georeference, and with little memory for decoded blocks."""
    with _warnings_lock, warnings.catch_warnings(), rasterio.Env(GDAL_CACHEMAX=_BLOCK_CACHE_BYTES):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def open_dataset(path: Path) -> Any:
    """Open a raster with GDAL for reading.

    Raises
    ------
    RasterError
        The file is missing or GDAL cannot read it.
    """
    if not path.exists():
        raise RasterError(f"{path}: there is no such file. Was it moved, or is a drive not connected?")
    try:
        with quiet_gdal():
            return rasterio.open(path)
    except (RasterioError, OSError) as error:
        raise RasterError(
            f"{path}: not a raster that can be read ({error}). "
            "Open a GeoTIFF, PNG, JPEG or zarr image, or convert the file with gdal_translate."
        ) from error


def _check_complete(dataset: Any, path: Path) -> None:
    """Raise RasterError where a file was cut off on the way: GDAL tells when that part is read, or never."""
    size = path.stat().st_size
    if dataset.driver in _LAST_WORDS:
        with path.open("rb") as file:
            file.seek(max(0, size - 2**16))
            if _LAST_WORDS[dataset.driver] not in file.read():
                raise RasterError(
                    f"{path}: the file is cut off: it has {size} bytes, and its end is not that of an image. "
                    "Copy or download it again."
                )
    if dataset.driver != "GTiff":
        return
    block_height, block_width = dataset.block_shapes[0]
    rows, columns = -(-dataset.height // block_height), -(-dataset.width // block_width)
    bands = dataset.count if dataset.interleaving is not None and dataset.interleaving.value == "BAND" else 1
    step = max(1, rows * columns * bands // _MAX_BLOCKS_CHECKED)
    for number in range(rows * columns * bands - 1, -1, -step):
        band, cell = divmod(number, rows * columns)
        name = f"{cell % columns}_{cell // columns}"
        offset = dataset.get_tag_item(f"BLOCK_OFFSET_{name}", "TIFF", bidx=band + 1)
        length = dataset.get_tag_item(f"BLOCK_SIZE_{name}", "TIFF", bidx=band + 1)
        if offset and length and int(offset) + int(length) > size:
            raise RasterError(
                f"{path}: the file is cut off: it has {size} bytes, and a part of the image lies at "
                f"{int(offset)} to {int(offset) + int(length)}. Copy or download it again."
            )


class RasterFile:
    """A raster file's pixels; reads may come from any number of threads at once.

    Parameters
    ----------
    path : Path
        The file.

    Attributes
    ----------
    shape : tuple of int
        (H, W).
    bands : int
        Number of bands without alpha; a palette counts as its three colours.
    dtype : numpy dtype
    band_names : tuple of str
    display_bands : tuple of int
        Red, green and blue by colour interpretation, else the first three, else the first; from 0.
    georeference : Georeference or None
    has_mask : bool
        Whether a pixel can be invalid at all.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, read its header and look for a cut-off end."""
        self.path = path
        self._local = threading.local()
        self._handles: weakref.WeakSet[Any] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._whole: tuple[NDArray[Any], NDArray[np.bool_]] | None = None
        dataset = self._dataset()
        interpretation = list(dataset.colorinterp)
        self._indexes = [i + 1 for i, kind in enumerate(interpretation) if kind != ColorInterp.alpha]
        if not self._indexes:
            raise RasterError(f"{path}: the file has no band besides transparency. Open the image it belongs to.")
        self._palette: NDArray[np.uint8] | None = None
        if len(self._indexes) == 1 and interpretation[self._indexes[0] - 1] == ColorInterp.palette:
            self._palette = np.zeros((65536 if dataset.dtypes[0] == "uint16" else 256, 3), np.uint8)
            for value, colour in dataset.colormap(self._indexes[0]).items():
                self._palette[value] = colour[:3]
        kinds = {dataset.dtypes[i - 1] for i in self._indexes}
        self.dtype: np.dtype[Any] = np.dtype(np.uint8) if self._palette is not None else np.result_type(*kinds)
        if self.dtype.kind not in "uif":
            raise RasterError(
                f"{path}: pixels of type {self.dtype} cannot be shown or learned from. "
                "Convert the file to 8- or 16-bit integers or to floats."
            )
        self.shape: tuple[int, int] = (dataset.height, dataset.width)
        self.bands = 3 if self._palette is not None else len(self._indexes)
        self.georeference = _georeference(dataset)
        self.display_bands, self.band_names = self._describe(dataset, interpretation)
        flags = [f for i in self._indexes for f in dataset.mask_flag_enums[i - 1]]
        self.has_mask = self.dtype.kind == "f" or any(f != MaskFlags.all_valid for f in flags)
        self._sequential = dataset.driver in _SEQUENTIAL
        _check_complete(dataset, path)

    def _describe(self, dataset: Any, interpretation: list[Any]) -> tuple[tuple[int, ...], tuple[str, ...]]:
        if self._palette is not None:
            return (0, 1, 2), ("red", "green", "blue")
        kinds = [interpretation[i - 1] for i in self._indexes]
        descriptions = [dataset.descriptions[i - 1] for i in self._indexes]
        names = tuple(
            description or (kind.name if kind.name not in ("undefined", "gray") or len(kinds) == 1 else f"band {n + 1}")
            for n, (kind, description) in enumerate(zip(kinds, descriptions, strict=True))
        )
        colours = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
        if all(c in kinds for c in colours):
            return tuple(kinds.index(c) for c in colours), names
        return ((0, 1, 2) if len(kinds) >= 3 else (0,)), names

    def _dataset(self) -> Any:
        dataset = getattr(self._local, "dataset", None)
        if dataset is None or dataset.closed:
            dataset = open_dataset(self.path)
            self._local.dataset = dataset
            with self._lock:
                self._handles.add(dataset)
        return dataset

    def _failed(self, error: Exception) -> RasterError:
        return RasterError(
            f"{self.path}: a part of the image cannot be read ({error}). "
            "The file is damaged or cut off: copy or download it again."
        )

    def _decode(self, window: Window | None, out: tuple[int, int] | None) -> NDArray[Any]:
        dataset = self._dataset()
        shape = None if out is None else (len(self._indexes), *out)
        try:
            pixels = dataset.read(self._indexes, window=window, out_shape=shape)
        except (RasterioError, OSError) as error:
            raise self._failed(error) from error
        if self._palette is not None:
            colours: NDArray[Any] = self._palette[pixels[0]]
            return colours
        return np.ascontiguousarray(np.moveaxis(pixels, 0, -1))

    def _decode_valid(self, window: Window | None, out: tuple[int, int] | None) -> NDArray[np.bool_]:
        dataset = self._dataset()
        try:
            valid: NDArray[np.bool_] = dataset.dataset_mask(window=window, out_shape=out) > 0
            if self.dtype.kind == "f":
                shape = None if out is None else (len(self._indexes), *out)
                pixels = dataset.read(self._indexes, window=window, out_shape=shape)
                valid &= np.isfinite(pixels).all(axis=0)
        except (RasterioError, OSError) as error:
            raise self._failed(error) from error
        return valid

    def _decoded(self) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        with self._lock:
            whole = self._whole
        if whole is None:
            # A mask that is all True costs nothing this way.
            valid = self._decode_valid(None, None) if self.has_mask else np.broadcast_to(np.True_, self.shape)
            whole = (self._decode(None, None), valid)
            with self._lock:
                self._whole = whole
        return whole

    def read(self, region: Region, bands: Sequence[int] | None) -> NDArray[Any]:
        """Return (h, w, c) of a region inside the image."""
        if self._sequential:
            pixels = self._decoded()[0][region.slices]
        else:
            pixels = self._decode(Window(region.left, region.top, region.width, region.height), None)
        return pixels.copy() if bands is None else np.take(pixels, list(bands), axis=2)

    def read_valid(self, region: Region) -> NDArray[np.bool_]:
        """Return (h, w): False where nodata, transparent, masked or not a number."""
        if not self.has_mask:
            return np.ones(region.shape, bool)
        if self._sequential:
            return self._decoded()[1][region.slices].copy()
        return self._decode_valid(Window(region.left, region.top, region.width, region.height), None)

    def decimated(self, shape: tuple[int, int]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the whole image and its mask at another size, by nearest neighbour, from overviews where there."""
        pixels = self._decode(None, shape)
        return pixels, self._decode_valid(None, shape) if self.has_mask else np.ones(shape, bool)

    def close(self) -> None:
        """Close the handles of all threads; a later read opens one again."""
        with self._lock:
            handles = list(self._handles)
            self._whole = None
        for handle in handles:
            handle.close()


def _georeference(dataset: Any) -> Georeference | None:
    crs = "" if dataset.crs is None else str(dataset.crs.to_wkt())
    transform = dataset.transform
    if not crs and transform.is_identity:
        return None
    a, b, c, d, e, f = (float(v) for v in tuple(transform)[:6])
    return Georeference(crs, (a, b, c, d, e, f))
