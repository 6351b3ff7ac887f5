"""What goes missing or is damaged beside and in the labels: said, set aside, and never a raw exception."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
import zarr
from kept_labels import SHAPE, expected, opened

from annotations.errors import PartialSegError, ProjectError
from annotations.region import Region
from annotations.store.label_store import LabelStore
from annotations.store.strokes import Stroke


def test_an_intact_folder_says_nothing(folder):
    for writable in (True, False):
        store, labels, _ = opened(folder, writable=writable)
        assert store.notes == []
        np.testing.assert_array_equal(labels, expected())
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
            again, found, given = opened(copy, writable=writable)
            assert [n for n in again.notes if "labels.zarr" in n or "points" in n or "jsonl" in n] == []
            # Strokes are in their file before any pixel refers to them.
            assert {*np.unique(given[given > 0]).tolist()} <= {stroke.number for stroke in again.strokes()}
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
