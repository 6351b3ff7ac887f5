"""What goes missing or is damaged beside and in the labels: said, set aside, and never a raw exception."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest
import zarr

from annotations.classes import LANDCOVER_AI
from annotations.errors import PartialSegError, ProjectError
from annotations.labels.journal import EditJournal
from annotations.region import Region
from annotations.store.label_store import LabelStore
from annotations.store.strokes import Stroke

SHAPE = (700, 1100)
WHOLE = Region.whole(SHAPE)


@pytest.fixture
def folder(tmp_path):
    """Three strokes in three chunks, the last number 9, and two points."""
    store = LabelStore.create(tmp_path / "1", SHAPE, LANDCOVER_AI, fingerprint="f", georeference=None)
    for number, (top, left, label) in enumerate([(10, 10, 1), (10, 600, 2), (600, 10, 3)], 7):
        store.submit(
            Region(top, left, 20, 30),
            np.full((20, 30), label, np.int8),
            np.full((20, 30), number, np.uint32),
            [Stroke(number, label, "paint", 1.0)],
        )
        assert store.flush(30)
    store.submit_points([{"number": 4}, {"number": 5}])
    assert store.close()
    return tmp_path / "1"


def expected():
    labels = np.full(SHAPE, -1, np.int8)
    for top, left, label in [(10, 10, 1), (10, 600, 2), (600, 10, 3)]:
        labels[top : top + 20, left : left + 30] = label
    return labels


def opened(folder, *, writable=True):
    store = LabelStore.open(folder, writable=writable)
    labels, numbers = store.load()
    return store, labels, numbers


def draw_on(folder):
    """Show that work goes on: a stroke is saved and there again."""
    store, labels, numbers = opened(folder)
    journal = EditJournal(labels, numbers, store.next_number())
    labels[300:310, 300:310] = 4
    region, record = journal.record(WHOLE, tool="paint")
    store.submit(region, labels[region.slices], numbers[region.slices], [record])
    assert store.close()
    again, found, given = opened(folder, writable=False)
    np.testing.assert_array_equal(found, labels)
    assert (given[300:310, 300:310] == record.number).all()
    assert record in again.strokes()
    return record.number


def test_an_intact_folder_says_nothing(folder):
    for writable in (True, False):
        store, labels, _ = opened(folder, writable=writable)
        assert store.notes == []
        np.testing.assert_array_equal(labels, expected())
        store.close()


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


@pytest.mark.parametrize("gone", ["c/0/1", "c/0", "c"])
def test_a_deleted_chunk_of_labels_is_said_until_it_is_back_or_drawn_anew(folder, tmp_path, gone):
    path = folder / "labels.zarr" / gone
    path.rename(tmp_path / "kept")
    for writable in (False, True, True):
        store, labels, _ = opened(folder, writable=writable)
        (note,) = [n for n in store.notes if "labels.zarr" in n]
        assert "missing" in note
        assert "c/0/1 (rows 0 to 512, columns 512 to 1024: 600 labelled pixels were saved, 0 are there)" in note
        assert (labels[:512, 512:] == -1).all()
        assert store.close()
    (tmp_path / "kept").rename(path)
    store, labels, _ = opened(folder)
    np.testing.assert_array_equal(labels, expected())
    assert not [n for n in store.notes if "labels.zarr" in n]
    store.close()
    (folder / "labels.zarr" / "c" / "0" / "1").unlink()
    store, labels, _numbers = opened(folder)
    store.submit(Region(0, 512, 2, 2), np.zeros((2, 2), np.int8), np.full((2, 2), 10, np.uint32))
    assert store.close()
    assert opened(folder)[0].notes == []


def test_an_older_or_altered_chunk_of_labels_is_said(folder):
    array = zarr.open_array(folder / "labels.zarr", mode="r+")
    array[10:20, 600:630] = 4  # as many pixels, other classes
    store, _, _ = opened(folder)
    assert "not as saved: c/0/1" in store.notes[0]
    store.close()


def test_what_another_viewer_writes_meanwhile_is_no_loss(folder):
    reader = LabelStore.open(folder, writable=False)
    writer = LabelStore.open(folder)
    writer.submit(Region(10, 600, 20, 30), np.full((20, 30), -1, np.int8), np.zeros((20, 30), np.uint32))
    assert writer.close()
    labels, _ = reader.load()
    assert reader.notes == []
    assert (labels[:512, 512:] == -1).all()


def test_a_kill_between_any_two_writes_is_no_loss(folder, monkeypatch):
    """Whatever is on disk when one of the steps of a save was the last, opening says nothing."""
    from annotations.store import chunk_writer as module

    class Killed(BaseException):
        pass

    store, labels, numbers = opened(folder)
    writer = store._writer
    assert writer is not None
    steps = []

    def counting(function, limit):
        def step(*arguments, **options):
            if len(steps) >= limit:
                raise Killed
            steps.append(function)
            return function(*arguments, **options)

        return step

    store.close()
    limit = 0
    while True:
        steps.clear()
        copy = folder.with_name(f"copy-{limit}")
        shutil.copytree(folder, copy)
        store, labels, numbers = opened(copy)
        labels[5:600, 5:700] = limit % 5
        numbers[5:600, 5:700] = 20
        part = Region(5, 5, 595, 695)
        with monkeypatch.context() as patch:
            for owner, name in (
                (store._log, "append"), (store._saved, "begin"), (store._saved, "done"), (store.mask, "write"),
            ):  # fmt: skip
                patch.setattr(owner, name, counting(getattr(owner, name), limit))
            patch.setattr(type(store._numbers), "__setitem__", counting(type(store._numbers).__setitem__, limit))
            patch.setattr(module, "write_atomically", counting(module.write_atomically, limit))
            pieces = []
            store._writer.put = pieces.append
            store.submit(part, labels[part.slices], numbers[part.slices], [Stroke(20, 0, "paint", 0.0)], points=[{}])
            finished = True
            try:
                store._write(pieces)
            except Killed:
                finished = False
        for writable in (False, True):
            again, found, _ = opened(copy, writable=writable)
            assert [n for n in again.notes if "labels.zarr" in n or "points" in n or "jsonl" in n] == []
            assert again.next_number() in (10, 21)
            outside = np.ones(SHAPE, bool)
            outside[part.slices] = False
            np.testing.assert_array_equal(found[outside], expected()[outside])
            again.close()
        store.discard()
        if finished:
            break
        limit += 1
    assert limit >= 12


@pytest.mark.parametrize(
    "damage", ["gone", "emptied", "zeroed", "cut", "last line", "middle", "not UTF-8", "nested", "folder"]
)
def test_a_damaged_file_of_strokes_starts_no_number_again(folder, damage):
    path = folder / "strokes.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    contents = {
        "emptied": b"",
        "zeroed": b"\0" * sum(map(len, lines)),
        "cut": b"".join(lines)[:-30],
        "last line": b"".join(lines[:2]) + b"#" + lines[2][1:],
        "middle": lines[0] + b"null\n" + lines[2],
        "not UTF-8": lines[0] + b"\xff\xfe\n" + lines[2],
        "nested": lines[0] + b"[" * 5000 + b"\n" + lines[2],
    }
    if damage in ("gone", "folder"):
        path.unlink()
        if damage == "folder":
            path.mkdir()
    else:
        path.write_bytes(contents[damage])
    reader, labels, _ = opened(folder, writable=False)
    assert any("strokes.jsonl" in note for note in reader.notes)
    np.testing.assert_array_equal(labels, expected())
    assert reader.next_number() == 10
    store, labels, numbers = opened(folder)
    assert any("strokes.jsonl" in note for note in store.notes)
    assert store.next_number() == 10
    assert (numbers.max(), (labels >= 0).sum()) == (9, 1800)
    assert store.close()
    if damage in contents and damage not in ("emptied", "zeroed", "cut"):
        assert (folder / "strokes-set-aside.jsonl").read_bytes() == contents[damage]
        assert len(LabelStore.open(folder, writable=False).strokes()) == 2
    assert draw_on(folder) == 10
    assert opened(folder, writable=False)[0].notes == []


def test_numbers_of_erased_strokes_are_not_given_again_without_the_file(folder):
    store, _labels, _numbers = opened(folder)
    store.submit(WHOLE, np.full(SHAPE, -1, np.int8), np.zeros(SHAPE, np.uint32), [Stroke(12, -1, "erase", 0.0)])
    assert store.close()
    (folder / "strokes.jsonl").unlink()
    store, _, _ = opened(folder)
    assert store.next_number() == 13
    store.close()


@pytest.mark.parametrize("content", [None, "", "[{", "null", "7", "{}", "\0\0\0", "[" * 5000, "[]"])
def test_lost_points_are_said_and_work_goes_on(folder, content):
    path = folder / "points.json"
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    store, labels, _ = opened(folder)
    (note,) = store.notes
    assert "points.json" in note
    assert store.points() == []
    if content is not None and content != "[]":
        assert (folder / "points-set-aside.json").read_text() == content
    np.testing.assert_array_equal(labels, expected())
    store.submit_points([{"number": 6}])
    assert store.close()
    again = LabelStore.open(folder, writable=False)
    assert (again.points(), again.notes) == ([{"number": 6}], [])


def test_a_project_of_an_earlier_version_gets_what_it_needs_to_notice_losses(folder):
    (folder / "saved.jsonl").unlink()
    store, _, _ = opened(folder)
    assert store.notes == []
    assert store.close()
    (folder / "labels.zarr" / "c" / "1" / "0").unlink()
    assert "c/1/0" in opened(folder, writable=False)[0].notes[0]


@pytest.mark.parametrize("content", [b"\0" * 3000, b"null\n", b'{"chunk":[0,0]}\n', b"\xff\n", b"[" * 5000 + b"\n"])
def test_a_damaged_record_of_what_was_saved_is_set_aside(folder, content):
    (folder / "saved.jsonl").write_bytes(content)
    store, labels, _ = opened(folder)
    assert "saved.jsonl" in store.notes[0]
    np.testing.assert_array_equal(labels, expected())
    assert store.close()
    assert (folder / "saved-set-aside.jsonl").read_bytes() == content
    assert draw_on(folder) == 10


def test_the_record_of_what_was_saved_does_not_grow_for_ever(folder):
    for round_ in range(3):
        store, labels, numbers = opened(folder)
        for n in range(60):
            labels[10, 10] = n % 5
            store.submit(Region(10, 10, 1, 1), labels[10:11, 10:11], numbers[10:11, 10:11])
            assert store.flush(30)
        assert store.close()
        assert opened(folder)[0].notes == []
        assert len((folder / "saved.jsonl").read_bytes().splitlines()) < 64 + 130, round_


def test_links_are_replaced_by_files_of_the_project(folder, tmp_path):
    diary = tmp_path / "diary.txt"
    diary.write_text("dear diary\n")
    (folder / "strokes.jsonl").unlink()
    (folder / "strokes.jsonl").symlink_to(diary)
    (folder / "points.json").unlink()
    (folder / "points.json").symlink_to(tmp_path / "nowhere")
    store, labels, _ = opened(folder)
    np.testing.assert_array_equal(labels, expected())
    assert store.close()
    draw_on(folder)
    assert diary.read_text() == "dear diary\n"
    assert not (folder / "strokes.jsonl").is_symlink()


@pytest.mark.parametrize("how", ["deleted", "renamed", "half of it"])
def test_nothing_counts_as_saved_in_a_folder_that_is_gone_until_it_is_back(folder, tmp_path, how):
    store, labels, numbers = opened(folder)
    away = tmp_path / "away"
    shutil.copytree(folder, away) if how == "deleted" else folder.rename(away)
    if how == "deleted":
        shutil.rmtree(folder)
    elif how == "half of it":
        (folder / "prediction.zarr").mkdir(parents=True)
    labels[300:310, 300:310] = 4
    numbers[300:310, 300:310] = 10
    part = Region(300, 300, 10, 10)
    store.submit(part, labels[part.slices], numbers[part.slices], [Stroke(10, 4, "paint", 0.0)])
    assert not store.flush(10)
    assert isinstance(store.last_error, PartialSegError)
    assert "is gone" in str(store.last_error)
    assert store.pending == 1
    assert not (folder / "strokes.jsonl").exists()
    shutil.rmtree(folder, ignore_errors=True)
    away.rename(folder)
    assert store.flush(10)
    assert store.close()
    again, found, _ = opened(folder, writable=False)
    np.testing.assert_array_equal(found, labels)
    assert again.notes == []


def test_discarded_work_is_written_by_nobody(folder):
    store, _labels, _numbers = opened(folder)
    away = folder.with_name("away")
    folder.rename(away)
    store.submit(Region(0, 0, 9, 9), np.zeros((9, 9), np.int8), np.full((9, 9), 10, np.uint32))
    assert not store.close(5)
    gone = []
    assert store.discard(then=lambda: gone.append(True))
    assert (gone, store.pending) == ([True], 0)
    away.rename(folder)
    assert store.flush(1)
    np.testing.assert_array_equal(opened(folder, writable=False)[1], expected())
    with pytest.raises(ProjectError, match="closed"):
        store.submit(Region(0, 0, 1, 1), np.zeros((1, 1), np.int8), np.zeros((1, 1), np.uint32))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is closed to root")
def test_a_folder_that_may_not_be_written_is_said(folder):
    store, _, _ = opened(folder)
    os.chmod(folder, 0o500)
    try:
        store.submit_points([])
        assert not store.flush(5)
    finally:
        os.chmod(folder, 0o700)
    assert store.close()
