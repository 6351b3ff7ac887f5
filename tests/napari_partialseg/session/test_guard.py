"""int8 labels with -1 stay what they are, whatever the viewer's habits."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from annotations.classes import LANDCOVER_AI, LandClass
from napari_partialseg.session.guard import LabelsGuard, label_colormap, prediction_colormap


@pytest.fixture
def layer():
    return Labels(np.full((20, 20), -1, np.int8), colormap=label_colormap(LANDCOVER_AI))


def assert_safe(layer):
    assert layer.colormap.background_value == -1
    assert layer.get_color(0)[3] == 1.0
    assert layer.colormap.map(np.int8(-1))[3] == 0.0
    layer.data[3, 3] = 2
    layer.mode = "erase"
    layer.brush_size = 1
    layer.fill((3, 3), layer.colormap.background_value)
    assert layer.data[3, 3] == -1


def test_shuffling_colours_does_no_harm(layer):
    guard = LabelsGuard(layer, LANDCOVER_AI)
    layer.new_colormap()
    assert_safe(layer)
    assert guard is not None


def test_a_plain_dict_as_colormap_does_no_harm(layer):
    guard = LabelsGuard(layer, LANDCOVER_AI)
    layer.colormap = {None: "white", 1: "red"}
    assert_safe(layer)
    assert guard is not None


def test_another_colormap_does_no_harm(layer):
    guard = LabelsGuard(layer, LANDCOVER_AI)
    layer.colormap = DirectLabelColormap(color_dict={None: "transparent", 1: "red"})
    assert_safe(layer)
    assert guard is not None


@pytest.mark.parametrize(("asked", "given"), [(-7, -1), (-1, -1), (0, 0), (4, 4), (5, 4), (90, 4)])
def test_the_selected_label_is_a_class_or_unlabelled(layer, asked, given):
    guard = LabelsGuard(layer, LANDCOVER_AI)
    layer.selected_label = asked
    assert layer.selected_label == given
    assert guard is not None


def test_a_further_class_can_be_selected_and_seen(layer):
    guard = LabelsGuard(layer, LANDCOVER_AI)
    guard.set_scheme(LANDCOVER_AI.added(LandClass("vineyard", "#102030")))
    layer.selected_label = 5
    assert layer.selected_label == 5
    assert np.allclose(layer.get_color(5), np.array([0x10, 0x20, 0x30, 255]) / 255, atol=1e-3)


def test_the_status_bar_names_the_class(layer):
    guard = LabelsGuard(layer, LANDCOVER_AI)
    layer.data[5, 5] = 3
    assert "water" in layer.get_status((5, 5))["value"]
    assert guard is not None


def test_what_is_not_predicted_is_transparent():
    colormap = prediction_colormap(LANDCOVER_AI)
    assert colormap.map(np.uint8(255))[3] == 0
    assert colormap.map(np.uint8(0))[3] == 1
