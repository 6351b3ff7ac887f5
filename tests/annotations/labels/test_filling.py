"""A mask filled in part by part is the same as at once, whatever comes between the parts."""

from __future__ import annotations

import numpy as np
import pytest

from annotations.classes import LANDCOVER_AI, LandClass
from annotations.labels import filling as filling_module
from annotations.labels.edits import TILE
from annotations.labels.labelling import Labelling
from annotations.labels.placing import NewPoint
from annotations.region import Region

SHAPE = (1300, 1700)
N = len(LANDCOVER_AI)


class Store:
    """Keeps what it is handed."""

    def __init__(self, labels):
        self.labels = np.full(labels.shape, -1, np.int8)
        self.strokes = np.zeros(labels.shape, np.uint32)
        self.records = []

    def submit(self, region, labels, strokes, records=(), *, points=None):
        self.labels[region.slices], self.strokes[region.slices] = labels, strokes
        self.records += records

    def submit_points(self, points):
        pass

    def flush(self, timeout):
        return True

    def set_scheme(self, scheme, *, checked):
        pass


@pytest.fixture
def mask():
    rng = np.random.default_rng(1)
    mask = np.kron(rng.integers(-1, N + 2, (26, 34)), np.ones((50, 50))).astype(np.int8)
    assert mask.shape == SHAPE
    return mask


@pytest.fixture
def work(monkeypatch):
    monkeypatch.setattr(filling_module, "_PART", TILE)
    labels, strokes = np.full(SHAPE, -1, np.int8), np.zeros(SHAPE, np.uint32)
    store = Store(labels)
    work = Labelling(labels, strokes, LANDCOVER_AI, store=store)
    paint(work, Region(10, 10, 100, 700), 2)
    return work


def paint(work, region, label, *, told=True):
    work._labels[region.slices] = label
    if told:
        work.record(region, "paint")


def same_on_disk(work):
    np.testing.assert_array_equal(work._store.labels, work._labels)
    np.testing.assert_array_equal(work._store.strokes, work._strokes)


def expected(mask, before):
    return np.where((before == -1) & (mask >= 0) & (mask < N), mask, before)


def test_all_of_it_is_one_step(work, mask):
    before = work._labels.copy()
    filling = work.begin_filling(mask, "import", "imported")
    shown = np.zeros(SHAPE, bool)
    turns = 0
    while not filling.done:
        filling.advance()
        turns += 1
        for region in filling.take_changed():
            assert region.height <= TILE
            assert region.width <= TILE
            shown[region.slices] = True
    assert turns > 12
    np.testing.assert_array_equal(work._labels, expected(mask, before))
    assert filling.added == (work._labels != before).sum()
    assert shown[work._labels != before].all()
    same_on_disk(work)
    (record,) = [r for r in work._store.records if r.tool == "import"]
    values, counts = np.unique(work._labels[before == -1], return_counts=True)
    assert record.label == values[1:][counts[1:].argmax()]  # -1 is the first
    assert record.origin == "imported"
    assert (work._strokes[work._labels != before] == record.number).all()
    after = work._labels.copy()
    assert work.sync().regions == ()
    work.undo()
    np.testing.assert_array_equal(work._labels, before)
    same_on_disk(work)
    work.redo()
    np.testing.assert_array_equal(work._labels, after)
    assert work.remove_origin("imported")[0] > 0.9 * filling.added


def test_a_mask_of_nothing_is_no_step(work):
    added, change = work.add_labels(np.full(SHAPE, -1, np.int8), "import", "imported")
    assert (added, change.regions) == (0, ())
    work.undo()
    assert (work._labels == -1).all()  # the stroke, not an empty step


@pytest.mark.parametrize("what", ["stroke", "eraser", "points", "undo", "classes", "remove", "another"])
def test_what_comes_between_the_parts_comes_after_all_of_them(work, mask, what):
    before = work._labels.copy()
    filling = work.begin_filling(mask, "import", "imported")
    for _ in range(5):
        filling.advance()
    everywhere = Region(0, 0, SHAPE[0], 60)
    if what in ("stroke", "eraser"):  # painted while it goes on, told at the end of the stroke
        paint(work, everywhere, 3 if what == "stroke" else -1, told=False)
        filling.advance()
        work.record(everywhere, "paint")
        filled = everywhere if what == "stroke" else Region(0, 0, TILE, 60)  # what came later was not there to erase
        assert (work._labels[filled.slices] == (3 if what == "stroke" else -1)).all()
    elif what == "points":
        work.change_points([], [NewPoint(1200, 1600, 1)])
    elif what == "undo":
        work.undo()
        np.testing.assert_array_equal(work._labels, before)
    elif what == "classes":
        work.set_scheme(LANDCOVER_AI.added(LandClass("more", "#123456", "")))
    elif what == "remove":
        work.remove_origin("imported")
    else:
        work.add_labels(mask[::-1].copy(), "import", "imported")
    assert filling.done
    same_on_disk(work)
    if what != "undo":
        work.undo()
        if what not in ("stroke", "eraser"):
            np.testing.assert_array_equal(work._labels, expected(mask, before))
        work.undo()
    np.testing.assert_array_equal(work._labels, before)
    same_on_disk(work)
