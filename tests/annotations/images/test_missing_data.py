"""Where an image holds nothing: alpha, masks, palettes, declared and undeclared fill values."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import zarr
from raster_helpers import COLOURS, noise, save, valid, vrt, whole
from rasterio.enums import ColorInterp

from annotations.images.band_roles import BandRoles
from annotations.images.display import display_levels
from annotations.images.gdal_raster import quiet_gdal
from annotations.images.orthophoto import open_orthophoto
from annotations.images.statistics import band_statistics
from annotations.region import Region

# --------------------------------------------------------------------------------------------- transparency and masks


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize(("bands", "at"), [(1, 1), (2, 2), (3, 3), (3, 0), (4, 2), (6, 6)])
def test_alpha_beside_any_bands_of_any_type_anywhere(tmp_path, dtype, bands, at):
    pixels = noise(bands, dtype=dtype)
    opaque = np.zeros((70, 90), bool)
    opaque[:, 40:] = True
    alpha = np.where(opaque, 255 if dtype != "float32" else 1, 0).astype(dtype)[..., None]
    kinds = [ColorInterp.gray] + [ColorInterp.undefined] * (bands - 1)
    kinds.insert(at, ColorInterp.alpha)
    path = save(
        tmp_path / "a.tif",
        np.concatenate([pixels[..., :at], alpha, pixels[..., at:]], axis=2),
        colours=kinds,
        photometric="minisblack",
    )
    ortho = open_orthophoto(path)
    assert (ortho.bands, ortho.roles.mask, ortho.has_mask) == (bands, at, True)
    np.testing.assert_array_equal(valid(ortho), opaque)
    np.testing.assert_array_equal(ortho.read_valid(Region(5, 35, 9, 11)), opaque[5:14, 35:46])
    np.testing.assert_array_equal(whole(ortho), pixels)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_near_infrared_that_calls_itself_alpha_is_learnt_from(tmp_path, dtype):
    pixels = noise(4, dtype=dtype)
    pixels[:30, :30, 3] = 0  # water is black in it
    path = save(tmp_path / "rgbn.tif", pixels, colours=[*COLOURS, ColorInterp.alpha], photometric="rgb")
    ortho = open_orthophoto(path)
    assert (ortho.bands, ortho.roles) == (4, BandRoles((0, 1, 2, 3)))
    assert valid(ortho).all()
    np.testing.assert_array_equal(whole(ortho), pixels)
    assert any("Band 4" in note and "infrared" in note for note in ortho.notes)
    # As versions before would have had it, for the networks that were learnt with them.
    assert ortho.before == BandRoles((0, 1, 2), 3)
    old = open_orthophoto(path, roles=ortho.before)
    assert (old.bands, old.before) == (3, None)
    np.testing.assert_array_equal(valid(old), pixels[..., 3] > 0)


def test_soft_edges_of_a_transparency_are_image(tmp_path):
    alpha = np.full((70, 90), 255, np.uint8)
    alpha[:10] = 0
    alpha[10:16] = np.arange(10, 250, 40)[:, None]
    pixels = np.dstack([noise(3), alpha])
    ortho = open_orthophoto(save(tmp_path / "a.png", pixels, driver="PNG"))
    assert ortho.roles.mask == 3
    np.testing.assert_array_equal(valid(ortho), alpha > 0)


@pytest.mark.parametrize("inside", [True, False])
def test_a_mask_beside_the_bands(tmp_path, inside):
    mask = noise(1)[..., 0] > 50
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=inside):
        path = save(tmp_path / "a.tif", noise(3), mask=mask)
    assert (tmp_path / "a.tif.msk").exists() != inside
    ortho = open_orthophoto(path)
    assert (ortho.bands, ortho.has_mask, ortho.has_own_mask) == (3, True, True)
    np.testing.assert_array_equal(valid(ortho), mask)
    without = open_orthophoto(path, roles=BandRoles((0, 1, 2), declared=False))
    assert not without.has_mask and valid(without).all()


def test_palettes_and_their_transparent_entries(tmp_path):
    numbers = np.random.default_rng(0).integers(0, 4, (70, 90, 1)).astype(np.uint8)
    colours = {0: (10, 20, 30, 255), 1: (200, 0, 0, 255), 2: (0, 0, 250, 0), 3: (9, 9, 9, 128)}
    # GeoTIFF keeps no transparency in its colour table.
    path = save(tmp_path / "p.png", numbers, driver="PNG", palette=colours)
    ortho = open_orthophoto(path)
    assert (ortho.bands, ortho.band_names, ortho.dtype) == (3, ("red", "green", "blue"), np.uint8)
    np.testing.assert_array_equal(whole(ortho), np.array([colours[v][:3] for v in range(4)])[numbers[..., 0]])
    np.testing.assert_array_equal(valid(ortho), numbers[..., 0] != 2)


def test_a_palette_without_a_table_is_grey(tmp_path):
    pixels = noise(1)
    save(tmp_path / "n.tif", pixels)
    path = vrt(tmp_path / "n.vrt", (70, 90), ("Byte", "n.tif", 1, "<ColorInterp>Palette</ColorInterp>"))
    ortho = open_orthophoto(path)
    assert ortho.bands == 1 and any("colour table" in note for note in ortho.notes)
    np.testing.assert_array_equal(whole(ortho), pixels)


# ------------------------------------------------------------------------------------------------------- missing data


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("float32", -9999),
        ("float64", -9999),
        ("float32", -32768),
        ("float32", -999),
        ("int16", -9999),
        ("int16", -32768),
        ("int32", -99999),
    ],
)
def test_undeclared_fill_values_are_noticed(tmp_path, dtype, value):
    pixels = noise(2, dtype=dtype)
    if dtype[0] == "i":
        pixels //= 300
    holes = np.zeros((70, 90), bool)
    holes[:, :20] = True
    holes[40, 50] = True
    pixels[holes] = value
    path = save(tmp_path / "dsm.tif", pixels)
    ortho = open_orthophoto(path)
    assert ortho.roles.nodata == (value,) and ortho.has_mask
    assert any(f"{value:g}" in note for note in ortho.notes)
    np.testing.assert_array_equal(valid(ortho), ~holes)
    mean, std = band_statistics(ortho)
    np.testing.assert_allclose(mean, pixels[~holes].mean(0, dtype=float), rtol=1e-5)
    np.testing.assert_allclose(std, pixels[~holes].std(0, dtype=float), rtol=1e-4)
    read = whole(ortho)
    np.testing.assert_array_equal(read[~holes], pixels[~holes])
    assert read.min() >= pixels[~holes].min(), "what is missing must not reach a network"
    # A person who says that they are ground has the last word.
    kept = open_orthophoto(path, roles=BandRoles((0, 1)))
    assert valid(kept).all()
    np.testing.assert_array_equal(whole(kept), pixels)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_ordinary_values_are_not_taken_for_missing_data(tmp_path, dtype):
    pixels = noise(2, dtype=dtype)
    pixels[:30] = 0
    if dtype == "int16":
        pixels[..., 0] = np.random.default_rng(1).integers(-32768, 32767, (70, 90))
        pixels[5, 5, 0] = -9999
    ortho = open_orthophoto(save(tmp_path / "a.tif", pixels))
    assert ortho.roles.nodata == () and valid(ortho).all()
    np.testing.assert_array_equal(whole(ortho), pixels)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -3.4028234663852886e38, 1e20, 9.96921e36])
@pytest.mark.parametrize("kind", ["tif", "zarr"])
def test_what_is_not_finite_or_enormous_is_never_an_image(tmp_path, value, kind):
    pixels = noise(3, dtype=np.float32)
    pixels[3, 4, 1] = value  # one band of one pixel is enough
    pixels[:, :9] = value
    holes = np.zeros((70, 90), bool)
    holes[3, 4] = holes[:, :9] = True
    path = tmp_path / f"a.{kind}"
    if kind == "tif":
        save(path, pixels)
    else:
        zarr.create_array(path, data=pixels, chunks=(32, 32, 3))
    ortho = open_orthophoto(path)
    np.testing.assert_array_equal(valid(ortho), ~holes)
    read = whole(ortho)
    np.testing.assert_array_equal(read[~holes], pixels[~holes])
    assert np.isfinite(read).all() and np.abs(read).max() <= 100
    small, known = ortho.thumbnail(45)
    assert np.abs(small).max() <= 100 and 0 < known.mean() < 1
    np.testing.assert_allclose(band_statistics(ortho)[0], pixels[~holes].mean(0, dtype=float), rtol=1e-4)
    assert (display_levels(ortho, None)[0][holes] == 0).all()


@pytest.mark.parametrize("nodata", [0, 7, 255])
def test_an_ordinary_nodata_value_counts_where_all_bands_have_it(tmp_path, nodata):
    pixels = np.random.default_rng(0).choice(np.array([0, 7, 50, 255], np.uint8), (70, 90, 3), p=[0.4, 0.3, 0.1, 0.2])
    path = save(tmp_path / "a.tif", pixels, nodata=nodata)
    ortho = open_orthophoto(path)
    with quiet_gdal():
        dataset = rasterio.open(path)
    with dataset:
        np.testing.assert_array_equal(valid(ortho), dataset.dataset_mask() > 0)
    np.testing.assert_array_equal(whole(ortho), pixels)
    chosen = open_orthophoto(save(tmp_path / "b.tif", pixels), roles=BandRoles((0, 1, 2), nodata=(nodata,)))
    np.testing.assert_array_equal(valid(chosen), valid(ortho))


def test_a_fill_value_that_one_band_declares_counts_for_the_pixel(tmp_path):
    pixels = noise(3, dtype=np.float32)
    pixels[10:20, 10:20, 2] = -9999
    ortho = open_orthophoto(save(tmp_path / "a.tif", pixels, nodata=-9999))
    holes = np.zeros((70, 90), bool)
    holes[10:20, 10:20] = True
    np.testing.assert_array_equal(valid(ortho), ~holes)
    assert ortho.notes == () and whole(ortho).min() > 0


def test_the_fill_value_of_an_array(tmp_path):
    pixels = noise(1, dtype=np.int16)[..., 0]
    pixels[:9] = -1
    array = zarr.create_array(tmp_path / "a.zarr", data=pixels)
    array.attrs["_FillValue"] = -1
    ortho = open_orthophoto(tmp_path / "a.zarr")
    np.testing.assert_array_equal(valid(ortho), pixels != -1)
