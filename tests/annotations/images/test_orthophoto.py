from __future__ import annotations

import pickle
import shutil
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
import zarr
from hypothesis import given
from hypothesis import strategies as st
from rasterio.enums import ColorInterp

from annotations.errors import RasterError
from annotations.images.band_roles import BandRoles
from annotations.images.display import display_levels
from annotations.images.gdal_raster import open_dataset, quiet_gdal
from annotations.images.orthophoto import open_orthophoto
from annotations.images.statistics import band_statistics
from annotations.region import Region

if TYPE_CHECKING:
    from pathlib import Path

TRANSFORM = rasterio.Affine(0.25, 0, 340000, 0, -0.5, 2780000)


def picture(bands=3, shape=(70, 90), dtype=np.uint8, seed=0):
    high = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    return (np.random.default_rng(seed).random((*shape, bands)) * high).astype(dtype)


def save(path, pixels, *, colours=None, palette=None, **profile):
    height, width, bands = pixels.shape
    with quiet_gdal():
        dataset = rasterio.open(path, "w", height=height, width=width, count=bands, dtype=pixels.dtype, **profile)
    with dataset:
        dataset.write(np.moveaxis(pixels, -1, 0))
        if colours is not None:
            dataset.colorinterp = colours
        if palette is not None:
            dataset.write_colormap(1, palette)
    return path


@pytest.mark.parametrize("bands", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_geotiffs_of_many_kinds(tmp_path, bands, dtype):
    pixels = picture(bands, dtype=dtype)
    path = save(
        tmp_path / "a b.tif", pixels, crs="EPSG:32640", transform=TRANSFORM, tiled=True, blockxsize=32, blockysize=32
    )
    ortho = open_orthophoto(path)
    assert (ortho.shape, ortho.dtype, ortho.name) == ((70, 90), np.dtype(dtype), "a b")
    alpha = bands in (2, 4) and dtype == np.uint8 and ortho.bands == bands - 1
    kept = pixels[..., : bands - 1] if alpha else pixels
    assert ortho.bands == kept.shape[2]
    np.testing.assert_array_equal(ortho.read(Region.whole(ortho.shape)), kept)
    np.testing.assert_array_equal(ortho.read(Region(3, 50, 40, 30), [0]), pixels[3:43, 50:80, :1])
    assert ortho.georeference is not None
    assert ortho.georeference.pixel_size == (0.5, 0.25)
    assert ortho.georeference.units == "metre"
    assert rasterio.crs.CRS.from_wkt(ortho.georeference.crs).to_epsg() == 32640
    assert len(ortho.display_bands) == (3 if ortho.bands >= 3 else 1)


@given(st.integers(0, 69), st.integers(0, 89), st.integers(0, 70), st.integers(0, 90))
@pytest.mark.parametrize("kind", ["tif", "png", "hw", "hwc", "chw"])
def test_any_window_of_any_source_is_that_part_of_the_image(tmp_path, kind, top, left, height, width):
    pixels = picture(1 if kind == "hw" else 3)
    path = tmp_path / f"image.{kind}"
    if not path.exists():
        if kind in ("tif", "png"):
            save(path, pixels, driver={"tif": "GTiff", "png": "PNG"}[kind])
        else:
            data = {"hw": pixels[..., 0], "hwc": pixels, "chw": np.moveaxis(pixels, -1, 0)}[kind]
            zarr.create_array(path, data=np.ascontiguousarray(data), chunks=tuple(min(n, 32) for n in data.shape))
    ortho = open_orthophoto(path)
    region = Region(top, left, height, width).clipped(ortho.shape)
    found = ortho.read(region)
    np.testing.assert_array_equal(found, pixels[region.slices])
    assert found.flags.c_contiguous and found.flags.writeable
    assert ortho.georeference is None
    assert ortho.read_valid(region).shape == region.shape
    assert ortho.read_valid(region).all()
    ortho.close()


def test_jpeg_files_are_read(tmp_path):
    pixels = np.full((40, 50, 3), (200, 100, 30), np.uint8)
    ortho = open_orthophoto(save(tmp_path / "p.jpg", pixels, driver="JPEG"))
    assert np.abs(ortho.read(Region(5, 5, 10, 10)).astype(int) - (200, 100, 30)).max() < 4


def test_colours_are_found_by_their_meaning(tmp_path):
    c = ColorInterp
    path = save(
        tmp_path / "bgr.tif", picture(4), colours=[c.blue, c.green, c.red, c.undefined], photometric="minisblack"
    )
    ortho = open_orthophoto(path)
    assert (ortho.bands, ortho.display_bands) == (4, (2, 1, 0))
    assert ortho.band_names == ("blue", "green", "red", "band 4")
    assert open_orthophoto(path, [3]).display_bands == (3,)
    for wrong in ([4, 0, 1], [0, 1], [-1]):
        with pytest.raises(RasterError, match="one or three of its 4 bands"):
            open_orthophoto(path, wrong)


def test_a_palette_counts_as_its_colours(tmp_path):
    pixels = np.array([[[0], [1]], [[2], [1]]], np.uint8)
    palette = {0: (10, 20, 30, 255), 1: (200, 0, 0, 255), 2: (0, 0, 250, 255)}
    ortho = open_orthophoto(save(tmp_path / "p.png", pixels, driver="PNG", palette=palette))
    assert ortho.bands == 3
    assert ortho.read(Region(0, 0, 2, 2)).tolist() == [[[10, 20, 30], [200, 0, 0]], [[0, 0, 250], [200, 0, 0]]]


def test_nodata_transparency_and_nan_are_not_valid(tmp_path):
    pixels = np.maximum(picture(3), 1)
    pixels[10:20, 10:20] = 0
    pixels[30, 30, 0] = 0  # one band only: a dark pixel, not a missing one
    holes = np.ones((70, 90), bool)
    holes[10:20, 10:20] = False
    nodata = open_orthophoto(save(tmp_path / "nodata.tif", pixels, nodata=0))
    alpha = np.where(holes, 255, 0).astype(np.uint8)[..., None]
    files = [save(tmp_path / "alpha.tif", np.concatenate([pixels, alpha], 2), photometric="rgb", alpha="yes")]
    files.append(save(tmp_path / "alpha.png", np.concatenate([pixels, alpha], 2), driver="PNG"))
    floats = np.where(holes[..., None], pixels, np.nan).astype(np.float32)
    files.append(save(tmp_path / "float.tif", floats))
    zarr.create_array(tmp_path / "float.zarr", data=floats)
    for ortho in [nodata, *map(open_orthophoto, [*files, tmp_path / "float.zarr"])]:
        assert ortho.has_mask and ortho.bands == 3, ortho
        np.testing.assert_array_equal(ortho.read_valid(Region.whole(ortho.shape)), holes)
        np.testing.assert_array_equal(ortho.read_valid(Region(5, 8, 10, 7)), holes[5:15, 8:15])
        small, valid = ortho.thumbnail(45)
        assert small.shape == (35, 45, 3)
        assert not valid[6:9, 6:9].any() and valid[20:].all()
        mean, std = band_statistics(ortho)
        known = pixels[holes].astype(float)
        np.testing.assert_allclose(mean, known.mean(axis=0), rtol=1e-6)
        np.testing.assert_allclose(std, known.std(axis=0), rtol=1e-6)


def test_statistics_can_always_divide(tmp_path):
    flat = open_orthophoto(save(tmp_path / "flat.tif", np.full((9, 9, 1), 7, np.uint8)))
    assert band_statistics(flat)[0] == (7.0,)
    assert band_statistics(flat)[1][0] > 0
    empty = open_orthophoto(save(tmp_path / "empty.tif", np.zeros((9, 9, 2), np.uint16), nodata=0))
    assert band_statistics(empty) == ((0.0, 0.0), (1.0, 1.0))


def test_threads_read_at_once_and_a_pickle_reads_the_same(tmp_path):
    pixels = picture(3, (300, 300))
    ortho = open_orthophoto(
        save(tmp_path / "t.tif", pixels, tiled=True, blockxsize=64, blockysize=64, compress="deflate"), [2]
    )
    copy = pickle.loads(pickle.dumps(ortho))
    assert (copy.display_bands, copy.fingerprint) == ((2,), ortho.fingerprint)
    wrong = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(60):
            top, left = rng.integers(0, 250, 2)
            region = Region(int(top), int(left), 50, 50)
            if not (copy.read(region) == pixels[region.slices]).all():
                wrong.append(region)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_fingerprints_follow_the_contents_not_the_name(tmp_path):
    first = save(tmp_path / "a.tif", picture())
    shutil.copy(first, tmp_path / "b.tif")
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "c.tif").write_bytes(content)
    prints = [open_orthophoto(tmp_path / f"{n}.tif").fingerprint for n in "abc"]
    assert prints[0] == prints[1] != prints[2]
    with_overviews = tmp_path / "b.tif"
    with quiet_gdal():
        dataset = rasterio.open(with_overviews, "r+")
    with dataset:
        dataset.build_overviews([2, 4])
        dataset.update_tags(note="made later")
        dataset.crs, dataset.transform = rasterio.crs.CRS.from_epsg(32640), TRANSFORM
    assert open_orthophoto(with_overviews).fingerprint == prints[0]
    save(tmp_path / "d.tif", picture(), tiled=True, blockxsize=16, blockysize=16, compress="lzw", interleave="band")
    assert open_orthophoto(tmp_path / "d.tif").fingerprint == prints[0]
    assert open_orthophoto(tmp_path / "d.tif", roles=BandRoles((2, 0))).fingerprint == prints[0]
    array = zarr.create_array(tmp_path / "z.zarr", data=picture(), chunks=(32, 32, 3))
    before = open_orthophoto(tmp_path / "z.zarr").fingerprint
    array[40, 40, 1] ^= 3
    assert open_orthophoto(tmp_path / "z.zarr").fingerprint != before


def test_unreadable_files_are_named_with_a_way_out(tmp_path):
    text = tmp_path / "notes.tif"
    text.write_text("not a raster")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "bad.zarr").mkdir()
    (tmp_path / "bad.zarr" / "zarr.json").write_text("{")
    zarr.create_array(tmp_path / "4d.zarr", shape=(2, 3, 4, 5), dtype="uint8")
    save(tmp_path / "complex.tif", np.zeros((4, 4, 1), np.complex64))
    for name in ["notes.tif", "empty.png", "folder", "bad.zarr", "4d.zarr", "complex.tif", "missing.tif"]:
        with pytest.raises(RasterError) as caught:
            open_orthophoto(tmp_path / name)
        assert name in str(caught.value)
    with pytest.raises(ValueError, match="not inside"):
        open_orthophoto(save(tmp_path / "ok.tif", picture())).read(Region(60, 0, 20, 20))


@pytest.mark.parametrize("share", [0.98, 0.5, 0.1])
def test_a_cut_off_tiff_is_found_when_it_is_opened(tmp_path, share):
    pixels = picture(3, (600, 500))
    whole = save(
        tmp_path / "w.tif", pixels, tiled=True, compress="deflate", blockxsize=256, blockysize=256
    ).read_bytes()
    cut = tmp_path / "cut.tif"
    cut.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(RasterError, match=r"cut\.tif.*again"):
        open_orthophoto(cut)


@pytest.mark.parametrize("driver", ["PNG", "JPEG"])
def test_a_cut_off_picture_is_found_when_it_is_opened(tmp_path, driver):
    whole = save(tmp_path / "w", picture(3, (200, 200)), driver=driver)
    open_orthophoto(whole).close()
    content = whole.read_bytes()
    (tmp_path / "cut").write_bytes(content[: len(content) // 2])
    with pytest.raises(RasterError, match=r"cut: the file is cut off.*again"):
        open_orthophoto(tmp_path / "cut")


def test_a_block_that_is_damaged_is_found_when_it_is_read(tmp_path):
    path = save(
        tmp_path / "w.tif", picture(3, (600, 500)), tiled=True, compress="deflate", blockxsize=256, blockysize=256
    )
    with open_dataset(path) as dataset:
        offset = int(dataset.get_tag_item("BLOCK_OFFSET_1_1", "TIFF", bidx=1))
    content = bytearray(path.read_bytes())
    content[offset : offset + 200] = bytes(200)
    path.write_bytes(content)
    ortho = open_orthophoto(path)
    assert ortho.read(Region(0, 0, 256, 256)).shape == (256, 256, 3)
    with pytest.raises(RasterError, match=r"w\.tif: a part of the image cannot be read"):
        ortho.read(Region(300, 300, 10, 10))


def test_real_imagery(shared_data: Path, tmp_path):
    dubai = shared_data / "dubai" / "images" / "tile_2.tif"
    ortho = open_orthophoto(dubai)
    assert (ortho.shape, ortho.bands, ortho.display_bands, ortho.has_mask) == ((1632, 1528), 3, (0, 1, 2), False)
    region = Region(1000, 900, 632, 628)
    with rasterio.open(dubai) as dataset:
        np.testing.assert_array_equal(np.moveaxis(dataset.read(), 0, -1)[region.slices], ortho.read(region))
    cut = tmp_path / "cut.tif"
    cut.write_bytes(dubai.read_bytes()[:900_000])
    with pytest.raises(RasterError, match="cut off"):
        open_orthophoto(cut)
    naip = open_orthophoto(shared_data / "naip" / "m_4709963_se_14_1_20100629.tif")
    assert (naip.bands, naip.display_bands, naip.has_mask) == (4, (0, 1, 2), True)
    assert naip.thumbnail(200)[0].shape == (155, 200, 4)


def test_levels_are_means_of_2_by_2_on_disk_and_in_memory(tmp_path):
    pixels = picture(3, (2101, 1303))
    ortho = open_orthophoto(save(tmp_path / "o.tif", pixels))
    done: list[float] = []
    kept = display_levels(ortho, tmp_path / "cache", progress=done.append)
    assert [level.shape for level in kept] == [(2101, 1303, 3), (1050, 651, 3), (525, 325, 3)]
    assert done == sorted(done) and done[-1] == 1
    np.testing.assert_array_equal(kept[0], pixels)
    block = pixels[:2100, :1302].reshape(1050, 2, 651, 2, 3).mean(axis=(1, 3))
    assert np.abs(kept[1] - block).max() <= 0.5
    for a, b in zip(kept, display_levels(ortho, None), strict=True):
        np.testing.assert_array_equal(a, b)
    # Made once, and made anew when other bands are shown or a file was cut off.
    files = {p: p.stat().st_mtime_ns for p in (tmp_path / "cache").rglob("*.npy")}
    display_levels(ortho, tmp_path / "cache")
    assert files == {p: p.stat().st_mtime_ns for p in (tmp_path / "cache").rglob("*.npy")}
    victim = next(p for p in files if p.name == "level_1.npy")
    content = victim.read_bytes()[:1000]
    victim.unlink()  # `kept` still maps it
    victim.write_bytes(content)
    np.testing.assert_array_equal(display_levels(ortho, tmp_path / "cache")[1], kept[1])
    grey = display_levels(open_orthophoto(ortho.path, [1]), tmp_path / "cache")
    assert (grey[0][..., 0] == grey[0][..., 2]).all()
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_levels_can_be_cancelled_and_leave_nothing(tmp_path):
    ortho = open_orthophoto(save(tmp_path / "o.tif", picture(3, (1500, 1500))))
    asked = iter([False, True, True, True, True])
    assert display_levels(ortho, tmp_path / "cache", cancelled=lambda: next(asked)) == []
    assert list((tmp_path / "cache").iterdir()) == []


def test_16_bits_are_stretched_over_the_valid_values(tmp_path):
    values = np.linspace(1000, 5000, 10_000).reshape(100, 100, 1).astype(np.uint16)
    values[:5] = 0
    (level,) = display_levels(open_orthophoto(save(tmp_path / "o.tif", values, nodata=0)), None)
    assert level.shape == (100, 100, 3)
    low, high = np.percentile(values[5:], (2, 98))
    expected = np.clip((values - low) / (high - low) * 255, 0, 255)
    assert np.abs(level - expected).max() < 1.5
