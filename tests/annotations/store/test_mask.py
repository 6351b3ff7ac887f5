from __future__ import annotations

import uuid

import numpy as np
import pytest
import rasterio
import zarr
from hypothesis import given
from hypothesis import strategies as st
from rasterio.errors import NotGeoreferencedWarning

from annotations.classes import LANDCOVER_AI, ClassScheme, check_labels
from annotations.errors import LabelError, ProjectError, ProjectVersionError, RasterError
from annotations.images.georeference import Georeference
from annotations.region import Region
from annotations.store import mask as mask_module
from annotations.store.mask import SparseMask, read_mask

SHAPE = (100, 130)
UTM = Georeference(rasterio.crs.CRS.from_epsg(32640).to_wkt(), (0.5, 0.0, 340000.0, 0.0, -0.5, 2780000.0))


def chunk_files(path):
    return {
        p.relative_to(path).as_posix(): p.stat().st_mtime_ns
        for p in path.rglob("*")
        if p.name != "zarr.json" and p.is_file()
    }


def regions():
    edges = st.tuples(st.integers(0, 99), st.integers(0, 129), st.integers(1, 60), st.integers(1, 60))
    return edges.map(lambda e: Region(*e).clipped(SHAPE))


@given(st.lists(st.tuples(regions(), st.integers(-1, 4)), max_size=5), regions())
def test_a_write_is_read_back_and_touches_only_its_chunks(tmp_path, monkeypatch, earlier, region):
    monkeypatch.setattr(mask_module, "CHUNK", 32)
    path = tmp_path / f"{uuid.uuid4()}.zarr"
    mask = SparseMask.create(path, SHAPE, LANDCOVER_AI)
    model = np.full(SHAPE, -1, np.int8)
    for place, label in earlier:
        mask.write(place, np.full(place.shape, label, np.int8))
        model[place.slices] = label
    before = chunk_files(path)
    labels = np.random.default_rng(0).integers(0, 5, region.shape).astype(np.int8)
    mask.write(region, labels)
    model[region.slices] = labels
    after = chunk_files(path)
    touched = {name for name in after if before.get(name) != after[name]}
    assert touched == {f"c/{t.top // 32}/{t.left // 32}" for t in region.tiles(32)}
    assert before.keys() <= after.keys()
    again = SparseMask.open(path)
    np.testing.assert_array_equal(again.read(Region.whole(SHAPE)), model)
    np.testing.assert_array_equal(again.read(region), labels)
    np.testing.assert_array_equal(again.counts(), [(model == c).sum() for c in range(5)])


def test_erased_chunks_leave_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(mask_module, "CHUNK", 32)
    mask = SparseMask.create(tmp_path / "m.zarr", SHAPE, LANDCOVER_AI)
    assert chunk_files(mask.path) == {}
    place = Region(0, 0, 40, 20)
    mask.write(place, np.zeros(place.shape, np.int8))
    assert set(chunk_files(mask.path)) == {"c/0/0", "c/1/0"}
    mask.write(place, np.full(place.shape, -1, np.int8))
    assert chunk_files(mask.path) == {}


def test_the_array_speaks_for_itself_to_any_zarr_reader(tmp_path):
    SparseMask.create(tmp_path / "m.zarr", SHAPE, LANDCOVER_AI, fingerprint="abc", georeference=UTM)
    array = zarr.open_array(tmp_path / "m.zarr", mode="r")
    assert (array.dtype, array.fill_value, array.chunks) == (np.int8, -1, (512, 512))
    assert array.shards is None
    about = array.attrs["partialseg"]
    assert [c["name"] for c in about["classes"]] == list(LANDCOVER_AI.names)
    assert (about["format"], about["fingerprint"], about["transform"][2]) == (1, "abc", 340000.0)
    again = SparseMask.open(tmp_path / "m.zarr")
    assert (again.georeference, again.fingerprint, again.scheme) == (UTM, "abc", LANDCOVER_AI)


def test_a_wrong_label_is_refused_whole(tmp_path):
    mask = SparseMask.create(tmp_path / "m.zarr", SHAPE, LANDCOVER_AI)
    labels = np.zeros((4, 4), np.int16)
    labels[2, 1] = 255  # as int8 it would be -1
    with pytest.raises(LabelError, match=r"m\.zarr: value 255 at pixel \(2, 1\)"):
        mask.write(Region(0, 0, 4, 4), labels)
    assert (mask.read(Region.whole(SHAPE)) == -1).all()


def test_classes_in_use_cannot_go(tmp_path):
    mask = SparseMask.create(tmp_path / "m.zarr", SHAPE, LANDCOVER_AI)
    mask.write(Region(3, 3, 2, 2), np.full((2, 2), 4))
    with pytest.raises(LabelError, match="4 pixels carry 'road'"):
        mask.set_scheme(ClassScheme(LANDCOVER_AI.classes[:4]))
    mask.write(Region(3, 3, 2, 2), np.full((2, 2), 3))
    mask.set_scheme(ClassScheme(LANDCOVER_AI.classes[:4]))
    assert len(SparseMask.open(mask.path).scheme) == 4


def test_classes_in_force_are_followed_though_the_disk_fails(tmp_path, monkeypatch):
    mask = SparseMask.create(tmp_path / "m.zarr", SHAPE, LANDCOVER_AI)
    four = ClassScheme(LANDCOVER_AI.classes[:4])

    def full(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(type(mask._array.attrs), "__setitem__", full)
        with pytest.raises(OSError, match="No space"):
            mask.set_scheme(four)
        assert mask.scheme == LANDCOVER_AI
        mask.follow_scheme(four)
    assert mask.scheme == four
    with pytest.raises(LabelError, match="value 4"):
        mask.write(Region(3, 3, 2, 2), np.full((2, 2), 4))
    assert SparseMask.open(mask.path).scheme == LANDCOVER_AI
    mask.follow_scheme(four)
    assert SparseMask.open(mask.path).scheme == four


def test_damaged_newer_foreign_and_missing_masks_say_so(tmp_path):
    path = tmp_path / "m.zarr"
    mask = SparseMask.create(path, SHAPE, LANDCOVER_AI)
    with pytest.raises(ProjectError, match="exists already"):
        SparseMask.create(path, SHAPE, LANDCOVER_AI)
    mask.write(Region(0, 0, 9, 9), np.zeros((9, 9), np.int8))
    (path / "c" / "0" / "0").write_bytes(b"rubbish")
    with pytest.raises(ProjectError, match="chunk"):
        mask.read(Region(0, 0, 5, 5))
    document = (path / "zarr.json").read_text()
    (path / "zarr.json").write_text(document.replace('"format": 1', '"format": 2'))
    with pytest.raises(ProjectVersionError, match="format 2"):
        SparseMask.open(path)
    (path / "zarr.json").write_text(document[:50])
    with pytest.raises(ProjectError, match=r"zarr\.json"):
        SparseMask.open(path)
    with pytest.raises(ProjectError, match="missing"):
        SparseMask.open(tmp_path / "none.zarr")
    zarr.create_array(tmp_path / "other.zarr", shape=(4, 4), dtype="uint8")
    with pytest.raises(ProjectError, match="not labels"):
        SparseMask.open(tmp_path / "other.zarr")


def save(path, values, **profile):
    height, width = values.shape[-2:]
    count = 1 if values.ndim == 2 else len(values)
    with (
        pytest.warns(NotGeoreferencedWarning),
        rasterio.open(path, "w", height=height, width=width, count=count, dtype=values.dtype, **profile) as dataset,
    ):
        dataset.write(values.reshape(count, height, width))


@pytest.mark.parametrize("kind", ["tif", "png", "npy", "zarr"])
def test_255_and_nodata_are_unlabelled_in_every_kind_of_file(tmp_path, kind):
    values = np.array([[0, 1, 2], [4, 255, 3]], np.uint8)
    path = tmp_path / f"truth.{kind}"
    if kind == "npy":
        np.save(path, values)
    elif kind == "zarr":
        zarr.create_array(path, data=values)
    else:
        save(path, values, driver="GTiff" if kind == "tif" else "PNG")
    assert read_mask(path, n_classes=5).tolist() == [[0, 1, 2], [4, -1, 3]]
    with pytest.raises(LabelError, match=r"value 255 at pixel \(1, 1\).*write -1 in its place"):
        check_labels(values, 5, "values from elsewhere")
    with pytest.raises(LabelError, match=rf"truth\.{kind}: value 4 at pixel \(1, 0\) is not one of the 4 classes"):
        read_mask(path, n_classes=4)
    with pytest.raises(LabelError, match=r"2 x 3 pixels .* 3 x 2"):
        read_mask(path, n_classes=5, shape=(3, 2))


def test_a_files_own_nodata_counts_beside_255(tmp_path):
    save(tmp_path / "t.tif", np.array([[9, 255, 1]], np.uint8), driver="GTiff", nodata=9)
    assert read_mask(tmp_path / "t.tif", n_classes=2).tolist() == [[-1, -1, 1]]


def test_what_is_no_mask_is_refused(tmp_path):
    save(tmp_path / "rgb.png", np.zeros((3, 4, 4), np.uint8), driver="PNG")
    with pytest.raises(LabelError, match="3 bands"):
        read_mask(tmp_path / "rgb.png", n_classes=5)
    np.save(tmp_path / "f.npy", np.full((3, 3), 0.5))
    with pytest.raises(LabelError, match="whole number"):
        read_mask(tmp_path / "f.npy", n_classes=5)
    (tmp_path / "text.npy").write_text("hello")
    with pytest.raises(RasterError, match=r"text\.npy"):
        read_mask(tmp_path / "text.npy", n_classes=5)
    with pytest.raises(RasterError, match="no such file"):
        read_mask(tmp_path / "none.tif", n_classes=5)
