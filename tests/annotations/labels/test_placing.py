"""Points taken away and added in one step: all of it, or nothing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotations.errors import LabelError
from annotations.labels.change import Change, regions_of
from annotations.labels.edits import Step, make_edit
from annotations.labels.placing import NewPoint, place_points
from annotations.labels.points import PointSet
from annotations.region import Region

SHAPE = (30, 40)
NEW = st.builds(NewPoint, st.floats(-0.4, 29.4), st.floats(-0.4, 39.4), st.integers(0, 2), st.integers(0, 4))


def arrays():
    return np.full(SHAPE, -1, np.int8), np.zeros(SHAPE, np.uint32)


@settings(max_examples=60, deadline=None)
@given(st.lists(NEW, max_size=5), st.data())
def test_placing_and_taking_away_leaves_what_was_there(points, data):
    labels, strokes = arrays()
    labels[10:20, 5:30], strokes[10:20, 5:30] = 1, 1
    before = labels.copy(), strokes.copy()
    numbers = itertools.count(2)
    none = PointSet()
    placed = place_points((labels, strokes), none, [], points, lambda: next(numbers))
    assert len(none) == 0
    assert placed.numbers == list(range(2, 2 + len(points)))
    assert [record.label for record in placed.records] == [p.label for p in points]
    changed = np.flatnonzero((labels != before[0]) | (strokes != before[1]))
    assert set(changed) <= set(placed.places)
    np.testing.assert_array_equal(placed.strokes, before[1].ravel()[placed.places])
    order = data.draw(st.permutations(placed.numbers))
    gone = place_points((labels, strokes), placed.points, order, [], lambda: next(numbers))
    assert len(gone.points) == 0
    np.testing.assert_array_equal(labels, before[0])
    np.testing.assert_array_equal(strokes, before[1])


@pytest.mark.parametrize(
    "bad", [NewPoint(-5, 3, 0), NewPoint(3, 40, 0), NewPoint(float("nan"), 3, 0), NewPoint(3, 3, -1)]
)
def test_where_one_cannot_be_placed_none_is(bad):
    labels, strokes = arrays()
    numbers = itertools.count(1)
    first = place_points((labels, strokes), PointSet(), [], [NewPoint(5, 5, 2)], lambda: next(numbers))
    before = labels.copy(), strokes.copy()
    with pytest.raises(LabelError):
        place_points((labels, strokes), first.points, [1], [NewPoint(8, 8, 1), bad], lambda: next(numbers))
    np.testing.assert_array_equal(labels, before[0])
    np.testing.assert_array_equal(strokes, before[1])
    assert 1 in first.points
    with pytest.raises(LabelError, match="no point 7"):
        place_points((labels, strokes), first.points, [7], [], lambda: next(numbers))
    np.testing.assert_array_equal(labels, before[0])


def an_edit(top, left):
    value, number = np.zeros(4, np.uint8), np.zeros(4, np.uint32)
    return make_edit(Region(top, left, 2, 2), np.ones((2, 2), bool), value, value, number, number)


def test_where_a_step_changed_labels():
    assert regions_of(None) == regions_of(Step(())) == ()
    assert regions_of(Step([an_edit(0, 0), an_edit(100, 100)])) == (Region(0, 0, 102, 102),)
    far = regions_of(Step([an_edit(0, 0), an_edit(5000, 5000)]))
    assert far == (Region(0, 0, 2, 2), Region(5000, 5000, 2, 2))  # not all that lies between them


def test_a_change_is_one_where_anything_is_different():
    assert not Change()
    assert not Change(unseen=False)
    assert Change((Region(0, 0, 1, 1),))
    assert Change(points=True)
    assert Change(scheme=True)
