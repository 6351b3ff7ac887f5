"""Each write to disk of a project fails in its turn: it is said, nothing saved is lost, and the next try saves all.

PARTIALSEG_FAULTS=all lets each write fail with each error, once and until the disk is mended; by default each write
fails with one of them.
"""

from __future__ import annotations

import os
import re
import shutil

import numpy as np
import pytest
from failing_disk import FEW, MORE, SHAPE, WAYS
from in_hand import in_hand

from annotations.errors import PartialSegError
from annotations.images.orthophoto import open_orthophoto
from annotations.labels.placing import NewPoint
from annotations.labels.recovery import take_up
from annotations.project.project import Project
from annotations.region import Region
from annotations.store.label_store import LabelStore

LEFT, MIDDLE, RIGHT = Region(2, 3, 9, 20), Region(5, 500, 9, 30), Region(0, 1024, 24, 16)
# What may fail without a word: folders that are there already, who holds the lock, the labels' copy of the classes,
# which follows the project's on the next opening.
UNSAID = re.compile(r"mkdir .*|\w+ \.?lock[-.].*|\w+ zarr\..*")


class Work:
    """A project, worked on as the viewer does, and a model of it in plain numpy."""

    def __init__(self, home):
        self.home, self.folder = home, home / "p.partialseg"
        self.labels, self.points, self.scheme = np.full(SHAPE, -1, np.int8), [], FEW
        self.config, self.images, self.shapes = {}, 0, []
        self.project = self.store = None
        self.said = []

    # -- acts: each may fail, and is then tried again ------------------------------------------------------------------

    def create(self):
        self.project = Project.create(self.folder, FEW)

    def add(self):
        ortho = open_orthophoto(self.home / f"{self.images}.zarr")
        try:
            self.project.add_image(ortho)
        finally:
            ortho.close()
        self.images += 1

    def open(self):
        if self.project is None:
            self.project = Project.open(self.folder)
        if self.store is None:
            self.store = LabelStore.open(self.project.images[0].folder, guard=self.project.check_held)
            self.store.tell(failed=lambda error: self.said.append(str(error)))
        self.told = []
        found, self.labelling = in_hand(self.project, self.store, self.told.append)
        self.live = found.labels

    def paint(self, region, label):
        self.live[region.slices] = self.labels[region.slices] = label
        self.labelling.record(region, "paint")

    def flush(self):
        if not self.store.flush(20):
            raise self.store.last_error

    def point(self, row, column, label):
        self.labelling.change_points([], [NewPoint(row, column, label, 0)])
        self.labels[row, column] = label
        self.points.append((row, column, label))

    def classes(self, scheme):
        self.labelling.set_scheme(scheme)
        self.scheme = scheme

    def configure(self, **values):
        self.project.set_config(values)
        self.config = values

    def close(self):
        if not self.store.close(20):
            raise self.store.last_error
        self.project.close()
        self.project = self.store = None

    def acts(self):
        """Every kind of write: new files, longer ones, chunks written, written again and deleted, names replaced."""
        yield self.create
        yield self.add
        yield self.open
        yield lambda: self.paint(LEFT, 0)
        yield lambda: self.paint(RIGHT, 1)
        yield self.flush
        yield lambda: self.paint(MIDDLE, 2)
        yield lambda: self.point(20, 800, 1)
        yield self.flush
        yield lambda: self.classes(MORE)
        yield lambda: self.paint(RIGHT, -1)  # its chunk goes
        yield lambda: self.paint(LEFT, 3)
        yield self.flush
        yield lambda: self.configure(a=1)
        yield self.add
        yield lambda: self.point(1, 1, 3)
        yield self.close
        yield self.open
        yield lambda: self.paint(MIDDLE, 1)
        yield self.close

    # -- what must hold ------------------------------------------------------------------------------------------------

    def check(self):
        """The reopened project is the model, nothing is said to be missing, and no half-written file is left."""
        with Project.open(self.folder) as project:
            assert (project.scheme, project.config, len(project.images)) == (self.scheme, self.config, self.images)
            store = LabelStore.open(project.images[0].folder)
            found = take_up(store, project)
            assert found.note == ""
            np.testing.assert_array_equal(found.labels, self.labels)
            np.testing.assert_array_equal(found.strokes > 0, self.labels >= 0)
            assert {s.number for s in store.strokes()} >= set(found.strokes[found.strokes > 0].tolist())
            assert sorted((p.row, p.column, p.label) for p in found.points) == sorted(self.points)
            assert store.scheme == self.scheme
            assert store.close(20)
            left = [p.name for p in self.folder.rglob("*") if p.name.endswith(".partial") or p.name.startswith(".")]
            # Where not even removing goes, it is swept once this process is no more.
            assert [name for name in left if f"-{os.getpid()}-" not in name] == []

    def check_as_killed(self, saved):
        """What is on the disk right now holds all that was saved, and else only what was drawn since."""
        store = LabelStore.open(self.store.folder, writable=False)
        labels, _ = store.load()
        assert store.notes == []
        assert ((labels == saved) | (labels == self.labels)).all()


def labour(work, disk):
    """Do all acts, each again where it fails."""
    saved = work.labels.copy()
    for act in work.acts():
        try:
            act()
        except PartialSegError as error:
            work.said.append(str(error))
            if work.store is not None:
                work.check_as_killed(saved)
            disk.mend()
            act()
        if act == work.flush:
            saved = work.labels.copy()


def kinds(seen):
    """Return one number of each kind of write: what is done to which sort of file."""
    found = {}
    for number, (what, name) in enumerate(seen):
        sort = "" if what in ("mkdir", "unlink") else re.sub(r"[0-9a-f]{32}|-[0-9a-f-]+|\d+", "", name)
        found.setdefault((what, sort), []).append(number)
    return sorted(numbers[len(numbers) // 2] for numbers in found.values())


def labour_with_failure(home, disk, number, code, lasting):
    """Do all acts from the start, one write failing; return whether it came to that write."""
    shutil.rmtree(home / "p.partialseg")
    work = Work(home)
    disk.fail(number, code, lasting=lasting)
    labour(work, disk)
    disk.mend()
    work.check()
    assert all(str(work.folder) in text for text in work.said)
    assert work.said or all(UNSAID.fullmatch(" ".join(failed)) for failed in disk.failed), disk.failed
    return bool(disk.failed)


@pytest.mark.timeout(3600 if os.environ.get("PARTIALSEG_FAULTS") == "all" else 300)
def test_whichever_write_fails_nothing_is_lost(tmp_path, disk):
    work = Work(tmp_path)
    disk.fail(None, 0)
    labour(work, disk)
    work.check()
    assert work.said == []
    all_of_them = os.environ.get("PARTIALSEG_FAULTS") == "all"
    numbers = list(range(len(disk.seen))) if all_of_them else kinds(disk.seen)
    cases = [(n, *way) for i, n in enumerate(numbers) for way in (WAYS if all_of_them else [WAYS[i % len(WAYS)]])]
    # How many writes there are depends on how many strokes go together: the last ones may not come.
    failed = sum(labour_with_failure(tmp_path, disk, *case) for case in cases)
    assert failed > 0.8 * len(cases) > 20, (failed, len(cases))
