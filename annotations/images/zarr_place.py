"""Where a zarr array lies: the grid mapping and coordinates that xarray, rioxarray and GDAL write beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import zarr
from rasterio.crs import CRS
from rasterio.errors import CRSError

from annotations.images.georeference import Georeference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from annotations.images.zarr_axes import ImageAxes

__all__ = ["zarr_placement"]

_USUAL_NAME: Final = "spatial_ref"
_LONGEST: Final = 2_000_000
_EVEN: Final = 0.01
"""Pixels by which coordinates may miss an even grid: those of 32 bits do, far from the origin."""
_Transform = tuple[float, float, float, float, float, float]


def zarr_placement(
    folder: Path, attributes: Mapping[str, Any], names: Sequence[str] | None, axes: ImageAxes, shape: tuple[int, int]
) -> tuple[Georeference | None, tuple[str, ...]]:
    """Return where an array lies, and what of that cannot be kept.

    The coordinates of the rows and columns come first: those of a part that was cut out with xarray are right, while
    the GeoTransform beside them may still be that of the whole. Without a grid mapping nothing is a place: coordinates
    that count pixels look like others.

    Parameters
    ----------
    folder : Path
        Of the array itself; what belongs to it lies beside it.
    attributes : mapping
        The array's own.
    names : sequence of str or None
        Of its dimensions.
    axes : ImageAxes
        Which of them are rows and columns.
    shape : tuple of int
        (H, W).
    """
    mapping = _mapping(folder, attributes)
    if mapping is None:
        return None, ()
    crs, notes = _crs(mapping)
    stored = _stored_transform(mapping)
    transform = stored
    if names is not None:
        rows = _even(folder, names[axes.rows], shape[0])
        columns = _even(folder, names[axes.columns], shape[1])
        if rows is not None and columns is not None and (stored is None or stored[1] == stored[3] == 0):
            (y, down), (x, across) = rows, columns
            transform = (across, 0.0, x - across / 2, 0.0, down, y - down / 2)
    if transform is not None:
        return Georeference(crs, transform), notes
    return None, (
        *notes,
        "It names a coordinate reference system, but neither a GeoTransform nor evenly spaced coordinates of rows and "
        "columns that can be read: exports have no place in the world.",
    )


def _mapping(folder: Path, attributes: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the attributes that say where an array lies."""
    own = attributes.get("_CRS")  # as GDAL writes it
    if isinstance(own, dict):
        return {"crs_wkt": own.get("wkt") or own.get("url") or ""}
    name = attributes.get("grid_mapping", _USUAL_NAME)
    array = _beside(folder, name)
    return None if array is None else dict(array.attrs.asdict())


def _beside(folder: Path, name: Any) -> zarr.Array[Any] | None:
    if not isinstance(name, str) or not name or name in (".", "..") or "/" in name or "\\" in name or "\0" in name:
        return None
    place = folder.parent / name
    if not any((place / file).is_file() for file in ("zarr.json", ".zarray")):
        return None
    try:
        return zarr.open_array(place, mode="r")
    except Exception:  # damaged, in one of zarr's many ways: the image is read without
        return None


def _crs(mapping: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    text = mapping.get("crs_wkt") or mapping.get("spatial_ref") or ""
    try:
        crs = CRS.from_user_input(text).to_wkt() if text else ""
    except (CRSError, TypeError, ValueError):
        crs = ""
    if crs:
        return crs, ()
    shown = " ".join(str(text or mapping.get("grid_mapping_name") or "nothing").split())[:80]
    return "", (f"Its coordinate reference system cannot be read (it says {shown!r}): exports name none.",)


def _stored_transform(mapping: Mapping[str, Any]) -> _Transform | None:
    value = mapping.get("GeoTransform")
    parts = value.split() if isinstance(value, str) else value
    try:
        c, a, b, f, d, e = (float(part) for part in parts or ())
    except (TypeError, ValueError):
        return None
    return (a, b, c, d, e, f) if np.isfinite([a, b, c, d, e, f]).all() and a * e - b * d != 0 else None


def _even(folder: Path, name: str, length: int) -> tuple[float, float] | None:
    """Return the first of evenly spaced coordinates and the step between them; None where there are none."""
    array = _beside(folder, name)
    if array is None or array.shape != (length,) or not 2 <= length <= _LONGEST:
        return None
    try:
        values = np.asarray(array[:], np.float64)
    except Exception:  # a damaged chunk, or dates: the GeoTransform may do
        return None
    step = float(values[-1] - values[0]) / (length - 1)
    if not np.isfinite(values).all() or step == 0:
        return None
    even = np.abs(values - (values[0] + step * np.arange(length))).max() <= _EVEN * abs(step)
    return (float(values[0]), step) if even else None
