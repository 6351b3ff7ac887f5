"""Bands out of zarr arrays and groups, with or without named axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import zarr

from annotations.errors import RasterError
from annotations.images.boundary import reading
from annotations.images.channels import Channel, common_dtype
from annotations.images.georeference import Georeference
from annotations.images.zarr_axes import find_axes
from annotations.images.zarr_place import zarr_placement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from annotations.region import Region

__all__ = ["ZarrImage", "is_zarr", "open_zarr_array"]

_STRIP: Final = 512
_MOST_BANDS: Final = 65_535  # as of GDAL; one that says more is damaged, and would fill the memory before it is read
_LISTED: Final = 6


def is_zarr(path: Path) -> bool:
    """Whether a folder holds a zarr array or group, of format 2 or 3."""
    return path.is_dir() and any((path / name).is_file() for name in ("zarr.json", ".zarray", ".zgroup"))


def open_zarr_array(path: Path) -> zarr.Array[Any]:
    """Open a zarr array, the finest level of a multiscale group, or the only image of a group, for reading.

    Raises
    ------
    RasterError
        There is no array, several, or its metadata is damaged.
    """
    return _open(path)[0]


def _open(path: Path) -> tuple[zarr.Array[Any], tuple[str, ...] | None, tuple[str, ...]]:
    """Return the array, the names of its axes where they are told, and notes."""
    with reading(path, "not a zarr array that can be read", "Choose the folder of the array itself."):
        node = zarr.open(path, mode="r")
        if isinstance(node, zarr.Array):
            return node, _own_names(node), ()
        attributes = node.attrs.asdict()
        scales: Any = attributes.get("multiscales") or (attributes.get("ome") or {}).get("multiscales")  # type: ignore[union-attr]
        if scales:
            level = node[str(scales[0]["datasets"][0]["path"])]
            axes = scales[0].get("axes")
            names = None if not axes else tuple(str(a["name"] if isinstance(a, dict) else a) for a in axes)
            notes = (f"The zarr group holds {len(scales)} images: the first is read.",) if len(scales) > 1 else ()
            if isinstance(level, zarr.Array):
                return level, names or _own_names(level), notes
        if "0" in node and isinstance(node["0"], zarr.Array):
            return node["0"], _own_names(node["0"]), ()
        images = {name: array for name, array in sorted(node.arrays()) if array.ndim >= 2}
        if len(images) == 1:
            (array,) = images.values()
            return array, _own_names(array), ()
        inside = sorted([*images, *(f"{name}/" for name, _ in node.groups())])
    if not inside:
        raise RasterError(f"{path}: the zarr group holds no image. Choose the folder of the array itself.")
    named = ", ".join(inside[:_LISTED]) + (f" and {len(inside) - _LISTED} more" if len(inside) > _LISTED else "")
    raise RasterError(
        f"{path}: the zarr group holds several parts: {named}. Open the one to learn from by its own folder, "
        f"for example {path / inside[0].rstrip('/')}"
    )


def _own_names(array: zarr.Array[Any]) -> tuple[str, ...] | None:
    names: Any = getattr(array.metadata, "dimension_names", None) or array.attrs.asdict().get("_ARRAY_DIMENSIONS")
    if not isinstance(names, (list, tuple)) or len(names) != array.ndim or not all(names):
        return None
    return tuple(str(n) for n in names)


class ZarrImage:
    """A zarr array as an image; a `RasterSource`."""

    def __init__(self, path: Path) -> None:
        """Open the array and decide which axis holds the bands."""
        self.path = path
        self.palette: NDArray[np.uint8] | None = None
        self.own_mask = False
        with reading(path, "not a zarr array that can be read", "The array is damaged: copy it again."):
            self._array, names, self.notes = _open(path)
            shape = tuple(int(n) for n in self._array.shape)
            stored = np.dtype(self._array.dtype)
            self._axes = find_axes(path, shape, stored, names)
            # Networks take the machine's own byte order, and no bits.
            self._dtype = np.dtype(np.uint8) if stored.kind == "b" else stored.newbyteorder("=")
            self.shape: tuple[int, int] = (shape[self._axes.rows], shape[self._axes.columns])
            attributes = self._array.attrs.asdict()
            count = 1 if self._axes.bands is None else shape[self._axes.bands]
            if count > _MOST_BANDS:
                raise RasterError(
                    f"{path}: an array of shape {shape} has {count:,} bands, and an image has {_MOST_BANDS:,} at most: "
                    "its metadata is damaged, or it is not an image of the ground. Copy it again."
                )
            nodata = _number(attributes.get("_FillValue"))
            self.channels = tuple(Channel(f"band {n + 1}", self._dtype, nodata=nodata) for n in range(count))
            own = attributes.get("partialseg")
            self.georeference = Georeference.from_json(dict(own)) if isinstance(own, dict) else None
            if self.georeference is None:
                folder = path / self._array.path if self._array.path else path
                self.georeference, more = zarr_placement(folder.absolute(), attributes, names, self._axes, self.shape)
                self.notes = (*self.notes, *more)

    def _get(self, rows: slice, columns: slice) -> NDArray[Any]:
        with reading(self.path, "a chunk of the image cannot be read", "The array is damaged: copy it again."):
            index = self._axes.index(len(self._array.shape), rows, columns)
            pixels = np.asarray(self._array[index]).transpose(self._axes.order())
            pixels = pixels.astype(self._dtype, copy=False)
            return pixels[..., np.newaxis] if self._axes.bands is None else pixels

    def read(self, region: Region | None, indexes: Sequence[int], out: tuple[int, int] | None = None) -> NDArray[Any]:
        """Return (h, w, n) of bands from 0; the whole image at another size, nearest neighbour, with `out`."""
        if region is not None:
            return np.ascontiguousarray(self._get(*region.slices)[..., list(indexes)])
        size = self.shape if out is None else out
        rows = ((np.arange(size[0]) + 0.5) * self.shape[0] / size[0]).astype(int)
        columns = ((np.arange(size[1]) + 0.5) * self.shape[1] / size[1]).astype(int)
        pixels = np.empty((*size, len(indexes)), common_dtype(self.channels))
        for top in range(0, self.shape[0], _STRIP):
            mine = (rows >= top) & (rows < top + _STRIP)
            if mine.any():
                block = self._get(slice(top, top + _STRIP), slice(None))
                pixels[mine] = block[rows[mine] - top][:, columns][..., list(indexes)]
        return pixels

    def read_own_mask(self, region: Region | None, out: tuple[int, int] | None = None) -> NDArray[np.bool_]:
        """Return (h, w) of True: an array has no mask beside it."""
        return np.ones(region.shape if region is not None else out or self.shape, bool)

    def close(self) -> None:
        """Do nothing: zarr holds no file open."""


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
