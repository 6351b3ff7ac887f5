"""Training gets its share of the time."""

from __future__ import annotations

import pytest

from trainer.worker.pace import Pace


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_training_gets_more_than_half_of_the_time():
    clock = Clock()
    pace = Pace(clock)
    spent = {"predict": 0.0, "train": 0.0}
    for _ in range(200):
        if pace.may_predict():
            pace.predicted(0.3, in_view=True)
            spent["predict"] += 0.3
        pace.trained(0.1)
        spent["train"] += 0.1
    assert spent["predict"] / (spent["predict"] + spent["train"]) == pytest.approx(0.4, abs=0.03)


def test_reports_come_twice_a_second():
    clock = Clock()
    pace = Pace(clock)
    reports = 0
    for _ in range(200):
        clock.now += 0.01
        reports += pace.may_report()
    assert 3 <= reports <= 5


def test_the_time_left_is_estimated_from_the_pass_so_far():
    clock = Clock()
    pace = Pace(clock)
    pace.pass_started()
    clock.now += 10
    assert pace.seconds_left(5, 20) == pytest.approx(30)
    assert pace.seconds_left(0, 20) is None
    assert pace.seconds_left(20, 20) is None


def test_the_rate_counts_wall_time():
    clock = Clock()
    pace = Pace(clock)
    assert pace.steps_per_second == 0.0
    for _ in range(11):
        clock.now += 0.5
        pace.trained(0.1)
    assert pace.steps_per_second == pytest.approx(2.0)
