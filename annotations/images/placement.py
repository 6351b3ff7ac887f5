"""Reads where a raster lies, and says what of it cannot be kept in the maps made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from annotations.images.georeference import Georeference

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["fits_geotiff", "read_placement"]

_EXACT_PIXELS: Final = 0.1
"""Control points that an affine transform meets to within this are worth no word about accuracy."""


def read_placement(dataset: Any) -> tuple[Georeference | None, tuple[str, ...]]:
    """Return an open dataset's georeference, and notes on what of it is lost or approximate.

    A CRS without a transform is not a georeference: the identity would put row 0 at the bottom and turn the map over.
    """
    crs, notes = _crs(dataset.crs)
    transform = dataset.transform
    points, points_crs = dataset.gcps
    if not transform.is_identity:
        a, b, c, d, e, f = (float(v) for v in tuple(transform)[:6])
        if not np.isfinite([a, b, c, d, e, f]).all() or a * e - b * d == 0:
            return None, (
                *notes,
                f"Its transform {[a, b, c, d, e, f]} cannot be used, for pixels would have no extent. It is read "
                "without a place.",
            )
        return Georeference(crs, (a, b, c, d, e, f)), notes
    if points:
        crs, notes = _crs(points_crs)
        return _by_control_points(crs, points, notes)
    if dataset.rpcs is not None:
        return None, (
            *notes,
            "It is placed by a camera model (RPC), which holds only together with the heights of the ground: exports "
            "have no place in the world. Make an orthophoto of it first, for example with gdalwarp -rpc.",
        )
    if crs:
        return None, (
            *notes,
            f"It has a coordinate reference system ({_name(crs)}) but no transform: exports have no place in the "
            "world. Give it one, for example with gdal_edit -a_ullr, or a world file beside it.",
        )
    return None, notes


def _by_control_points(crs: str, points: Sequence[Any], notes: tuple[str, ...]) -> tuple[Georeference | None, Any]:
    pixels = np.array([[p.col, p.row, 1.0] for p in points], float)
    world = np.array([[p.x, p.y] for p in points], float)
    if len(points) < 3 or np.linalg.matrix_rank(pixels) < 3 or not np.isfinite(world).all():
        return None, (
            *notes,
            f"It has {len(points)} ground control points, of which no place follows: exports have none in the world.",
        )
    # Centred: coordinates of millions of metres would cost the fit its digits.
    centre = world.mean(axis=0)
    fit, *_ = np.linalg.lstsq(pixels, world - centre, rcond=None)
    (a, d), (b, e), (c, f) = (tuple(float(v) for v in row) for row in fit)
    c, f = c + float(centre[0]), f + float(centre[1])
    if a * e - b * d == 0:
        return None, (*notes, "Its ground control points lie on one line: exports have no place in the world.")
    off = np.linalg.solve(np.array([[a, b], [d, e]]), (pixels @ fit - (world - centre)).T)
    worst = float(np.hypot(*off).max())
    placed = tuple((float(p.row), float(p.col), float(p.x), float(p.y), float(p.z or 0)) for p in points)
    text = f"It is placed by {len(points)} ground control points; maps of it are placed by the same points"
    if worst > _EXACT_PIXELS:
        text += (
            f", but polygons only by the plane nearest to them, which misses by up to {worst:.1f} pixels. For exact "
            "polygons warp the image first, for example with gdalwarp -tps"
        )
    return Georeference(crs, (a, b, c, d, e, f), placed), (*notes, f"{text}.")


def _crs(crs: Any) -> tuple[str, tuple[str, ...]]:
    """Return well-known text, and a note where a GeoTIFF cannot hold it."""
    if not crs:
        return "", ()
    text = ""
    for version in (None, "WKT2_2019"):
        try:
            text = str(crs.to_wkt() if version is None else crs.to_wkt(version=version))
            CRS.from_wkt(text)
            break
        except Exception:  # what rasterio and PROJ raise here depends on the CRS
            text = ""
    if not text:
        return "", ("Its coordinate reference system cannot be read: exports are written without one.",)
    if fits_geotiff(text):
        return text, ()
    return text, (
        f"Its coordinate reference system ({_name(text)}) cannot be held exactly by a GeoTIFF: a GIS may show exported "
        "maps without it, or with another. Assign it there, or warp the image to a system with an EPSG code first.",
    )


def fits_geotiff(crs: str) -> bool:
    """Whether a CRS, as well-known text, is the same after a GeoTIFF has held it."""
    wanted = CRS.from_wkt(crs)
    if wanted.to_epsg(confidence_threshold=100) is not None:
        return True
    try:
        with MemoryFile() as memory:
            place = Affine(1, 0, 5, 0, -1, 5)
            with memory.open(driver="GTiff", width=1, height=1, count=1, dtype="uint8", crs=wanted, transform=place):
                pass
            # Without the .aux.xml that GDAL puts beside it for what the keys cannot say.
            with MemoryFile(bytes(memory.getbuffer())) as again, again.open() as dataset:
                if dataset.crs is None:
                    return False
                # Names of datums that nobody named come back otherwise; the parameters count.
                parameters = wanted.to_dict()
                return bool(dataset.crs == wanted or (parameters and dataset.crs.to_dict() == parameters))
    except (RasterioError, OSError, ValueError):  # a CRSError is a ValueError
        return False


def _name(crs: str) -> str:
    parts = crs.split('"')
    return parts[1] if len(parts) > 1 and parts[1] else "unnamed"
