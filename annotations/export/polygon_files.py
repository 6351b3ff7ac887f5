"""Polygons as GeoPackage and as GeoJSON."""

from __future__ import annotations

import io
import json
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyogrio.raw
import shapely  # type: ignore[import-untyped]

from annotations.disk.files import replacing_together
from annotations.export.styles import clean_text
from annotations.export.targets import stale_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from annotations.classes import ClassScheme

__all__ = ["PolygonTable", "layer_name", "write_geojson", "write_geopackage"]

_BATCH: Final = 2000
# Names that SQLite, GeoPackage or its readers keep for themselves.
_RESERVED: Final = re.compile(r"(?:gpkg|rtree|sqlite|st)_", re.IGNORECASE)
_NOWHERE: Final = json.dumps(
    {"type": "name", "properties": {"name": 'LOCAL_CS["pixels of an image without a place",UNIT["pixel",1]]'}}
)


@dataclass(frozen=True)
class PolygonTable:
    """Polygons with their classes and areas, and what the whole says of itself.

    Parameters
    ----------
    polygons : ndarray of shapely polygons, (n,)
        In the coordinates of the file.
    values : ndarray of uint8, (n,)
        Their classes.
    scheme : ClassScheme
        Gives the fields class, name and colour.
    area_field : str
        "area_m2" or "area_px".
    areas : ndarray of float64, (n,)
        Values of that field.
    metadata : dict of str to str
        Kept with the data set.
    """

    polygons: NDArray[Any]
    values: NDArray[np.uint8]
    scheme: ClassScheme
    area_field: str
    areas: NDArray[np.float64]
    metadata: dict[str, str]
    placed: bool = True
    """Whether the coordinates are places on the ground, and not the pixels of an image that lies nowhere."""


def layer_name(stem: str) -> str:
    """Return the name of a file as a name that a table of a database may have."""
    text = clean_text(stem)  # first, since what is not UTF-8 in it cannot be stored
    name = re.sub(r"[^\w. -]", "_", text).strip("_. -")[:60] or "map"
    return f"map_{name}" if _RESERVED.match(name) or not (name[0].isalpha()) else name


def write_geopackage(path: Path, table: PolygonTable, crs: str, going_on: Callable[[], None]) -> None:
    """Write a GeoPackage of one layer; what SQLite kept beside an older one goes with it."""
    names = np.array([clean_text(c.name) for c in table.scheme.classes], object)
    colours = np.array([c.colour for c in table.scheme.classes], object)
    content: dict[str, Any] = {
        "geometry": shapely.to_wkb(table.polygons),
        "field_data": [table.values.astype(np.int32), names[table.values], colours[table.values], table.areas],
        "fields": ["class", "name", "colour", table.area_field],
        "geometry_type": "Polygon",
        "crs": crs or None,
        "driver": "GPKG",
        "layer": layer_name(path.stem),
        # Of the layer, not of the whole file: that makes GDAL write a copy beside the file whenever it opens it.
        "layer_metadata": table.metadata,
    }
    with replacing_together([path], lambda: stale_files(path)) as (temporary,):
        with warnings.catch_warnings():
            # An image without a CRS gives polygons without one; that is meant.
            warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
            if "!" in str(temporary):  # taken for an archive and a name in it
                memory = io.BytesIO()
                pyogrio.raw.write(memory, **content)
                temporary.write_bytes(memory.getbuffer())
            else:
                pyogrio.raw.write(temporary, **content)
                if pyogrio.read_info(temporary, force_feature_count=True)["features"] != len(table.values):
                    raise OSError("polygons are missing from what was written")
        going_on()


def write_geojson(path: Path, table: PolygonTable, going_on: Callable[[], None]) -> None:
    """Write GeoJSON of polygons in longitude and latitude, `metadata` as a member of its own beside the features.

    Pixels that lie nowhere are said to be so by a member of the form's first edition, which GDAL and QGIS read: without
    it every reader takes them for degrees.
    """
    properties = [
        {"class": index, "name": clean_text(c.name), "colour": c.colour} for index, c in enumerate(table.scheme.classes)
    ]
    with replacing_together([path], lambda: stale_files(path)) as (temporary,):
        with temporary.open("w", encoding="utf-8") as file:
            metadata = json.dumps(table.metadata, ensure_ascii=False)
            nowhere = "" if table.placed else f'"crs": {_NOWHERE}, '
            file.write(f'{{"type": "FeatureCollection", {nowhere}"metadata": {metadata}, "features": [')
            before = "\n"
            for start in range(0, len(table.values), _BATCH):
                going_on()
                rows = slice(start, start + _BATCH)
                geometries = shapely.to_geojson(table.polygons[rows]).tolist()
                values, areas = table.values[rows].tolist(), table.areas[rows].tolist()
                for geometry, value, area in zip(geometries, values, areas, strict=True):
                    said = json.dumps({**properties[value], table.area_field: round(area, 6)}, ensure_ascii=False)
                    file.write(f'{before}{{"type": "Feature", "properties": {said}, "geometry": {geometry}}}')
                    before = ",\n"
            file.write("\n]}\n")
        going_on()
