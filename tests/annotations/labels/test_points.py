from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotations.errors import LabelError
from annotations.labels.points import PointLabel, PointSet
from annotations.labels.shapes import disc

SHAPE = (16, 16)
PLACE = st.tuples(st.floats(0, 15), st.floats(0, 15))
ADD = st.tuples(st.just("add"), PLACE, st.integers(0, 2), st.integers(0, 5))
PAINT = st.tuples(st.just("paint"), PLACE, st.integers(-1, 2), st.integers(0, 5))
REMOVE = st.tuples(st.just("remove"), st.integers(0, 100))
RELOAD = st.tuples(st.just("reload"))


def replay(events, removed):
    """What the image would be had the removed points never been added."""
    labels, strokes = np.full(SHAPE, -1, np.int8), np.zeros(SHAPE, np.uint32)
    for number, _kind, region, changed, label in events:
        if number not in removed:
            labels[region.slices][changed] = label
            strokes[region.slices][changed] = number if label >= 0 else 0
    return labels, strokes


@given(st.lists(st.one_of(ADD, PAINT, REMOVE, RELOAD), max_size=30))
def test_removing_points_is_as_if_they_had_never_been_added(steps):
    labels, strokes = np.full(SHAPE, -1, np.int8), np.zeros(SHAPE, np.uint32)
    points, events, removed = PointSet(), [], set()
    for number, step in enumerate(steps, 1):
        if step[0] == "reload":
            points = PointSet.from_json(json.loads(json.dumps(points.to_json())))
        elif step[0] == "remove":
            there = [p.number for p in points]
            if there:
                gone = there[step[1] % len(there)]
                points.remove(labels, strokes, gone)
                removed.add(gone)
        else:
            kind, (row, column), label, radius = step
            region, inside = disc(SHAPE, row, column, radius)
            if kind == "paint":
                # Wherever the brush goes it takes over, so that the model need not know what it found there.
                labels[region.slices][inside] = label
                strokes[region.slices][inside] = number if label >= 0 else 0
            else:
                assert points.add(labels, strokes, PointLabel(number, row, column, label, radius)) == region
            events.append((number, kind, region, inside, label))
        expected = replay(events, removed)
        np.testing.assert_array_equal(labels, expected[0])
        np.testing.assert_array_equal(strokes, expected[1])


def test_memory_of_removed_points_goes_when_nothing_leads_to_it():
    labels, strokes = np.full(SHAPE, -1, np.int8), np.zeros(SHAPE, np.uint32)
    points = PointSet()
    points.add(labels, strokes, PointLabel(1, 8, 8, 0))
    points.add(labels, strokes, PointLabel(2, 8, 9, 1))
    points.remove(labels, strokes, 1)
    assert [e["number"] for e in points.to_json()] == [1, 2]
    points.remove(labels, strokes, 2)
    assert points.to_json() == []
    assert (labels == -1).all()


def test_mistakes_are_named():
    labels, strokes = np.full(SHAPE, -1, np.int8), np.zeros(SHAPE, np.uint32)
    points = PointSet()
    points.add(labels, strokes, PointLabel(1, 3, 3, 0))
    with pytest.raises(LabelError, match="in use"):
        points.add(labels, strokes, PointLabel(1, 9, 9, 0))
    with pytest.raises(LabelError, match="outside"):
        points.add(labels, strokes, PointLabel(2, 90, 9, 0))
    with pytest.raises(LabelError, match="not a class"):
        points.add(labels, strokes, PointLabel(2, 9, 9, -1))
    with pytest.raises(LabelError, match="no point 5"):
        points.remove(labels, strokes, 5)
    with pytest.raises(LabelError, match=r"points\.json"):
        PointSet.from_json([{"number": 3}])
