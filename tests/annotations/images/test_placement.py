"""Where rasters lie: kept through to the exported map, or said at opening."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from raster_helpers import TRANSFORM, noise, save
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.rpc import RPC
from rasterio.transform import AffineTransformer, GCPTransformer

from annotations.classes import LANDCOVER_AI
from annotations.export.geotiff import write_class_map
from annotations.images.gdal_raster import quiet_gdal
from annotations.images.georeference import Georeference
from annotations.images.orthophoto import open_orthophoto
from annotations.images.placement import fits_geotiff

SHAPE = (70, 90)


def map_of(ortho, path):
    write_class_map(path, np.zeros(ortho.shape, np.uint8), scheme=LANDCOVER_AI, georeference=ortho.georeference)
    with quiet_gdal():
        return rasterio.open(path)


@pytest.mark.parametrize(
    "transform",
    [
        TRANSFORM,
        rasterio.Affine.translation(340000, 2780000) @ rasterio.Affine.rotation(33) @ rasterio.Affine.scale(0.5, -0.5),
        rasterio.Affine(0.5, 0, 340000, 0, 0.5, 2780000),  # south up
        rasterio.Affine(-0.5, 0, 340000, 0, -0.5, 2780000),  # mirrored
        rasterio.Affine(0.5, 0.1, 340000, 0.02, -0.5, 2780000),  # sheared
    ],
)
def test_transforms_of_any_kind_come_back(tmp_path, transform):
    ortho = open_orthophoto(save(tmp_path / "a.tif", noise(), crs="EPSG:32640", transform=transform))
    assert ortho.notes == ()
    with map_of(ortho, tmp_path / "map.tif") as made:
        assert made.crs == CRS.from_epsg(32640)
        assert made.transform.almost_equals(transform, 1e-9)


@pytest.mark.parametrize("bent", [0.0, 3.0])
def test_control_points_place_the_map(tmp_path, bent):
    points = [
        GroundControlPoint(r, c, 340000 + 0.5 * c + bent * (r * c) / 6300, 2780000 - 0.5 * r, 0)
        for r in (0, 35, 70)
        for c in (0, 45, 90)
    ]
    path = save(tmp_path / "scan.tif", noise(), gcps=(points, CRS.from_epsg(32640)))
    ortho = open_orthophoto(path)
    assert ortho.georeference is not None and len(ortho.georeference.control_points) == 9
    assert any("9 ground control points" in note for note in ortho.notes)
    assert any("misses by up to" in note for note in ortho.notes) == bool(bent)
    if not bent:
        np.testing.assert_allclose(ortho.georeference.transform, (0.5, 0, 340000, 0, -0.5, 2780000), atol=1e-6)
    again = Georeference.from_json(ortho.georeference.to_json())
    assert again == ortho.georeference
    with map_of(ortho, tmp_path / "map.tif") as made:
        found, crs = made.gcps
        assert crs == CRS.from_epsg(32640)
        assert [(p.row, p.col, p.x, p.y) for p in found] == [(p.row, p.col, p.x, p.y) for p in points]
        # A GIS puts a pixel of the map where it puts that of the image.
        with GCPTransformer(found) as placed, GCPTransformer(points) as wanted:
            assert placed.xy(20, 30) == wanted.xy(20, 30)
    with AffineTransformer(ortho.georeference.affine) as plane, GCPTransformer(points) as wanted:
        assert np.hypot(*np.subtract(plane.xy(35, 45, offset="ul"), wanted.xy(35, 45, offset="ul"))) < 1 + bent


@pytest.mark.parametrize("points", [1, 2, "line"])
def test_too_few_control_points_are_said(tmp_path, points):
    places = [(0, 0), (10, 10), (20, 20), (30, 30)][: points if isinstance(points, int) else 4]
    gcps = [GroundControlPoint(r, c, 340000 + c, 2780000 - r) for r, c in places]
    ortho = open_orthophoto(save(tmp_path / "a.tif", noise(), gcps=(gcps, CRS.from_epsg(32640))))
    assert ortho.georeference is None and any("ground control points" in note for note in ortho.notes)


def test_a_camera_model_is_said(tmp_path):
    numbers = [1.0] + [0.0] * 19
    rpcs = RPC(
        height_off=10,
        height_scale=100,
        lat_off=25,
        lat_scale=1,
        line_den_coeff=numbers,
        line_num_coeff=[0.0, 0.0, -1.0] + [0.0] * 17,
        line_off=35,
        line_scale=35,
        long_off=55,
        long_scale=1,
        samp_den_coeff=numbers,
        samp_num_coeff=[0.0, 1.0] + [0.0] * 18,
        samp_off=45,
        samp_scale=45,
        err_bias=None,
        err_rand=None,
    )
    ortho = open_orthophoto(save(tmp_path / "a.tif", noise(), rpcs=rpcs))
    assert ortho.georeference is None
    assert any("RPC" in note and "gdalwarp -rpc" in note for note in ortho.notes)


def test_a_crs_without_a_transform_is_no_place(tmp_path):
    ortho = open_orthophoto(save(tmp_path / "a.tif", noise(), crs="EPSG:28992"))
    assert ortho.georeference is None
    assert any("Amersfoort" in note and "no transform" in note for note in ortho.notes)
    with map_of(ortho, tmp_path / "map.tif") as made:
        assert made.crs is None and made.transform.is_identity


def test_a_transform_without_a_crs_is_kept(tmp_path):
    ortho = open_orthophoto(save(tmp_path / "a.tif", noise(), transform=TRANSFORM))
    assert ortho.georeference is not None and (ortho.georeference.crs, ortho.georeference.units) == ("", "")
    with map_of(ortho, tmp_path / "map.tif") as made:
        assert made.crs is None and made.transform == TRANSFORM


def test_a_world_file_places_a_picture(tmp_path):
    save(tmp_path / "a.png", noise(), driver="PNG")
    (tmp_path / "a.pgw").write_text("0.5\n0\n0\n-0.5\n340000.25\n2779999.75\n")
    ortho = open_orthophoto(tmp_path / "a.png")
    assert ortho.georeference is not None
    assert ortho.georeference.transform == (0.5, 0, 340000, 0, -0.5, 2780000)


ODD = {
    "own projection": (
        "+proj=laea +lat_0=10 +lon_0=20 +x_0=1 +y_0=2 +ellps=GRS80 +units=m +no_defs",
        True,
    ),
    "moon": ("+proj=longlat +R=1737400 +no_defs", True),
    "oblique": ("+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=39.25 +lon_0=18 +R=6367470 +no_defs", False),
}


@pytest.mark.parametrize("name", ODD)
def test_a_crs_is_kept_or_it_is_said(tmp_path, name):
    text, kept = ODD[name]
    crs = CRS.from_string(text)
    assert fits_geotiff(crs.to_wkt(version="WKT2_2019")) == kept
    path = save(tmp_path / "a.tif", noise(), crs=crs, transform=TRANSFORM)  # what the keys cannot say is beside it
    ortho = open_orthophoto(path)
    assert ortho.georeference is not None
    assert bool(ortho.notes) != kept
    if kept:
        with map_of(ortho, tmp_path / "map.tif") as made:
            assert made.crs.to_dict() == crs.to_dict()
    else:
        assert "cannot be held exactly by a GeoTIFF" in ortho.notes[0]
