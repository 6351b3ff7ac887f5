"""Rectangles of pixels agree with numpy's slices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotations.region import Region

SHAPE = (23, 31)
REGIONS = st.builds(
    lambda rows, columns: Region.from_bounds(min(rows), min(columns), max(rows), max(columns)),
    st.tuples(st.integers(0, SHAPE[0]), st.integers(0, SHAPE[0])),
    st.tuples(st.integers(0, SHAPE[1]), st.integers(0, SHAPE[1])),
)
IMAGE = np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE)


def inside(region):
    mask = np.zeros(SHAPE, bool)
    mask[region.slices] = True
    return mask


@given(REGIONS, REGIONS)
def test_intersection_and_union(one, other):
    both = one.intersection(other)
    np.testing.assert_array_equal(inside(both), inside(one) & inside(other))
    union = one.union(other)
    assert union.contains(one)
    assert union.contains(other)
    rows, columns = np.nonzero(inside(one) | inside(other))
    if len(rows):
        assert union == Region.from_bounds(rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)


@given(REGIONS, REGIONS)
def test_within_finds_the_same_pixels_in_the_other_s_array(outer, other):
    part = other.intersection(outer)
    np.testing.assert_array_equal(IMAGE[outer.slices][part.within(outer).slices], IMAGE[part.slices])
    if not outer.contains(other):
        with pytest.raises(ValueError, match="does not lie in"):
            other.within(outer)


@given(REGIONS, st.integers(1, 9))
def test_tiles_cover_a_region_once_and_nothing_else(region, size):
    seen = np.zeros(SHAPE, int)
    for tile in region.tiles(size):
        assert tile.top % size == tile.left % size == 0
        assert tile.shape == (size, size)
        assert not tile.intersection(region).empty
        seen[tile.intersection(region).slices] += 1
    np.testing.assert_array_equal(seen, inside(region) if not region.empty else 0)


@given(REGIONS, st.integers(1, 7))
def test_shrunk_covers_and_scaled_is_exact(region, factor):
    assert region.scaled(factor).shrunk(factor) == region
    assert region.shrunk(factor).scaled(factor).contains(region)


def test_a_negative_size_is_refused():
    with pytest.raises(ValueError, match="negative size"):
        Region(0, 0, -1, 2)
