"""What is read of rasters of every kind: the table in docs/reading.md names these tests."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import zarr
from raster_helpers import by_gdal, noise, save, valid, vrt, whole

from annotations.errors import RasterError
from annotations.images.band_roles import BandRoles
from annotations.images.display import display_levels
from annotations.images.gdal_raster import hold_block_cache, quiet_gdal
from annotations.images.orthophoto import open_orthophoto
from annotations.images.statistics import band_statistics
from annotations.region import Region

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
