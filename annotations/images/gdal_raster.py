"""Bands out of raster files through GDAL: one handle per thread, every failure a RasterError."""

from __future__ import annotations

import os
import threading
import warnings
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.env import set_gdal_config
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from annotations.disk.room import need_memory
from annotations.errors import RasterError
from annotations.images.boundary import reading
from annotations.images.channels import Channel, common_dtype
from annotations.images.placement import read_placement
from annotations.images.probe import check_opens
from annotations.images.raster_checks import (
    check_complete,
    check_file,
    check_holds_image,
    check_sources,
    ome_bands,
    page_notes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from annotations.region import Region

__all__ = ["RasterFile", "hold_block_cache", "open_dataset", "quiet_gdal"]

# GDAL would take a twentieth of the machine's memory for decoded blocks, in the viewer and again in the worker.
_BLOCK_CACHE_BYTES: Final = 192 * 2**20
# Formats that decode from the top: a window at the bottom costs the whole image, so they are decoded once and kept.
_SEQUENTIAL: Final = frozenset({"PNG", "JPEG", "GIF", "WEBP"})
# `warnings.catch_warnings` changes the process's filters: two threads in it at once would leave each other's behind.
_warnings_lock = threading.RLock()


def hold_block_cache() -> None:
    """Limit the memory that GDAL keeps decoded blocks in, for as long as this process lives.

    Not through `rasterio.Env`, whose end takes the limit back. Called whenever a raster is opened, since another part
    of the process may have set another one meanwhile. Who sets GDAL_CACHEMAX in the environment has the last word.
    """
    if "GDAL_CACHEMAX" not in os.environ:
        set_gdal_config("GDAL_CACHEMAX", _BLOCK_CACHE_BYTES)


@contextmanager
def quiet_gdal() -> Iterator[None]:
    """Open rasters without the warning that one has no georeference, and with little memory for decoded blocks."""
    hold_block_cache()
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def open_dataset(path: Path, content: str | None = None) -> Any:
    """Open a raster with GDAL for reading.

    Parameters
    ----------
    path : Path
        Checked before GDAL gets to see it.
    content : str, optional
        A VRT to open in the file's stead.

    Raises
    ------
    RasterError
        The file is missing or GDAL cannot read it.
    """
    with reading(
        path,
        "not a raster that can be read",
        "Open a GeoTIFF, PNG, JPEG or zarr image, or convert the file with gdal_translate.",
    ):
        check_file(path)
        if content is None:
            check_opens(path)
        if any(sign in os.path.abspath(path) for sign in "<&"):
            # GDAL writes the name unescaped into XML where it looks for small copies inside JPEG-compressed TIFF.
            set_gdal_config("GTIFF_IMPLICIT_JPEG_OVR", "NO")
        with quiet_gdal():
            return rasterio.open(path if content is None else content)


class RasterFile:
    """A raster file's bands; a `RasterSource`.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, read its header and look for parts that are missing."""
        self.path = path
        self._local = threading.local()
        self._handles: weakref.WeakSet[Any] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._whole: tuple[NDArray[Any], NDArray[np.bool_]] | None = None
        self._content: str | None = None
        with reading(path, "its header cannot be read", "The file is damaged: copy or download it again."):
            self._read_header()

    def _read_header(self) -> None:
        dataset = self._dataset()
        check_holds_image(dataset, self.path)
        check_sources(dataset, self.path)
        check_complete(dataset, self.path)
        self.georeference, notes = read_placement(dataset)
        stacked = ome_bands(dataset, self.path)
        names: tuple[str, ...] | None = None
        if stacked is None:
            notes = (*notes, *page_notes(dataset))
        else:
            self._content, names = stacked
            self.close()
            dataset = self._dataset()
        self.shape: tuple[int, int] = (dataset.height, dataset.width)
        self.channels = tuple(_channel(dataset, i, names, self.path) for i in range(dataset.count))
        self.palette, more = _palette(dataset, self.channels)
        self.notes: tuple[str, ...] = (*notes, *more)
        flags = [set(f) for f in dataset.mask_flag_enums]
        self.own_mask = any(MaskFlags.per_dataset in f and MaskFlags.alpha not in f for f in flags)
        self._sequential = dataset.driver in _SEQUENTIAL

    def _dataset(self) -> Any:
        dataset = getattr(self._local, "dataset", None)
        if dataset is None or dataset.closed:
            dataset = open_dataset(self.path, self._content)
            self._local.dataset = dataset
            with self._lock:
                self._handles.add(dataset)
        return dataset

    def _decode(self, window: Window | None, indexes: Sequence[int], out: tuple[int, int] | None) -> NDArray[Any]:
        with reading(
            self.path,
            "a part of the image cannot be read",
            "The file is damaged or cut off, or a file that it refers to is gone: copy or download it again.",
        ):
            dataset = self._dataset()
            dtype = common_dtype([self.channels[i] for i in indexes])
            numbers = [i + 1 for i in indexes]
            if len({self.channels[i].dtype for i in indexes}) == 1:
                shape = None if out is None else (len(indexes), *out)
                pixels = dataset.read(numbers, window=window, out_shape=shape)
                return np.ascontiguousarray(np.moveaxis(pixels, 0, -1))
            # GDAL reads bands of several types at once only where all are cast to the first one's.
            bands = [dataset.read(n, window=window, out_shape=out) for n in numbers]
            return np.stack([band.astype(dtype, copy=False) for band in bands], axis=-1)

    def _decode_mask(self, window: Window | None, out: tuple[int, int] | None) -> NDArray[np.bool_]:
        with reading(
            self.path, "the mask beside the image cannot be read", "The file is damaged: copy or download it again."
        ):
            flags = self._dataset().mask_flag_enums
            band = next(i for i, f in enumerate(flags) if MaskFlags.per_dataset in f and MaskFlags.alpha not in f) + 1
            valid: NDArray[np.bool_] = self._dataset().read_masks(band, window=window, out_shape=out) > 0
            return valid

    def _decoded(self) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        with self._lock:
            whole = self._whole
        if whole is None:
            everything = range(len(self.channels))
            size = self.shape[0] * self.shape[1] * len(self.channels) * common_dtype(self.channels).itemsize
            need_memory(2 * size, self.path, "it is of a format that is decoded whole: convert it to a tiled GeoTIFF")
            # A mask that is all True costs nothing this way.
            valid = self._decode_mask(None, None) if self.own_mask else np.broadcast_to(np.True_, self.shape)
            whole = (self._decode(None, everything, None), valid)
            with self._lock:
                self._whole = whole
        return whole

    def read(self, region: Region | None, indexes: Sequence[int], out: tuple[int, int] | None = None) -> NDArray[Any]:
        """Return (h, w, n) of bands from 0; the whole image at another size, nearest neighbour, with `out`."""
        if region is None:
            return self._decode(None, indexes, out)
        if self._sequential:
            pixels = np.take(self._decoded()[0][region.slices], list(indexes), axis=2)
            return pixels.astype(common_dtype([self.channels[i] for i in indexes]), copy=False)
        return self._decode(_window(region), indexes, None)

    def read_own_mask(self, region: Region | None, out: tuple[int, int] | None = None) -> NDArray[np.bool_]:
        """Return (h, w): False where the mask beside the bands hides the image."""
        if region is None:
            return self._decode_mask(None, out)
        if self._sequential:
            return self._decoded()[1][region.slices].copy()
        return self._decode_mask(_window(region), None)

    def close(self) -> None:
        """Close the handles of all threads; a later read opens one again."""
        with self._lock:
            handles = list(self._handles)
            self._whole = None
        for handle in handles:
            handle.close()


def _window(region: Region) -> Window:
    return Window(region.left, region.top, region.width, region.height)


def _channel(dataset: Any, index: int, names: tuple[str, ...] | None, path: Path) -> Channel:
    stored = str(dataset.dtypes[index])
    if stored.startswith("complex"):
        raise RasterError(
            f"{path}: band {index + 1} holds complex numbers ({stored}), as radar images do, which can neither be "
            "shown nor learned from. Make an image of their magnitude first, for example: "
            f"gdal_translate 'DERIVED_SUBDATASET:AMPLITUDE:{path}' amplitude.tif"
        )
    dtype = np.dtype(stored)
    if dtype.kind not in "uif":
        raise RasterError(
            f"{path}: pixels of type {stored} cannot be shown or learned from. "
            "Convert the file to 8- or 16-bit integers or to floats."
        )
    kind: ColorInterp = dataset.colorinterp[index]
    single = sum(k != ColorInterp.alpha for k in dataset.colorinterp) == 1
    plain = kind == ColorInterp.undefined or (kind == ColorInterp.gray and not single)
    name = names[index] if names else dataset.descriptions[index] or (f"band {index + 1}" if plain else kind.name)
    nodata = dataset.nodatavals[index]
    return Channel(name, dtype, kind.name, None if nodata is None else float(nodata))


def _palette(dataset: Any, channels: Sequence[Channel]) -> tuple[NDArray[np.uint8] | None, tuple[str, ...]]:
    first = channels[0]
    if first.interpretation != "palette" or sum(c.interpretation != "alpha" for c in channels) != 1:
        return None, ()
    try:
        colours = dataset.colormap(1)
    except ValueError:
        return None, (
            "The band says that it has a colour table, but the file holds none: its numbers are read as grey.",
        )
    if first.dtype not in (np.uint8, np.uint16) or not colours:
        return None, (f"Its colour table cannot be used with values of {first.dtype}: they are read as grey.",)
    table = np.zeros((65536 if first.dtype == np.uint16 else 256, 4), np.uint8)
    table[:, 3] = 255
    for value, colour in colours.items():
        if 0 <= value < len(table):
            table[value] = colour
    return table, ()
