"""What is drawn in the viewer is on disk, with the stroke it came from."""

from __future__ import annotations

import numpy as np
import pytest
from viewer_helpers import on_disk, stroke

from trainer import protocol


@pytest.fixture
def widget(scene, orthophoto, tmp_path):
    return scene(orthophoto[0], folder=tmp_path / "p.partialseg")


def settle(widget):
    widget.session.labels.settle()


def test_a_stroke_reaches_the_disk_and_the_worker(widget, qtbot):
    stroke(widget, (10, 20), (30, 50), 2)
    labels = on_disk(widget)
    assert (labels[10:20, 30:50] == 2).all()
    assert (labels >= 0).sum() == 200
    qtbot.waitUntil(lambda: bool(widget.client.of(protocol.LabelsChanged)))
    message = widget.client.of(protocol.LabelsChanged)[0]
    assert message.regions[0].shape == (10, 20)
    assert message.revision == 1
    records = widget.session.opened_image.store.strokes()
    assert [(s.label, s.origin) for s in records] == [(2, "drawn")]
    assert widget.session.snapshot().counts == (0, 0, 200, 0, 0)


def test_undo_and_redo_reach_the_disk_with_their_stroke_numbers(widget):
    layer, strokes = widget.session.layers.labels, widget.session.opened_image.strokes
    stroke(widget, (10, 20), (10, 20), 1)
    stroke(widget, (15, 25), (15, 25), 3)
    layer.undo()
    settle(widget)
    labels = on_disk(widget)
    assert (labels[10:20, 10:20] == 1).all()
    assert (strokes[10:20, 10:20] == 1).all()
    assert (strokes > 0).sum() == 100
    layer.redo()
    settle(widget)
    assert (on_disk(widget)[15:25, 15:25] == 3).all()
    assert (strokes[15:25, 15:25] == 2).all()


def test_the_brush_the_eraser_and_the_fill_of_napari(widget):
    layer = widget.session.layers.labels
    widget.board.draw.choose("brush")
    assert str(layer.mode) == "paint"
    layer.brush_size = 6
    layer.selected_label = 1
    layer.paint((40, 40), 1)
    assert on_disk(widget)[40, 40] == 1
    layer.paint((40, 40), -1)
    assert (on_disk(widget) == -1).all()
    layer.fill((100, 100), 0)
    seen = widget.session.watch.view.region().clipped(layer.data.shape)
    labels = on_disk(widget)
    assert (labels[seen.slices] == 0).all()
    assert (labels == 0).sum() == seen.height * seen.width
    layer.undo()
    settle(widget)
    assert (on_disk(widget) == -1).all()


def test_a_polygon_is_a_stroke(widget):
    layer = widget.session.layers.labels
    layer.paint_polygon([(10, 10), (10, 40), (40, 40), (40, 10)], 4)
    assert on_disk(widget)[20, 20] == 4
    assert len(widget.session.opened_image.store.strokes()) == 1


def test_a_write_from_outside_is_seen(widget):
    layer = widget.session.layers.labels
    layer.data[100:110, 100:110] = 2
    layer.refresh()
    settle(widget)
    assert (on_disk(widget)[100:110, 100:110] == 2).all()
    assert widget.session.opened_image.store.strokes()[-1].tool == "edit"


def test_points_label_discs_and_give_back_what_lay_under(widget):
    session = widget.session
    points = session.layers.points
    stroke(widget, (10, 20), (10, 20), 1)
    widget.board.classes.select(3)
    widget.board.draw.choose("point")
    points.add([(15.0, 15.0)])
    points.add([(60.0, 60.0)])
    labels = on_disk(widget)
    assert labels[15, 15] == 3
    assert (labels[57:64, 57:64] == 3).sum() == 29
    points.selected_data = {0, 1}
    points.remove_selected()
    labels = on_disk(widget)
    assert (labels[10:20, 10:20] == 1).all()
    assert (labels >= 0).sum() == 100


def test_a_moved_point_takes_its_label_along(widget):
    points = widget.session.layers.points
    widget.board.classes.select(2)
    points.add([(50.0, 50.0)])
    data = points.data.copy()
    data[0] = (80.0, 90.0)
    points.data = data
    labels = on_disk(widget)
    assert labels[80, 90] == 2
    assert labels[50, 50] == -1


def test_points_are_there_again_after_reopening(widget, qtbot):
    widget.board.classes.select(3)
    widget.session.layers.points.add([(60.0, 70.0)])
    folder = widget.session.opened_image.project.folder
    widget.open_path(folder)
    qtbot.waitUntil(lambda: widget.session is not None, timeout=20000)
    points = widget.session.layers.points
    assert points.data.tolist() == [[60.0, 70.0]]
    assert list(points.features["class"]) == [3]
    points.selected_data = {0}
    points.remove_selected()
    assert (on_disk(widget) == -1).all()


def test_everything_is_there_again_after_reopening(widget, qtbot):
    stroke(widget, (10, 20), (30, 50), 2)
    widget.board.classes.rename(2, "forest")
    widget.board.classes.add_class()
    folder = widget.session.opened_image.project.folder
    before = widget.session.opened_image.labels.copy()
    widget.open_path(folder)
    qtbot.waitUntil(lambda: widget.session is not None, timeout=20000)
    assert np.array_equal(widget.session.opened_image.labels, before)
    assert widget.session.scheme.names[2] == "forest"
    assert len(widget.session.scheme) == 6
    assert widget.client.of(protocol.SetClasses)[-1].classes[2]["name"] == "forest"
    stroke(widget, (50, 52), (50, 52), 5)
    assert on_disk(widget)[50, 50] == 5
    assert widget.session.opened_image.store.strokes()[-1].number == 2


def test_a_class_with_labels_is_not_removed(widget):
    widget.board.classes.add_class()
    stroke(widget, (5, 6), (5, 6), 5)
    widget.board.classes.remove_last()
    assert "erase or move them" in widget.board.banner.text
    assert len(widget.session.scheme) == 6
    widget.session.layers.labels.data_setitem((np.array([5]), np.array([5])), -1)
    assert (on_disk(widget) == -1).all()
    widget.board.classes.remove_last()
    assert len(widget.session.scheme) == 5


def test_two_classes_of_one_name_are_refused(widget):
    widget.board.classes.rename(0, "water")
    assert "'water'" in widget.board.banner.text
    assert widget.session.scheme.names[0] == "background"


def test_random_labels_come_from_the_truth_and_go_again(widget, orthophoto, qtbot):
    stroke(widget, (0, 10), (0, 10), 3)  # wrong on purpose: it must stay
    widget.mask_desk.load_truth(orthophoto[1])
    qtbot.waitUntil(lambda: widget.session.truth is not None)
    widget.mask_desk.draw_random(0.10, 42, False)
    qtbot.waitUntil(lambda: widget.session.snapshot().labelled > 200)
    labels = on_disk(widget)
    known = labels >= 0
    assert (labels[:10, :10] == 3).all()
    known[:10, :10] = False
    truth = widget.session.truth
    assert (labels[known] == truth[known]).all()
    assert known.sum() == pytest.approx(0.1 * truth.size, rel=0.02)
    widget.board.masks.clear_random.emit()
    assert (on_disk(widget) >= 0).sum() == 100


def test_labels_in_the_file_beyond_the_scheme_are_told(widget, tmp_path, qtbot):
    strange = np.zeros(widget.session.opened_image.ortho.shape, np.int16)
    strange[3, 4] = 9
    np.save(tmp_path / "strange.npy", strange)
    widget.mask_desk.load_truth(tmp_path / "strange.npy")
    qtbot.waitUntil(lambda: bool(widget.board.banner.text))
    for part in ("strange.npy", "9", "(3, 4)"):
        assert part in widget.board.banner.text


def test_keys_choose_classes(widget):
    labels = widget.session.layers.labels
    next(act for key, act in labels.keymap.items() if str(key) == "4")(labels)
    assert labels.selected_label == 3
    assert widget.board.classes.index == 3
