"""What is read of rasters of every kind: the table in docs/reading.md names these tests."""

from __future__ import annotations

import base64
import json
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import rasterio
import tifffile
import zarr
from raster_helpers import COLOURS, noise, save, vrt
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling

from annotations.errors import RasterError
from annotations.images import probe
from annotations.images.band_roles import BandRoles
from annotations.images.display import display_levels
from annotations.images.gdal_raster import hold_block_cache, quiet_gdal
from annotations.images.orthophoto import open_orthophoto
from annotations.images.statistics import band_statistics
from annotations.region import Region


def whole(ortho):
    return ortho.read(Region.whole(ortho.shape))


def valid(ortho):
    return ortho.read_valid(Region.whole(ortho.shape))


def by_gdal(path):
    with quiet_gdal():
        dataset = rasterio.open(path)
    with dataset:
        return np.moveaxis(dataset.read(), 0, -1)


# ------------------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize("name", ["Smith & Sons", "a<i>b", "a&amp;b", "100% of 'x'"])
def test_images_of_any_name(tmp_path, name):
    pixels = noise(3, (300, 300))
    folder = tmp_path / name
    folder.mkdir()
    plain = save(tmp_path / "plain.tif", pixels, compress="jpeg", photometric="ycbcr", tiled=True)
    ortho = open_orthophoto(plain.rename(folder / f"{name}.tif"))
    small, _ = ortho.thumbnail(64)
    assert small.shape == (64, 64, 3)
    assert abs(small.mean() - whole(ortho).mean()) < 5
    assert ortho.name == name


# ------------------------------------------------------------------------------------------------------------- types


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "int64", "uint64"])
def test_integers_of_any_width(tmp_path, dtype):
    pixels = noise(2, dtype=dtype)
    path = save(tmp_path / "a.tif", pixels)
    ortho = open_orthophoto(path)
    assert (ortho.dtype, ortho.bands, ortho.has_mask) == (np.dtype(dtype), 2, False)
    np.testing.assert_array_equal(whole(ortho), by_gdal(path))
    np.testing.assert_allclose(band_statistics(ortho)[0], pixels.reshape(-1, 2).mean(0, dtype=float), rtol=1e-6)
    assert display_levels(ortho, None)[0].std() > 30


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats(tmp_path, dtype):
    pixels = noise(3, dtype=dtype)
    ortho = open_orthophoto(save(tmp_path / "a.tif", pixels))
    assert (ortho.dtype, ortho.has_mask) == (np.dtype(dtype), True)
    np.testing.assert_array_equal(whole(ortho), pixels)
    assert valid(ortho).all()


def test_half_floats(tmp_path):
    pixels = noise(3, dtype=np.float16)
    path = save(tmp_path / "a.tif", pixels.astype(np.float32), nbits=16)
    np.testing.assert_array_equal(whole(open_orthophoto(path)), pixels)
    zarr.create_array(tmp_path / "a.zarr", data=pixels)
    ortho = open_orthophoto(tmp_path / "a.zarr")
    np.testing.assert_array_equal(whole(ortho), pixels)
    assert valid(ortho).all() and np.isfinite(band_statistics(ortho)).all()


def test_single_bits(tmp_path):
    pixels = (noise(1) > 60).astype(np.uint8)
    ortho = open_orthophoto(save(tmp_path / "a.tif", pixels, nbits=1))  # to GDAL a palette of black and white
    np.testing.assert_array_equal(whole(ortho), np.repeat(pixels * 255, 3, axis=2))
    zarr.create_array(tmp_path / "a.zarr", data=pixels > 0)
    ortho = open_orthophoto(tmp_path / "a.zarr")
    assert ortho.dtype == np.uint8
    np.testing.assert_array_equal(whole(ortho), pixels)


@pytest.mark.parametrize("dtype", ["complex_int16", "complex64", "complex128"])
def test_complex_numbers_are_refused_by_name(tmp_path, dtype):
    path = tmp_path / "sar.tif"
    with quiet_gdal(), rasterio.open(path, "w", driver="GTiff", height=5, width=6, count=1, dtype=dtype):
        pass
    with pytest.raises(RasterError, match=rf"sar\.tif: band 1 .*{dtype}.*AMPLITUDE"):
        open_orthophoto(path)


def test_bands_of_several_types(tmp_path):
    colours, height = noise(3), noise(1, dtype=np.float32) + np.float32(0.25)
    save(tmp_path / "rgb.tif", colours)
    save(tmp_path / "height.tif", height)
    path = vrt(
        tmp_path / "stack.vrt",
        (70, 90),
        *[("Byte", "rgb.tif", b, "") for b in (1, 2, 3)],
        ("Float32", "height.tif", 1, "<NoDataValue>-9999</NoDataValue>"),
    )
    ortho = open_orthophoto(path)
    assert (ortho.bands, ortho.dtype) == (4, np.float32)
    np.testing.assert_array_equal(whole(ortho), np.concatenate([colours, height], axis=2))
    np.testing.assert_array_equal(ortho.read(Region(3, 5, 20, 30), [3, 0])[..., 0], height[3:23, 5:35, 0])
    assert ortho.read(Region(0, 0, 2, 2), [0]).dtype == np.float32
    assert len(display_levels(ortho, None)) == 1 and np.isfinite(band_statistics(ortho)).all()


def test_bytes_in_the_other_order(tmp_path):
    pixels = noise(3, dtype=">u2")
    zarr.create_array(tmp_path / "a.zarr", data=pixels)
    ortho = open_orthophoto(tmp_path / "a.zarr")
    assert ortho.dtype.isnative and whole(ortho).dtype.isnative
    np.testing.assert_array_equal(whole(ortho), pixels)
    np.testing.assert_array_equal(
        whole(open_orthophoto(save(tmp_path / "a.tif", noise(3, dtype=np.uint16), endianness="big"))), pixels
    )


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


# ----------------------------------------------------------------------------------------------------- roles of bands


def test_bands_are_used_as_a_person_says(tmp_path):
    pixels = noise(5)
    path = save(tmp_path / "a.tif", pixels, photometric="minisblack")
    ortho = open_orthophoto(path, roles=BandRoles((4, 1), mask=2))
    assert (ortho.bands, ortho.band_names, ortho.display_bands) == (2, ("band 5", "band 2"), (0,))
    np.testing.assert_array_equal(whole(ortho), pixels[..., [4, 1]])
    np.testing.assert_array_equal(ortho.read(Region(2, 3, 9, 8), [1]), pixels[2:11, 3:11, 1:2])
    with pytest.raises(RasterError, match=r"a\.tif: has 5 bands, and band 6"):
        open_orthophoto(path, roles=BandRoles((0, 5)))
    for wrong in [{"learnt": ()}, {"learnt": (0, 0)}, {"learnt": (0,), "mask": 0}, {"learnt": (-1,)}]:
        with pytest.raises(RasterError):
            BandRoles(**wrong)
    again = BandRoles.from_json(json.loads(json.dumps(BandRoles((2, 0), 1, (-9999.0, 0.5), False).to_json())))
    assert again == BandRoles((2, 0), 1, (-9999.0, 0.5), False)
    for damaged in [{}, [], "x", {"learnt": None}, {"learnt": [0], "mask": "a"}, {"learnt": [1e400]}]:
        with pytest.raises(RasterError):
            BandRoles.from_json(damaged)


# --------------------------------------------------------------------------------------- containers, pages and sources


def netcdf(path, names):
    """A netCDF-3 file of 4 x 5 floats for each name."""

    def text(s):
        return struct.pack(">i", len(s)) + s.encode() + b"\0" * (-len(s) % 4)

    dims = struct.pack(">ii", 10, 2) + text("y") + struct.pack(">i", 4) + text("x") + struct.pack(">i", 5)
    none = struct.pack(">ii", 0, 0)

    def variable(name, begin):
        return text(name) + struct.pack(">iii", 2, 0, 1) + none + struct.pack(">iii", 5, 80, begin)

    head = b"CDF\x01" + struct.pack(">i", 0) + dims + none + struct.pack(">ii", 11, len(names))
    size = len(head) + sum(len(variable(n, 0)) for n in names)
    body = b"".join(variable(n, size + 80 * i) for i, n in enumerate(names))
    path.write_bytes(head + body + np.arange(20 * len(names), dtype=">f4").tobytes())
    return path


def test_containers_name_what_they_hold(tmp_path):
    with pytest.raises(RasterError, match=r"c\.nc.*2 rasters") as caught:
        open_orthophoto(netcdf(tmp_path / "c.nc", ["red_band", "height"]))
    for part in ("red_band", "height", "gdal_translate"):
        assert part in str(caught.value)
    one = open_orthophoto(netcdf(tmp_path / "one.nc", ["height"]))
    assert (one.shape, one.bands) == ((4, 5), 1)


# Written once by h5py: one or two data sets of 3 x 4 x 5 bytes; as netCDF 4, of 4 x 5 with dimensions.
HDF5 = {
    "one.h5": (
        "eNrr9HBx4+WS4mIAAQ4OBhYGAQZk8B8KbDhQ+TD5BCjNCKU7oPQKJpg4I1hOAiouCDUfXV1IkKsrSPV/NACzx4AFQnMwjIKRCDxcHQNA"
        "dASUD0ulJ5hQ1WXmJqanIqVHDwrtZWRghZjFCONbQGhmiAAzVB00eQJVMxAQFwAbJQA3kgMqzwHmMzExMUJEITkGaA00yduguaxgQOIh"
        "2M/fBZSjYflQgXk0bY6CUTBkASMTMwsrGzsHJxc3Dy8fv4CgkLCIqJi4hKSUtIysnLyCopKyiqqauoamlraOrp6+gaGRsYmpmbmFpZU1"
        "AIgyNKw="
    ),
    "two.h5": (
        "eNrr9HBx4+WS4mIAAQ4OBhYGAQZk8B8KKjhQ+TD5BCjNCKU7oPQKJpg4I1hOAiouCDUfXV1IkKsrSPV/NACzx4AFQnMwjIKRCDxcHQNA"
        "dASUrwClTzChqitKTYlPSsxLgfEzUjPTM0oQ6dOCRHsZGVghehlhfIgJjMwQAWaoOmjyBKpmICAuADZKAG4kB1SeA8xnYmJihIhCcgzQ"
        "GmiSt0FzWcGAxEOwn78LIwMTPD9XsOJXD8uvCsyjaXhwpSubQZWuRsFAJUQmZhZWNnYOTi5uHl4+fgFBIWERUTFxCUkpaRlZOXkFRSVl"
        "FVU1dQ1NLW0dXT19A0MjYxNTM3MLSytrSvQCAJ86QcE="
    ),
    "one4.nc": (
        "eNrtWTFPwkAUfnfQWhCkiBFwkcHBkZFNCBxCAsVQBjchgQiDOMiAk4z6T/wJjIz+JDe8tu9KWwPEmBgi94XweHfv3bt7/V6bPt5qlWo8"
        "ehYFC5oGYdDBiyVinvXrYr6LkqB8RflOxTix5zI4nsT1g3adNmOW9TIAEScfdqQGEvuIGivdWPIW9RzKD+q3e0Y5RTkcjO6HkxU/Cz+M"
        "SyDi+BKhO0wmxBlAWroyxOetmWTuHMdykNYg/YLzCmewNU8pJQ6fnfVCRFDbX38xyGNclRtoUG6UTJPrKbQU56rUm8ww6y3jziyXGoz7"
        "XaKfYvsZpSYD9KMeP5EvHeMWsFAX7g78FWcarQqxT4n1rm7OnzjNVNlsJ6LkQvvB5228Uly+/JZXOqb25E95NQ3w6nMLr6x9+POBcai/"
        "zpRAva3yo9uuq71rW/JysSYvXYyf4GtlPOdv1M0OQBZjpDGCuF7iNkQ9z8OCtvrt1R2bzA6xcXbFv4r8U/yuz4r8IoTCinqgRaKHsfhR"
        "Qk8ep67LrQbxFDhZU8c0MB68DywS8tkmISEhISEhISEhISEhIbGriMEc3/sTMIEMtFmVtZlRZtgnOaVOa6Dfm/SeBpOt64l+Sn/0MBg/"
        "jR7Hgb7BOlgxRD/M3g/2Y0Q/wv1fQv0f+xf6FwC6b3g="
    ),
    "two4.nc": (
        "eNrtWbFuGkEQnV3uyJngcNhROLvJFSlcpqQLCNY20vmIOBfpbCJQTBEi2RSkiku782fkE/IJlP4je4+dgbuzDopIyE7mCTHMzuzO7twb"
        "Vgy3x+3D7dJ+CWI4DljgQhIPiMBP62Q/RylQ3qD8LWlczG0ejldx/azfaU+p2PshA4rz0TLSAcb/iGPV/BzLL8QHlDOZ9vuJcorycjg4"
        "+9ofD8h+MRx9u5gs+XqwJq6ALeMrSDdMFsIMIC0XsqDtsaXqv8cxH2oO1H6h3dYMju1SSmH4bNYrCKJ2uv7KeFIBRe3gQCtoRpHWd9GT"
        "ztHunKgw6nTDs6jVDJSed4Dz7Pm8sHmiAOfJxDzKl4txZ/tGv1/sIF1xUdhtC30yytufvdX5o7q/Ka72o1NP7dV+tBu/8LL5vI5X9oIv"
        "f8srF1P2dqO8mmZ4VfdW8yreRzofGEem68zO1NsyP+586nLvzpq8fMjJyznGr+i1vMT5g050CrCHMWoYgZ4XfQ3JxH1Yd5afk7pMVcZz"
        "wPUn/dbQr8ZT/bqhH0LBsouvnK3S6/L2m4pb3dk9anUDkShckVOfMjNO9W3l+Ns5/oS7Ct+FDAaDwWAwGAwGg8FgbAplmOHv/gpMwIOe"
        "OlQ9FbYU9kneSdMaGPQn/avhZO161E8ZjL4Px1ejH+NMHyAP7qKX4Jv95PRjqP9IfQrqW4oXmv/N98vqJsEb6JdZGd3s2fsn+QgZPjIY"
        "DMbzv4Ce/ifwCF2zfS0="
    ),
}


def hdf5(folder, name):
    path = folder / name
    path.write_bytes(zlib.decompress(base64.b64decode(HDF5[name])))
    return path


def grib(path, messages):
    """A GRIB 1 file of 4 x 5 heights, of 8 bits, for each message."""

    def size(n):
        return n.to_bytes(3, "big")

    def section(body):
        return size(len(body) + 3) + body

    about = section(bytes([2, 7, 0, 255, 0x80, 7, 1, 0, 0, 24, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 21, 0, 0, 0]))
    grid = bytes([0, 255, 0]) + struct.pack(">HH", 5, 4) + size(52000) + size(5000) + b"\x80"
    grid = section(grid + size(49000) + size(9000) + struct.pack(">HH", 1000, 1000) + bytes(5))
    content = b""
    for n in range(messages):
        values = section(bytes([8, 0, 0, 0, 0, 0, 0, 8, *range(20 * n, 20 * n + 20), 0]))
        body = about + grid + values + b"7777"
        content += b"GRIB" + size(len(body) + 8) + b"\x01" + body
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["one.h5", "one4.nc"])
def test_hdf5_and_netcdf_4_of_one_raster(tmp_path, name):
    ortho = open_orthophoto(hdf5(tmp_path, name))
    values = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    # The coordinates of the netCDF count upwards, so its first row is the southernmost.
    expected = np.moveaxis(values, 0, -1) if name == "one.h5" else values[0, ::-1, :, None]
    np.testing.assert_array_equal(whole(ortho), expected)
    assert any("3 layers are taken as bands" in note for note in ortho.notes) == (name == "one.h5")


@pytest.mark.parametrize("name", ["two.h5", "two4.nc"])
def test_hdf5_and_netcdf_4_of_several_rasters_name_them(tmp_path, name):
    with pytest.raises(RasterError, match=r"container of 2 rasters") as caught:
        open_orthophoto(hdf5(tmp_path, name))
    assert all(part in str(caught.value) for part in (name, "red_band", "height", "gdal_translate"))


def test_grib_messages_are_bands(tmp_path):
    ortho = open_orthophoto(grib(tmp_path / "a.grib", 2))
    np.testing.assert_array_equal(whole(ortho), np.arange(40).reshape(2, 4, 5).transpose(1, 2, 0))
    assert ortho.georeference.transform == pytest.approx((1, 0, 4.5, 0, -1, 52.5))
    assert any("2 layers are taken as bands" in note and "messages" in note for note in ortho.notes)
    assert open_orthophoto(grib(tmp_path / "b.grib", 1)).bands == 1


@pytest.mark.parametrize("name", ["two4.nc", "one.h5", "a.grib"])
def test_containers_that_are_cut_off_are_refused(tmp_path, name):
    path = grib(tmp_path / name, 1) if name == "a.grib" else hdf5(tmp_path, name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(RasterError, match=name):
        whole(open_orthophoto(path))


def test_a_netcdf_that_crashes_its_library_is_refused(tmp_path):
    path = netcdf(tmp_path / "a.nc", ["height", "red"])
    content = bytearray(path.read_bytes())
    for place, value in {39: 21, 52: 8, 83: 8, 84: 8, 131: 13, 147: 4, 153: 96, 166: 8, 228: 69}.items():
        content[place] = value
    path.write_bytes(content)
    with pytest.raises(RasterError, match=r"a\.nc"):  # in this process it would be the last line
        open_orthophoto(path)


@pytest.mark.parametrize("name", ["one.h5", "one4.nc"])
def test_files_whose_library_crashes_or_never_comes_back_are_refused(tmp_path, monkeypatch, name):
    path = hdf5(tmp_path, name)
    monkeypatch.setattr(probe, "_ATTEMPT", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(RasterError, match=rf"{name}.*HDF5.*signal 11.*copy or download"):
        open_orthophoto(path)
    monkeypatch.setattr(probe, "_ATTEMPT", "while True: pass")
    monkeypatch.setattr(probe, "_SECONDS", 0.3)
    with pytest.raises(RasterError, match=rf"{name}.*within 0\.3 seconds.*copy or download"):
        open_orthophoto(path)
    monkeypatch.setattr(probe, "_ATTEMPT", "")
    assert open_orthophoto(path).shape == (4, 5)


def test_a_geopackage_of_several_rasters(tmp_path):
    path = tmp_path / "g.gpkg"
    for name in ("summer", "winter"):
        save(
            path,
            noise(3, (256, 256)),
            driver="GPKG",
            raster_table=name,
            append_subdataset="YES" if path.exists() else "NO",
            crs="EPSG:3857",
            transform=rasterio.Affine(1, 0, 0, 0, -1, 256),
        )
    with pytest.raises(RasterError, match="summer") as caught:
        open_orthophoto(path)
    assert "winter" in str(caught.value) and "gdal_translate" in str(caught.value)


def test_pages_of_a_tiff(tmp_path):
    pages = noise(3, dtype=np.uint16)
    tifffile.imwrite(tmp_path / "p.tif", np.moveaxis(pages, -1, 0), photometric="minisblack")
    ortho = open_orthophoto(tmp_path / "p.tif")
    np.testing.assert_array_equal(whole(ortho), pages[..., :1])
    assert any("3 pages" in note and "first" in note for note in ortho.notes)


def test_overviews_are_no_pages(tmp_path):
    path = save(tmp_path / "o.tif", noise(3, (600, 600)))
    with quiet_gdal():
        dataset = rasterio.open(path, "r+")
    with dataset:
        dataset.build_overviews([2, 4], Resampling.average)
    ortho = open_orthophoto(path)
    assert ortho.notes == () and ortho.thumbnail(150)[0].shape == (150, 150, 3)


def test_ome_tiffs_by_their_axes(tmp_path):
    stack = noise(4, dtype=np.uint16)
    planes = np.moveaxis(stack, -1, 0)
    tifffile.imwrite(
        tmp_path / "c.ome.tif",
        planes,
        photometric="minisblack",
        metadata={"axes": "CYX", "Channel": {"Name": ["blue", "green", "red", "nir"]}},
    )
    ortho = open_orthophoto(tmp_path / "c.ome.tif")
    assert ortho.band_names == ("blue", "green", "red", "nir")
    np.testing.assert_array_equal(whole(ortho), stack)
    for axes in ("ZYX", "TYX"):
        tifffile.imwrite(tmp_path / "z.ome.tif", planes, photometric="minisblack", metadata={"axes": axes})
        with pytest.raises(RasterError, match=r"z\.ome\.tif.*OME-TIFF.*(times|depths)"):
            open_orthophoto(tmp_path / "z.ome.tif")


def test_a_missing_tile_of_a_vrt_is_named(tmp_path):
    save(tmp_path / "tile_1.tif", noise(1))
    path = vrt(tmp_path / "m.vrt", (70, 90), ("Byte", "tile_1.tif", 1, ""), ("Byte", "tile_2.tif", 1, ""))
    with pytest.raises(RasterError, match=r"m\.vrt.*tile_2\.tif"):
        open_orthophoto(path)
    save(tmp_path / "tile_2.tif", noise(1, seed=1))
    ortho = open_orthophoto(path)
    assert whole(ortho).shape == (70, 90, 2)
    ortho.close()
    (tmp_path / "tile_1.tif").unlink()  # its drive goes while it is open
    with pytest.raises(RasterError, match=r"m\.vrt.*tile_1\.tif"):
        whole(ortho)


def test_files_that_are_none(tmp_path):
    os.mkfifo(tmp_path / "pipe.tif")
    for path in (tmp_path / "pipe.tif", "/dev/zero", tmp_path / ("n" * 300), "a\0b.tif", tmp_path / "a.tif" / "b.tif"):
        with pytest.raises(RasterError):
            open_orthophoto(path)


# --------------------------------------------------------------------------------------------------------- zarr's axes


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


# ------------------------------------------------------------------------------------------------------------- memory


def test_the_limit_of_decoded_blocks_holds_while_the_process_lives(tmp_path, monkeypatch):
    from rasterio.env import get_gdal_config, set_gdal_config

    monkeypatch.delenv("GDAL_CACHEMAX", raising=False)
    set_gdal_config("GDAL_CACHEMAX", 2**30)
    ortho = open_orthophoto(save(tmp_path / "a.tif", noise()))
    with rasterio.Env():
        whole(ortho)
    with quiet_gdal():
        pass
    assert get_gdal_config("GDAL_CACHEMAX") == 192 * 2**20
    monkeypatch.setenv("GDAL_CACHEMAX", "64")
    set_gdal_config("GDAL_CACHEMAX", 64 * 2**20)
    hold_block_cache()
    assert get_gdal_config("GDAL_CACHEMAX") == 64 * 2**20
    monkeypatch.delenv("GDAL_CACHEMAX")
    hold_block_cache()


def test_each_row_of_the_table_names_tests_that_exist():
    root = Path(__file__).parents[3]
    rows = [line for line in (root / "docs" / "reading.md").read_text().splitlines() if "| test_" in line]
    assert len(rows) >= 40
    files = {p.stem: p.read_text() for p in (root / "tests").rglob("test_*.py")}
    for row in rows:
        for name in row.strip("| ").split("|")[-1].split(","):
            file, _, function = name.strip().partition("::")
            assert file in files and f"def {function}" in files[file], row
