"""Label files of many kinds and on many grids; what is expected comes from numpy and from GDAL's own warper."""

from __future__ import annotations

import uuid

import numpy as np
import pytest
import rasterio
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.warp import Resampling, reproject, transform_bounds

from annotations.classes import LANDCOVER_AI
from annotations.errors import LabelError, RasterError, UnplacedMaskError
from annotations.export.geotiff import write_labels
from annotations.images.gdal_raster import quiet_gdal
from annotations.images.georeference import Georeference
from annotations.region import Region
from annotations.store.mask import SparseMask, read_mask

RD = "EPSG:28992"
HERE = Affine(0.25, 0, 155000, 0, -0.25, 463000)
SHAPE = (120, 170)


def place(affine=HERE, crs=RD):
    return Georeference(CRS.from_user_input(crs).to_wkt() if crs else "", tuple(affine)[:6])


def patches(shape=SHAPE, seed=0):
    """Fields of 8 pixels with holes of 255, no two rows or columns alike."""
    small = np.random.default_rng(seed).choice([0, 1, 2, 3, 4, 255], (-(-shape[0] // 8), -(-shape[1] // 8)))
    return np.kron(small, np.ones((8, 8), int))[: shape[0], : shape[1]].astype(np.uint8)


def put(path, values, affine=HERE, crs=RD, **options):
    values = values if values.ndim == 3 else values[np.newaxis]
    with quiet_gdal():
        dataset = rasterio.open(
            path, "w", driver="GTiff", height=values.shape[1], width=values.shape[2], count=values.shape[0],
            dtype=values.dtype, crs=crs, transform=affine, **options,
        )  # fmt: skip
    with dataset:
        dataset.write(values)
    return path


def read(path, georeference=None, shape=SHAPE, **options):
    return read_mask(path, n_classes=5, shape=shape, georeference=georeference or place(), **options)


def as_labels(values):
    return np.where(values == 255, -1, values).astype(np.int8)


def test_the_same_grid_is_taken_as_it_is(tmp_path):
    np.testing.assert_array_equal(read(put(tmp_path / "m.tif", patches())), as_labels(patches()))


def test_a_mask_of_xarray_is_laid_where_its_coordinates_are(tmp_path):
    root = zarr.create_group(tmp_path / "m.zarr")
    shifted = patches()[20:, 30:]
    root.create_array("mask", data=shifted, dimension_names=("y", "x"))
    root.create_array("x", data=155000 + 0.25 * (30.5 + np.arange(shifted.shape[1])))
    root.create_array("y", data=463000 - 0.25 * (20.5 + np.arange(shifted.shape[0])))
    root.create_array("spatial_ref", data=np.array(0), attributes={"crs_wkt": CRS.from_user_input(RD).to_wkt()})
    expected = np.full(SHAPE, -1, np.int8)
    expected[20:, 30:] = as_labels(shifted)
    np.testing.assert_array_equal(read(tmp_path / "m.zarr"), expected)


@pytest.mark.parametrize("rows", [-37, 0, 50])
@pytest.mark.parametrize("columns", [-60, 0, 11])
def test_a_mask_of_other_ground_labels_only_what_it_covers(tmp_path, rows, columns):
    values = patches((90, 200), 3)
    found = read(put(tmp_path / "m.tif", values, HERE @ Affine.translation(columns, rows)))
    expected = np.full((400, 600), -1, np.int8)
    expected[150 + rows : 240 + rows, 200 + columns : 400 + columns] = as_labels(values)
    np.testing.assert_array_equal(found, expected[150 : 150 + SHAPE[0], 200 : 200 + SHAPE[1]])


@pytest.mark.parametrize(
    ("turn", "change"),
    [
        (lambda a: a[::-1], Affine(1, 0, 0, 0, -1, SHAPE[0])),
        (lambda a: a[:, ::-1], Affine(-1, 0, SHAPE[1], 0, 1, 0)),
        (lambda a: a[::-1, ::-1], Affine(-1, 0, SHAPE[1], 0, -1, SHAPE[0])),
        (lambda a: a.T, Affine(0, 1, 0, 1, 0, 0)),
        (lambda a: np.rot90(a), Affine(0, -1, SHAPE[1], 1, 0, 0)),
    ],
    ids=["south-up", "mirrored", "turned by 180", "transposed", "turned by 90"],
)
def test_flips_and_turns_are_undone(tmp_path, turn, change):
    values = np.ascontiguousarray(turn(patches()))
    np.testing.assert_array_equal(read(put(tmp_path / "m.tif", values, HERE @ change)), as_labels(patches()))


@pytest.mark.parametrize("factor", [2, 4, 0.5])
def test_other_pixels_over_the_same_ground(tmp_path, factor):
    values = patches()
    if factor > 1:
        small = values[:, : values.shape[1] // 4 * 4][::factor, ::factor]
        found = read(put(tmp_path / "m.tif", np.ascontiguousarray(small), HERE @ Affine.scale(factor)))
        expected = np.kron(as_labels(small), np.ones((factor, factor), np.int8))
        np.testing.assert_array_equal(found[:, : expected.shape[1]], expected)
        assert (found[:, expected.shape[1] :] == -1).all()
    else:
        large = np.kron(values, np.ones((2, 2), np.uint8))
        np.testing.assert_array_equal(
            read(put(tmp_path / "m.tif", large, HERE @ Affine.scale(factor))), as_labels(values)
        )


@settings(max_examples=25)
@given(
    st.floats(-80, 80),
    st.floats(-80, 80),
    st.floats(0.3, 3),
    st.floats(0.3, 3),
    st.floats(-180, 180),
    st.integers(0, 9),
)
def test_any_affine_grid_is_read_as_gdal_reads_it(tmp_path, dx, dy, sx, sy, angle, seed):
    values = patches((100, 130), seed)
    affine = HERE @ Affine.translation(60 + dx, 50 + dy) @ Affine.rotation(angle) @ Affine.scale(sx, sy)
    path = put(tmp_path / f"{uuid.uuid4()}.tif", values, affine)
    expected = np.full(SHAPE, 255, np.uint8)
    reproject(
        values, expected, src_transform=affine, src_crs=RD, dst_transform=HERE, dst_crs=RD, src_nodata=255,
        dst_nodata=255, resampling=Resampling.nearest, tolerance=0,
    )  # fmt: skip
    try:
        found = read(path)
    except LabelError:
        assert (expected == 255).all()
        return
    # Centres that fall on an edge may go either way.
    assert (found != as_labels(expected)).mean() < 1e-3


def test_an_offset_of_less_than_half_a_pixel_moves_nothing_and_one_of_more_moves_by_one(tmp_path):
    values = patches()
    for part in (-0.49, 0.49):
        found = read(put(tmp_path / "m.tif", values, HERE @ Affine.translation(part, part)))
        np.testing.assert_array_equal(found, as_labels(values))
    found = read(put(tmp_path / "m.tif", values, HERE @ Affine.translation(0.51, 0)))
    np.testing.assert_array_equal(found[:, 1:], as_labels(values)[:, :-1])
    assert (found[:, 0] == -1).all()


@pytest.mark.parametrize("crs", ["EPSG:32631", "EPSG:4326", "EPSG:3857"])
def test_another_coordinate_system(tmp_path, crs):
    values = patches()
    bounds = (155000, 463000 - SHAPE[0] / 4, 155000 + SHAPE[1] / 4, 463000)
    left, bottom, right, top = transform_bounds(RD, crs, *bounds)
    height, width = SHAPE[0] * 8, SHAPE[1] * 8
    finer = Affine((right - left) / width, 0, left, 0, (bottom - top) / height, top)
    there = np.full((height, width), 255, np.uint8)
    reproject(
        values, there, src_transform=HERE, src_crs=RD, dst_transform=finer, dst_crs=crs, src_nodata=255,
        dst_nodata=255, resampling=Resampling.nearest, tolerance=0,
    )  # fmt: skip
    found = read(put(tmp_path / "m.tif", there, finer, crs))
    assert (found == as_labels(values)).mean() > 0.98  # all but pixels at the edges of fields
    inner = np.zeros(SHAPE, bool)
    inner[2::8], inner[3::8], inner[4::8], inner[5::8] = True, True, True, True
    inner[:, 0::8] = inner[:, 1::8] = inner[:, 6::8] = inner[:, 7::8] = False
    np.testing.assert_array_equal(found[inner], as_labels(values)[inner])


@pytest.mark.parametrize(
    ("affine", "crs"),
    [
        (HERE @ Affine.translation(500, 0), RD),
        (HERE @ Affine.translation(0, -130), RD),
        (Affine(0.25, 0, 600000, 0, -0.25, 5700000), "EPSG:32631"),
        (Affine(1e-5, 0, -70, 0, -1e-5, -20), "EPSG:4326"),
    ],
)
def test_a_mask_of_no_common_ground_is_refused_with_both_extents(tmp_path, affine, crs):
    with pytest.raises(LabelError, match=r"lies elsewhere.*x 155000 to 155042\.5, y 462970 to 463000 \(EPSG:28992\)"):
        read(put(tmp_path / "m.tif", patches(), affine, crs))


def test_a_mask_whose_labels_all_lie_beside_the_image_is_refused(tmp_path):
    values = np.full(SHAPE, 255, np.uint8)
    values[:40, :40] = 1
    with pytest.raises(LabelError, match="none of its labels lies on the orthophoto"):
        read(put(tmp_path / "m.tif", values, HERE @ Affine.translation(-60, -60)))


def test_as_many_pixels_of_another_size_are_refused(tmp_path):
    with pytest.raises(LabelError, match=r"pixels measure 0\.5 x 0\.5 and the orthophoto's 0\.25 x 0\.25"):
        read(put(tmp_path / "m.tif", patches(), HERE @ Affine.scale(2)))


def test_where_one_names_no_crs_the_transforms_are_compared(tmp_path):
    values = patches()
    found = read(put(tmp_path / "m.tif", values, HERE @ Affine.translation(3, 0), None))
    np.testing.assert_array_equal(found[:, 3:], as_labels(values)[:, :-3])
    with pytest.raises(LabelError, match=r"lies elsewhere.*\(no CRS\)"):
        read(put(tmp_path / "m.tif", values, HERE @ Affine.translation(300, 0), None))


@pytest.mark.parametrize("which", ["file", "image"])
def test_where_one_has_no_place_it_is_a_question(tmp_path, which):
    values = patches()
    if which == "file":
        path, georeference = put(tmp_path / "m.tif", values, Affine.identity(), None), place()
    else:
        path, georeference = put(tmp_path / "m.tif", values), None
    options = {"n_classes": 5, "shape": SHAPE, "georeference": georeference}
    np.testing.assert_array_equal(read_mask(path, **options), as_labels(values))
    with pytest.raises(UnplacedMaskError, match="does not say where it lies"):
        read_mask(path, **options, assume_aligned=False)
    with pytest.raises(LabelError, match=r"120 x 170 pixels .* 121 x 170"):
        read_mask(path, **{**options, "shape": (121, 170)}, assume_aligned=False)


def test_where_neither_has_a_place_there_is_no_question(tmp_path):
    path = put(tmp_path / "m.tif", patches(), Affine.identity(), None)
    np.testing.assert_array_equal(read_mask(path, n_classes=5, shape=SHAPE, assume_aligned=False), as_labels(patches()))


def test_of_a_map_of_a_country_only_the_window_is_read(tmp_path):
    path = tmp_path / "m.tif"
    options = {"height": 60_000, "width": 60_000, "count": 1, "dtype": "uint8", "crs": RD, "nodata": 255}
    with rasterio.open(
        path, "w", driver="GTiff", tiled=True, sparse_ok=True, compress="deflate",
        transform=HERE @ Affine.translation(-30_000, -30_000), **options,
    ) as dataset:  # fmt: skip
        dataset.write(patches(), 1, window=rasterio.windows.Window(30_000, 30_000, SHAPE[1], SHAPE[0]))
        dataset.write(np.full((1, 1), 77, np.uint8), 1, window=rasterio.windows.Window(5, 5, 1, 1))
    np.testing.assert_array_equal(read(path), as_labels(patches()))
    with pytest.raises(LabelError, match="60000 x 60000"):  # without a place: by its header, before any pixel
        read_mask(path, n_classes=5, shape=SHAPE)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "int32", "uint32", "float32", "float64"])
def test_any_type_of_whole_numbers(tmp_path, dtype):
    values = as_labels(patches())
    if np.dtype(dtype).kind == "u":
        path = put(tmp_path / "m.tif", patches().astype(dtype))
    else:
        path = put(tmp_path / "m.tif", values.astype(dtype), nodata=-1)
    np.testing.assert_array_equal(read(path), values)


def test_fractions_are_refused_with_their_place(tmp_path):
    values = patches().astype(np.float32)
    values[7, 9] = 1.5
    with pytest.raises(LabelError, match=r"m\.tif: value 1\.5 at pixel \(7, 9\) is not a whole number.*convert"):
        read(put(tmp_path / "m.tif", values))
    values[7, 9] = np.inf
    with pytest.raises(LabelError, match=r"value inf at pixel \(7, 9\)"):
        read(put(tmp_path / "m.tif", values))


def test_not_a_number_is_unlabelled(tmp_path):
    values = as_labels(patches()).astype(np.float32)
    values[values < 0] = np.nan
    np.testing.assert_array_equal(read(put(tmp_path / "m.tif", values)), as_labels(patches()))
    np.testing.assert_array_equal(read(put(tmp_path / "n.tif", values, nodata=np.nan)), as_labels(patches()))


@pytest.mark.parametrize("kind", ["internal", "beside", "alpha", "nodata 0", "mask and nodata"])
def test_what_is_masked_never_becomes_class_0(tmp_path, kind):
    values = np.where(patches() == 255, 0, patches()).astype(np.uint8)
    labels = values.astype(np.int8)
    keep = np.random.default_rng(5).random(SHAPE) < 0.5
    values[~keep] = 0
    labels[~keep] = 0
    expected = np.where(keep, labels, -1)
    path = tmp_path / "m.tif"
    if kind == "alpha":
        put(path, np.stack([values, np.where(keep, 255, 0).astype(np.uint8)]))
        with rasterio.open(path, "r+") as dataset:
            dataset.colorinterp = (ColorInterp.gray, ColorInterp.alpha)
    elif kind == "nodata 0":
        put(path, values, nodata=0)
        expected = np.where(values == 0, -1, labels)
    else:
        put(path, values, nodata=3 if kind == "mask and nodata" else None)
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=kind == "internal"), rasterio.open(path, "r+") as dataset:
            dataset.write_mask(keep)
        if kind == "mask and nodata":
            expected = np.where(keep & (values != 3), labels, -1)
    np.testing.assert_array_equal(read(path), expected)
    np.testing.assert_array_equal(read(path, place(HERE @ Affine.translation(10, 0)))[:, :-10], expected[:, 10:])


def test_a_palette_holds_class_numbers_not_colours(tmp_path):
    path = put(tmp_path / "m.tif", patches(), photometric="palette")
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {v: (v * 40 % 256, 7, 99, 255) for v in range(256)})
    np.testing.assert_array_equal(read(path), as_labels(patches()))


def test_labels_that_this_tool_wrote_come_back(tmp_path):
    labels = as_labels(patches())
    write_labels(tmp_path / "l.tif", labels, scheme=LANDCOVER_AI, georeference=place())
    np.testing.assert_array_equal(read(tmp_path / "l.tif"), labels)
    mask = SparseMask.create(tmp_path / "l.zarr", SHAPE, LANDCOVER_AI, georeference=place())
    mask.write(Region.whole(SHAPE), labels)
    np.testing.assert_array_equal(read(tmp_path / "l.zarr"), labels)
    moved = read(tmp_path / "l.zarr", place(HERE @ Affine.translation(5, 7)))
    np.testing.assert_array_equal(moved[:-7, :-5], labels[7:, 5:])


def test_what_is_no_label_file_names_its_trait(tmp_path):
    with pytest.raises(LabelError, match=r"has 3 bands.*coloured picture"):
        read(put(tmp_path / "rgb.tif", np.zeros((3, *SHAPE), np.uint8)))
    with pytest.raises(LabelError, match="must be integers, not complex64"):
        read(put(tmp_path / "c.tif", np.zeros(SHAPE, np.complex64)))
    with pytest.raises(LabelError, match=r"value 9 at pixel \(3, 4\)"):
        wrong = patches()
        wrong[3, 4] = 9
        read(put(tmp_path / "m.tif", wrong))
    with pytest.raises(LabelError, match=r"value 9 at pixel \(23, 14\)"):  # its place in the file, not in the window
        large = np.zeros((SHAPE[0] + 20, SHAPE[1] + 10), np.uint8)
        large[23, 14] = 9
        read(put(tmp_path / "m.tif", large, HERE @ Affine.translation(-10, -20)))


@pytest.mark.parametrize("damage", ["cut off", "npy header", "zarr chunk"])
def test_damaged_label_files_are_refused_in_words(tmp_path, damage):
    if damage == "cut off":
        path = put(tmp_path / "m.tif", np.random.default_rng(0).integers(0, 5, SHAPE).astype(np.uint8), compress="lzw")
        path.write_bytes(path.read_bytes()[:-4000])
    elif damage == "npy header":
        path = tmp_path / "m.npy"
        np.save(path, patches())
        path.write_bytes(path.read_bytes().replace(b"(120, 170)", b"(9999999999, 170)"[:10]))
    else:
        path = tmp_path / "m.zarr"
        zarr.create_array(path, data=patches(), chunks=(64, 64))
        (path / "c" / "0" / "0").write_bytes(b"rubbish")
    with pytest.raises((RasterError, LabelError), match=r"m\."):
        read(path, shape=SHAPE)
