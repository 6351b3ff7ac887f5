"""The order of prediction: in view first, nothing twice in a pass, everything in the end."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from annotations.region import Region
from trainer.schedule import TileSchedule

sizes = st.tuples(st.integers(1, 900), st.integers(1, 900))


@settings(max_examples=60, deadline=None)
@given(sizes, st.integers(0, 900), st.integers(0, 900), st.integers(1, 400), st.sampled_from([64, 128]))
def test_a_pass_covers_the_image_once_and_the_view_first(shape, top, left, side, block):
    schedule = TileSchedule(shape, block)
    schedule.set_view(Region(top, left, side, side))
    schedule.begin_pass()
    order = []
    while (region := schedule.next(beyond_view=True)) is not None:
        schedule.done(region)
        order.append(region)
    assert sum(r.height * r.width for r in order) == shape[0] * shape[1]
    assert len(set(order)) == len(order)
    seen = [schedule.in_view(r) for r in order]
    assert seen == sorted(seen, reverse=True)  # all in view, then all others
    assert schedule.count(beyond_view=True) == (len(order), len(order))


def test_only_the_view_is_predicted_when_asked():
    schedule = TileSchedule((512, 512), 128)
    schedule.set_view(Region(0, 0, 200, 100))
    schedule.begin_pass()
    order = []
    while (region := schedule.next(beyond_view=False)) is not None:
        schedule.done(region)
        order.append(region)
    assert {(r.top, r.left) for r in order} == {(0, 0), (128, 0)}


def test_a_new_pass_makes_everything_due_again():
    schedule = TileSchedule((100, 100), 64)
    assert schedule.next(beyond_view=True) is None  # no pass yet
    schedule.begin_pass()
    first = schedule.next(beyond_view=True)
    assert first is not None
    schedule.done(first)
    schedule.begin_pass()
    assert schedule.count(beyond_view=True) == (0, 4)


def test_what_was_never_predicted_comes_before_what_is_only_old():
    schedule = TileSchedule((64, 64 * 8), 64)
    schedule.set_view(Region(0, 0, 64, 64))
    schedule.begin_pass()
    for _ in range(3):
        region = schedule.next(beyond_view=True)
        assert region is not None
        schedule.done(region)
    schedule.begin_pass()
    order = []
    while (region := schedule.next(beyond_view=True)) is not None:
        schedule.done(region)
        order.append(region.left // 64)
    assert order == [0, 3, 4, 5, 6, 7, 1, 2]


def test_a_view_beside_the_image_counts_as_all_of_it():
    schedule = TileSchedule((64, 64), 64)
    schedule.set_view(Region(500, 500, 10, 10))
    assert schedule.view == Region(0, 0, 64, 64)


def test_where_labels_changed_comes_first_and_nobody_waits_for_ever():
    schedule = TileSchedule((64, 64 * 6), 64)
    seen = []
    for _ in range(12):
        schedule.begin_pass()  # a pass that is cut short after two blocks, again and again
        schedule.prefer(Region(10, 64 * 5 + 10, 5, 5))
        for _ in range(2):
            region = schedule.next(beyond_view=False)
            assert region is not None
            schedule.done(region)
            seen.append(region.left // 64)
    assert all(first == 5 for first in seen[::2])
    assert set(seen[1::2]) == {0, 1, 2, 3, 4}


def test_changes_out_of_view_do_not_hold_up_the_view():
    schedule = TileSchedule((64, 64 * 6), 64)
    schedule.set_view(Region(0, 0, 64, 64))
    schedule.prefer(Region(0, 64 * 4, 3, 3))
    schedule.begin_pass()
    assert schedule.next(beyond_view=True) == Region(0, 0, 64, 64)
