"""All of the last hour, one an hour of the last day, one a day before; named ones for ever, and never too many."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotations.classes import LANDCOVER_AI
from annotations.history import thinning
from annotations.history.snapshot import LabelSnapshot, new_id
from annotations.history.thinning import too_many

NOW = 1_790_000_000.0
HOUR, DAY = 3600.0, 86400.0


def snapshot(age, name="", number=0):
    time = NOW - age
    return LabelSnapshot(new_id(time, f"{number:06x}"), time, "", LANDCOVER_AI, {}, {}, ("a", "b"), name=name)


def left(snapshots, size=lambda some: 0):
    gone = {s.id for s in too_many(snapshots, NOW, size)}
    return [s for s in snapshots if s.id not in gone]


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_ten_minutes_apart_for_a_week():
    taken = [snapshot(600.0 * k, number=k) for k in range(6 * 24 * 7)]
    kept = left(taken)
    ages = [NOW - s.time for s in kept]
    assert sum(age < HOUR for age in ages) == 6
    assert sum(HOUR <= age < DAY for age in ages) in (23, 24)
    assert sum(age >= DAY for age in ages) in (6, 7)
    hours = [time.strftime("%d %H", time.gmtime(s.time)) for s in kept if HOUR <= NOW - s.time < DAY]
    assert len(set(hours)) == len(hours)


@given(st.lists(st.tuples(st.floats(-DAY, 40 * DAY), st.booleans()), max_size=60))
def test_named_ones_and_the_newest_always_stay(made):
    taken = [snapshot(age, "kept" if named else "", k) for k, (age, named) in enumerate(made)]
    kept = left(taken, size=lambda some: 10**12 * len(some))
    assert {s.id for s in taken if s.name} <= {s.id for s in kept}
    if taken:
        assert max(taken, key=lambda s: (s.time, s.id)) in kept
    assert left(kept, size=lambda some: 0) == kept  # what stays now stays at once


def test_too_much_on_the_disk_lets_the_oldest_go(monkeypatch):
    monkeypatch.setattr(thinning, "MOST_BYTES", 35)
    taken = [snapshot(age * DAY, "kept" if age == 9 else "", age) for age in (0, 2, 3, 4, 9)]
    assert [s.id for s in left(taken, size=lambda some: 10 * len(some))] == [taken[i].id for i in (0, 1, 4)]


def test_never_more_than_a_number(monkeypatch):
    monkeypatch.setattr(thinning, "MOST", 3)
    taken = [snapshot(60.0 * k, number=k) for k in range(9)]
    assert left(taken) == taken[:3]
