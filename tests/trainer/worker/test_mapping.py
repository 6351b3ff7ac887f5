"""With which weights the map is made: soon after new labels, then less and less often."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from annotations.region import Region
from trainer.worker.mapping import Mapping

SHAPE = (300, 500)


@dataclass
class Learner:
    """What of a learner the map looks at."""

    step_count: int = 0
    first_guess_steps: int = 8
    steps_since_labels: int = 0

    def snapshot(self):
        return ("weights", self.step_count)


def finish(made):
    """Predict every tile of the pass."""
    while (job := made.schedule.next(0, beyond_view=True)) is not None:
        made.schedule.done(job)


@given(st.integers(0, 40))
def test_the_first_map_waits_for_a_network_worth_showing(steps):
    made = Mapping(SHAPE, 128)
    made.labels_changed([Region(0, 0, 9, 9)], 1, step=0)
    assert made.is_due(Learner(steps)) == (steps >= 8)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8))
def test_strokes_that_follow_each_other_do_not_put_the_map_off(gaps):
    made, step = Mapping(SHAPE, 128), 0
    for revision, gap in enumerate(gaps, 1):
        made.labels_changed([Region(0, 0, 9, 9)], revision, step)
        step += gap
    assert made.is_due(Learner(step)) == (step >= 8)  # counted from the first stroke
    assert made.revision == len(gaps)


def test_a_pass_is_of_one_moment_and_the_next_waits_for_the_view():
    made, learner = Mapping(SHAPE, 128), Learner(10)
    made.labels_changed([Region(0, 0, 9, 9)], 1, 0)
    made.begin_pass(learner)
    assert (made.current.predictor, made.current.step, made.current.revision) == (("weights", 10), 10, 1)
    assert made.knows(learner)
    assert not made.knows(Learner(11))
    assert not made.is_due(Learner(100))  # the view is not done yet
    finish(made)
    assert not made.is_due(Learner(12))
    assert made.is_due(Learner(100))
    assert not made.is_due(Learner(100, steps_since_labels=10_000))  # a map that hardly changes


def test_a_pass_is_complete_when_that_was_noted_and_until_the_next():
    made = Mapping(SHAPE, 128)
    assert not made.complete
    made.begin_pass(Learner(10))
    made.completed()
    assert made.complete
    made.begin_pass(Learner(20))
    assert not made.complete


def test_smaller_blocks_begin_anew_in_the_same_view():
    made = Mapping(SHAPE, 256)
    made.schedule.set_view(Region(10, 20, 100, 100), 1.0)
    made.begin_pass(Learner(10))
    finish(made)
    made.completed()
    made.use_block(128)
    assert made.current is None
    assert not made.complete
    assert (made.schedule.block, made.schedule.view) == (128, Region(10, 20, 100, 100))
    done, total = made.schedule.count(0, beyond_view=True)
    assert (done, total) == (0, 3 * 4)
