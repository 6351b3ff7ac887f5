"""The order of prediction: in view first, nothing twice in a pass, everything in the end."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from annotations.region import Region
from trainer.worker.schedule import TileJob, TileSchedule, level_for

sizes = st.tuples(st.integers(1, 900), st.integers(1, 900))


@settings(max_examples=60, deadline=None)
@given(sizes, st.integers(0, 900), st.integers(0, 900), st.integers(1, 400), st.sampled_from([64, 128]))
def test_a_pass_covers_the_image_once_and_the_view_first(shape, top, left, side, block):
    schedule = TileSchedule(shape, block)
    schedule.set_view(Region(top, left, side, side))
    schedule.begin_pass()
    order = []
    while (job := schedule.next(0, beyond_view=True)) is not None:
        schedule.done(job)
        order.append(job.region)
    assert sum(r.height * r.width for r in order) == shape[0] * shape[1]
    assert len(set(order)) == len(order)
    seen = [schedule.in_view(r) for r in order]
    assert seen == sorted(seen, reverse=True)  # all in view, then all others
    assert schedule.count(0, beyond_view=True) == (len(order), len(order))


def test_only_the_view_is_predicted_when_asked():
    schedule = TileSchedule((512, 512), 128)
    schedule.set_view(Region(0, 0, 200, 100))
    schedule.begin_pass()
    order = []
    while (job := schedule.next(0, beyond_view=False)) is not None:
        schedule.done(job)
        order.append(job.region)
    assert {(r.top, r.left) for r in order} == {(0, 0), (128, 0)}


def test_a_new_pass_makes_everything_due_again():
    schedule = TileSchedule((100, 100), 64)
    assert schedule.next(0, beyond_view=True) is None  # no pass yet
    schedule.begin_pass()
    first = schedule.next(0, beyond_view=True)
    assert first is not None
    schedule.done(first)
    schedule.begin_pass()
    assert schedule.count(0, beyond_view=True) == (0, 4)


def test_what_was_never_predicted_comes_before_what_is_only_old():
    schedule = TileSchedule((64, 64 * 8), 64)
    schedule.set_view(Region(0, 0, 64, 64))
    schedule.begin_pass()
    for _ in range(3):
        job = schedule.next(0, beyond_view=True)
        assert job is not None
        schedule.done(job)
    schedule.begin_pass()
    order = []
    while (job := schedule.next(0, beyond_view=True)) is not None:
        schedule.done(job)
        order.append(job.region.left // 64)
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
            job = schedule.next(0, beyond_view=False)
            assert job is not None
            schedule.done(job)
            seen.append(job.region.left // 64)
    assert all(first == 5 for first in seen[::2])
    assert set(seen[1::2]) == {0, 1, 2, 3, 4}


def test_changes_out_of_view_do_not_hold_up_the_view():
    schedule = TileSchedule((64, 64 * 6), 64)
    schedule.set_view(Region(0, 0, 64, 64))
    schedule.prefer(Region(0, 64 * 4, 3, 3))
    schedule.begin_pass()
    job = schedule.next(0, beyond_view=True)
    assert job is not None
    assert job.region == Region(0, 0, 64, 64)


@settings(max_examples=60, deadline=None)
@given(sizes, st.integers(0, 3), st.sampled_from([64, 128]))
def test_a_coarse_pass_covers_the_image_once_and_a_fine_one_follows(shape, level, block):
    schedule = TileSchedule(shape, block)
    schedule.begin_pass()
    for wanted, new in ((level, True), (0, level > 0)):
        parts = []
        while (job := schedule.next(wanted, beyond_view=True)) is not None:
            assert (job.region.top | job.region.left) % (block << wanted) == 0
            schedule.done(job)
            parts.extend(job.parts)
        covered = sum(p.height * p.width for p in parts)
        assert covered == (shape[0] * shape[1] if new else 0)
    assert schedule.next(level, beyond_view=True) is None  # coarse would be a step back


def test_a_coarse_block_leaves_alone_what_is_known_more_finely():
    schedule = TileSchedule((256, 256), 64)
    schedule.set_view(Region(0, 0, 10, 10))
    schedule.begin_pass()
    fine = schedule.next(0, beyond_view=False)
    assert fine == TileJob(Region(0, 0, 64, 64), 0, (Region(0, 0, 64, 64),))
    schedule.done(fine)
    schedule.set_view(Region(0, 0, 256, 256), 2.0)
    coarse = schedule.next(1, beyond_view=False)
    assert coarse is not None
    while Region(0, 0, 128, 128) != coarse.region:
        schedule.done(coarse)
        coarse = schedule.next(1, beyond_view=False)
        assert coarse is not None
    assert set(coarse.parts) == {Region(0, 64, 64, 64), Region(64, 0, 64, 64), Region(64, 64, 64, 64)}


def test_the_resolution_follows_the_view_and_never_shrinks_the_image_to_nothing():
    assert [level_for(z, (9000, 9000)) for z in (0.2, 1.0, 1.3, 1.8, 1.95, 2.0, 4.0, 9.0)] == [0, 0, 0, 0, 1, 1, 2, 3]
    assert level_for(1000.0, (9000, 9000)) == 4
    assert level_for(float("inf"), (9000, 9000)) == level_for(float("nan"), (9000, 9000)) == 0
    assert level_for(8.0, (600, 4000)) == 1


def test_what_comes_after_is_what_comes_once_it_is_done():
    ahead, plain = (TileSchedule((512, 768), 128) for _ in range(2))
    for schedule in (ahead, plain):
        schedule.set_view(Region(100, 100, 200, 200))
        schedule.begin_pass()
    known = []
    while (job := ahead.next(0, beyond_view=True, after=known)) is not None:
        known.append(job)
    for job in known:
        assert plain.next(0, beyond_view=True) == job
        plain.done(job)
    assert plain.next(0, beyond_view=True) is None
