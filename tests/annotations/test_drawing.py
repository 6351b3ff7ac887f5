from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from annotations.drawing import disc, polygon, polyline

SHAPE = (30, 40)
# Sixty-fourths: fine enough, and the oracle cannot divide by denormal numbers.
VERTEX = st.tuples(st.integers(-640, 2560), st.integers(-640, 3200)).map(lambda v: (v[0] / 64, v[1] / 64))


def whole(region, inside):
    assert inside.shape == region.shape
    result = np.zeros(SHAPE, bool)
    result[region.slices] = inside
    return result


def centres():
    rows, columns = np.indices(SHAPE)
    return shapely.points(columns.ravel(), rows.ravel())


@given(st.integers(-5, 35), st.integers(-5, 45), st.floats(0, 12))
def test_a_disc_is_what_lies_within_its_radius(row, column, radius):
    rows, columns = np.indices(SHAPE)
    expected = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
    np.testing.assert_array_equal(whole(*disc(SHAPE, row, column, radius)), expected)


def test_a_disc_of_radius_0_is_the_pixel_under_the_cursor():
    region, inside = disc(SHAPE, 4.6, 7.4, 0)
    assert (region.top, region.left, inside.tolist()) == (5, 7, [[True]])


@given(st.lists(VERTEX, min_size=2, max_size=6), st.floats(2, 9))
def test_a_stroke_is_what_lies_within_half_its_width(vertices, width):
    points = np.array(vertices)
    found = whole(*polyline(SHAPE, points, width))
    distance = shapely.distance(shapely.LineString(points[:, ::-1]), centres()).reshape(SHAPE)
    # A vertex's own pixel counts in any case, and it lies within half a diagonal.
    assert found[distance < width / 2 - 1e-6].all()
    assert not found[distance > max(width / 2, np.sqrt(0.5)) + 1e-6].any()


@given(st.lists(st.tuples(st.integers(0, 29), st.integers(0, 39)), min_size=1, max_size=5))
def test_a_thin_stroke_is_connected_and_holds_its_vertices(vertices):
    found = whole(*polyline(SHAPE, np.array(vertices), 1))
    assert ndimage.label(found, np.ones((3, 3)))[1] == 1
    assert all(found[v] for v in vertices)


@given(st.lists(VERTEX, min_size=3, max_size=7))
def test_a_polygon_is_what_lies_inside(vertices):
    points = np.array(vertices)
    shape = shapely.Polygon(points[:, ::-1])
    if not shape.is_valid:
        return  # shapely has no even-odd rule to compare with
    found = whole(*polygon(SHAPE, points))
    border = shapely.distance(shape.boundary, centres()).reshape(SHAPE) > 1e-6
    expected = shapely.contains(shape, centres()).reshape(SHAPE)
    np.testing.assert_array_equal(found[border], expected[border])


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="negative radius"):
        disc(SHAPE, 1, 1, -1)
    with pytest.raises(ValueError, match="at least one vertex"):
        polyline(SHAPE, np.empty((0, 2)), 3)
    with pytest.raises(ValueError, match="three vertices"):
        polygon(SHAPE, np.zeros((2, 2)))
