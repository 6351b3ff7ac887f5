"""A project in hand whose snapshots are taken as the viewer takes them, for tests of history."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import zarr
from in_hand import in_hand

from annotations.classes import LANDCOVER_AI, ClassScheme
from annotations.history.keeper import SnapshotKeeper
from annotations.history.recorded import read_recorded
from annotations.history.snapshots import SnapshotStore
from annotations.images.orthophoto import open_orthophoto
from annotations.project.project import Project
from annotations.region import Region
from annotations.store.label_store import LabelStore

SHAPE = (24, 1040)  # three chunks
CLASSES = ClassScheme(LANDCOVER_AI.classes[:3])


@dataclass
class Work:
    """A project that is open, with the keeper of its snapshots."""

    project: Project
    store: LabelStore
    labelling: object
    labels: np.ndarray
    strokes: np.ndarray
    snapshots: SnapshotStore
    keeper: SnapshotKeeper

    def take(self, why="test", name=""):
        """Take a snapshot and wait for it; return it and what was wrong."""
        found, there = [], threading.Event()

        def told(snapshot, problem):
            found.append((snapshot, problem))
            there.set()

        counts = tuple(int((self.labels == i).sum()) for i in range(len(self.labelling.scheme)))
        self.keeper.take(why, self.labelling.scheme, name=name, counts=counts, told=told)
        assert there.wait(30)
        return found[0]

    def read(self, snapshot):
        return read_recorded(snapshot, self.snapshots.contents, SHAPE)

    def restore(self, snapshot):
        filling = self.labelling.begin_restoring(self.read(snapshot))
        filling.finish()
        return filling

    def paint(self, region, label, tool="paint"):
        self.labels[region.clipped(SHAPE).slices] = label
        self.labelling.record(region.clipped(SHAPE), tool)

    def held(self):
        """Return a copy of all that the history changes."""
        return self.labels.copy(), self.strokes.copy(), self.labelling.points.to_json(), self.labelling.scheme

    def close(self):
        self.keeper.close()
        assert self.store.close(10)
        self.project.close()


def make_project(folder, classes=CLASSES):
    image = folder / "image.zarr"
    zarr.create_array(image, shape=(*SHAPE, 1), chunks=(512, 512, 1), dtype="uint8")
    project = Project.create(folder / "p.partialseg", classes)
    ortho = open_orthophoto(image)
    project.add_image(ortho)
    ortho.close()
    project.close()
    return folder / "p.partialseg"


def open_work(folder):
    project = Project.open(folder)
    files = project.images[0].files
    store = LabelStore.open(files.folder, guard=project.check_held)
    found, labelling = in_hand(project, store)
    snapshots = SnapshotStore(files.history, guard=project.check_held)
    return Work(project, store, labelling, found.labels, found.strokes, snapshots, SnapshotKeeper(store, snapshots))


def same(one, other):
    """Fail where two results of `Work.held` differ."""
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])
    assert one[2:] == other[2:]


WHOLE = Region.whole(SHAPE)
