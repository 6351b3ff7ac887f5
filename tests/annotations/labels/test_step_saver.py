"""Steps that the store refuses in the middle: nothing of them is handed over twice, and nothing is left behind."""

from __future__ import annotations

import numpy as np

from annotations.classes import LANDCOVER_AI
from annotations.errors import LabelError
from annotations.labels.labelling import Labelling
from annotations.labels.placing import NewPoint
from annotations.labels.step_saver import StepSaver
from annotations.region import Region
from annotations.store.label_store import LabelStore
from annotations.store.strokes import Stroke

SHAPE = (1100, 1100)
PARTS = (Region(0, 0, 1, 1), Region(5, 5, 1, 1), Region(9, 9, 1, 1))


class Refusing:
    """A store that refuses some regions, and keeps what it was given."""

    def __init__(self, refused):
        self.refused, self.taken = set(refused), []

    def submit(self, region, labels, strokes, records, *, points):
        if region in self.refused:
            raise LabelError("not one of the classes")
        self.taken.append((region, labels.tolist(), [record.number for record in records], points))

    def submit_points(self, points):
        self.taken.append(points)


def test_each_part_of_a_step_is_handed_over_once_and_in_order():
    labels, strokes = np.zeros((10, 10), np.int8), np.zeros((10, 10), np.uint32)
    store, told = Refusing(PARTS[1:2]), []
    saver = StepSaver(labels, strokes, store, lambda: [{"number": 7}], told.append)
    saver.save(PARTS, [Stroke(3, 0, "paint", 0.0)], points=True)
    saver.save((), [], points=True)
    labels[9, 9] = 2
    saver.save(PARTS[2:], [Stroke(4, 2, "paint", 0.0)], points=False)
    first = (PARTS[0], [[0]], [3], [{"number": 7}])
    assert (store.taken, told) == ([first], ["not one of the classes"] * 3)
    store.refused.clear()
    saver.hand_over()
    rest = [(PARTS[1], [[0]], [], None), (PARTS[2], [[2]], [], None), [{"number": 7}], (PARTS[2], [[2]], [4], None)]
    assert store.taken == [first, *rest]
    saver.hand_over()
    assert len(store.taken) == 5


def test_what_a_script_s_label_held_up_is_saved_once_as_soon_as_that_is_put_back(tmp_path):
    store = LabelStore.create(tmp_path / "1", SHAPE, LANDCOVER_AI, fingerprint="f", georeference=None)
    labels, strokes = store.load()
    told = []
    owner = Labelling(labels, strokes, LANDCOVER_AI, store=store, tell=told.append)
    (number,), _ = owner.change_points([], [NewPoint(1000, 1000, 1)])
    labels[990:1010, 990:1010] = 100  # a script, unannounced
    (moved,), _ = owner.change_points([number], [NewPoint(5, 5, 2)])
    assert "value 100" in told[0]
    owner.sync()  # as before a project is closed
    assert store.close()
    reader = LabelStore.open(tmp_path / "1", writable=False)
    for held, saved in zip((labels, strokes), reader.load(), strict=True):
        np.testing.assert_array_equal(saved, held)
    assert (labels[1000, 1000], labels[5, 5]) == (-1, 2)
    assert [stroke.number for stroke in reader.strokes()] == [number, moved]
