"""Orthophotos in zarr: which axis is what, and where they lie."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import zarr
from raster_helpers import noise, save, whole
from rasterio.crs import CRS

from annotations.errors import RasterError
from annotations.images.orthophoto import open_orthophoto
from annotations.region import Region


def group(path, data, axes, **options):
    root = zarr.create_group(path, **options)
    root.create_array("0", data=data)
    root.attrs["multiscales"] = [{"axes": axes, "datasets": [{"path": "0"}]}]
    return path


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("form", ["objects", "letters"])
def test_ome_zarr_by_its_axes(tmp_path, version, form):
    pixels = noise(6, (5, 40))  # by lengths alone the first axis would be the bands
    data = np.moveaxis(pixels, -1, 0)[None, :, None]
    axes = list("tczyx") if form == "letters" else [{"name": n} for n in "tczyx"]
    ortho = open_orthophoto(group(tmp_path / "a.zarr", data, axes, zarr_format=version))
    assert (ortho.shape, ortho.bands) == ((5, 40), 6)
    np.testing.assert_array_equal(whole(ortho), pixels)
    np.testing.assert_array_equal(ortho.read(Region(1, 7, 3, 20), [5, 2]), pixels[1:4, 7:27, [5, 2]])
    np.testing.assert_array_equal(ortho.thumbnail(40)[0], pixels)


@pytest.mark.parametrize("axis", ["t", "z"])
def test_zarr_of_several_times_or_depths(tmp_path, axis):
    path = group(tmp_path / "a.zarr", np.zeros((3, 2, 8, 9), np.uint8), [axis, "c", "y", "x"])
    with pytest.raises(RasterError, match=rf"a\.zarr.*3 images along '{axis}'"):
        open_orthophoto(path)


def test_zarr_by_the_names_of_its_dimensions(tmp_path):
    pixels = noise(3, (8, 40))
    zarr.create_array(
        tmp_path / "a.zarr", data=np.moveaxis(pixels, -1, 1), dimension_names=["latitude", "band", "longitude"]
    )
    np.testing.assert_array_equal(whole(open_orthophoto(tmp_path / "a.zarr")), pixels)
    old = zarr.create_array(tmp_path / "b.zarr", data=np.moveaxis(pixels, -1, 0), zarr_format=2)
    old.attrs["_ARRAY_DIMENSIONS"] = ["band", "y", "x"]
    np.testing.assert_array_equal(whole(open_orthophoto(tmp_path / "b.zarr")), pixels)


def test_zarr_groups(tmp_path):
    root = zarr.create_group(tmp_path / "g.zarr")
    root.create_array("x", data=np.arange(90))
    root.create_array("reflectance", data=noise(3))
    assert open_orthophoto(tmp_path / "g.zarr").bands == 3
    root.create_array("height", data=noise(1)[..., 0])
    with pytest.raises(RasterError, match=r"g\.zarr.*height, reflectance"):
        open_orthophoto(tmp_path / "g.zarr")
    assert open_orthophoto(tmp_path / "g.zarr" / "height").bands == 1
    zarr.create_group(tmp_path / "empty.zarr")
    with pytest.raises(RasterError, match=r"empty\.zarr.*no image"):
        open_orthophoto(tmp_path / "empty.zarr")


def xarray(path, *, version=2, mapping=None, x=None, y=None, name="spatial_ref", **attributes):
    """Write what xarray and rioxarray do: an image of 20 x 30, its coordinates, and a grid mapping."""
    root = zarr.create_group(path, zarr_format=version)

    def array(called, data, dimensions, **more):
        named = {"dimension_names": dimensions} if version == 3 else {}
        old = {"_ARRAY_DIMENSIONS": list(dimensions)} if version == 2 else {}
        root.create_array(called, data=np.asarray(data), attributes={**old, **more}, **named)

    array("image", np.moveaxis(noise(3, (20, 30)), -1, 0), ("band", "y", "x"), grid_mapping=name, **attributes)
    array("x", 3e5 + 0.25 + 0.5 * np.arange(30) if x is None else x, ("x",))
    array("y", 2e6 - 0.25 - 0.5 * np.arange(20) if y is None else y, ("y",))
    array(name, 0, (), **({"crs_wkt": UTM, "GeoTransform": "300000.0 0.5 0.0 2000000.0 0.0 -0.5"} | (mapping or {})))
    return path


UTM = CRS.from_epsg(32640).to_wkt()
PLACE = (0.5, 0, 3e5, 0, -0.5, 2e6)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("inside", ["", "image"])
def test_the_place_that_rioxarray_writes(tmp_path, version, inside):
    ortho = open_orthophoto(xarray(tmp_path / "a.zarr", version=version) / inside)
    assert ortho.bands == 3 and ortho.notes == ()
    assert ortho.georeference.transform == PLACE
    assert CRS.from_wkt(ortho.georeference.crs).to_epsg() == 32640


@pytest.mark.parametrize(
    ("changes", "transform"),
    [
        ({"mapping": {"GeoTransform": ""}}, PLACE),  # by the coordinates
        ({"x": np.zeros(30)}, PLACE),  # by the GeoTransform
        ({"x": 3e5 + 7.25 + 0.5 * np.arange(30)}, (0.5, 0, 300007, 0, -0.5, 2e6)),  # a part cut out of the whole
        ({"y": 2e6 + 0.25 + 0.5 * np.arange(20)}, (0.5, 0, 3e5, 0, 0.5, 2e6)),  # south-up
        ({"x": np.float32(3e5 + 0.25 + 0.5 * np.arange(30))}, PLACE),
        ({"mapping": {"GeoTransform": "300000 0.4 0.3 2000000 0.3 -0.4"}}, (0.4, 0.3, 3e5, 0.3, -0.4, 2e6)),  # rotated
        ({"name": "crs", "mapping": {"crs_wkt": "", "spatial_ref": UTM}}, PLACE),
        ({"mapping": {"crs_wkt": ""}, "_CRS": {"wkt": UTM}}, PLACE),  # as GDAL writes it
    ],
)
def test_coordinates_and_the_geotransform_of_xarray(tmp_path, changes, transform):
    ortho = open_orthophoto(xarray(tmp_path / "a.zarr", **changes))
    assert ortho.georeference.transform == pytest.approx(transform)
    assert CRS.from_wkt(ortho.georeference.crs).to_epsg() == 32640


def test_the_place_that_gdal_writes_into_zarr(tmp_path):
    path = save(
        tmp_path / "a.zarr", noise(1, (20, 30)), driver="Zarr", crs="EPSG:32640", transform=rasterio.Affine(*PLACE)
    )
    ortho = open_orthophoto(path)
    assert ortho.georeference.transform == PLACE
    assert CRS.from_wkt(ortho.georeference.crs).to_epsg() == 32640


@pytest.mark.parametrize("mapping", [{"crs_wkt": "nonsense"}, {"crs_wkt": [1]}, {"crs_wkt": ""}])
def test_a_coordinate_system_of_xarray_that_cannot_be_read_is_said(tmp_path, mapping):
    ortho = open_orthophoto(xarray(tmp_path / "a.zarr", mapping=mapping))
    assert (ortho.georeference.crs, ortho.georeference.transform) == ("", PLACE)
    assert any("coordinate reference system cannot be read" in note for note in ortho.notes)


@pytest.mark.parametrize("geotransform", ["", "1 2 3", "a b c d e f", "0 0 0 0 0 0", "nan 1 0 0 0 1", 7, None])
def test_a_grid_mapping_without_a_transform_is_said(tmp_path, geotransform):
    path = xarray(tmp_path / "a.zarr", mapping={"GeoTransform": geotransform}, x=np.arange(30) ** 2)
    ortho = open_orthophoto(path)
    assert ortho.georeference is None
    assert any("neither a GeoTransform nor evenly spaced" in note for note in ortho.notes)


@pytest.mark.parametrize("name", ["gone", "../image", "", ".", "x\\y"])
def test_a_grid_mapping_that_is_not_there_is_no_place(tmp_path, name):
    path = tmp_path / "a.zarr"
    pixels = np.moveaxis(noise(3, (20, 30)), -1, 0)
    attributes = {"grid_mapping": name, "_ARRAY_DIMENSIONS": ["band", "y", "x"]}
    root = zarr.create_group(path)
    root.create_array("image", data=pixels, attributes=attributes)
    root.create_array("x", data=np.arange(30.0))
    root.create_array("y", data=np.arange(20.0))
    assert open_orthophoto(path).georeference is None
