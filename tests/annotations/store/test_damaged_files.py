"""Damaged files beside the labels: set aside, said, and work goes on."""

from __future__ import annotations

import numpy as np
import pytest
from kept_labels import SHAPE, WHOLE, draw_on, expected, opened

from annotations.region import Region
from annotations.store.label_store import LabelStore
from annotations.store.strokes import Stroke


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
