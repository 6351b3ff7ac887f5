"""Snapshots hold what was there, byte for byte; restoring gives it back as one step, and undo takes that back."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from work import CLASSES, SHAPE, make_project, open_work, same

from annotations.classes import ClassScheme, LandClass
from annotations.errors import ProjectError
from annotations.history import snapshots as snapshots_module
from annotations.history.comparing import BARE, compare
from annotations.history.recorded import read_recorded
from annotations.history.snapshots import SnapshotStore
from annotations.labels.placing import NewPoint
from annotations.project.project import Project
from annotations.region import Region


@pytest.fixture
def work(tmp_path):
    work = open_work(make_project(tmp_path))
    yield work
    work.close()


ACTS = st.one_of(
    st.tuples(st.just("paint"), st.integers(0, 20), st.sampled_from([0, 300, 505, 511, 900, 1020]), st.integers(-1, 2)),
    st.tuples(st.just("point"), st.integers(0, 23), st.sampled_from([3, 510, 512, 1039]), st.integers(0, 2)),
    st.tuples(st.just("unpoint"), st.integers(0, 9), st.just(0), st.just(0)),
    st.tuples(st.just("mask"), st.integers(0, 50), st.just(0), st.just(0)),
    st.tuples(st.just("undo"), st.just(0), st.just(0), st.just(0)),
    st.tuples(st.just("redo"), st.just(0), st.just(0), st.just(0)),
    st.tuples(st.just("snapshot"), st.just(0), st.just(0), st.just(0)),
    st.tuples(st.just("restore"), st.integers(0, 9), st.just(0), st.just(0)),
    st.tuples(st.just("add class"), st.just(0), st.just(0), st.just(0)),
)


def act(work, what, row, column, label, taken):
    labelling = work.labelling
    if what == "paint":
        work.paint(Region(row, column, 4, 40), label)
    elif what == "point":
        labelling.change_points([], [NewPoint(row, column, label)])
    elif what == "unpoint" and len(labelling.points):
        points = list(labelling.points)
        labelling.change_points([points[row % len(points)].number], [])
    elif what == "mask":
        mask = np.random.default_rng(row).integers(-6, 3, SHAPE).clip(-1, 2).astype(np.int8)
        labelling.add_labels(mask, "random mask", "random")
    elif what in ("undo", "redo"):
        getattr(labelling, what)()
    elif what == "add class" and len(labelling.scheme) < 5:
        labelling.set_scheme(labelling.scheme.added(LandClass(f"more {len(labelling.scheme)}", "#010203")))
    elif what == "snapshot":
        snapshot, problem = work.take()
        assert not problem
        if snapshot is not None:
            taken[snapshot.id] = work.held()
    elif what == "restore" and taken:
        restore(work, list(taken)[row % len(taken)], taken)


def restore(work, snapshot_id, taken):
    before, step = work.held(), work.labelling.journal.last(back=True)
    work.restore(work.snapshots.snapshot(snapshot_id))
    after, wanted = work.held(), taken[snapshot_id]
    same(after[:3], wanted[:3])
    assert set(wanted[3].names) <= set(after[3].names)
    if work.labelling.journal.last(back=True) is step:  # nothing was different
        same(after, before)
        return
    work.labelling.undo()
    same(work.held(), before)
    work.labelling.redo()
    same(work.held(), after)


@settings(max_examples=12)
@given(st.lists(ACTS, min_size=3, max_size=14))
def test_whatever_was_done_a_snapshot_gives_it_back_and_undo_takes_that_back(acts):
    home = Path(tempfile.mkdtemp(prefix="history-"))
    work = open_work(make_project(home))
    taken = {}
    for one in [*acts, ("snapshot", 0, 0, 0), ("restore", 0, 0, 0)]:
        act(work, *one, taken)
    for snapshot in work.snapshots.all():
        recorded = work.read(snapshot)
        labels, strokes, points, scheme = taken[snapshot.id]
        np.testing.assert_array_equal(recorded.labels, labels)
        np.testing.assert_array_equal(recorded.numbers, strokes)
        assert recorded.points == points
        assert recorded.scheme == scheme
    held = work.held()
    work.close()
    again = open_work(home / "p.partialseg")  # what is on the disk is what was in hand
    same(again.held(), held)
    assert {s.id for s in again.snapshots.all()} == set(taken)
    again.close()
    shutil.rmtree(home)


def test_what_comes_after_a_snapshot_is_not_in_it_though_nobody_waits(work):
    work.paint(Region(2, 2, 5, 5), 1)
    work.keeper.take("before", work.labelling.scheme)
    work.paint(Region(2, 2, 5, 5), 2)  # the same chunk, handed over before the snapshot can have been read
    work.paint(Region(2, 600, 5, 5), 2)
    assert work.keeper.close(30)
    (snapshot,) = work.snapshots.all()
    labels = work.read(snapshot).labels
    assert (labels[2:7, 2:7] == 1).all()
    assert (labels >= 0).sum() == 25


def test_nothing_new_makes_no_snapshot_but_one_with_a_name(work):
    work.paint(Region(2, 2, 5, 5), 1)
    first, _ = work.take()
    assert work.take() == (None, "")
    named, _ = work.take(name="as delivered")
    assert [s.id for s in work.snapshots.all()] == [named.id, first.id]
    assert first.contents == named.contents
    assert len(work.snapshots.contents.names()) == len(first.contents)  # kept once


def test_classes_are_found_by_name_by_colour_and_come_back(work):
    work.paint(Region(0, 0, 4, 4), 0)
    work.paint(Region(0, 10, 4, 4), 1)
    work.paint(Region(0, 20, 4, 4), 2)
    work.labelling.change_points([], [NewPoint(15.0, 30.0, 2), NewPoint(15.0, 60.0, 1)])
    snapshot, _ = work.take()
    names = work.labelling.scheme.names
    for label in (0, 2):
        work.labels[work.labels == label] = -1
    work.labelling.sync()
    numbers = [p.number for p in work.labelling.points]
    work.labelling.change_points(numbers, [])
    work.labels[work.labels == 2] = -1
    work.labelling.sync()
    renamed = ClassScheme(
        (work.labelling.scheme[0], LandClass("roofs", work.labelling.scheme[1].colour), LandClass("new", "#111111"))
    )
    work.labelling.set_scheme(renamed)
    before = work.held()
    work.restore(snapshot)
    scheme = work.labelling.scheme
    assert scheme.names == (names[0], "roofs", "new", names[2])
    assert (work.labels[0:4, 0:4] == 0).all()
    assert (work.labels[0:4, 10:14] == 1).all()
    assert (work.labels[0:4, 20:24] == 3).all()
    assert not (work.labels == 2).any()
    assert [p.label for p in work.labelling.points] == [3, 1]
    assert work.project.scheme == scheme
    work.labelling.undo()
    same(work.held(), before)
    assert work.project.scheme == renamed
    work.labelling.redo()
    assert work.labelling.scheme == scheme
    assert (work.labels[0:4, 20:24] == 3).all()


def test_what_somebody_is_drawing_stays(work):
    work.paint(Region(2, 2, 5, 5), 1)
    snapshot, _ = work.take()
    work.paint(Region(2, 2, 10, 10), 2)
    filling = work.labelling.begin_restoring(work.read(snapshot))
    work.labels[4, 600:620] = 0  # not told yet
    work.labels[3, 3] = 0
    filling.finish()
    assert (work.labels[4, 600:620] == 0).all()
    assert work.labels[3, 3] == 0
    work.labelling.record(Region(0, 0, 24, 700), "paint")
    work.labelling.undo()
    np.testing.assert_array_equal(work.labels, work.read(snapshot).labels)


def test_compare_says_what_would_change_and_where(work):
    work.paint(Region(2, 2, 5, 5), 1)
    work.paint(Region(2, 600, 5, 5), 0)
    snapshot, _ = work.take()
    work.paint(Region(2, 2, 5, 5), 2)
    work.paint(Region(10, 700, 3, 3), 2)
    work.paint(Region(2, 600, 5, 1), -1, "erase")
    found = compare(work.read(snapshot), work.labels, work.labelling.scheme)
    assert found.now == (20, 0, 34)
    assert found.then == (25, 25, 0)
    shown = np.zeros(SHAPE, np.uint8)
    shown[2:7, 2:7], shown[10:13, 700:703], shown[2:7, 600:601] = 2, BARE, 1
    np.testing.assert_array_equal(found.shown, shown)
    assert found.changed == np.count_nonzero(shown)
    assert found.bounds == Region.from_bounds(2, 2, 13, 703)


# ------------------------------------------------------------------------------------------------------- what fails


def test_a_full_disk_is_told_and_labels_go_on(work, monkeypatch):
    work.paint(Region(2, 2, 5, 5), 1)
    first, _ = work.take()
    work.paint(Region(2, 2, 5, 5), 2)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(snapshots_module, "write_atomically", full)
        snapshot, problem = work.take()
        assert snapshot is None
        assert "disk is full" in problem
        work.paint(Region(12, 2, 5, 5), 0)
        assert work.store.flush(10)
    assert work.store.last_error is None
    assert [s.id for s in work.snapshots.all()] == [first.id]
    second, problem = work.take()  # room was made
    assert not problem
    np.testing.assert_array_equal(work.read(second).labels, work.labels)


def test_room_is_left_for_the_labels(work, monkeypatch):
    work.paint(Region(2, 2, 5, 5), 1)
    usage = type("Usage", (), {"free": 10 * 2**20})
    monkeypatch.setattr(snapshots_module.shutil, "disk_usage", lambda path: usage)
    snapshot, problem = work.take()
    assert snapshot is None
    assert "disk is full" in problem
    assert not list(work.project.images[0].files.history.chunks.glob("*"))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_killed_at_any_write_all_earlier_snapshots_are_whole(tmp_path, disk, code):
    """Every write that a snapshot makes fails once; a copy of the files then is opened as after a kill."""
    home = tmp_path / "p.partialseg"
    (tmp_path / "made").mkdir()
    shutil.copytree(make_project(tmp_path / "made"), home)
    work = open_work(home)
    work.paint(Region(2, 500, 5, 30), 1)
    first, _ = work.take()
    wanted = work.held()
    at = 0
    while True:
        work.paint(Region(10, 500 + at, 1, 1), 1)
        assert work.store.flush(10)
        disk.fail(at, code)
        snapshot, problem = work.take()
        failed = disk.failed
        disk.mend()
        copy = Path(shutil.copytree(home, tmp_path / f"copy{at}.partialseg"))
        with Project.open(copy) as project:
            files = project.images[0].files.history
            assert not list(files.folder.glob(".*"))
            store = SnapshotStore(files)
            assert not store.take_notes()
            assert first.id in {s.id for s in store.all()}
            for one in store.all():
                recorded = read_recorded(one, store.contents, SHAPE)
                if one.id == first.id:
                    np.testing.assert_array_equal(recorded.labels, wanted[0])
        shutil.rmtree(copy)
        if not failed:
            break
        assert snapshot is None or not problem
        at += 1
    assert at > 4
    work.close()


def test_damaged_contents_are_said_and_nothing_is_restored(work):
    work.paint(Region(2, 2, 5, 5), 1)
    snapshot, _ = work.take()
    work.paint(Region(2, 2, 5, 5), 2)
    before = work.held()
    path = work.snapshots.contents.folder / snapshot.labels[0, 0]
    content = path.read_bytes()
    for damaged in (content[:-3], b"", bytes([content[0] ^ 255]) + content[1:]):
        path.write_bytes(damaged)
        with pytest.raises(ProjectError, match="damaged"):
            work.restore(snapshot)
        same(work.held(), before)
    path.unlink()
    with pytest.raises(ProjectError, match="missing"):
        work.restore(snapshot)
    # The same labels drawn again are whole in the next snapshot.
    work.labelling.undo()
    again, _ = work.take(name="again")
    np.testing.assert_array_equal(work.read(again).labels, work.labels)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"[1, 2]", b'{"format": 1}', b'{"format": 1, "time": "x"}', b"\xff\x00", b'"text"']
)
def test_a_damaged_snapshot_is_set_aside_and_the_others_stay(work, content):
    work.paint(Region(2, 2, 5, 5), 1)
    first, _ = work.take()
    folder = work.project.images[0].files.history.folder
    (folder / "20200101T000000-abcdef.json").write_bytes(content)
    store = SnapshotStore(work.project.images[0].files.history)
    assert [s.id for s in store.all()] == [first.id]
    assert len(store.take_notes()) == 1
    assert (folder / "20200101T000000-abcdef-set-aside.json").read_bytes() == content
    assert not SnapshotStore(work.project.images[0].files.history).take_notes()  # said once


def test_a_snapshot_of_a_newer_version_is_left_with_all_it_needs(work):
    work.paint(Region(2, 2, 5, 5), 1)
    first, _ = work.take()
    files = work.project.images[0].files.history
    newer = files.folder / "20300101T000000-abcdef.json"
    newer.write_text('{"format": 2, "needs": "what this version does not know"}')
    extra = files.chunks / ("0" * 32)
    extra.write_bytes(b"of the newer one")
    store = SnapshotStore(files)
    store.delete(first.id)
    assert store.all() == []
    assert newer.exists()
    assert extra.exists()


def test_names_are_kept_and_what_nobody_needs_goes(work):
    work.paint(Region(2, 2, 5, 5), 1)
    first, _ = work.take()
    work.paint(Region(2, 600, 5, 5), 1)
    second, _ = work.take()
    work.snapshots.rename(first.id, "  first light ")
    files = work.project.images[0].files.history
    assert {s.name for s in SnapshotStore(files).all()} == {"first light", ""}
    work.snapshots.delete(second.id)
    assert work.snapshots.contents.names() == first.contents
    work.snapshots.delete(first.id)
    assert work.snapshots.contents.names() == set()
    with pytest.raises(ProjectError, match="not there any more"):
        work.snapshots.rename(first.id, "x")


def test_read_only_touches_nothing(work):
    work.paint(Region(2, 2, 5, 5), 1)
    snapshot, _ = work.take()
    files = work.project.images[0].files.history
    damaged = files.folder / "20200101T000000-abcdef.json"
    damaged.write_bytes(b"{")
    store = SnapshotStore(files, writable=False)
    assert len(store.all()) == len(store.take_notes()) == 1
    with pytest.raises(ProjectError, match="reading only"):
        store.delete(snapshot.id)
    assert damaged.exists()


def test_a_project_with_snapshots_opens_where_none_are_known(work):
    """Whatever lies in the folder of an image is passed over by who does not know it, and swept by nobody."""
    assert CLASSES == work.labelling.scheme
    work.paint(Region(2, 2, 5, 5), 1)
    work.take()
    folder, held = work.project.folder, work.held()
    work.close()
    again = open_work(folder)
    same(again.held(), held)
    assert len(again.snapshots.all()) == 1
    again.close()
    work.keeper, work.store, work.project = again.keeper, again.store, again.project


def test_what_a_killed_program_left_half_written_is_swept_and_snapshots_stay(work):
    work.paint(Region(2, 2, 5, 5), 1)
    snapshot, _ = work.take()
    files, folder = work.project.images[0].files.history, work.project.folder
    left = [
        files.chunks / f".{'0' * 32}-4194304-1-{'a' * 8}",  # a process of a number that none has
        files.folder / f".20260101T000000-abcdef-4194304-2-{'b' * 8}.json",
    ]
    for path in left:
        path.write_bytes(b"half")
    contents = work.snapshots.contents.names()
    work.close()
    again = open_work(folder)
    assert not any(path.exists() for path in left)
    assert again.snapshots.contents.names() == contents
    assert [s.id for s in again.snapshots.all()] == [snapshot.id]
    again.close()
    work.keeper, work.store, work.project = again.keeper, again.store, again.project
