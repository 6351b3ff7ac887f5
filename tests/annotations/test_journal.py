from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotations.drawing import disc
from annotations.journal import EditJournal
from annotations.region import Region

SHAPE = (40, 50)
BRUSH = st.tuples(st.integers(0, 39), st.integers(0, 49), st.integers(0, 9), st.integers(-1, 3))
STEP = st.one_of(BRUSH, st.sampled_from(["undo", "redo"]))


def fresh(shape=SHAPE):
    labels, strokes = np.full(shape, -1, np.int8), np.zeros(shape, np.uint32)
    return labels, strokes, EditJournal(labels, strokes, 1)


@given(st.lists(STEP, max_size=40))
def test_numbers_are_those_of_whole_snapshots_through_paint_undo_and_redo(steps):
    labels, strokes, journal = fresh()
    # The model: every state of labels and numbers, as a viewer with unlimited memory would keep them.
    states, now = [(labels.copy(), strokes.copy())], 0
    number = 1
    for step in steps:
        if step == "undo":
            now = max(now - 1, 0)
        elif step == "redo":
            now = min(now + 1, len(states) - 1)
        if isinstance(step, str):
            before = labels.copy()
            labels[...] = states[now][0]
            changed = journal.sync(hint=step)
            assert (changed is None) == bool((labels == before).all())
        else:
            row, column, radius, label = step
            region, inside = disc(SHAPE, row, column, radius)
            before = labels.copy()
            labels[region.slices][inside] = label
            result = journal.record(region, tool="paint")
            different = labels != before
            if not different.any():
                assert result is None
                continue
            model = states[now][1].copy()
            model[different] = 0 if label == -1 else number
            states = [*states[: now + 1], (labels.copy(), model)]
            now += 1
            rows, columns = np.nonzero(different)
            assert result is not None
            assert result[0] == Region.from_bounds(rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
            assert (result[1].number, result[1].label) == (number, label)
            number += 1
        np.testing.assert_array_equal(strokes, states[now][1])
    assert journal.take_new_strokes() == []


@given(st.lists(STEP, max_size=40))
def test_without_a_hint_no_label_goes_without_its_number(steps):
    labels, strokes, journal = fresh()
    states, now = [labels.copy()], 0
    for step in steps:
        if isinstance(step, str):
            now = max(now - 1, 0) if step == "undo" else min(now + 1, len(states) - 1)
            labels[...] = states[now]
            journal.sync()
        else:
            region, inside = disc(SHAPE, *step[:3])
            labels[region.slices][inside] = step[3]
            if journal.record(region, tool="paint") is not None:
                states, now = [*states[: now + 1], labels.copy()], now + 1
        np.testing.assert_array_equal(strokes > 0, labels >= 0)
    assert journal.sync() is None


def test_a_write_from_elsewhere_becomes_an_edit():
    labels, strokes, journal = fresh()
    labels[3:5, 7:9] = 2
    assert journal.sync() == Region(3, 7, 2, 2)
    (stroke,) = journal.take_new_strokes()
    assert (stroke.number, stroke.label, stroke.tool) == (1, 2, "edit")
    assert (strokes[3:5, 7:9] == 1).all()
    assert strokes.sum() == 4
    assert journal.take_new_strokes() == []


def test_undo_below_a_point_gives_the_old_numbers_back():
    labels, strokes, journal = fresh()
    labels[0:10, 0:10] = 1
    journal.record(Region(0, 0, 10, 10), tool="paint", time=5.0)
    labels[0:10, 5:20] = 2
    journal.record(Region(0, 0, 10, 20), tool="paint")
    number = journal.reserve()
    labels[30:32, 30:32], strokes[30:32, 30:32] = 3, number
    assert journal.adopt(Region(25, 25, 15, 15)) == Region(30, 30, 2, 2)
    # The viewer does not know of the point: its undo takes back the second stroke.
    labels[0:10, 5:10], labels[0:10, 10:20] = 1, -1
    journal.sync()
    assert (strokes[0:10, 0:10] == 1).all()
    assert (strokes[0:10, 10:20] == 0).all()
    assert (strokes[30:32, 30:32] == number).all()
    assert journal.take_new_strokes() == []


def test_labels_that_are_there_at_the_start_are_no_change():
    labels, strokes = np.full((700, 600), -1, np.int8), np.zeros((700, 600), np.uint32)
    labels[600:, 550:], strokes[600:, 550:] = 4, 7
    journal = EditJournal(labels, strokes, 8)
    assert journal.sync() is None
    labels[650, 560] = -1
    assert journal.record(Region.whole(labels.shape), tool="erase")[1].number == 8
    assert strokes[650, 560] == 0


def test_full_search_sees_every_single_pixel_at_odd_sizes():
    rng = np.random.default_rng(0)
    for shape in [(1, 1), (129, 7), (64, 8), (130, 333)]:
        labels, _strokes, journal = fresh(shape)
        for _ in range(20):
            row, column = (int(rng.integers(n)) for n in shape)
            labels[row, column] = 0 if labels[row, column] else 1
            assert journal.sync(hint="redo") == Region(row, column, 1, 1)


def test_history_is_bounded_and_labels_stay_true_beyond_it():
    labels, strokes = np.full((8, 64), -1, np.int8), np.zeros((8, 64), np.uint32)
    journal = EditJournal(labels, strokes, 1, history=3)
    for n in range(6):
        labels[:, n] = n % 3
        journal.record(Region.whole(labels.shape), tool="paint")
    for n in reversed(range(6)):
        labels[:, n] = -1
        journal.sync(hint="undo")
    assert not strokes.any()


def test_other_types_are_refused():
    with pytest.raises(ValueError, match="int8"):
        EditJournal(np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint32), 1)  # type: ignore[arg-type]
