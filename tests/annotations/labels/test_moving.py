"""Labels of a class go to another one as one step, and a kill at any moment leaves each of them one of the two."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import zarr
from in_hand import in_hand

from annotations.classes import LANDCOVER_AI, ClassScheme
from annotations.errors import LabelError
from annotations.history.work_table import pixels_of_strokes, work_table
from annotations.images.orthophoto import open_orthophoto
from annotations.labels import restoring as restoring_module
from annotations.labels.edits import TILE
from annotations.labels.placing import NewPoint
from annotations.labels.recovery import take_up
from annotations.project.project import Project
from annotations.region import Region
from annotations.store.label_store import LabelStore

SHAPE = (600, 1100)  # 2 x 3 chunks
ROAD = 4


@pytest.fixture
def project(tmp_path):
    zarr.create_array(tmp_path / "i.zarr", shape=(*SHAPE, 1), chunks=(512, 512, 1), dtype="uint8")
    made = Project.create(tmp_path / "p.partialseg", LANDCOVER_AI)
    ortho = open_orthophoto(tmp_path / "i.zarr")
    made.add_image(ortho)
    ortho.close()
    yield made
    made.close()


@pytest.fixture
def store(project):
    opened = LabelStore.open(project.images[0].folder)
    yield opened
    assert opened.close(20)


@pytest.fixture
def work(project, store):
    """Return labels in three chunks: two strokes, a random mask, two points of which one lies on the other."""
    labelling = in_hand(project, store)[1]
    paint(labelling, Region(10, 500, 40, 30), ROAD)
    paint(labelling, Region(300, 300, 10, 20), 2)
    mask = np.full(SHAPE, -1, np.int8)
    mask[560:570, 1030:1060] = ROAD
    labelling.add_labels(mask, "random mask", "random")
    labelling.change_points([], [NewPoint(100, 512, ROAD), NewPoint(102, 514, 1)])
    return labelling


def paint(labelling, region, label):
    labelling._labels[region.slices] = label
    labelling.record(region, "paint")


def held(labelling):
    return labelling._labels.copy(), labelling._strokes.copy(), labelling.points.to_json(), labelling.scheme


def same(a, b):
    return all((x == y).all() if isinstance(x, np.ndarray) else x == y for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("to", [1, -1])
def test_it_is_one_step_that_undo_and_redo_follow(work, store, to):
    before = held(work)
    moving = work.begin_moving(ROAD, to)
    moving.finish()
    after = held(work)
    expected = np.where(before[0] == ROAD, to, before[0])
    assert (after[0] == expected).all()
    assert moving.added == (before[0] == ROAD).sum()
    assert (after[1] == np.where(expected == -1, 0, before[1])).all()  # a random label is known as one
    assert [p.label for p in work.points] == ([1, 1] if to == 1 else [1])
    assert work.scheme == LANDCOVER_AI
    work.undo()
    assert same(held(work), before)
    work.redo()
    assert same(held(work), after)
    assert store.flush(20)
    assert (store.load()[0] == expected).all()


def test_under_a_point_there_is_no_label_of_the_class_left(work):
    work.begin_moving(ROAD, 2).finish()
    upper = max(p.number for p in work.points)
    work.change_points([upper], [])
    assert work._labels[101, 513] == 2
    work.begin_moving(2, -1).finish()
    assert (work._labels == -1).all()


def test_random_labels_are_still_taken_away_as_such(work):
    work.begin_moving(ROAD, 2).finish()
    removed, _ = work.remove_origin("random")
    assert removed == 300
    assert (work._labels[10:50, 500:530] == 2).all()


def test_the_class_can_go_once_its_labels_are_elsewhere(work, project):
    fewer = ClassScheme(LANDCOVER_AI.classes[:-1])
    with pytest.raises(LabelError, match="road"):
        work.set_scheme(fewer)
    work.begin_moving(ROAD, 0).finish()
    work.set_scheme(fewer)
    assert project.scheme == fewer
    for _ in range(2):
        work.undo()
    assert work.scheme == LANDCOVER_AI
    assert (work._labels[10:50, 500:530] == ROAD).all()


def test_what_is_drawn_meanwhile_is_a_step_of_its_own(work, monkeypatch):
    monkeypatch.setattr(restoring_module, "_PART", TILE)
    before = held(work)
    moving = work.begin_moving(ROAD, 1)
    moving.advance()
    paint(work, Region(580, 0, 10, 10), ROAD)
    assert moving.done
    assert (work._labels[580:590, :10] == ROAD).all()
    assert (work._labels == ROAD).sum() == 100
    work.undo()
    assert not (work._labels == ROAD).any()
    work.undo()
    assert same(held(work), before)


@pytest.mark.parametrize(("label", "to"), [(5, 0), (-1, 0), (0, 5), (0, -2), (3, 3)])
def test_what_are_no_two_classes_is_refused_and_changes_nothing(work, label, to):
    before, last = held(work), work.journal.last(back=True)
    with pytest.raises(LabelError, match="Choose another"):
        work.begin_moving(label, to)
    assert same(held(work), before)
    assert work.journal.last(back=True) is last


def test_it_is_no_work_for_a_class(work, store):
    assert store.flush(20)
    before = work_table(store.strokes(), [], {}).by_day
    work.begin_moving(ROAD, 1).finish()
    assert store.flush(20)
    strokes = store.strokes()
    assert [s.tool for s in strokes].count("reclass") == 1
    assert work_table(strokes, [], {}).by_day == before
    assert {c for found in pixels_of_strokes(work._labels, work._strokes).values() for c in found} == {1, 2}


@pytest.mark.parametrize("to", [1, -1])
def test_a_kill_between_any_two_writes_leaves_each_label_as_it_was_or_as_it_was_to_be(
    work, project, store, to, tmp_path
):
    assert store.flush(20)
    before = held(work)
    copies = []
    write = store.mask.write

    def snap_and_write(*args):
        copies.append(shutil.copytree(project.folder, tmp_path / f"{len(copies)}.partialseg"))
        write(*args)
        copies.append(shutil.copytree(project.folder, tmp_path / f"{len(copies)}.partialseg"))

    store.mask.write = snap_and_write
    work.begin_moving(ROAD, to).finish()
    assert store.flush(20)
    after = held(work)
    assert len(copies) >= 6  # three chunks at least
    mixed = 0
    for folder in copies:
        with Project.open(folder) as killed:
            left = LabelStore.open(killed.images[0].folder)
            found = take_up(left, killed)
            assert killed.scheme == left.scheme == LANDCOVER_AI
            assert ((found.labels == before[0]) | (found.labels == after[0])).all()
            mixed += not (found.labels == before[0]).all() and not (found.labels == after[0]).all()
            for point in found.points:
                own = found.labels[found.strokes == point.number]
                assert not own.size or point.label == own.min()
            assert left.close(20)
    assert mixed  # else nothing was interrupted


def test_a_class_that_goes_takes_no_pixel_with_it_after_a_kill_between_pixels_and_points(work, project, store):
    """The pixels have moved and the points have not: a class removed then would give its points' pixels back."""
    work.begin_moving(ROAD, 1).finish()
    stale = [dict(entry, label=ROAD) for entry in work.points.to_json() if not entry["removed"]]
    store.submit_points(stale)
    assert store.flush(20)
    found, labelling = in_hand(project, store)
    assert {p.label for p in found.points} == {1}
    before = labelling._labels.copy()
    labelling.set_scheme(ClassScheme(LANDCOVER_AI.classes[:-1]))
    assert (labelling._labels == before).all()
    assert len(labelling.points) == 2
