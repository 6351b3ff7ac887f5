"""Damaged arrays: labels are named and left alone, stroke numbers set aside and made anew."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import zarr
from kept_labels import SHAPE, draw_on, expected, opened

from annotations.errors import ProjectError
from annotations.store.label_store import LabelStore

ZARR_JSON = ["", "{", "null", "[]", "7", '"x"', "\0" * 300, '{"zarr_format": 9}', "[" * 5000]


@pytest.mark.parametrize("content", ZARR_JSON)
def test_a_damaged_description_of_stroke_numbers_is_set_aside_and_made_anew(folder, content):
    path = folder / "strokes.zarr"
    (path / "zarr.json").write_text(content)
    reader, labels, _ = opened(folder, writable=False)
    np.testing.assert_array_equal(labels, expected())
    assert "strokes.zarr" in reader.notes[0]
    assert (path / "zarr.json").read_text() == content  # a reader touches nothing
    store, labels, numbers = opened(folder)
    np.testing.assert_array_equal(labels, expected())
    assert not numbers.any()
    assert "strokes-set-aside.zarr" in store.notes[0]
    assert (folder / "strokes-set-aside.zarr" / "zarr.json").read_text() == content
    assert store.close()
    assert draw_on(folder) == 10  # above all numbers that were ever given


@pytest.mark.parametrize("kind", ["type", "shape", "missing", "a file", "chunks"])
def test_other_stroke_numbers_are_set_aside(folder, kind):
    path = folder / "strokes.zarr"
    shutil.rmtree(path)
    if kind == "a file":
        path.write_bytes(b"x")
    elif kind != "missing":
        shape = (3, 3) if kind == "shape" else SHAPE
        chunks = (100_000, 100_000) if kind == "chunks" else shape
        zarr.create_array(path, shape=shape, dtype="int16" if kind == "type" else "uint32", chunks=chunks)
    store, labels, _ = opened(folder)
    np.testing.assert_array_equal(labels, expected())
    assert "which stroke made them is not known" in store.notes[0]
    assert store.close()
    assert draw_on(folder) == 10


@pytest.mark.parametrize("damage", ["garbage", "empty", "folder", "row is a file", "huge numbers", "gone"])
def test_damaged_chunks_of_stroke_numbers_cost_no_label(folder, damage):
    chunk = folder / "strokes.zarr" / "c" / "0" / "0"
    if damage == "garbage":
        chunk.write_bytes(b"\x28\xb5\x2f\xfdrubbish")
    elif damage == "empty":
        chunk.write_bytes(b"")
    elif damage == "folder":
        chunk.unlink()
        (chunk / "deep").mkdir(parents=True)
    elif damage == "row is a file":
        shutil.rmtree(chunk.parent)
        chunk.parent.write_bytes(b"x")
    elif damage == "gone":
        chunk.unlink()
    else:
        zarr.open_array(folder / "strokes.zarr", mode="r+")[10:30, 10:40] = 4_000_000_000
    store, labels, numbers = opened(folder)
    np.testing.assert_array_equal(labels, expected())
    assert not numbers[:512, :512].any()
    assert (numbers[600:620, 10:40] == 9).all()
    assert any("strokes.zarr" in note for note in store.notes)
    assert store.close()
    assert draw_on(folder) == 10
    assert opened(folder, writable=False)[0].notes == []


@pytest.mark.parametrize("content", ZARR_JSON)
def test_a_damaged_description_of_labels_is_refused_in_words(folder, content):
    (folder / "labels.zarr" / "zarr.json").write_text(content)
    for writable in (True, False):
        with pytest.raises(ProjectError, match=r"labels\.zarr: .*(zarr\.json|not labels)"):
            LabelStore.open(folder, writable=writable)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("fill_value", 0),
        ("shape", [10**9, 10**9]),
        ("chunk_grid", {"name": "regular", "configuration": {"chunk_shape": [10**6, 10**6]}}),
        ("attributes", {"partialseg": {"classes": [1]}}),
        ("attributes", {"partialseg": {"classes": [{"name": "a", "colour": "red"}]}}),
        ("attributes", {"partialseg": {"classes": None, "format": "x"}}),
    ],
)
def test_a_description_of_labels_that_lies_is_refused_before_memory_is_asked_for(folder, key, value):
    path = folder / "labels.zarr" / "zarr.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(ProjectError, match=r"labels\.zarr"):
        LabelStore.open(folder, writable=False, shape=SHAPE).load()


@pytest.mark.parametrize("damage", ["garbage", "empty", "folder", "row is a file", "all is a file"])
def test_a_damaged_chunk_of_labels_is_named_and_left_as_it_is(folder, damage):
    chunk = folder / "labels.zarr" / "c" / "0" / "1"
    if damage in ("garbage", "empty"):
        chunk.write_bytes(b"rubbish" if damage == "garbage" else b"")
        where = chunk
    elif damage == "folder":
        chunk.unlink()
        chunk.mkdir()
        where = chunk
    else:
        where = chunk.parent if damage == "row is a file" else chunk.parent.parent
        shutil.rmtree(where)
        where.write_bytes(b"x")
    for writable in (True, False):
        store = LabelStore.open(folder, writable=writable)
        with pytest.raises(ProjectError, match="chunk of the labels is damaged") as caught:
            store.load()
        store.close()
    assert where.relative_to(folder / "labels.zarr").as_posix() in str(caught.value)
    assert "Restore" in str(caught.value)
    if damage == "garbage":
        assert chunk.read_bytes() == b"rubbish"
        assert "600 labelled pixels" in str(caught.value)
        # The way out that the message gives.
        chunk.rename(folder / "kept")
        store, labels, _ = opened(folder)
        assert "600 labelled pixels were saved, 0 are there" in store.notes[0]
        assert (labels != -1).sum() == 1200
        store.close()
