"""The worker takes the cores that others leave free."""

from __future__ import annotations

import pytest

from trainer.threads import ThreadGovernor, threads_for, used_seconds


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
