from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotations.classes import LANDCOVER_AI
from annotations.errors import LabelError, PartialSegError, ProjectError
from annotations.region import Region
from annotations.store import chunk_writer as store_module
from annotations.store import writer as writer_module
from annotations.store.label_store import LabelStore
from annotations.store.mask import SparseMask
from annotations.store.strokes import Stroke, StrokeLog

SHAPE = (700, 1100)


def make(folder, shape=SHAPE):
    return LabelStore.create(folder, shape, LANDCOVER_AI, fingerprint="f", georeference=None)


def regions():
    edges = st.tuples(st.integers(0, 699), st.integers(0, 1099), st.integers(1, 600), st.integers(1, 600))
    return edges.map(lambda e: Region(*e).clipped(SHAPE))


@settings(max_examples=15)
@given(st.lists(st.tuples(regions(), st.integers(-1, 4), st.booleans()), max_size=8))
def test_what_is_submitted_is_there_on_reopening(tmp_path, edits):
    folder = tmp_path / str(uuid.uuid4())
    store = make(folder)
    saved: list[Region] = []
    store.tell(saved=saved.append)
    labels, strokes = store.load()
    for number, (region, label, flush) in enumerate(edits, 1):
        block = labels[region.slices]
        block[::2] = label
        strokes[region.slices][::2] = number if label >= 0 else 0
        store.submit(region, block, strokes[region.slices], [Stroke(number, label, "paint", 1.5)])
        if flush:
            assert store.flush(30)
    assert store.close()
    assert store.pending == 0
    assert saved == [region for region, *_ in edits]
    again = LabelStore.open(folder, writable=False)
    found = again.load()
    np.testing.assert_array_equal(found[0], labels)
    np.testing.assert_array_equal(found[1], strokes)
    assert [s.number for s in again.strokes()] == list(range(1, len(edits) + 1))
    assert again.next_number() == len(edits) + 1
    with pytest.raises(ProjectError, match="read-only"):
        again.submit(Region(0, 0, 1, 1), labels[:1, :1], strokes[:1, :1])
    with pytest.raises(ProjectError, match="closed"):
        store.submit(Region(0, 0, 1, 1), labels[:1, :1], strokes[:1, :1])


def test_submit_copies(tmp_path):
    store = make(tmp_path)
    hold = threading.Event()
    store.tell(saved=lambda _: hold.wait(10))  # keeps the writer busy with the first
    block, numbers = np.full((600, 600), 1, np.int8), np.ones((600, 600), np.uint32)
    store.submit(Region(0, 0, 4, 4), block[:4, :4], numbers[:4, :4])
    store.submit(Region(20, 20, 600, 600), block, numbers)
    block[...], numbers[...] = 2, 2
    hold.set()
    assert store.close()
    labels, strokes = LabelStore.open(tmp_path, writable=False).load()
    assert (labels[20:620, 20:620] == 1).all()
    assert (strokes[20:620, 20:620] == 1).all()


def test_wrong_labels_are_refused_at_once(tmp_path):
    store = make(tmp_path)
    with pytest.raises(LabelError, match="value 5"):
        store.submit(Region(0, 0, 2, 2), np.full((2, 2), 5, np.int8), np.ones((2, 2), np.uint32))
    with pytest.raises(ValueError, match="do not fit"):
        store.submit(Region(699, 0, 2, 2), np.zeros((2, 2), np.int8), np.ones((2, 2), np.uint32))
    assert store.close()
    assert not (store.load()[0] >= 0).any()


def test_a_number_without_a_label_is_dropped_on_loading(tmp_path):
    # As after a kill between the writes of the two arrays.
    store = make(tmp_path)
    store.submit(Region(0, 0, 4, 4), np.full((4, 4), 2, np.int8), np.full((4, 4), 9, np.uint32))
    store.close()
    SparseMask.open(tmp_path / "labels.zarr", writable=True).write(Region(0, 0, 2, 4), np.full((2, 4), -1))
    labels, strokes = LabelStore.open(tmp_path, writable=False).load()
    np.testing.assert_array_equal(strokes > 0, labels >= 0)


def test_labels_are_never_made_anew_over_old_ones(tmp_path):
    make(tmp_path).close()
    before = (tmp_path / "strokes.zarr" / "zarr.json").stat().st_mtime_ns
    with pytest.raises(ProjectError, match="exists already"):
        make(tmp_path)
    assert (tmp_path / "strokes.zarr" / "zarr.json").stat().st_mtime_ns == before


def test_points_are_kept(tmp_path):
    store = make(tmp_path)
    assert store.points() == []
    for n in range(5):
        store.submit_points([{"number": n}])
    assert store.points() == [{"number": 4}]
    assert store.close()
    assert LabelStore.open(tmp_path, writable=False).points() == [{"number": 4}]
    (tmp_path / "points.json").write_text("[{")
    reader = LabelStore.open(tmp_path, writable=False)
    assert reader.points() == []
    assert "points.json is damaged" in reader.notes[0]


@pytest.mark.parametrize("where", ["labels", "strokes", "log", "points"])
def test_a_full_disk_loses_nothing(tmp_path, monkeypatch, where):
    monkeypatch.setattr(writer_module, "_RETRY_SECONDS", 0.02)
    store = make(tmp_path)
    errors: list[Exception] = []
    told, saved = threading.Event(), threading.Event()
    store.tell(saved=lambda _: saved.set(), failed=lambda error: (errors.append(error), told.set()))

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    class FullArray:
        def __init__(self, array):
            self.array = array

        def __getitem__(self, index):
            return self.array[index]

        __setitem__ = full

    with monkeypatch.context() as patch:
        if where == "labels":
            patch.setattr(store.mask, "_array", FullArray(store.mask._array))
        elif where == "strokes":
            patch.setattr(store._chunks, "_numbers", FullArray(store._numbers))
        elif where == "log":
            patch.setattr(StrokeLog, "append", full)
        else:
            patch.setattr(store_module, "write_atomically", full)
        labels = np.full((30, 30), 3, np.int8)
        store.submit(Region(500, 500, 30, 30), labels, np.ones((30, 30), np.uint32), [Stroke(1, 3, "paint", 0.0)])
        store.submit_points([{"number": 7}])
        assert told.wait(10)
        assert not store.flush(10)
        assert not store.close(10)
        # Drawing goes on; later strokes over the same place win when there is room again.
        store.submit(
            Region(510, 510, 5, 5), np.full((5, 5), 1, np.int8), np.full((5, 5), 2, np.uint32), [Stroke(2, 1, "p", 0.0)]
        )
        assert not store.flush(10)
        assert store.pending >= 2
        assert isinstance(store.last_error, PartialSegError)
        assert str(tmp_path) in str(store.last_error)
        assert "disk is full" in str(store.last_error)
    assert saved.wait(10)  # by itself, without a flush
    assert store.close(10)
    assert store.last_error is None
    assert len(errors) == 1
    found, numbers = LabelStore.open(tmp_path, writable=False).load()
    expected = np.full(SHAPE, -1)
    expected[500:530, 500:530] = 3
    expected[510:515, 510:515] = 1
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(numbers, np.select([expected == 3, expected == 1], [1, 2], 0))
    assert [s.number for s in store.strokes()] == [1, 2]
    assert store.points() == [{"number": 7}]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may mount a small file system")
def test_a_disk_that_is_really_full(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(disk)], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        store = make(disk / "labels")
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(b"x" * 4096)
        noise = np.random.default_rng(0).integers(0, 5, (300, 300)).astype(np.int8)
        store.submit(Region(100, 400, 300, 300), noise, np.ones(noise.shape, np.uint32), [Stroke(1, 0, "fill", 0.0)])
        assert not store.flush(20)
        assert "disk is full" in str(store.last_error)
        filler.unlink()
        assert store.flush(20)
        assert store.close()
        np.testing.assert_array_equal(
            LabelStore.open(disk / "labels", writable=False).load()[0][100:400, 400:700], noise
        )
        assert [s.number for s in store.strokes()] == [1]
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


KILLED = """
import sys, time
import numpy as np
from pathlib import Path
from annotations.region import Region
from annotations.store.label_store import LabelStore
from annotations.store.strokes import Stroke
store = LabelStore.open(Path(sys.argv[1]))
store.submit(Region(500, 500, 40, 40), np.full((40, 40), 2, np.int8), np.full((40, 40), 1, np.uint32),
             [Stroke(1, 2, "paint", 0.0)])
print("submitted", flush=True)
time.sleep(60)
"""


def test_a_stroke_survives_kill_9_half_a_second_later(tmp_path):
    make(tmp_path).close()
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"submitted\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.kill()
    labels, strokes = LabelStore.open(tmp_path, writable=False).load()
    assert (labels == 2).sum() == (strokes == 1).sum() == 1600
    assert LabelStore.open(tmp_path, writable=False).next_number() == 2


def test_a_forgotten_store_is_saved_when_the_process_ends(tmp_path):
    make(tmp_path).close()
    script = KILLED.replace("time.sleep(60)", "")
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], check=True, cwd=Path(__file__).parents[3], capture_output=True
    )
    assert (LabelStore.open(tmp_path, writable=False).load()[0] == 2).sum() == 1600


def test_a_callback_that_fails_does_not_end_the_saving(tmp_path, caplog):
    store = make(tmp_path)

    def broken(_):
        raise RuntimeError("somebody's mistake")

    store.tell(saved=broken)
    for column in (0, 600):
        store.submit(Region(0, column, 4, 4), np.zeros((4, 4), np.int8), np.ones((4, 4), np.uint32))
        assert store.flush(10)
    assert store.close()
    assert (store.load()[0] == 0).sum() == 32
    assert "somebody's mistake" in caplog.text


def strokes(*numbers):
    return [Stroke(n, n % 5, "paint", n / 2, "drawn") for n in numbers]


@given(st.integers(0, 300), st.booleans())
def test_a_torn_log_keeps_all_whole_lines_and_takes_new_ones(tmp_path, cut, rubbish):
    log = StrokeLog(tmp_path / f"{uuid.uuid4()}.jsonl")
    assert log.read() == []
    log.append(strokes(1, 2, 3))
    content = log.path.read_bytes()
    kept = content[: max(len(content) - cut, 0)]
    log.path.write_bytes(kept + (b'{"number": 9' if rubbish and kept.endswith(b"\n") else b""))
    whole = kept.count(b"\n")
    assert log.read() == strokes(1, 2, 3)[:whole]
    log.append(strokes(4))
    assert log.read() == [*strokes(1, 2, 3)[:whole], *strokes(4)]


def test_a_damaged_line_inside_the_log_is_named(tmp_path):
    log = StrokeLog(tmp_path / "s.jsonl")
    log.append(strokes(1, 2))
    log.path.write_bytes(b"{}\n" + log.path.read_bytes())
    with pytest.raises(ProjectError, match=r"s\.jsonl: line 1 is damaged"):
        log.read()
