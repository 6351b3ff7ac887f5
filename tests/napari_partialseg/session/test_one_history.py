"""Points keep their class, nothing outside the image stops the saving, and undo takes the newest step of any kind."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from qtpy.QtTest import QTest
from viewer_helpers import on_disk, stroke

from annotations.region import Region


@pytest.fixture
def widget(scene, orthophoto, tmp_path):
    return scene(orthophoto[0], folder=tmp_path / "p.partialseg")


def hexes(points):
    return ["#" + "".join(f"{round(float(v) * 255):02x}" for v in rgba[:3]) for rgba in points.face_color]


def test_points_carry_their_class_itself(widget, qtbot):
    points, labels = widget.session.layers.points, widget.session.layers.labels
    widget.board.draw.choose("point")
    for label, place in ((3, (50, 50)), (1, (50, 100)), (2, (50, 150))):
        widget.board.classes.select(label)
        points.add(place)
    classes = lambda: [int(labels.data[place]) for place in ((50, 50), (50, 100), (50, 150))]  # noqa: E731
    assert classes() == [3, 1, 2]  # choosing a class leaves the point just added alone
    colours = list(widget.session.scheme.colours)
    assert hexes(points) == [colours[3], colours[1], colours[2]]
    widget.board.classes.rename(3, "Woodland")  # as another's but for its case
    widget.board.classes.rename(1, "x")
    widget.board.classes.rename(2, "building")  # the old name of class 1
    widget.board.classes.set_colour(2, "#123456")
    points.add((100, 100))
    assert classes() == [3, 1, 2]
    assert list(points.features["class"]) == [3, 1, 2, 2]
    assert hexes(points) == [colours[3], colours[1], "#123456", "#123456"]
    points.current_face_color = "red"  # napari's own control: colours say the class
    assert hexes(points)[3] == "#123456"
    # What is selected takes the class that is chosen, as one step.
    points.selected_data = {0, 1}
    widget.board.classes.select(4)
    assert classes() == [4, 4, 2]
    assert list(points.features["class"]) == [4, 4, 2, 2]
    widget.session.labels.undo()
    assert classes() == [3, 1, 2]
    assert sorted(points.features["class"]) == [1, 2, 2, 3]
    stored = on_disk(widget)
    assert (stored == labels.data).all()
    entries = json.loads((widget.session.opened_image.entry.folder / "points.json").read_text())
    assert {(e["row"], e["column"], e["label"]) for e in entries if not e["removed"]} == {
        (50, 50, 3),
        (50, 100, 1),
        (50, 150, 2),
        (100, 100, 2),
    }


def test_points_pasted_as_the_project_closes_are_kept(widget):
    session, points = widget.session, widget.session.layers.points
    widget.board.draw.choose("point")
    widget.board.classes.select(2)
    points.add([(50, 50), (80, 80)])
    points.selected_data = {0}
    points._copy_data()
    points._paste_data()  # napari tells of none of it
    folder = session.opened_image.entry.folder
    widget.close_session()
    kept = [(e["row"], e["column"]) for e in json.loads((folder / "points.json").read_text()) if not e["removed"]]
    assert kept == [(50, 50), (80, 80), (50, 50)]


def test_what_lies_outside_stops_nothing(widget):
    session, points, layer = widget.session, widget.session.layers.points, widget.session.layers.labels
    told = []
    session.problem.connect(told.append)
    widget.board.draw.choose("point")
    widget.board.classes.select(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # napari's own, before it tells of the point
        points.add([(50, 50), (-20, 30), (np.nan, 30), (400, 400)])
    assert points.data.tolist() == [[50, 50]]
    assert len(told) == 1
    moved = points.data.copy()
    moved[0] = (5000, -3)
    points.data = moved
    assert points.data.tolist() == [[50, 50]]
    points.selected_data = {0}
    points._copy_data()
    points._paste_data()  # on the same place: napari tells of none of it
    QTest.qWait(50)
    assert session.snapshot().points == 2
    points.add((100, 100))
    widget.board.draw.choose("brush")
    # Oracles: napari's own tools on the same gestures; what is inside stays, the rest is nothing.
    for vertices in ([(-50, -50), (-50, 20), (20, 20), (20, -50)], [(-9, -9), (-9, -2), (-2, -2)]):
        try:
            layer.paint_polygon(vertices, 1)
        except Exception as error:
            told.append(f"napari: {error}")
    layer.paint((-3, 120), 1)
    layer.paint((500, 120), 1)
    layer.fill((-1, 7), 1)
    layer.fill((np.nan, 7), 1)
    stroke(widget, (180, 192), (250, 256), 3)
    stored = on_disk(widget)
    QTest.qWait(100)
    stored = on_disk(widget)
    assert (stored == layer.data).all()
    assert stored[50, 50] == stored[100, 100] == 2
    assert (stored[180:, 250:] == 3).all()
    assert stored[5, 5] == 1


def test_undo_takes_the_newest_step_with_points_in_hand_or_labels(widget, orthophoto, qtbot):
    session, points = widget.session, widget.session.layers.points
    layer, states = session.layers.labels, []

    def now():
        return layer.data.copy(), sorted(map(tuple, points.data.tolist())), session.scheme.names

    def done():
        QTest.qWait(60)
        states.append(now())

    states.append(now())
    stroke(widget, (10, 20), (10, 20), 1)
    done()
    session.labels.add(
        np.where(np.arange(192 * 256).reshape(192, 256) % 7 == 0, 2, -1).astype(np.int8), "import", "imported"
    )
    done()
    widget.board.classes.select(4)
    points.add([(60.0, 60.0), (100.0, 200.0)])
    done()
    points.data = np.array([[65.0, 65.0], [100.0, 200.0]])
    done()
    widget.board.classes.rename(0, "ground")
    done()
    stroke(widget, (30, 40), (30, 40), 3)
    done()
    assert session.labels.remove_origin("imported") > 5000
    done()
    points.selected_data = {0, 1}
    points.remove_selected()
    done()
    widget.board.classes.remove_last()
    assert len(session.scheme) == 4
    done()
    session.viewer.layers.selection.active = points
    keys = {str(key): act for key, act in points.keymap.items()}
    back = next(act for key, act in keys.items() if key.lower().replace(" ", "") in ("ctrl+z", "meta+z", "control+z"))
    for k in range(len(states) - 2, -1, -1):
        back(points) if k % 2 else layer.undo()
        got = now()
        assert (got[0] == states[k][0]).all(), k
        assert got[1:] == states[k][1:], k
        assert (on_disk(widget) == got[0]).all()
    assert widget.board.classes.scheme.names == states[0][2]
    for k in range(1, len(states)):
        layer.redo()
        got = now()
        assert (got[0] == states[k][0]).all(), k
        assert got[1:] == states[k][1:], k
    assert (on_disk(widget) == layer.data).all()
    assert session.snapshot().labelled == (layer.data >= 0).sum()


def test_labels_that_are_no_class_go_back_and_labels_on_no_data_are_counted_apart(scene, tmp_path, orthophoto, qtbot):
    import rasterio

    with rasterio.open(orthophoto[0]) as source:
        image, profile = source.read(), source.profile
    image[:, :, :50] = 0
    profile.update(nodata=0)
    with rasterio.open(tmp_path / "holes.tif", "w", **profile) as file:
        file.write(np.where(image == 0, 1, image) * (np.arange(256) >= 50))
    widget = scene(tmp_path / "holes.tif")
    session, told = widget.session, []
    session.problem.connect(told.append)
    stroke(widget, (10, 20), (40, 140), 1)
    qtbot.waitUntil(lambda: session.snapshot().ignored > 0)
    assert (session.snapshot().counts[1], session.snapshot().ignored) == (900, 100)
    assert told == []
    stroke(widget, (30, 40), (5, 15), 2)
    qtbot.waitUntil(lambda: bool(told))
    assert "no data" in told[0]
    assert session.snapshot().counts[2] == 0
    session.layers.labels.data[100:110, 100:110] = 100
    session.layers.labels.data[100, 100] = 3
    session.labels.settle()
    assert (session.layers.labels.data[Region(100, 100, 10, 10).slices] >= 0).sum() == 1
    assert "100" in told[-1]
    assert on_disk(widget)[100, 100] == 3
