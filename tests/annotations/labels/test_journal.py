from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotations.labels import journal as journal_module
from annotations.labels.journal import EditJournal
from annotations.labels.shapes import disc
from annotations.region import Region

SHAPE = (40, 50)
BRUSH = st.tuples(st.integers(0, 39), st.integers(0, 49), st.integers(0, 9), st.integers(-1, 3))
STEP = st.one_of(BRUSH, st.sampled_from(["undo", "redo"]))


def fresh(shape=SHAPE):
    labels, strokes = np.full(shape, -1, np.int8), np.zeros(shape, np.uint32)
    return labels, strokes, EditJournal(labels, strokes, 1)


@given(st.lists(STEP, max_size=40))
def test_undo_and_redo_give_whole_snapshots_back(steps):
    labels, strokes, journal = fresh()
    # The model: every state of labels and numbers, as a viewer with unlimited memory would keep them.
    states, now = [(labels.copy(), strokes.copy())], 0
    number = 1
    for step in steps:
        if isinstance(step, str):
            before = (labels.copy(), strokes.copy())
            there = now > 0 if step == "undo" else now < len(states) - 1
            taken = journal.undo() if step == "undo" else journal.redo()
            assert (taken is not None) == there
            now += (-1 if step == "undo" else 1) if there else 0
            if taken is not None:
                outside = np.ones(SHAPE, bool)
                outside[taken.region.slices] = False
                np.testing.assert_array_equal(labels[outside], before[0][outside])
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
        np.testing.assert_array_equal(labels, states[now][0])
        np.testing.assert_array_equal(strokes, states[now][1])
        assert journal.changed().empty


@pytest.mark.parametrize("part", [1.0, 0.3, 0.001])
def test_an_edit_over_many_cells_is_given_back(part):
    rng = np.random.default_rng(3)
    shape = (1100, 1300)
    labels = np.where(rng.random(shape) < 0.2, rng.integers(0, 3, shape), -1).astype(np.int8)
    strokes = np.where(labels >= 0, 5, 0).astype(np.uint32)
    journal = EditJournal(labels, strokes, 6)
    before = labels.copy(), strokes.copy()
    changed = rng.random(shape) < part
    labels[changed] = rng.integers(-1, 5, int(changed.sum()))
    after = labels.copy()
    journal.record(Region.whole(shape), tool="import")
    numbers = strokes.copy()
    assert journal.undo() is not None
    np.testing.assert_array_equal(labels, before[0])
    np.testing.assert_array_equal(strokes, before[1])
    assert journal.redo() is not None
    np.testing.assert_array_equal(labels, after)
    np.testing.assert_array_equal(strokes, numbers)


def test_a_write_from_elsewhere_is_found_and_becomes_an_edit():
    labels, strokes, journal = fresh()
    labels[3:5, 7:9] = 2
    assert journal.changed() == Region(3, 7, 2, 2)
    region, stroke = journal.record(Region.whole(SHAPE), tool="edit")
    assert region == Region(3, 7, 2, 2)
    assert (stroke.number, stroke.label, stroke.tool) == (1, 2, "edit")
    assert (strokes[3:5, 7:9] == 1).all()
    assert strokes.sum() == 4
    assert journal.changed().empty


def test_what_another_wrote_into_both_arrays_is_a_step():
    labels, strokes, journal = fresh()
    labels[0:10, 0:10] = 1
    journal.record(Region(0, 0, 10, 10), tool="paint", time=5.0)
    number = journal.reserve()
    places = np.array([5 * 50 + 5, 5 * 50 + 12, 30 * 50 + 30])
    before = strokes.reshape(-1)[places]
    labels.reshape(-1)[places], strokes.reshape(-1)[places] = (1, 2, 3), number  # the first has this label already
    assert journal.record_places(places, before, extra="point") == Region(5, 5, 26, 26)
    assert journal.changed().empty
    assert journal.undo().extra == "point"
    assert (strokes[0:10, 0:10] == 1).all()
    assert ((labels >= 0) == (strokes > 0)).all()
    assert (labels >= 0).sum() == 100
    journal.redo()
    assert strokes[5, 5] == strokes[5, 12] == strokes[30, 30] == number
    journal.push("classes")
    assert (journal.undo().extra, journal.undo().extra, journal.undo().extra) == ("classes", "point", None)
    assert journal.undo() is None


def test_a_change_that_is_refused_goes_back():
    labels, _strokes, journal = fresh()
    labels[3, 4] = 1
    journal.record(Region.whole(SHAPE), tool="paint")
    labels[2:5, 3:6] = 100
    journal.put_back(Region(2, 3, 3, 3), labels[2:5, 3:6] == 100)
    assert journal.changed().empty
    assert labels[3, 4] == 1
    assert (labels >= 0).sum() == 1


def test_labels_that_are_there_at_the_start_are_no_change():
    labels, strokes = np.full((700, 600), -1, np.int8), np.zeros((700, 600), np.uint32)
    labels[600:, 550:], strokes[600:, 550:] = 4, 7
    journal = EditJournal(labels, strokes, 8)
    assert journal.changed().empty
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
            assert journal.record(Region.whole(shape), tool="edit")[0] == Region(row, column, 1, 1)


def test_history_is_bounded_and_labels_stay_true_beyond_it(monkeypatch):
    monkeypatch.setattr(journal_module, "STEPS", 3)
    labels, strokes = np.full((8, 64), -1, np.int8), np.zeros((8, 64), np.uint32)
    journal = EditJournal(labels, strokes, 1)
    for n in range(6):
        labels[:, n] = n % 3
        journal.record(Region.whole(labels.shape), tool="paint")
    for _ in range(3):
        assert journal.undo() is not None
    assert journal.undo() is None
    assert ((labels >= 0) == (strokes > 0)).all()
    assert (labels[0] >= 0).tolist() == [True] * 3 + [False] * 61


def test_other_types_are_refused():
    with pytest.raises(ValueError, match="int8"):
        EditJournal(np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint32), 1)  # type: ignore[arg-type]
