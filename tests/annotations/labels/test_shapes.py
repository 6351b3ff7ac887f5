from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotations.labels.shapes import disc

SHAPE = (30, 40)


def whole(region, inside):
    assert inside.shape == region.shape
    result = np.zeros(SHAPE, bool)
    result[region.slices] = inside
    return result


@given(st.integers(-5, 35), st.integers(-5, 45), st.floats(0, 12))
def test_a_disc_is_what_lies_within_its_radius(row, column, radius):
    rows, columns = np.indices(SHAPE)
    expected = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
    np.testing.assert_array_equal(whole(*disc(SHAPE, row, column, radius)), expected)


def test_a_disc_of_radius_0_is_the_pixel_under_the_cursor():
    region, inside = disc(SHAPE, 4.6, 7.4, 0)
    assert (region.top, region.left, inside.tolist()) == (5, 7, [[True]])


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="negative radius"):
        disc(SHAPE, 1, 1, -1)
