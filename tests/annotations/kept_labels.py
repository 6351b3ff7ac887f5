"""A folder of labels with three strokes and two points, for tests of what may happen to it."""

from __future__ import annotations

import numpy as np

from annotations.classes import LANDCOVER_AI
from annotations.labels.journal import EditJournal
from annotations.region import Region
from annotations.store.label_store import LabelStore
from annotations.store.strokes import Stroke

SHAPE = (700, 1100)
WHOLE = Region.whole(SHAPE)


def make_folder(folder):
    """Three strokes in three chunks, the last number 9, and two points."""
    store = LabelStore.create(folder, SHAPE, LANDCOVER_AI, fingerprint="f", georeference=None)
    for number, (top, left, label) in enumerate([(10, 10, 1), (10, 600, 2), (600, 10, 3)], 7):
        store.submit(
            Region(top, left, 20, 30),
            np.full((20, 30), label, np.int8),
            np.full((20, 30), number, np.uint32),
            [Stroke(number, label, "paint", 1.0)],
        )
        assert store.flush(30)
    store.submit_points([{"number": 4}, {"number": 5}])
    assert store.close()
    return folder


def expected():
    labels = np.full(SHAPE, -1, np.int8)
    for top, left, label in [(10, 10, 1), (10, 600, 2), (600, 10, 3)]:
        labels[top : top + 20, left : left + 30] = label
    return labels


def opened(folder, *, writable=True):
    store = LabelStore.open(folder, writable=writable)
    labels, numbers = store.load()
    return store, labels, numbers


def draw_on(folder):
    """Show that work goes on: a stroke is saved and there again."""
    store, labels, numbers = opened(folder)
    journal = EditJournal(labels, numbers, store.next_number())
    labels[300:310, 300:310] = 4
    region, record = journal.record(WHOLE, tool="paint")
    store.submit(region, labels[region.slices], numbers[region.slices], [record])
    assert store.close()
    again, found, given = opened(folder, writable=False)
    np.testing.assert_array_equal(found, labels)
    assert (given[300:310, 300:310] == record.number).all()
    assert record in again.strokes()
    return record.number
