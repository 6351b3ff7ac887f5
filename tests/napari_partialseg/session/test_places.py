"""N leads to where the map is unsure, B back; nothing moves by itself, and visits are remembered."""

from __future__ import annotations

import numpy as np
import pytest

from annotations.places.visits import read_visits
from annotations.region import Region
from napari_partialseg.session.shortcuts import WorkKeys
from trainer import protocol

SQUARES = ((40, 40), (40, 190), (140, 110))


@pytest.fixture
def widget(scene, orthophoto, tmp_path):
    return scene(orthophoto[0], folder=tmp_path / "p.partialseg")


@pytest.fixture
def places(widget):
    return widget.session.places


def make_map(widget, squares=SQUARES):
    """Write a map as a worker would: sure but for some squares, the first of them the least."""
    opened = widget.session.opened_image
    opened.prediction[:] = 0
    margin, runner_up = np.zeros(opened.prediction.shape, np.uint8), np.full(opened.prediction.shape, 1, np.uint8)
    for n, (row, column) in enumerate(squares):
        at = np.s_[row - 20 : row + 20, column - 20 : column + 20]
        margin[at] = 250 - 20 * n
        opened.prediction[at], runner_up[at] = n + 1, n + 2
    whole = Region.whole(opened.prediction.shape)
    opened.doubt.write(whole, margin, runner_up)
    widget.session.worker.tiles.emit(protocol.Tiles((protocol.Tile(whole, 1, 1),)))


def square_of(place):
    found = [s for s in SQUARES if max(abs(a - b) for a, b in zip(place.at, s, strict=True)) < 24]
    return found[0] if found else None


def next_place(widget, qtbot):
    before = widget.session.places.current
    widget.session.places.next()
    qtbot.waitUntil(lambda: widget.session.places.current not in (None, before), timeout=10_000)
    return widget.session.places.current


def in_view(widget):
    return widget.session.watch.view.region()


def test_without_a_map_it_says_what_is_missing(widget, places):
    places.next()
    assert places.current is None
    assert "draw strokes of two classes" in places.text
    widget.session.opened_image.has_prediction = True
    places.next()
    assert "earlier version" in places.text


def test_next_and_back(widget, places, qtbot):
    make_map(widget)
    seen = [next_place(widget, qtbot) for _ in SQUARES]
    assert {square_of(place) for place in seen} == set(SQUARES)
    middle = seen[-1].region
    assert in_view(widget).contains(middle)
    assert widget.session.layers.place.visible
    assert len(widget.session.layers.place.data) == 2
    places.next()
    qtbot.waitUntil(lambda: "sure of the rest" in places.text, timeout=10_000)
    assert places.current == seen[-1]
    places.back()
    assert places.current == seen[1]
    places.back()
    assert places.current == seen[0]
    assert not places.can_go_back
    assert [places.visits_of(place) for place in seen] == [1, 1, 1]


def test_a_new_map_moves_nothing(widget, places, qtbot):
    make_map(widget)
    places.want()
    qtbot.waitUntil(lambda: len(places.listed) == 3, timeout=10_000)
    before, camera = places.listed, tuple(widget.viewer.scene.camera.center)
    make_map(widget, SQUARES[::-1])
    places._look()
    qtbot.waitUntil(lambda: places._job is None, timeout=10_000)
    assert places.listed == before
    assert tuple(widget.viewer.scene.camera.center) == camera
    assert places.current is None


def test_who_draws_there_has_answered(widget, places, qtbot):
    make_map(widget)
    place = next_place(widget, qtbot)
    widget.session.layers.labels.data_setitem((np.array([place.at[0]]), np.array([place.at[1]])), 2)
    qtbot.waitUntil(lambda: places.current is None, timeout=10_000)
    assert not widget.session.layers.place.visible
    assert square_of(next_place(widget, qtbot)) != square_of(place)


def test_who_moves_on_leaves_the_outline(widget, places, qtbot):
    make_map(widget)
    next_place(widget, qtbot)
    places.view_moved(Region(5000, 5000, 10, 10))
    assert places.current is None
    assert not widget.session.layers.place.visible


def test_the_zoom_stays_where_it_makes_sense(widget, places, qtbot):
    make_map(widget)
    next_place(widget, qtbot)
    camera = widget.viewer.scene.camera
    camera.zoom *= 0.9
    zoom = camera.zoom
    next_place(widget, qtbot)
    assert camera.zoom == zoom
    camera.zoom /= 50
    place = next_place(widget, qtbot)
    shares = place.region.height / in_view(widget).height, place.region.width / in_view(widget).width
    assert 0.3 < max(shares) < 0.7


def test_the_outline_is_as_wide_on_the_screen_at_any_zoom(widget, qtbot):
    make_map(widget)
    next_place(widget, qtbot)
    layer, camera = widget.session.layers.place, widget.viewer.scene.camera

    def dots():
        return np.array(layer.edge_width) * camera.zoom * layer.scale[-1]

    before = dots()
    assert before[0] > before[1] > 2
    for factor in (0.1, 30):
        camera.zoom *= factor
        assert np.allclose(dots(), before, rtol=0.3)
        size = np.ptp(layer.data[0], axis=0) * camera.zoom * layer.scale[-1]
        assert (size > 15).all()


def test_visits_are_kept_with_the_image(widget, places, qtbot):
    make_map(widget)
    place = next_place(widget, qtbot)
    entry = widget.session.opened_image.entry
    project = widget.session.opened_image.project.folder
    names = tuple(widget.session.scheme.names[i] for i in place.classes)
    widget.close_session()
    visits = read_visits(entry.files.visits, entry.shape)
    assert [(v.at, v.classes, v.times) for v in visits] == [(place.at, names, 1)]
    widget.open_path(project)
    qtbot.waitUntil(lambda: widget.session is not None, timeout=20_000)
    make_map(widget)
    assert square_of(next_place(widget, qtbot)) != square_of(place)


def test_keys_are_bound(widget, qtbot):
    make_map(widget)
    keys = widget.findChild(WorkKeys)
    bound = {shortcut.key().toString(): shortcut for shortcut in keys._shortcuts}
    bound["N"].activated.emit()
    qtbot.waitUntil(lambda: widget.session.places.current is not None, timeout=10_000)
    assert " or " in widget.viewer.status
    first = widget.session.places.current
    next_place(widget, qtbot)
    bound["B"].activated.emit()
    assert widget.session.places.current == first


def test_the_panel_lists_them_and_goes_there(widget, places, qtbot):
    make_map(widget)
    panel = widget.board.where
    places.want()
    qtbot.waitUntil(lambda: len(places.listed) == 3, timeout=10_000)
    shown = [row for row in panel._rows if not row.isHidden()]
    assert len(shown) == 3
    second = places.listed[1]
    assert "not visited" in shown[1].accessibleName()
    assert "m²" in shown[1].accessibleName()
    shown[1].click()
    assert places.current == second
    assert places.listed.index(second) == 1
    assert "visited" in shown[1].accessibleName()
    assert "not visited" not in shown[1].accessibleName()


def test_uncertainty_is_hidden_at_first_and_lies_on_its_pixels(widget):
    layer, panel = widget.session.layers.uncertainty, widget.board.where
    assert not layer.visible
    panel._shown.setChecked(True)
    assert layer.visible
    layer.visible = False
    assert not panel._shown.isChecked()
    labels = widget.session.layers.labels
    # the edges of the first cell are those of the first four pixels
    for cell, pixel in ((-0.5, -0.5), (0.5, 3.5)):
        assert np.allclose(layer.data_to_world((cell, cell)), labels.data_to_world((pixel, pixel)))
    transparent, opaque = layer.colormap.map(np.array([0.0, 1.0]))[:, 3]
    assert transparent == 0
    assert opaque > 0.5
