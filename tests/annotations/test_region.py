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


SIDES = st.integers(0, 9)
ANYWHERE = st.builds(Region, st.integers(-9, 40), st.integers(-9, 40), SIDES, SIDES)


def pixels(region):
    """The pixels of a region as a set, also where no image has any."""
    return {(row, column) for row in range(region.top, region.bottom) for column in range(region.left, region.right)}


@given(ANYWHERE, ANYWHERE)
def test_sets_of_pixels_agree(one, other):
    assert pixels(one.intersection(other)) == pixels(one) & pixels(other)
    assert one.contains(other) == (pixels(other) <= pixels(one))
    assert one.empty == (not pixels(one))
    assert len(pixels(one)) == one.height * one.width
    assert (one.height, one.width) == one.shape == (one.bottom - one.top, one.right - one.left)


@given(ANYWHERE, ANYWHERE, ANYWHERE)
def test_a_union_is_the_same_in_any_order_and_the_empty_one_counts_for_nothing(one, other, third):
    assert one.union(other).empty == (one.empty and other.empty)
    if not (one.empty or other.empty or third.empty):
        assert one.union(other).union(third) == third.union(one.union(other)) == one.union(third.union(other))
    assert one.union(Region(3, 4, 0, 5)) == (one if not one.empty else Region(3, 4, 0, 5))


@given(ANYWHERE, st.integers(0, 5))
def test_grown_reaches_as_far_on_each_side_and_back(region, margin):
    grown = region.grown(margin)
    assert grown.shape == (region.height + 2 * margin, region.width + 2 * margin)
    assert grown.grown(-margin) == region
    within = region.within(grown)
    assert (within.top, within.left) == (margin, margin) or region.empty


@given(ANYWHERE)
def test_clipped_is_what_numpy_s_arrays_hold(region):
    clipped = region.clipped((*SHAPE, 3))
    assert pixels(clipped) == {(r, c) for r, c in pixels(region) if 0 <= r < SHAPE[0] and 0 <= c < SHAPE[1]}
    assert IMAGE[clipped.slices].shape == clipped.shape or clipped.empty
    assert Region.whole((*SHAPE, 3)).contains(clipped)


@given(st.integers(-9, 9), st.integers(-9, 9), st.integers(-9, 9), st.integers(-9, 9))
def test_bounds_of_any_order(top, left, bottom, right):
    region = Region.from_bounds(np.int64(top), np.int64(left), np.int64(bottom), np.int64(right))
    assert pixels(region) == {(r, c) for r in range(top, bottom) for c in range(left, right)}
    assert all(type(value) is int for value in (region.top, region.left, region.height, region.width))
