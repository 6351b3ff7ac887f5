"""Time, strokes and pixels of each class and day, computed by hand; pauses of more than a minute do not count."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotations.history.activity import IDLE_SECONDS, ActivityClock, joined, read_spans, write_spans
from annotations.history.work_table import as_csv, pixels_of_strokes, summed, work_table
from annotations.store.strokes import Stroke

T = 1_790_000_000.0  # 2026-09-21 13:33 UTC


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_time_goes_to_the_class_of_the_next_stroke():
    strokes = [
        Stroke(1, 0, "paint", T),
        Stroke(2, 1, "paint", T + 20),
        Stroke(3, 1, "polygon", T + 500),  # somebody clicked corners for 90 s, which the spans know
        Stroke(4, 2, "random mask", T + 510, "random"),
        Stroke(5, -1, "restore", T + 520),
        Stroke(6, -1, "erase", T + 530),
        Stroke(7, 0, "point", T + 90_000),
    ]
    spans = [(T + 410, T + 505), (T + 3000, T + 3100)]  # in the last nothing was drawn
    table = work_table(strokes, spans, {1: {0: 40}, 2: {1: 7, 0: 2}, 4: {2: 99}})
    assert table.days == ["2026-09-22", "2026-09-21"]
    today = summed(table, "2026-09-21")
    assert {c: (w.strokes, w.pixels, w.seconds) for c, w in today.items()} == {
        0: (1, 42, 0.0),
        1: (2, 7, 20.0 + 90.0),
        -1: (1, 0, 30.0),
    }
    assert summed(table)[0].strokes == 2
    lines = as_csv(table, ["ground", "roof, red"]).split("\r\n")
    assert lines[0] == "day,class,strokes,pixels,minutes"
    assert '2026-09-21,"roof, red",2,7,1.8' in lines
    assert "2026-09-21,(taken away),1,0,0.5" in lines


@given(st.lists(st.floats(0, 20_000), min_size=1, max_size=40))
def test_all_time_is_that_of_gaps_of_a_minute_at_most(times):
    strokes = [Stroke(k + 1, k % 3, "paint", T + t) for k, t in enumerate(sorted(times))]
    total = sum(w.seconds for w in summed(work_table(strokes, [], {})).values())
    gaps = np.diff(sorted(times))
    assert total == pytest.approx(gaps[gaps <= IDLE_SECONDS].sum(), abs=1e-3)


@given(st.lists(st.tuples(st.floats(0, 200), st.booleans()), max_size=60))
def test_the_clock_loses_nothing_and_counts_no_pause(steps):
    clock, now, touched, spans = ActivityClock(), T, [], []
    for wait, touches in steps:
        now += wait
        if touches:
            clock.touch(now)
            touched.append(now)
        spans += clock.take(now)
    clock.end()
    spans += clock.take(now)
    gaps = np.diff(touched)
    assert sum(b - a for a, b in joined(spans)) == pytest.approx(gaps[gaps <= IDLE_SECONDS].sum(), abs=1e-3)
    assert all(a < b for a, b in spans)


def test_spans_are_kept_whatever_happens_to_the_file(tmp_path):
    path = tmp_path / "activity.jsonl"
    write_spans(path, [(T, T + 30), (T + 30, T + 90)])
    with path.open("ab") as file:
        file.write(b'{"from": 1}\n[]\n\xff\n{"from": 1e99, "to": 2e99}\n{"from": 17900')  # and killed
    assert read_spans(path) == [(T, T + 90)]
    write_spans(path, [(T + 500, T + 510)])
    assert read_spans(path) == [(T, T + 90), (T + 500, T + 510)]
    assert read_spans(tmp_path / "none") == []


def test_pixels_are_counted_across_tiles():
    labels, numbers = np.full((600, 1100), -1, np.int8), np.zeros((600, 1100), np.uint32)
    labels[500:520, 500:530], numbers[500:520, 500:530] = 2, 2**20
    labels[510:515, 505:600], numbers[510:515, 505:600] = 0, 7
    labels[0, 0] = 1  # of a stroke that is not known
    found = pixels_of_strokes(labels, numbers)
    assert found == {2**20: {2: 20 * 30 - 5 * 25}, 7: {0: 5 * 95}, 0: {1: 1}}
