"""Each write to disk of a project fails in its turn: it is said, nothing saved is lost, and the next try saves all.

PARTIALSEG_FAULTS=all lets each write fail with each error, once and until the disk is mended; by default each write
fails with one of them.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr
from failing_disk import FailingDisk

from annotations import writer as writer_module
from annotations.band_roles import BandRoles
from annotations.classes import LANDCOVER_AI, ClassScheme
from annotations.errors import PartialSegError, ProjectError
from annotations.labelling import Labelling, NewPoint
from annotations.orthophoto import open_orthophoto
from annotations.project import Project
from annotations.recovery import take_up
from annotations.region import Region
from annotations.store import LabelStore
from annotations.writer import BackgroundWriter

SHAPE = (24, 1040)  # three chunks
LEFT, MIDDLE, RIGHT = Region(2, 3, 9, 20), Region(5, 500, 9, 30), Region(0, 1024, 24, 16)
FEW, MORE = ClassScheme(LANDCOVER_AI.classes[:3]), ClassScheme(LANDCOVER_AI.classes[:4])
WAYS = list(itertools.product((errno.ENOSPC, errno.EROFS, errno.EIO), (False, True)))
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
            self.store.on_error = lambda error: self.said.append(str(error))
        found = take_up(self.store, self.project)
        assert found.note == ""
        self.live, self.told = found.labels, []
        self.labelling = Labelling(
            found.labels,
            found.strokes,
            self.project.scheme,
            found.points,
            store=self.store,
            project=self.project,
            next_number=self.store.next_number(),
            known=self.store.strokes(),
            tell=self.told.append,
        )

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


@pytest.fixture
def disk(tmp_path, monkeypatch):
    monkeypatch.setattr(writer_module, "_RETRY_SECONDS", 600)  # tried again when it is asked for, and only then
    for number, value in enumerate((3, 4)):
        image = zarr.create_array(tmp_path / f"{number}.zarr", shape=(*SHAPE, 1), chunks=(512, 512, 1), dtype="uint8")
        image[...] = value
    return FailingDisk(monkeypatch, tmp_path / "p.partialseg")


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


@pytest.mark.parametrize("change", ["set_config", "set_scheme", "set_roles", "relocate", "add_image"])
def test_a_change_that_could_not_be_saved_is_not_made_and_can_be_tried_again(tmp_path, disk, change):
    first, second = (open_orthophoto(tmp_path / f"{n}.zarr") for n in range(2))
    with Project.create(disk.root, FEW) as project:
        project.add_image(first)
        moved = shutil.copytree(tmp_path / "0.zarr", tmp_path / "moved.zarr")
        again = open_orthophoto(moved)
        act = {
            "set_config": lambda: project.set_config({"a": 1}),
            "set_scheme": lambda: project.set_scheme(MORE),
            "set_roles": lambda: project.set_roles("1", BandRoles((0,), nodata=(3.0,))),
            "relocate": lambda: project.relocate("1", again),
            "add_image": lambda: project.add_image(second),
        }[change]

        def known():
            with Project.open(disk.root, write=False) as there:
                assert (there.scheme, there.config, there.images) == (project.scheme, project.config, project.images)
            return project.scheme, project.config, project.images

        before = known()
        replace = os.replace

        def full(source, target, **options):
            if Path(target).name == "project.json":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            replace(source, target, **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "replace", full)
            with pytest.raises(ProjectError, match=r"project\.json: could not be saved .*No space left"):
                act()
        assert known() == before
        act()
        assert known() != before
    for ortho in (first, second, again):
        ortho.close()


def strange_project(home, folder):
    """Labels and points of classes that do not exist, and a mask that knows more classes than the project."""
    ortho = open_orthophoto(home / "0.zarr")
    with Project.create(folder, MORE) as project:
        place = project.add_image(ortho).folder
        store = LabelStore.open(place)
        store.submit(LEFT, np.full(LEFT.shape, 3, np.int8), np.ones(LEFT.shape, np.uint32))
        store.submit_points([{"number": 2, "row": 1, "column": 1, "label": 9}])
        assert store.close(20)
        store.mask.set_scheme(ClassScheme(FEW.classes[:2]), checked=True)
    ortho.close()
    document = json.loads((folder / "project.json").read_text())
    (folder / "project.json").write_text(json.dumps({**document, "scheme": FEW.to_json()}))
    return place


def test_what_is_strange_is_put_in_order_though_a_write_fails(tmp_path, disk):
    folder, said = Path(disk.root), []
    for number in itertools.count():
        shutil.rmtree(folder, ignore_errors=True)
        disk.fail(None, 0)
        place = strange_project(tmp_path, folder)
        with Project.open(folder) as project:
            disk.fail(number, *WAYS[number % len(WAYS)][:1], lasting=WAYS[number % len(WAYS)][1])
            for _ in range(2):  # once more where it failed, the disk being mended
                store = None
                try:
                    store = LabelStore.open(place)
                    found = take_up(store, project)
                    if store.close(20):
                        break
                    raise store.last_error
                except PartialSegError as error:
                    said.append(str(error))
                    disk.mend()
                    assert store is None or store.close(20)
            assert (found.labels == -1).all()
            aside = np.load(place / "labels-set-aside.npz")
            assert (aside["label"] == 3).sum() == LEFT.height * LEFT.width
            assert "9" in (place / "points-set-aside.json").read_text()
            store = LabelStore.open(place, writable=False)
            assert ((store.load()[0] == -1).all(), store.points(), store.scheme) == (True, [], FEW)
        if not disk.failed:
            break
    assert len(said) > 15
    assert all(str(place) in text for text in said)


@pytest.mark.timeout(30)
def test_closing_does_not_wait_for_ever_for_what_comes_meanwhile_and_cannot_be_written():
    written = []

    def write(batch):
        if "bad" in batch:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        written.extend(batch)

    writer = BackgroundWriter(write, lambda item: None, lambda error: error)
    flush = writer.flush

    def flush_and_more(timeout=None):
        done = flush(timeout)
        writer.put("bad")  # by another thread, at the worst moment
        return done

    writer.flush = flush_and_more
    writer.put("good")
    assert not writer.close(10)
    assert (written, writer.pending) == (["good"], 1)
    assert writer.discard()
