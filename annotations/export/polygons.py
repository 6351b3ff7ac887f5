"""A map of classes as polygons whose neighbours share their edges."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely  # type: ignore[import-untyped]
from rasterio import features

from annotations.classes import NOT_PREDICTED
from annotations.errors import LabelError, PartialSegError
from annotations.export.errors import unwritten
from annotations.export.ground import dense_step, ground_areas, lon_lat, to_world, with_dense_edges
from annotations.export.polygon_files import PolygonTable, write_geojson, write_geopackage
from annotations.export.provenance import Provenance
from annotations.export.targets import POLYGONS, check_target, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from annotations.classes import ClassScheme
    from annotations.images.georeference import Georeference

__all__ = ["class_polygons", "write_polygons"]


def class_polygons(
    classes: NDArray[np.uint8],
    *,
    min_area_px: int = 0,
    simplify_px: float = 0.0,
    going_on: Callable[[], None] = lambda: None,
) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Return the areas of one class each as polygons in pixel coordinates (x = column, y = row, corners whole).

    Parameters
    ----------
    classes : ndarray of uint8, (H, W)
        255 belongs to no polygon.
    min_area_px : int
        Smaller areas go to their largest neighbour.
    simplify_px : float
        How far, in pixels, edges may move; neighbours move together. 0 leaves the pixels' own edges.
    going_on : callable
        Called between polygons; what it raises ends the work.

    Returns
    -------
    polygons : ndarray of shapely polygons, (n,)
    values : ndarray of uint8, (n,)
        Their classes.
    """
    image = np.ascontiguousarray(classes, np.uint8)
    if min_area_px > 1:
        sieved = features.sieve(image, min_area_px)
        # What is not predicted neither grows nor gets a class by being small.
        image = np.where((image == NOT_PREDICTED) | (sieved == NOT_PREDICTED), image, sieved)
    known = image != NOT_PREDICTED
    junctions = _junctions(image)
    polygons, values = [], []
    for geometry, value in features.shapes(image, mask=known, connectivity=4):
        going_on()
        rings = [_with_junctions(np.asarray(ring), junctions) for ring in geometry["coordinates"]]
        polygons.append(shapely.Polygon(rings[0], rings[1:]))
        values.append(int(value))
    found, numbers = np.array(polygons, dtype=object), np.array(values, np.uint8)
    if simplify_px > 0 and len(found):
        # The outline stays, so that the polygons cover what they covered.
        found = shapely.coverage_simplify(found, simplify_px, simplify_boundary=False)
        kept = ~shapely.is_empty(found)
        found, numbers = found[kept], numbers[kept]
    return found, numbers


def _junctions(image: NDArray[np.uint8]) -> tuple[dict[int, NDArray[Any]], dict[int, NDArray[Any]]]:
    """Return the pixel corners at which three or more edges meet, by row and by column."""
    height, width = image.shape
    # A frame of a value of its own, outside uint8: the image's border is an edge.
    framed = np.full((height + 2, width + 2), -1, np.int16)
    framed[1:-1, 1:-1] = image
    up = framed[:-1, :-1] != framed[:-1, 1:]
    down = framed[1:, :-1] != framed[1:, 1:]
    left = framed[:-1, :-1] != framed[1:, :-1]
    right = framed[:-1, 1:] != framed[1:, 1:]
    degree = up.astype(np.uint8) + down + left + right
    rows, columns = np.nonzero(degree >= 3)
    by_row: dict[int, list[int]] = defaultdict(list)
    by_column: dict[int, list[int]] = defaultdict(list)
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        by_row[row].append(column)
        by_column[column].append(row)
    return {k: np.sort(v) for k, v in by_row.items()}, {k: np.sort(v) for k, v in by_column.items()}


def _with_junctions(
    ring: NDArray[Any], junctions: tuple[dict[int, NDArray[Any]], dict[int, NDArray[Any]]]
) -> NDArray[Any]:
    """Add the junctions that lie on a ring's straight edges, so that neighbours have the same vertices."""
    by_row, by_column = junctions
    points: list[tuple[float, float]] = []
    for (x0, y0), (x1, y1) in zip(ring[:-1].tolist(), ring[1:].tolist(), strict=True):
        points.append((x0, y0))
        horizontal = y0 == y1
        line = by_row.get(int(y0)) if horizontal else by_column.get(int(x0))
        if line is None:
            continue
        start, end = (x0, x1) if horizontal else (y0, y1)
        low, high = min(start, end), max(start, end)
        between = line[np.searchsorted(line, low, "right") : np.searchsorted(line, high, "left")].tolist()
        for place in between if start < end else reversed(between):
            points.append((place, y0) if horizontal else (x0, place))
    return np.array([*points, points[0]])


def write_polygons(
    path: str | Path,
    classes: NDArray[np.uint8],
    scheme: ClassScheme,
    georeference: Georeference | None,
    *,
    min_area_px: int = 0,
    simplify_px: float = 0.0,
    provenance: Provenance | None = None,
    protected: Iterable[str | Path] = (),
    cancelled: Callable[[], bool] = lambda: False,
) -> int:
    """Write a map of classes as polygons with the fields class, name, colour and area_m2 (or area_px).

    A GeoPackage keeps the image's own coordinates. GeoJSON holds longitude and latitude of WGS 84, as RFC 7946 says;
    of an image without any georeference it holds pixels, and says that they lie nowhere.
    area_m2 is measured on the ellipsoid, whatever the CRS; where an image has none, area_px counts pixels.

    Parameters
    ----------
    path : str or Path
        Ends in .gpkg or .geojson.
    classes : ndarray of uint8, (H, W)
        Class indices, 255 where there is no prediction.
    scheme : ClassScheme
        Gives names and colours.
    georeference : Georeference, optional
        Without it, coordinates are pixels with rows counted downwards from 0 to -H, as a GIS shows such an image.
    min_area_px, simplify_px
        As for `class_polygons`.
    provenance : Provenance, optional
        What made the map; kept as metadata of the data set.
    protected : iterable of paths
        What must not be replaced: see `check_target`.
    cancelled : callable
        Asked now and then, and before anything old is replaced.

    Returns
    -------
    int
        The number of polygons.

    Raises
    ------
    LabelError
        A value is not a class.
    PartialSegError
        The name will not do, GeoJSON has no place for the polygons, writing was cancelled, or the file cannot be
        written; an older one is untouched.
    """
    path = check_target(path, endings=POLYGONS, protected=protected, beside=("-journal",) if _is_package(path) else ())

    def going_on() -> None:
        if cancelled():
            raise PartialSegError(f"{shown(path)}: writing was cancelled; what was there before is untouched.")

    going_on()
    geojson = not _is_package(path)
    if geojson and georeference is not None:  # what has no longitude and latitude is refused before the work begins
        lon_lat(np.empty(0, object), georeference, shown(path))
    polygons, values = class_polygons(classes, min_area_px=min_area_px, simplify_px=simplify_px, going_on=going_on)
    _check_values(values, scheme, path)
    ground = _on_ground(polygons, georeference, classes.shape)
    going_on()
    table = PolygonTable(
        lon_lat(ground.dense, georeference, shown(path)) if geojson and georeference is not None else ground.world,
        values,
        scheme,
        ground.area_field,
        ground.areas,
        (provenance or Provenance()).tags(scheme),
        placed=georeference is not None,
    )
    with unwritten(path):
        if geojson:
            write_geojson(path, table, going_on)
        else:
            write_geopackage(path, table, georeference.crs if georeference is not None else "", going_on)
    return len(values)


@dataclass(frozen=True, slots=True)
class _Ground:
    """Polygons in the image's own coordinates, as they are and with dense edges, and how large each is."""

    world: NDArray[Any]
    dense: NDArray[Any]
    area_field: str
    areas: NDArray[Any]


def _on_ground(polygons: NDArray[Any], georeference: Georeference | None, shape: tuple[int, int]) -> _Ground:
    world = to_world(polygons, georeference)
    if georeference is not None:
        dense = to_world(with_dense_edges(polygons, dense_step(georeference, shape)), georeference)
        areas = ground_areas(dense, georeference)
        if areas is not None:
            return _Ground(world, dense, "area_m2", areas)
    else:
        dense = world
    return _Ground(world, dense, "area_px", shapely.area(polygons))


def _check_values(values: NDArray[np.uint8], scheme: ClassScheme, path: Path) -> None:
    if len(values) and int(values.max()) >= len(scheme):
        raise LabelError(
            f"{shown(path)}: the map holds class {int(values.max())}, but the scheme has {len(scheme)} classes. "
            "Export with the classes that the prediction was made with."
        )


def _is_package(path: str | Path) -> bool:
    return str(path).lower().endswith(".gpkg")
