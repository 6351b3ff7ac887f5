"""A map of classes as polygons whose neighbours share their edges."""

from __future__ import annotations

import warnings
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyogrio.raw
import shapely  # type: ignore[import-untyped]
from affine import Affine
from pyogrio.errors import DataSourceError
from rasterio import features

from annotations.classes import NOT_PREDICTED
from annotations.errors import LabelError, PartialSegError
from annotations.files import replacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotations.classes import ClassScheme
    from annotations.georeference import Georeference

__all__ = ["class_polygons", "write_polygons"]

_DRIVERS = {".gpkg": "GPKG", ".geojson": "GeoJSON"}


def class_polygons(
    classes: NDArray[np.uint8], *, min_area_px: int = 0, simplify_px: float = 0.0
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
) -> int:
    """Write a map of classes as polygons with the fields class, name, colour and area (in square units of the CRS).

    Parameters
    ----------
    path : str or Path
        Ends in .gpkg or .geojson.
    classes : ndarray of uint8, (H, W)
    scheme : ClassScheme
    georeference : Georeference, optional
        Without it, coordinates are pixels with rows counted downwards from 0 to -H, as a GIS shows such an image.
    min_area_px, simplify_px
        As for `class_polygons`.

    Returns
    -------
    int
        The number of polygons.

    Raises
    ------
    LabelError
        A value is no class.
    PartialSegError
        The ending is another, or the file cannot be written; an older one is untouched.
    """
    path = Path(path)
    driver = _DRIVERS.get(path.suffix.lower())
    if driver is None:
        raise PartialSegError(f"{path}: polygons are written as .gpkg or .geojson. Choose one of these endings.")
    polygons, values = class_polygons(classes, min_area_px=min_area_px, simplify_px=simplify_px)
    if len(values) and int(values.max()) >= len(scheme):
        raise LabelError(
            f"{path}: the map holds class {int(values.max())}, but the scheme has {len(scheme)} classes. "
            "Export with the classes that the prediction was made with."
        )
    transform = Affine.scale(1, -1) if georeference is None else Affine(*georeference.transform)

    def to_world(points: NDArray[Any]) -> NDArray[Any]:
        x, y = points[:, 0], points[:, 1]
        a, b, c, d, e, f = tuple(transform)[:6]
        return np.stack([a * x + b * y + c, d * x + e * y + f], axis=1)

    world = shapely.transform(polygons, to_world)
    names = np.array([scheme[v].name for v in values], dtype=object)
    colours = np.array([scheme[v].colour for v in values], dtype=object)
    try:
        with replacing(path) as temporary, warnings.catch_warnings():
            # An image without a CRS gives polygons without one; that is meant.
            warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
            pyogrio.raw.write(
                temporary,
                geometry=shapely.to_wkb(world),
                field_data=[values.astype(np.int32), names, colours, shapely.area(world)],
                fields=["class", "name", "colour", "area"],
                geometry_type="Polygon",
                crs=georeference.crs if georeference is not None and georeference.crs else None,
                driver=driver,
                layer=path.stem,
            )
    except (OSError, DataSourceError, RuntimeError) as error:
        raise PartialSegError(
            f"{path}: could not be written ({error}). Make room or choose another folder; an older file is as it was."
        ) from error
    return len(values)
