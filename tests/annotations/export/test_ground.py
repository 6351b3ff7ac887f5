"""Polygons on the ground: areas against formulas and integrals of their own, GeoJSON against GDAL's reprojection."""

from __future__ import annotations

import json
import math

import numpy as np
import pyogrio
import pytest
import shapely
from rasterio.crs import CRS
from rasterio.warp import transform as warp

from annotations.classes import LANDCOVER_AI
from annotations.errors import PartialSegError
from annotations.export.ground import with_dense_edges
from annotations.export.polygons import class_polygons, write_polygons
from annotations.images.georeference import Georeference

LAEA = "+proj=laea +lat_0=51.3 +lon_0=5.7 +x_0=1000 +y_0=2000 +ellps=GRS80 +units=m +no_defs"
SHIFT = "+towgs84=598.1,73.7,418.2,0.202,0.045,-2.455,6.7"
BESSEL = f"+proj=tmerc +lat_0=0 +lon_0=9 +x_0=3500000 +ellps=bessel {SHIFT} +units=m"
FEET = "+proj=lcc +lat_1=40 +lat_2=43 +lat_0=39 +lon_0=-100 +datum=NAD83 +units=us-ft +no_defs"


def place(crs, transform):
    return Georeference(crs.to_wkt() if isinstance(crs, CRS) else CRS.from_string(crs).to_wkt(), transform)


def read(path):
    meta, _, geometry, columns = pyogrio.raw.read(path)
    return meta, shapely.from_wkb(geometry), dict(zip(meta["fields"].tolist(), columns, strict=True))


def degrees_area(west, south, east, north, a=6378137.0, f=1 / 298.257223563):
    """Integrate the surface element of the ellipsoid, M N cos(latitude), by Gauss and Legendre."""
    e2 = f * (2 - f)
    nodes, weights = np.polynomial.legendre.leggauss(40)
    latitude = np.radians((north - south) / 2 * nodes + (north + south) / 2)
    element = a**2 * (1 - e2) * np.cos(latitude) / (1 - e2 * np.sin(latitude) ** 2) ** 2
    return math.radians(east - west) * math.radians((north - south) / 2) * float(weights @ element)


@pytest.mark.parametrize(
    ("west", "north", "pixel"), [(5.1, 52.1, 2.7e-6), (-70.0, -10.0, 0.01), (20.0, 89.0, 0.02), (179.5, 1.0, 0.02)]
)
def test_areas_of_degrees_are_those_of_the_ellipsoid(tmp_path, west, north, pixel):
    crs = place("EPSG:4326", (pixel, 0, west, 0, -pixel, north))
    write_polygons(tmp_path / "a.gpkg", np.zeros((100, 80), np.uint8), LANDCOVER_AI, crs)
    _, _, fields = read(tmp_path / "a.gpkg")
    expected = degrees_area(west, north - 100 * pixel, west + 80 * pixel, north)
    assert fields["area_m2"].tolist() == pytest.approx([expected], rel=1e-6)


@pytest.mark.parametrize("turned", [0.0, 0.5])
@pytest.mark.parametrize(
    ("crs", "x", "y", "pixel"),
    [
        ("EPSG:3857", 600000.0, 6800000.0, 40.0),  # stretched 2.6 times in area
        ("EPSG:32631", 160000.0, 5800000.0, 25.0),
        ("EPSG:3413", -20000.0, 20000.0, 400.0),  # polar, and the pole is in it
        (FEET, 1200000.0, 600000.0, 30.0),
        (BESSEL, 3600000.0, 5400000.0, 10.0),
        (LAEA, 1000.0, 2000.0, 0.25),
    ],
)
def test_areas_of_a_projection_are_those_of_its_pixels_in_an_equal_area_one(tmp_path, crs, x, y, pixel, turned):
    cos, sin = math.cos(turned) * pixel, math.sin(turned) * pixel
    where = place(crs, (cos, -sin, x, -sin, -cos, y))
    classes = np.zeros((100, 130), np.uint8)
    classes[20:50, 30:70] = 1
    write_polygons(tmp_path / "a.gpkg", classes, LANDCOVER_AI, where)
    _, _, fields = read(tmp_path / "a.gpkg")
    # Every pixel by itself, in another projection than the one under test: Albers' around the middle.
    middle = where.affine @ (65, 50) if hasattr(where.affine, "__matmul__") else where.affine * (65, 50)
    lon, lat = (v[0] for v in warp(CRS.from_wkt(where.crs), "EPSG:4326", [middle[0]], [middle[1]]))
    equal = f"+proj=aea +lat_1={lat - 0.2} +lat_2={lat + 0.2} +lat_0={lat} +lon_0={lon} +datum=WGS84"
    if crs == "EPSG:3413":
        equal = "+proj=laea +lat_0=90 +datum=WGS84"
    columns, rows = np.meshgrid(np.arange(131.0), np.arange(101.0))
    a, b, c, d, e, f = where.transform
    east, north = a * columns + b * rows + c, d * columns + e * rows + f
    moved = warp(CRS.from_wkt(where.crs), CRS.from_string(equal), east.ravel(), north.ravel())
    u, v = (np.asarray(m).reshape(101, 131) for m in moved)
    first = (u[1:, 1:] - u[:-1, :-1], v[1:, 1:] - v[:-1, :-1])
    second = (u[1:, :-1] - u[:-1, 1:], v[1:, :-1] - v[:-1, 1:])
    pixels = np.abs(first[0] * second[1] - first[1] * second[0]) / 2
    found = dict(zip(fields["class"].tolist(), fields["area_m2"].tolist(), strict=True))
    assert found == pytest.approx({k: pixels[classes == k].sum() for k in (0, 1)}, rel=2e-5)


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        ("EPSG:32640", (0.5, 0, 340000.0, 0, -0.5, 2780000.0)),
        (LAEA, (0.25, 0.0, 1000.0, 0.0, -0.25, 2000.0)),
        (BESSEL, (10.0, 0, 3600000.0, 0, -10.0, 5400000.0)),
        (FEET, (20.0, 4.0, 1200000.0, 4.0, -20.0, 600000.0)),
        ("EPSG:4326", (1e-5, 0, 350.0, 0, -1e-5, 10.0)),  # counted from 0 to 360
    ],
)
def test_geojson_is_wgs84_as_the_rfc_says(tmp_path, crs, transform):
    classes = np.zeros((60, 80), np.uint8)
    classes[10:30, 10:40], classes[12:20, 15:20], classes[40:, 60:] = 1, 2, 255
    where = place(crs, transform)
    count = write_polygons(tmp_path / "m.geojson", classes, LANDCOVER_AI, where)
    meta, found, fields = read(tmp_path / "m.geojson")
    assert (meta["crs"], len(found)) == ("EPSG:4326", count)
    # The vertices against GDAL's transformation of the GeoPackage's; the file of coordinates of their own differs.
    write_polygons(tmp_path / "m.gpkg", classes, LANDCOVER_AI, where)
    _, own, own_fields = read(tmp_path / "m.gpkg")
    for here, there, mine in zip(own, found, range(count), strict=True):
        x, y = warp(CRS.from_wkt(where.crs), "EPSG:4326", *shapely.get_coordinates(here).T)
        x = (np.asarray(x) + 180) % 360 - 180
        expected = shapely.Polygon(np.stack([x, np.asarray(y)], 1)[: len(here.exterior.coords)])
        outline = shapely.Polygon(there.exterior)
        assert shapely.symmetric_difference(expected, outline).area < 5e-5 * expected.area
        assert there.exterior.is_ccw
        assert not any(ring.is_ccw for ring in there.interiors)
        assert fields["area_m2"][mine] == pytest.approx(own_fields["area_m2"][mine])
    assert shapely.coverage_is_valid(found)
    assert "crs" not in json.loads((tmp_path / "m.geojson").read_text("utf-8"))


LOCAL = 'LOCAL_CS["site",LOCAL_DATUM["stake",0],UNIT["metre",1],AXIS["x",EAST],AXIS["y",NORTH]]'
MARS = CRS.from_proj4("+proj=eqc +lat_ts=0 +lon_0=0 +a=3396190 +b=3396190 +units=m +no_defs").to_wkt()


@pytest.mark.parametrize(
    ("where", "area"),
    [
        (Georeference("", (0.5, 0, 100.0, 0, -0.5, 100.0)), {"area_px": 600}),
        (Georeference(LOCAL, (0.5, 0, 100.0, 0, -0.5, 100.0)), {"area_m2": 150}),
        (Georeference(MARS, (10, 0, 100.0, 0, -10, 100.0)), {"area_m2": 60000}),
    ],
    ids=["none", "local", "Mars"],
)
def test_geojson_of_what_is_not_on_the_earth_is_refused_and_geopackage_taken(tmp_path, where, area):
    classes = np.zeros((20, 30), np.uint8)
    (tmp_path / "m.geojson").write_text("an older file")
    with pytest.raises(PartialSegError, match=r"m\.geojson: GeoJSON holds longitude and latitude.*\(\.gpkg\)"):
        write_polygons(tmp_path / "m.geojson", classes, LANDCOVER_AI, where)
    assert (tmp_path / "m.geojson").read_text() == "an older file"
    write_polygons(tmp_path / "m.gpkg", classes, LANDCOVER_AI, where)
    _, _, fields = read(tmp_path / "m.gpkg")
    assert {k: v[0] for k, v in fields.items() if k.startswith("area")} == pytest.approx(area, rel=1e-6)


def test_geojson_across_the_180th_meridian_or_over_a_pole_is_refused(tmp_path):
    for crs, transform in (
        ("EPSG:4326", (0.1, 0, 179.0, 0, -0.1, 10.0)),
        ("EPSG:3413", (1000.0, 0, -15000.0, 0, -1000.0, 10000.0)),
        ("EPSG:32660", (10000.0, 0, 600000.0, 0, -10000.0, 7000000.0)),
    ):
        with pytest.raises(PartialSegError, match=r"180th meridian or hold a pole.*\.gpkg"):
            write_polygons(tmp_path / "m.geojson", np.zeros((20, 30), np.uint8), LANDCOVER_AI, place(crs, transform))
    assert list(tmp_path.iterdir()) == []


def test_vertices_added_to_edges_change_no_polygon_and_keep_edges_shared():
    classes = (np.random.default_rng(3).random((40, 50)) > 0.7).astype(np.uint8)
    classes[5:30, 10:30], classes[10:20, 12:25] = 2, 255
    polygons, _ = class_polygons(classes)
    dense = with_dense_edges(polygons, 7)
    assert shapely.equals(dense, polygons).all()
    assert shapely.coverage_is_valid(dense)
    points = shapely.get_coordinates(dense)
    assert len(points) > len(shapely.get_coordinates(polygons))
    for polygon in dense:
        for ring in (polygon.exterior, *polygon.interiors):
            assert np.abs(np.diff(shapely.get_coordinates(ring), axis=0)).sum(1).max() <= 7
