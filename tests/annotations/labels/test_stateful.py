"""Whatever is done to labels, points and classes, in whatever order: memory and disk are those of a plain numpy model.

The model keeps a list of what was done and computes from it, with numpy alone, what every pixel must hold: the last of
the things done to it, points that were taken away left out. An undo is the list as it was before.
"""

from __future__ import annotations

import errno
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import zarr
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from in_hand import in_hand

from annotations.classes import LANDCOVER_AI, ClassScheme, LandClass
from annotations.errors import LabelError, PartialSegError
from annotations.images.orthophoto import open_orthophoto
from annotations.labels.placing import NewPoint
from annotations.labels.recovery import take_up
from annotations.labels.removal import theirs_alone
from annotations.project import document as project_module
from annotations.project.project import Project
from annotations.region import Region
from annotations.store import chunk_writer as store_module
from annotations.store.label_store import LabelStore

HEIGHT, WIDTH = 24, 1040  # three chunks
SHAPE = (HEIGHT, WIDTH)
CLASSES = ClassScheme(LANDCOVER_AI.classes[:3])
ROW, COLUMN = st.integers(0, HEIGHT - 1), st.sampled_from([0, 5, 8, 505, 511, 512, 515, 1020, 1030, 1039])
LABEL = st.integers(0, 4)


@dataclass(frozen=True)
class Act:
    """Pixels that got a label (-1: lost it) and a number."""

    number: int
    label: object  # one, or an array as long as places
    places: np.ndarray
    point: bool = False
    origin: str = "drawn"


@dataclass(frozen=True)
class State:
    acts: tuple[Act, ...] = ()
    gone: frozenset[int] = frozenset()
    points: tuple[tuple[int, float, float, int], ...] = ()
    names: tuple[str, ...] = CLASSES.names

    def arrays(self):
        labels, numbers = np.full(HEIGHT * WIDTH, -1, np.int8), np.zeros(HEIGHT * WIDTH, np.uint32)
        for act in self.acts:
            if act.number not in self.gone:
                labels[act.places] = act.label
                numbers[act.places] = np.where(labels[act.places] >= 0, act.number, 0)
        return labels.reshape(SHAPE), numbers.reshape(SHAPE)


def disc_places(row, column):
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.flatnonzero((rows - np.floor(row + 0.5)) ** 2 + (columns - np.floor(column + 0.5)) ** 2 <= 9)


class DiskFault:
    """Lets the disk fill up after some writes."""

    def __init__(self):
        self.left = None

    def __call__(self, function):
        def write(*args, **kwargs):
            if self.left is not None:
                if self.left <= 0:
                    raise OSError(errno.ENOSPC, "No space left on device")
                self.left -= 1
            return function(*args, **kwargs)

        return write


class Machine(RuleBasedStateMachine):
    @initialize()
    def start(self):
        self.home = Path(tempfile.mkdtemp(prefix="stateful-"))
        self.copies = 0
        self.image = self.home / "image.npy.zarr"
        zarr.create_array(self.image, shape=(HEIGHT, WIDTH, 1), chunks=(512, 512, 1), dtype="uint8")
        self.folder = self.home / "p.partialseg"
        project = Project.create(self.folder, CLASSES)
        ortho = open_orthophoto(self.image)
        project.add_image(ortho)
        ortho.close()
        project.close()
        self.fault = DiskFault()
        self.states, self.now, self.numbers = [State()], 0, {0}
        self.since_flush = [State()]
        self.write_atomically = store_module.write_atomically, project_module.write_atomically
        store_module.write_atomically = self.fault(self.write_atomically[0])
        project_module.write_atomically = self.fault(self.write_atomically[1])
        self.open()

    def open(self):
        self.project = Project.open(self.folder)
        self.store = LabelStore.open(self.project.images[0].folder)
        self.store.mask.write = self.fault(self.store.mask.write)
        self.store._log.append = self.fault(self.store._log.append)
        self.told = []
        found, self.labelling = in_hand(self.project, self.store, self.told.append)
        self.labels, self.strokes = found.labels, found.strokes

    def teardown(self):
        if not hasattr(self, "project"):
            return
        self.fault.left = None
        store_module.write_atomically, project_module.write_atomically = self.write_atomically
        assert self.store.close(10)
        self.project.close()
        shutil.rmtree(self.home)

    @property
    def state(self):
        return self.states[self.now]

    def take(self, state, last):
        """Follow the model where the product made a step; where it made none, nothing may have changed."""
        step = self.labelling.journal.last(back=True)
        if step is not last:
            self.states = [*self.states[: self.now + 1], state]
            self.now += 1
        self.since_flush.append(self.state)

    def fresh_number(self, *given):
        for number in given:
            assert number not in self.numbers, "a stroke number was given twice"
            self.numbers.add(number)

    # -- what is done --------------------------------------------------------------------------------------------------

    def write(self, region, label, tool="paint", *, told=True):
        last, before = self.labelling.journal.last(back=True), self.labels.copy()
        self.labels[region.slices] = label
        if told:
            self.labelling.record(region, tool)
        else:
            self.labelling.sync()
        different = np.flatnonzero(before != self.labels)
        if label >= len(self.state.names):  # refused
            assert not different.size
            assert self.labelling.journal.last(back=True) is last
            return
        number = int(self.strokes.max()) if label >= 0 and different.size else 0
        if number:
            self.fresh_number(number)
        self.take(replace(self.state, acts=(*self.state.acts, Act(number, label, different))), last)

    @rule(row=ROW, column=COLUMN, height=st.integers(1, 9), width=st.integers(1, 530), label=LABEL)
    def paint(self, row, column, height, width, label):
        self.write(Region(row, column, height, width).clipped(SHAPE), label)

    @rule(row=ROW, column=COLUMN, height=st.integers(1, 24), width=st.integers(1, 530))
    def erase(self, row, column, height, width):
        self.write(Region(row, column, height, width).clipped(SHAPE), -1, "erase")

    @rule(row=ROW, column=COLUMN, label=st.sampled_from([0, 1, 2, 77]))
    def write_from_a_script(self, row, column, label):
        self.write(Region(row, column, 3, 3).clipped(SHAPE), label, told=False)

    @rule(seed=st.integers(0, 99), origin=st.sampled_from(["random", "imported"]))
    def add_mask(self, seed, origin):
        rng = np.random.default_rng(seed)
        mask = np.where(rng.random(SHAPE) < 0.3, rng.integers(0, 3, SHAPE), -1).astype(np.int8)
        last = self.labelling.journal.last(back=True)
        places = np.flatnonzero((self.labels == -1) & (mask >= 0) & (mask < len(self.state.names)))
        added, _ = self.labelling.add_labels(mask, "mask", origin)
        assert added == len(places)
        if added:
            number = int(self.strokes.max())
            self.fresh_number(number)
            act = Act(number, mask.reshape(-1)[places], places, origin=origin)
            self.take(replace(self.state, acts=(*self.state.acts, act)), last)

    @rule(origin=st.sampled_from(["random", "imported"]))
    def remove_origin(self, origin):
        last = self.labelling.journal.last(back=True)
        theirs = np.array([a.number for a in self.state.acts if a.origin == origin], np.uint32)
        lost = np.flatnonzero(theirs_alone(self.labels, self.strokes, theirs))
        shown = self.strokes.reshape(-1).copy()
        removed, _ = self.labelling.remove_origin(origin)
        assert removed == len(lost)
        acts = []
        for act in self.state.acts:
            if act.origin == origin:  # under points it is forgotten
                kept = shown[act.places] == act.number
                act = replace(act, places=act.places[kept], label=np.asarray(act.label)[kept])
            acts.append(act)
        self.take(replace(self.state, acts=(*acts, Act(0, -1, lost))), last)

    @rule(data=st.data(), row=st.floats(-9, HEIGHT + 9), column=st.floats(-9, WIDTH + 9), label=LABEL)
    def point(self, data, row, column, label):
        """Add one, or move or change one that is there."""
        last, before = self.labelling.journal.last(back=True), (self.labels.copy(), self.strokes.copy())
        old = data.draw(st.sampled_from([None, *(p[0] for p in self.state.points)]))
        inside = 0 <= np.floor(row + 0.5) < HEIGHT and 0 <= np.floor(column + 0.5) < WIDTH
        try:
            (number,), _ = self.labelling.change_points([] if old is None else [old], [NewPoint(row, column, label)])
        except LabelError:
            assert not inside or label >= len(self.state.names)
            assert (self.labels == before[0]).all()
            assert (self.strokes == before[1]).all()
            return
        assert inside
        self.fresh_number(number)
        act = Act(number, label, disc_places(row, column), point=True)
        kept = tuple(p for p in self.state.points if p[0] != old)
        gone = self.state.gone | ({old} if old is not None else set())
        state = replace(
            self.state, acts=(*self.state.acts, act), gone=gone, points=(*kept, (number, row, column, label))
        )
        self.take(state, last)

    @precondition(lambda self: self.state.points)
    @rule(data=st.data())
    def remove_points(self, data):
        last = self.labelling.journal.last(back=True)
        numbers = data.draw(st.sets(st.sampled_from([p[0] for p in self.state.points]), min_size=1))
        self.labelling.change_points(sorted(numbers), [])
        points = tuple(p for p in self.state.points if p[0] not in numbers)
        self.take(replace(self.state, gone=self.state.gone | numbers, points=points), last)
        assert self.labelling.journal.last(back=True) is not last

    def schemed(self, names):
        return ClassScheme(tuple(LandClass(name, "#123456") for name in names))

    @precondition(lambda self: len(self.state.names) < 5)
    @rule()
    def add_class(self):
        free = next(f"class {k}" for k in range(9) if f"class {k}" not in self.state.names)
        last, names = self.labelling.journal.last(back=True), (*self.state.names, free)
        self.labelling.set_scheme(self.schemed(names))
        self.take(replace(self.state, names=names), last)

    @rule(data=st.data())
    def swap_names(self, data):
        names = tuple(data.draw(st.permutations(self.state.names)))
        if names != self.state.names:
            last = self.labelling.journal.last(back=True)
            self.labelling.set_scheme(self.schemed(names))
            self.take(replace(self.state, names=names), last)

    @precondition(lambda self: len(self.state.names) > 2)
    @rule(clear=st.booleans())
    def remove_class(self, clear):
        n = len(self.state.names) - 1
        if clear and (self.labels == n).any():  # painted over, so that only points and history speak of it
            for row, column in np.argwhere(self.labels == n)[:1]:
                region = Region.whole(SHAPE)
                self.write(region, 0) if (row + column) % 2 else self.write(region, -1, "erase")
        last, names = self.labelling.journal.last(back=True), self.state.names[:n]
        if (self.labels >= n).any():
            try:
                self.labelling.set_scheme(self.schemed(names))
            except LabelError:
                return
            raise AssertionError("a class with labels was removed")
        self.labelling.set_scheme(self.schemed(names))
        self.take(self.without(n), last)

    def without(self, n):
        acts = []
        for act in self.state.acts:
            if not act.point:
                act = replace(act, label=np.where(np.asarray(act.label) >= n, -1, act.label))
            acts.append(act)
        gone = self.state.gone | {p[0] for p in self.state.points if p[3] >= n}
        points = tuple(p for p in self.state.points if p[3] < n)
        return replace(self.state, acts=tuple(acts), gone=gone, points=points, names=self.state.names[:n])

    @rule(data=st.data())
    def move_class(self, data):
        """All labels of a class go to another, or are taken away, points and what lies under points too."""
        label = data.draw(st.sampled_from(range(len(self.state.names))))
        to = data.draw(st.sampled_from([n for n in range(-1, len(self.state.names)) if n != label]))
        last, before = self.labelling.journal.last(back=True), self.labels == label
        moving = self.labelling.begin_moving(label, to)
        moving.finish()
        assert moving.added == before.sum()
        self.take(self.moved(label, to), last)

    def moved(self, label, to):
        acts, points = [], self.state.points
        for act in self.state.acts:
            given = np.asarray(act.label)
            if act.number not in self.state.gone and (given == label).any():
                taken = act.point and to == -1  # no point any more that could be taken away
                act = replace(act, label=np.where(given == label, to, given), point=act.point and not taken)
            acts.append(act)
        points = tuple((*p[:3], to) if p[3] == label else p for p in points if p[3] != label or to >= 0)
        return replace(self.state, acts=tuple(acts), points=points)

    @rule(times=st.integers(1, 5))
    def undo(self, times):
        for _ in range(times):
            self.labelling.undo()
            self.now = max(self.now - 1, 0)
            self.since_flush.append(self.state)

    @rule(times=st.integers(1, 5))
    def redo(self, times):
        for _ in range(times):
            self.labelling.redo()
            self.now = min(self.now + 1, len(self.states) - 1)
            self.since_flush.append(self.state)

    # -- what the disk does --------------------------------------------------------------------------------------------

    @rule()
    def flush(self):
        assert self.store.flush(20)
        self.since_flush = [self.state]

    def copy(self):
        self.copies += 1
        return Path(shutil.copytree(self.folder, self.home / f"copy{self.copies}.partialseg"))

    @rule(closed=st.booleans())
    def go_on_from_the_files(self, closed):
        """Killed once all is saved (a copy of the files is all that is left), or closed and opened again."""
        assert self.store.close(20) if closed else self.store.flush(20)
        killed = self.copy() if not closed else self.folder
        self.store.close(20)
        self.project.close()
        self.folder = killed
        self.states, self.now, self.since_flush = [self.state], 0, [self.state]
        self.open()

    @rule(writes=st.integers(0, 4), data=st.data())
    def be_killed_between_writes(self, writes, data):
        """The files as they are after some writes of one act open, and hold nothing that never was."""
        self.flush()
        self.fault.left = writes
        act = data.draw(
            st.sampled_from(["paint", "point", "remove_class", "add_class", "move_class", "add_mask", "undo", "redo"])
        )
        try:
            if act == "paint":
                self.paint(2, 500, 6, 30, 1)
            elif act == "point":
                self.point(data, 5.0, 511.0, 1)
            elif act == "add_mask":
                self.add_mask(7, "random")
            elif act == "move_class":
                self.move_class(data)
            elif act in ("undo", "redo"):
                getattr(self, act)(1)
            elif act == "add_class" and len(self.state.names) < 5:
                self.add_class()
            elif (
                act == "remove_class" and len(self.state.names) > 2 and (self.labels < len(self.state.names) - 1).all()
            ):
                self.remove_class(False)
        except PartialSegError:
            assert act.endswith("class")  # it could not be saved, and so it was not done
        if act in ("undo", "redo") and any("could not be saved" in text for text in self.told):
            self.now = next(i for i, s in enumerate(self.states) if s is self.since_flush[0])
        self.told.clear()
        self.store.flush(20)
        folder = self.copy()
        self.fault.left = None
        allowed = [(state, *state.arrays()) for state in self.since_flush]
        with Project.open(folder) as project:
            store = LabelStore.open(project.images[0].folder)
            found = take_up(store, project)
            assert project.scheme.names in [state.names for state, _, _ in allowed]
            assert store.scheme.names == project.scheme.names
            assert ((found.labels >= 0) == (found.strokes > 0)).all()
            assert found.labels.max() < len(project.scheme)
            assert np.logical_or.reduce([found.labels == labels for _, labels, _ in allowed]).all()
            numbers = {p[0] for state, _, _ in allowed for p in state.points}
            assert {p.number for p in found.points} <= numbers
            assert store.close(10)
        shutil.rmtree(folder)
        self.flush()

    # -- what must hold ------------------------------------------------------------------------------------------------

    @invariant()
    def memory_is_the_model(self):
        if not hasattr(self, "labelling"):
            return
        labels, numbers = self.state.arrays()
        np.testing.assert_array_equal(self.labels, labels)
        np.testing.assert_array_equal(self.strokes, numbers)
        assert self.labelling.scheme.names == self.project.scheme.names == self.state.names
        points = [(p.number, p.row, p.column, p.label) for p in self.labelling.points]
        assert points == sorted(self.state.points)
        assert self.labels.max() < len(self.state.names)


TestStateful = Machine.TestCase
TestStateful.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
