"""The worker takes the cores that others leave free."""

from __future__ import annotations

import time

import pytest

from trainer.worker.threads import Crowd, ThreadGovernor, strangers_seconds, threads_for, used_seconds


@pytest.mark.parametrize(
    ("cores", "others", "threads"),
    [(2, 0.0, 2), (2, 0.3, 2), (2, 0.6, 1), (2, 1.9, 1), (8, 1.0, 7), (8, 0.2, 8), (1, 0, 1)],
)
def test_threads_for(cores, others, threads):
    assert threads_for(cores, others) == threads


def test_it_follows_what_the_others_use():
    state = {"now": 0.0, "all": 0.0, "own": 0.0}
    chosen = []
    governor = ThreadGovernor(4, chosen.append, clock=lambda: state["now"], used=lambda: (state["all"], state["own"]))

    def pass_time(others, own):
        state["now"] += 1.0
        state["own"] += own
        state["all"] += own + others
        governor.look()

    pass_time(0.0, 4.0)
    assert chosen == []  # already all four
    pass_time(2.0, 2.0)
    assert chosen == [2]
    pass_time(2.0, 2.0)
    assert chosen == [2]  # nothing new, nothing set
    pass_time(0.1, 2.0)
    assert chosen == [2, 4]


def test_it_does_not_look_all_the_time():
    looks = []
    governor = ThreadGovernor(2, lambda n: None, clock=lambda: 5.0, used=lambda: looks.append(1) or (0.0, 0.0))
    for _ in range(10):
        governor.look()
    assert len(looks) == 1


def test_this_process_is_part_of_everybody():
    everybody, own = used_seconds()
    assert everybody >= own > 0


def test_a_crowd_is_what_strangers_use():
    state = {"now": 0.0, "used": 0.0}
    crowd = Crowd(2, clock=lambda: state["now"], used=lambda: state["used"])

    def after(seconds, used):
        state["now"] += seconds
        state["used"] += used
        return crowd.full()

    assert after(0.5, 0.1) is False
    assert after(0.5, 0.6) is True  # more than half of two cores
    assert after(0.1, 0.0) is True  # too early to say
    assert after(0.5, 0.0) is False
    assert after(60.0, 0.0) is True  # nobody looked for a minute
    assert after(0.5, 0.4) is False


def test_strangers_are_neither_this_process_nor_its_parent():
    def burn():
        end = time.process_time() + 0.3
        while time.process_time() < end:
            pass

    before, own = strangers_seconds(), used_seconds()
    burn()
    everybody = used_seconds()[0] - own[0]
    assert strangers_seconds() - before <= everybody - 0.25
