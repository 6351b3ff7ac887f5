"""Pixels out of zarr arrays: (H, W), (H, W, C) or (C, H, W)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from zarr.errors import BaseZarrError

from annotations.errors import RasterError
from annotations.georeference import Georeference

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from annotations.region import Region

__all__ = ["ZarrImage", "is_zarr", "open_zarr_array"]


def is_zarr(path: Path) -> bool:
    """Whether a folder holds a zarr array or group, of format 2 or 3."""
    return path.is_dir() and any((path / name).is_file() for name in ("zarr.json", ".zarray", ".zgroup"))


def open_zarr_array(path: Path) -> zarr.Array[Any]:
    """Open a zarr array, or the finest level of a multiscale group, for reading.

    Raises
    ------
    RasterError
        There is no array, or its metadata is damaged.
    """
    try:
        node = zarr.open(path, mode="r")
        if isinstance(node, zarr.Array):
            return node
        attributes = node.attrs.asdict()
        scales: Any = attributes.get("multiscales") or (attributes.get("ome") or {}).get("multiscales")  # type: ignore[union-attr]
        level = node[str(scales[0]["datasets"][0]["path"]) if scales else "0"]
        if isinstance(level, zarr.Array):
            return level
    except (BaseZarrError, OSError, KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise RasterError(
            f"{path}: not a zarr array that can be read ({error}). Choose the folder of the array itself."
        ) from error
    raise RasterError(f"{path}: the zarr group holds no image. Choose the folder of the array itself.")


class ZarrImage:
    """A zarr array as an image; attributes as those of `annotations.rasters.RasterFile`."""

    def __init__(self, path: Path) -> None:
        """Open the array and decide which axis holds the bands."""
        self.path = path
        self._array = open_zarr_array(path)
        shape = self._array.shape
        self.dtype: np.dtype[Any] = np.dtype(self._array.dtype)
        if len(shape) not in (2, 3) or 0 in shape or self.dtype.kind not in "uif":
            raise RasterError(
                f"{path}: an array of shape {shape} and type {self.dtype} is not an image: "
                "(rows, columns), (rows, columns, bands) or (bands, rows, columns) of numbers is."
            )
        self._axis = None if len(shape) == 2 else (2 if shape[2] <= shape[0] else 0)
        self.bands = 1 if self._axis is None else int(shape[self._axis])
        height, width = shape[1:] if self._axis == 0 else shape[:2]
        self.shape: tuple[int, int] = (int(height), int(width))
        self.display_bands: tuple[int, ...] = (0, 1, 2) if self.bands >= 3 else (0,)
        self.band_names = tuple(f"band {n + 1}" for n in range(self.bands))
        own = self._array.attrs.asdict().get("partialseg")
        self.georeference = Georeference.from_json(dict(own)) if isinstance(own, dict) else None
        self.has_mask = self.dtype.kind == "f"

    def _get(self, rows: slice, columns: slice) -> NDArray[Any]:
        index = (slice(None), rows, columns) if self._axis == 0 else (rows, columns)
        try:
            pixels = np.asarray(self._array[index])
        except (BaseZarrError, OSError, ValueError, RuntimeError) as error:
            raise RasterError(
                f"{self.path}: a chunk of the image cannot be read ({error}). The array is damaged: copy it again."
            ) from error
        if self._axis is None:
            return pixels[..., np.newaxis]
        return np.moveaxis(pixels, 0, -1) if self._axis == 0 else pixels

    def read(self, region: Region, bands: Sequence[int] | None) -> NDArray[Any]:
        """Return (h, w, c) of a region inside the image."""
        pixels = self._get(*region.slices)
        return np.ascontiguousarray(pixels if bands is None else pixels[..., list(bands)])

    def read_valid(self, region: Region) -> NDArray[np.bool_]:
        """Return (h, w): False where a float band is not a number."""
        if not self.has_mask:
            return np.ones(region.shape, bool)
        valid: NDArray[np.bool_] = np.isfinite(self._get(*region.slices)).all(axis=2)
        return valid

    def decimated(self, shape: tuple[int, int]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the whole image and its mask at another size, by nearest neighbour, a strip of rows at a time."""
        rows = ((np.arange(shape[0]) + 0.5) * self.shape[0] / shape[0]).astype(int)
        columns = ((np.arange(shape[1]) + 0.5) * self.shape[1] / shape[1]).astype(int)
        pixels = np.empty((*shape, self.bands), self.dtype)
        strip = 512
        for top in range(0, self.shape[0], strip):
            mine = (rows >= top) & (rows < top + strip)
            if mine.any():
                block = self._get(slice(top, top + strip), slice(None))
                pixels[mine] = block[rows[mine] - top][:, columns]
        valid: NDArray[np.bool_] = np.all(np.isfinite(pixels), axis=2)
        return pixels, valid

    def close(self) -> None:
        """Do nothing: zarr holds no file open."""
