"""From pixels to the ground: longitude and latitude of WGS 84, and areas in square metres, whatever the CRS."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely  # type: ignore[import-untyped]
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.warp import transform as warp

from annotations.errors import PartialSegError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.images.georeference import Georeference

__all__ = ["WGS84", "crs_on_earth", "dense_step", "ground_areas", "lon_lat", "to_world", "with_dense_edges"]

WGS84: Final = CRS.from_epsg(4326)
"""Longitude and latitude."""
_RADIUS: Final = 6371008.8
_EARTH: Final = (6.3e6, 6.4e6)
_ELLIPSOID: Final = re.compile(r'(?:SPHEROID|ELLIPSOID)\["[^"]*",\s*([-+\d.eE]+)\s*,\s*([-+\d.eE]+)')
_UNIT: Final = re.compile(r'UNIT\["[^"]*",\s*([-+\d.eE]+)')
# Straight edges are bent on the ground by less than a pixel's share, and areas right to a millionth or so.
_SHARE_OF_PIXEL: Final = 0.05
_PARTS_OF_IMAGE: Final = 64
# Farther than this from its centre, an azimuthal projection bends edges too much: a cylindrical one is taken.
_WIDE_DEGREES: Final = 60.0


def to_world(polygons: NDArray[Any], georeference: Georeference | None) -> NDArray[Any]:
    """Move polygons (n,) from pixel coordinates into those of the CRS; without one, rows go downwards from 0 to -H."""
    a, b, c, d, e, f = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0) if georeference is None else georeference.transform

    def move(points: NDArray[Any]) -> NDArray[Any]:
        x, y = points[:, 0], points[:, 1]
        return np.stack([a * x + b * y + c, d * x + e * y + f], axis=1)

    moved: NDArray[Any] = shapely.transform(polygons, move)
    return moved


def dense_step(georeference: Georeference, shape: tuple[int, int]) -> int:
    """Return after how many pixels an edge needs a vertex, so that it stays where it is in another projection."""
    crs = _crs(georeference)
    metres = math.pi * _RADIUS / 180 if crs is None or crs.is_geographic else _unit(crs)
    pixel = max(georeference.pixel_size) * metres
    step = min(max(shape) / _PARTS_OF_IMAGE, math.sqrt(8 * _SHARE_OF_PIXEL * _RADIUS * pixel) / pixel)
    return max(1, int(step))


def with_dense_edges(polygons: NDArray[Any], step: int) -> NDArray[Any]:
    """Add vertices to polygons in pixel coordinates where horizontal and vertical edges cross multiples of `step`.

    Neighbours get the same ones, so that they still share their edges. Oblique edges are left.
    """
    if not len(polygons):
        return polygons
    kind, points, (rings, parts) = shapely.to_ragged_array(polygons)
    start, end = points[:-1], points[1:]
    along = np.where(start[:, 1] == end[:, 1], 0, 1)  # the axis that an edge runs along
    first, last = (np.take_along_axis(v, along[:, None], 1)[:, 0] for v in (start, end))
    low, high = np.minimum(first, last), np.maximum(first, last)
    lowest, highest = np.floor(low / step) + 1, np.ceil(high / step) - 1
    count = np.maximum(0, highest - lowest + 1).astype(np.int64)
    count[(start != end).all(axis=1)] = 0
    count[np.asarray(rings[1:-1], np.int64) - 1] = 0  # from the end of a ring to the beginning of the next
    count = np.append(count, 0)
    if not count.any():
        return polygons
    places = np.concatenate([[0], np.cumsum(count + 1)])
    dense = np.repeat(points, count + 1, axis=0)
    edge = np.repeat(np.arange(len(points)), count + 1)
    number = np.arange(len(dense)) - places[edge]
    added = np.flatnonzero(number)
    e, k = edge[added], number[added]
    value = np.where(first[e] < last[e], lowest[e] + k - 1, highest[e] - k + 1) * step
    dense[added, along[e]] = value
    result: NDArray[Any] = shapely.from_ragged_array(kind, dense, (places[rings], parts))
    return result


def ground_areas(world: NDArray[Any], georeference: Georeference) -> NDArray[np.float64] | None:
    """Return the areas (n,) in square metres of polygons in the CRS of a georeference; None where it has no metres.

    On the ellipsoid: degrees are taken to the equal-area cylinder of their own ellipsoid in closed form, projected
    coordinates to Lambert's azimuthal equal-area projection around their middle. A local CRS, which lies nowhere on the
    Earth, gives the plane's area in its own unit, as metres.
    """
    crs = _crs(georeference)
    if crs is None or not len(world):
        return None if crs is None else np.zeros(len(world))
    if crs.is_geographic:
        a, flattening = _ellipsoid(crs)
        return _cylinder_areas(world, a, flattening)
    if crs.is_projected:
        with suppress(PartialSegError, RasterioError):
            return _projected_areas(world, crs)
    unit = _unit(crs)
    return None if math.isnan(unit) else np.asarray(shapely.area(world), np.float64) * unit**2


def lon_lat(world: NDArray[Any], georeference: Georeference, name: str) -> NDArray[Any]:
    """Return polygons in longitude and latitude of WGS 84, outer rings counter-clockwise, as RFC 7946 wants them.

    Raises
    ------
    PartialSegError
        The image lies nowhere on the Earth, or the polygons cross the antimeridian or hold a pole.
    """
    crs = _crs(georeference)
    way_out = "Choose GeoPackage (.gpkg), which keeps the image's own coordinates."
    if crs is None:
        raise PartialSegError(
            f"{name}: GeoJSON holds longitude and latitude, but the image does not say where on the Earth it lies. "
            f"{way_out}"
        )
    if not _on_earth(crs):
        raise PartialSegError(
            f"{name}: GeoJSON holds longitude and latitude on the Earth, but the image's coordinate reference system "
            f"is {_title(crs)}: a local one, or of another planet. {way_out}"
        )
    try:
        placed = shapely.transform(world, lambda points: np.round(_warped(points, crs, WGS84), 10))
    except (PartialSegError, RasterioError) as error:
        raise PartialSegError(
            f"{name}: GeoJSON holds longitude and latitude, which cannot be computed from {_title(crs)}. {way_out}"
        ) from error
    if len(placed):
        placed = _between_180(placed)
        low_x, low_y, high_x, high_y = shapely.bounds(placed).T
        inside = (low_x >= -180) & (high_x <= 180) & (low_y >= -90) & (high_y <= 90)
        if not inside.all() or (not crs.is_geographic and (high_x - low_x > 180).any()):
            raise PartialSegError(
                f"{name}: GeoJSON cannot hold these polygons: they cross the 180th meridian or hold a pole. {way_out}"
            )
    result: NDArray[Any] = shapely.orient_polygons(placed)
    return result


def crs_on_earth(georeference: Georeference | None) -> CRS | None:
    """Return the CRS of an image that lies on the Earth; None where it has none, or a local or another planet's."""
    crs = None if georeference is None else _crs(georeference)
    return crs if crs is not None and _on_earth(crs) else None


def _crs(georeference: Georeference) -> CRS | None:
    with suppress(RasterioError):
        return CRS.from_wkt(georeference.crs) if georeference.crs else None
    return None


def _title(crs: CRS) -> str:
    found = re.search(r'"([^"]*)"', crs.to_wkt())
    return repr(found[1]) if found else "unknown"


def _unit(crs: CRS) -> float:
    """Metres in a unit of a projected or local CRS; not a number where unknown."""
    with suppress(RasterioError, ValueError):
        factor = float(crs.linear_units_factor[1])
        if factor > 0 and crs.is_projected:
            return factor
    found = _UNIT.findall(crs.to_wkt())  # of a local CRS GDAL tells none
    return float(found[-1]) if found else math.nan


def _ellipsoid(crs: CRS) -> tuple[float, float]:
    """Semi-major axis in metres and flattening."""
    found = _ELLIPSOID.search(crs.to_wkt())
    if found is None:
        return 6378137.0, 1 / 298.257223563
    inverse = float(found[2])
    return float(found[1]), 1 / inverse if inverse else 0.0


def _on_earth(crs: CRS) -> bool:
    return bool(crs.is_geographic or crs.is_projected) and _EARTH[0] < _ellipsoid(crs)[0] < _EARTH[1]


def _warped(points: NDArray[Any], source: CRS, target: CRS) -> NDArray[Any]:
    if source == target or not len(points):
        return points
    x, y = warp(source, target, points[:, 0], points[:, 1])
    moved = np.stack([np.asarray(x, np.float64), np.asarray(y, np.float64)], axis=1)
    if not np.isfinite(moved).all():
        raise PartialSegError("some corners lie outside what the projection can compute")
    return moved


def _between_180(polygons: NDArray[Any]) -> NDArray[Any]:
    """Bring whole polygons of 180 to 360 degrees, as some rasters count, to -180 to 0."""
    low, _, high, _ = shapely.bounds(polygons).T
    beyond = low >= 180
    turned = beyond & (high <= 540)
    if turned.any():
        polygons = polygons.copy()
        polygons[turned] = shapely.transform(polygons[turned], lambda points: points - [360.0, 0.0])
    return polygons


def _cylinder_areas(polygons: NDArray[Any], a: float, flattening: float) -> NDArray[np.float64]:
    """Areas of polygons in degrees, whose edges are straight in longitude and latitude."""
    e = math.sqrt(flattening * (2 - flattening))

    def project(points: NDArray[Any]) -> NDArray[Any]:
        longitude, sine = np.radians(points[:, 0]), np.sin(np.radians(points[:, 1]))
        if e < 1e-9:
            q = 2 * sine
        else:
            q = (1 - e**2) * (sine / (1 - (e * sine) ** 2) + np.arctanh(e * sine) / e)
        return np.stack([a * longitude, a * q / 2], axis=1)

    return np.asarray(shapely.area(shapely.transform(polygons, project)), np.float64)


def _projected_areas(world: NDArray[Any], crs: CRS) -> NDArray[np.float64]:
    low_x, low_y, high_x, high_y = shapely.total_bounds(world)
    x, y = np.meshgrid(np.linspace(low_x, high_x, 9), np.linspace(low_y, high_y, 9))
    edge = np.stack([x.ravel(), y.ravel()], axis=1)
    if not _on_earth(crs):
        raise PartialSegError("of another planet")
    places = _warped(edge, crs, WGS84)
    longitude, latitude = places[40]
    sphere = np.radians(places)
    cosine = np.sin(sphere[40, 1]) * np.sin(sphere[:, 1]) + np.cos(sphere[40, 1]) * np.cos(sphere[:, 1]) * np.cos(
        sphere[:, 0] - sphere[40, 0]
    )
    if np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() > _WIDE_DEGREES:
        lon = shapely.transform(world, lambda points: _warped(points, crs, WGS84))
        return _cylinder_areas(lon, *_ellipsoid(WGS84))
    plane = CRS.from_proj4(f"+proj=laea +lat_0={latitude:.9f} +lon_0={longitude:.9f} +datum=WGS84 +units=m +no_defs")
    moved = shapely.transform(world, lambda points: _warped(points, crs, plane))
    return np.asarray(shapely.area(moved), np.float64)
