"""What was left half done opens: nothing becomes another class, and what cannot be kept is set aside and said."""

from __future__ import annotations

import json

import numpy as np
import pytest
import zarr

from annotations.classes import LANDCOVER_AI, ClassScheme, LandClass
from annotations.errors import LabelError
from annotations.images.orthophoto import open_orthophoto
from annotations.labels.labelling import Labelling
from annotations.labels.placing import NewPoint
from annotations.labels.points import PointLabel, PointSet
from annotations.labels.recovery import take_up
from annotations.project.project import Project
from annotations.region import Region
from annotations.store.label_store import LabelStore

SHAPE = (40, 600)
FOUR = ClassScheme(LANDCOVER_AI.classes[:4])


@pytest.fixture
def project(tmp_path):
    zarr.create_array(tmp_path / "image.zarr", shape=(*SHAPE, 1), chunks=(512, 512, 1), dtype="uint8")
    ortho = open_orthophoto(tmp_path / "image.zarr")
    with Project.create(tmp_path / "p.partialseg", LANDCOVER_AI) as made:
        made.add_image(ortho)
    ortho.close()
    return made.folder


def opened(folder, *, write=True):
    project = Project.open(folder, write=write)
    store = LabelStore.open(project.images[0].folder, writable=write)
    return project, store, take_up(store, project)


def test_points_of_classes_that_are_gone_are_set_aside(project):
    labels, strokes = np.full(SHAPE, -1, np.int8), np.zeros(SHAPE, np.uint32)
    points = PointSet()
    points.add(labels, strokes, PointLabel(1, 10, 10, 4))
    points.add(labels, strokes, PointLabel(2, 10, 12, 1))  # over a part of it
    points.add(labels, strokes, PointLabel(3, 30, 30, 2))
    labels[labels == 4], strokes[strokes == 1] = 0, 9  # painted over
    held, store, _ = opened(project)
    store.submit(Region.whole(SHAPE), labels, strokes, points=points.to_json())
    store.submit_points([*points.to_json(), {"number": "x"}])
    assert store.flush(10)
    held.set_scheme(FOUR)  # as an earlier version did: the points are not asked
    store.close()
    held.close()
    held, store, found = opened(project)
    assert "points-set-aside.json" in found.note
    assert [(p.number, p.label) for p in found.points] == [(2, 1), (3, 2)]
    np.testing.assert_array_equal(found.labels, labels)
    aside = json.loads((store.folder / "points-set-aside.json").read_text())
    assert {"number": "x"} in aside
    assert [e["label"] for e in aside if "label" in e and not e["removed"]] == [4, 1]
    # Under the point that stays lay a label of the class that is gone: taking it away leaves nothing there.
    owner = Labelling(found.labels, found.strokes, held.scheme, found.points, store=store, project=held, next_number=10)
    owner.change_points([2], [])
    assert found.labels.max() < 4
    assert found.labels[10, 14] == -1
    assert store.close()
    held.close()
    held, store, again = opened(project)
    assert again.note == ""
    np.testing.assert_array_equal(again.labels, found.labels)
    store.close()
    held.close()


@pytest.mark.parametrize("named", [True, False])
def test_labels_of_classes_that_do_not_exist(project, named):
    held, store, found = opened(project)
    labels, strokes = found.labels, found.strokes
    labels[5:8, 500:520], strokes[5:8, 500:520] = 4, 1
    labels[20, 20], strokes[20, 20] = 2, 1
    store.submit(Region.whole(SHAPE), labels, strokes)
    assert store.close()
    document = json.loads((project / "project.json").read_text())
    document["scheme"] = FOUR.to_json()
    held.close()
    (project / "project.json").write_text(json.dumps(document))
    if not named:  # nor does the mask know the class any more
        held = Project.open(project)
        store = LabelStore.open(held.images[0].folder)
        store.mask.set_scheme(FOUR, checked=True)
        store.close()
        held.close()
    held, store, looked = opened(project, write=False)
    assert looked.labels.max() < 4
    assert looked.labels[20, 20] == 2
    held.close()
    held, store, found = opened(project)
    assert found.note
    if named:  # the class comes back with its labels
        assert held.scheme == store.scheme == LANDCOVER_AI
        np.testing.assert_array_equal(found.labels, labels)
    else:
        assert held.scheme == FOUR
        assert (found.labels >= 0).sum() == 1
        aside = np.load(store.folder / "labels-set-aside.npz")
        assert set(zip(aside["row"], aside["column"], strict=True)) == {
            (r, c) for r in (5, 6, 7) for c in range(500, 520)
        }
        assert (aside["label"] == 4).all()
    assert store.close()
    np.testing.assert_array_equal(store.load()[0], found.labels)
    held.close()


def test_a_removed_class_comes_back_with_what_was_its(project):
    held, store, found = opened(project)
    told = []
    owner = Labelling(
        found.labels, found.strokes, held.scheme, found.points, store=store, project=held, tell=told.append
    )
    owner.change_points([], [NewPoint(10, 10, 4)])
    found.labels[:20, :20] = 1
    owner.record(Region(0, 0, 20, 20), "paint")
    before = found.labels.copy()
    owner.set_scheme(FOUR)
    assert len(owner.points) == 0
    assert len(told) == 1
    with pytest.raises(LabelError):
        owner.change_points([], [NewPoint(30, 30, 4)])
    found.labels[30, 30] = 2
    owner.record(Region(30, 30, 1, 1), "paint")
    owner.undo()
    owner.undo()
    assert held.scheme == store.scheme == owner.scheme == LANDCOVER_AI
    assert [p.label for p in owner.points] == [4]
    np.testing.assert_array_equal(found.labels, before)
    owner.undo()
    assert (found.labels == 4).sum() == 29
    assert store.close()
    np.testing.assert_array_equal(store.load()[0], found.labels)
    held.close()


def test_a_stroke_beside_a_label_that_is_no_class_is_saved(project):
    held, store, found = opened(project)
    found.labels[3:6, 3:9] = 2
    found.labels[4, 4] = 100
    store.submit(Region(3, 3, 3, 6), found.labels[3:6, 3:9], np.full((3, 6), 5, np.uint32))
    assert store.flush(10)
    labels, strokes = store.load()
    assert (labels == 2).sum() == (strokes == 5).sum() == 17
    assert labels[4, 4] == -1
    assert store.close()
    held.close()


def test_damage_below_the_classes_brings_no_class_back(project):
    held, store, _ = opened(project)
    store.mask.set_scheme(ClassScheme((*LANDCOVER_AI.classes, LandClass("track", "#010203"))))
    assert store.close()
    held.close()
    zarr.open_array(held.images[0].files.labels, mode="r+")[3, 4] = -5
    held, store, found = opened(project)
    assert "it is back" not in found.note
    assert "labels-set-aside.npz" in found.note
    assert held.scheme == store.scheme == LANDCOVER_AI
    assert found.labels.max() == found.labels.min() == -1
    store.close()
    held.close()
