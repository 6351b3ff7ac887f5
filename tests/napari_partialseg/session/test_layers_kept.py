"""Whatever menus, keys or other plugins do to the five layers: strokes go where they are seen and reach the disk."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels, _layer_actions
from viewer_helpers import holding, on_disk, stroke

from napari_partialseg.session import fixed
from napari_partialseg.session.guard import take_over


@pytest.fixture
def widget(scene, orthophoto, tmp_path):
    return scene(orthophoto[0], folder=tmp_path / "p.partialseg")


@pytest.fixture
def layers(widget):
    return widget.session.layers


def said(widget):
    text = widget.board.banner.text
    widget.board.banner.hide()
    return text


@pytest.mark.parametrize("kind", ["int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_labels_of_another_type_say_the_same(kind):
    ours = np.full((30, 40), -1, np.int8)
    ours[3:5, 7] = 2
    before = ours.copy()
    region, count = take_over(ours, before.astype(kind), 5, "labels")
    assert count == 0
    assert region.empty
    assert np.array_equal(ours, before)


def test_other_labels_are_taken_over_or_refused_as_a_whole():
    ours = np.full((2100, 30), -1, np.int8)
    other = ours.copy()
    other[2090, 5] = 4
    other[1, 1] = 3
    _, count = take_over(ours, other, 5, "labels")
    assert count == 2
    assert np.array_equal(ours, other)
    wrong = np.zeros_like(other, np.int32)
    wrong[2095, 3] = 9
    with pytest.raises(ValueError, match=r"value 9 .*\(47, 3\)|value 9"):
        take_over(ours, wrong, 5, "labels")
    assert np.array_equal(ours, other)
    for odd in (np.zeros((3, 3), np.int8), np.zeros((2, 2100, 30), np.int8), np.zeros((2100, 30), np.float32)):
        with pytest.raises(ValueError, match="shape"):
            take_over(ours, odd, 5, "labels")


def test_replaced_labels(widget, layers):
    own = layers.labels.data
    stroke(widget, (10, 20), (10, 20), 1)
    widget.viewer.layers.selection.active = layers.labels
    _layer_actions._convert_dtype(widget.viewer.layers, "int32")
    assert layers.labels.data is own
    assert "int8" in said(widget)
    stroke(widget, (30, 40), (30, 40), 2)
    assert (on_disk(widget) == layers.labels.data).all()
    other = layers.labels.data.astype(np.uint8)  # -1 is 255 there
    other[50:60, 50:60] = 3
    layers.labels.data = other
    assert "100 pixels" in said(widget)
    labels = on_disk(widget)
    assert (labels[50:60, 50:60] == 3).all()
    assert (labels >= 0).sum() == 300
    assert widget.session.snapshot().counts == (0, 100, 100, 100, 0)
    layers.labels.undo()
    assert (on_disk(widget) >= 0).sum() == 200
    other[0, 0] = 77
    layers.labels.data = other
    assert "77" in said(widget)
    layers.labels.data = np.zeros((5, 5), np.int8)
    assert "(5, 5)" in said(widget)
    with pytest.raises(AttributeError):  # napari stops half way, with the list in place
        layers.labels.data = [own.copy(), own[::2, ::2].copy()]
    widget.board.draw.choose("brush")
    assert "list" in said(widget)
    layers.labels.data = np.zeros((3, 192, 256), np.int8)
    assert "(3, 192, 256)" in said(widget)
    assert layers.labels.ndim == 2
    assert layers.labels.data is own
    assert np.allclose(layers.labels.scale, 0.5)
    assert (on_disk(widget) >= 0).sum() == 200


def test_arrays_that_the_worker_writes_stay(widget, layers):
    for layer in (layers.prediction, layers.confidence, layers.uncertainty, layers.image):
        own = layer.data
        layer.data = np.zeros_like(np.asarray(own))
        assert layer.data is own
        assert layer.name in said(widget)
    assert not layers.prediction.editable
    layers.prediction.editable = True
    assert not layers.prediction.editable
    assert "network" in said(widget)


def test_place_is_kept(widget, layers, monkeypatch):
    monkeypatch.setattr(fixed, "_REPEAT_SECONDS", -1.0)  # said each time
    for layer in layers.all():
        # pixels of half a metre; a cell of uncertainty covers four by four of them
        place = (20.75, 40.75) if layer is layers.uncertainty else (5, 10)
        for name, value in {
            "scale": (2.0, 3.0),
            "translate": (150.0, 20.0),
            "rotate": 30.0,
            "shear": [0.4],
            "affine": [[1, 0, 9], [0, 2, 0], [0, 0, 1]],
            "units": ("pixel", "pixel"),
        }.items():
            setattr(layer, name, value)
            assert np.allclose(layer.data_to_world((10, 20)), place), name
            assert [str(unit) for unit in layer.units] == ["meter", "meter"]
            assert layer.name in said(widget)
        layer.mode = "transform"
        assert str(layer.mode) != "transform"
        if layer.editable and layer.visible:  # else napari refuses it by itself
            assert "moved" in said(widget)


def test_layers_are_not_rotated_and_the_view_stays_flat(widget, layers, monkeypatch):
    monkeypatch.setattr(fixed, "_REPEAT_SECONDS", -1.0)  # said each time
    from napari.components import _viewer_key_bindings as keys

    keys.rotate_layers(widget.viewer)
    assert np.allclose(layers.labels.data_to_world((10, 20)), (5, 10))
    said(widget)
    for act in (keys.toggle_ndisplay, keys.roll_axes, keys.transpose_axes, keys.toggle_grid):
        act(widget.viewer)
        assert widget.viewer.dims.ndisplay == 2
        assert widget.viewer.dims.order == (0, 1)
        assert not widget.viewer.canvas.grid.enabled
        assert "view" in said(widget)
    stroke(widget, (10, 20), (10, 20), 1)
    assert (on_disk(widget)[10:20, 10:20] == 1).all()


def test_what_would_stop_the_drawing_is_put_back_or_said(widget, layers):
    widget.board.draw.choose("polygon")
    layers.labels.editable = False
    assert layers.labels.editable
    assert str(layers.labels.mode) == "polygon"
    assert "labels" in said(widget)
    layers.labels.contour = 2
    assert layers.labels.contour == 0
    assert "outlines" in said(widget)
    layers.labels.n_edit_dimensions = 1
    assert layers.labels.n_edit_dimensions == 2
    assert said(widget)
    layers.labels.visible = False
    assert "hidden" in said(widget)
    stroke(widget, (10, 20), (10, 20), 1)
    assert (on_disk(widget)[10:20, 10:20] == 1).all()
    widget.board.draw.choose("brush")
    assert layers.labels.visible
    assert str(layers.labels.mode) == "paint"
    layers.points.visible = False
    widget.board.draw.choose("point")
    assert layers.points.visible
    assert str(layers.points.mode) == "add"
    layers.prediction.new_colormap()
    assert layers.prediction.colormap.map(np.uint8(255))[3] == 0


def test_layers_that_are_removed_come_back_with_their_data(widget, layers):
    shown = widget.viewer.layers
    order = [layer.name for layer in shown]

    def convert():
        shown.selection.active = layers.labels
        _layer_actions._convert_to_image(shown)

    removals = {
        "remove": lambda: shown.remove(layers.labels),
        "pop": lambda: shown.pop(shown.index(layers.labels)),
        "delete": lambda: shown.__delitem__("labels"),
        "clear": shown.clear,
        "slice": lambda: shown.__delitem__(slice(None)),
        "convert": convert,
    }
    for i, (how, remove) in enumerate(removals.items()):
        widget.board.draw.choose("polygon")
        remove()
        widget.board.draw.choose("brush")  # at once, before anything could have been put back
        assert all(any(layer is one for one in shown) for layer in layers.all()), how
        if how != "convert":
            assert [layer.name for layer in shown] == order, how
        assert shown.selection.active is layers.labels, how
        assert str(layers.labels.mode) == "paint", how
        assert "labels" in said(widget), how
        stroke(widget, (10 * i, 10 * i + 10), (30, 40), 2)
        assert (on_disk(widget) >= 0).sum() == 100 * (i + 1), how


def test_any_other_layer_comes_back_by_itself(widget, layers, qtbot):
    shown = widget.viewer.layers
    for layer in (layers.points, layers.prediction, layers.confidence, layers.image):
        order = list(shown)
        shown.remove(layer)
        qtbot.waitUntil(lambda order=order: list(shown) == order)
        assert layer.name in said(widget)


def test_the_delete_button_does_not_take_ours(widget, layers):
    shown = widget.viewer.layers
    shown.selection.update(list(shown))
    shown.remove_selected()
    assert len(shown) == len(layers.all())


def test_order_and_names_are_free(widget, layers, qtbot):
    shown = widget.viewer.layers
    shown.move(0, 3)
    layers.labels.name = "mine"
    order = list(shown)
    shown.remove(layers.labels)
    widget.session.watch.put_right()
    assert list(shown) == order
    assert layers.labels.name == "mine"
    stroke(widget, (10, 20), (10, 20), 1)
    assert (on_disk(widget) >= 0).sum() == 100


def test_a_copy_is_not_ours(widget, layers):
    shown = widget.viewer.layers
    stroke(widget, (10, 20), (10, 20), 1)
    for layer in layers.all():
        shown.selection.active = layer
        _layer_actions._duplicate_layer(shown)
    copies = [one for one in shown if not any(one is layer for layer in layers.all())]
    assert len(copies) == len(layers.all())
    assert not any("partialseg" in one.metadata for one in copies)
    assert "not saved" in said(widget)
    copy = next(one for one in copies if isinstance(one, Labels) and "labels" in one.name)
    shown.selection.active = copy
    assert widget.board.draw.tool == ""
    assert "not learnt" in holding(widget)
    copy.data[100:110, 100:110] = 3
    assert (on_disk(widget) >= 0).sum() == 100
    shown.remove(copy)
    assert len(shown) == 2 * len(layers.all()) - 1


def test_layers_are_let_go_when_the_project_closes(widget, layers):
    shown = widget.viewer.layers
    labels = layers.labels
    widget.close_session()
    assert len(shown) == 0
    assert not labels.locked
    labels.scale = (3, 3)
    assert np.allclose(labels.scale, 3)
    widget.viewer.dims.ndisplay = 3
    assert widget.viewer.dims.ndisplay == 3
    assert "save" not in vars(shown)
