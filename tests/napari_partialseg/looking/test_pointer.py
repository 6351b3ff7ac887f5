"""What is said of the place under the pointer, against the formulas of projections that have simple ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS

from annotations.classes import LANDCOVER_AI
from annotations.export.ground_point import PointFinder
from annotations.images.georeference import Georeference
from napari_partialseg.looking.pointer import under_pointer, where_on_ground

MERCATOR = Georeference(CRS.from_epsg(3857).to_wkt(), (0.5, 0.0, 1e6, 0.0, -0.5, 6e6))
RADIUS = 6378137.0


@given(st.floats(-100, 1e4), st.floats(-100, 1e4))
def test_longitude_and_latitude_of_mercator(row, column):
    point = PointFinder(MERCATOR).at(row, column)
    assert (point.x, point.y) == (1e6 + 0.5 * column, 6e6 - 0.5 * row)
    assert point.longitude == pytest.approx(math.degrees(point.x / RADIUS), abs=1e-9)
    assert point.latitude == pytest.approx(math.degrees(math.atan(math.sinh(point.y / RADIUS))), abs=1e-9)


def test_words():
    assert where_on_ground(None, 0.0, 3.7, 5.2) == "row 3  column 5"
    text = where_on_ground(PointFinder(MERCATOR), 0.5, 10, 20)
    assert text.startswith("E 1000010.0  N 5999995.0")
    assert "lon 8.98" in text
    degrees = Georeference(CRS.from_epsg(4326).to_wkt(), (1e-5, 0, 190.0, 0, -1e-5, 50.0))
    assert where_on_ground(PointFinder(degrees), 1e-5, 0, 0) == "lon -170.000000  lat 50.000000"
    local = Georeference('LOCAL_CS["site",UNIT["metre",1]]', (0.02, 0, 5.0, 0, -0.02, 7.0))
    assert where_on_ground(PointFinder(local), 0.02, 0, 0) == "x 5.00  y 7.00"
    nowhere = Georeference("", (2.0, 0, 0, 0, -2.0, 0))
    assert where_on_ground(PointFinder(nowhere), 2.0, 1, 1) == "x 2  y -2"


def test_what_lies_there():
    confidence, labels = np.full((4, 5), 204, np.uint8), np.full((4, 5), -1, np.int8)
    labels[1, 2] = 3
    confidence[0, 0] = 0
    assert under_pointer(0, 0, LANDCOVER_AI, 255, confidence, labels) == "map: none yet"
    assert under_pointer(1, 2, LANDCOVER_AI, 1, confidence, labels) == "map: building 80 %  ·  label: water"
    assert under_pointer(0, 0, LANDCOVER_AI, 4, confidence, labels) == "map: road"
    assert under_pointer(0, 0, LANDCOVER_AI, 77, confidence, labels) == "map: none yet"
    for outside in ((-1, 0), (0, -1), (4, 0), (0, 5)):
        assert under_pointer(*outside, LANDCOVER_AI, 1, confidence, labels) == ""


def test_every_layer_says_it_in_the_status_bar(mapped):
    widget = mapped()
    layers = widget.session.layers
    layers.labels.data[10, 200] = 2
    for layer in layers.all():
        told = layer.get_status((5.0, 100.0), world=True)  # half a metre a pixel
        assert told["coordinates"].startswith("E 300100.2  N 1999994.8")
        assert told["coordinates"].endswith("map: water 80 %  ·  label: woodland")
        assert set(told) >= {"layer_name", "layer_base", "source_type", "plugin", "coords", "value"}
        assert layer.get_status((10, 200))["value"] == told["value"]
        assert layer.get_status((-3.0, 1.0), world=True)["value"] == ""
        assert layer.get_status()["coordinates"] == ""
    widget.close_session()
    assert "get_status" not in vars(layers.labels)
