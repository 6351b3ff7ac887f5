"""Places come where the map is unsure and nobody was, the same ones each time, rare classes first."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotations.places import finding
from annotations.places.finding import find_places
from annotations.places.place import ReducedMap
from annotations.region import Region

STRIDE = 4
SHAPE = (640, 800)
CELLS = (160, 200)


def made(squares=(), labelled=(), first=0, second=1):
    """Return a map that is sure of class `first`, but for squares of (row, column, side, doubt, first, second)."""
    doubt, one = np.zeros(CELLS, np.uint8), np.full(CELLS, first, np.uint8)
    other, drawn = np.full(CELLS, second, np.uint8), np.zeros(CELLS, bool)
    for row, column, side, level, of, or_of in squares:
        at = np.s_[row : row + side, column : column + side]
        doubt[at], one[at], other[at] = level, of, or_of
    for row, column in labelled:
        drawn[row, column] = True
    return ReducedMap(STRIDE, SHAPE, doubt, one, other, drawn)


def test_a_certain_map_gives_none():
    assert find_places(made()) == []


def test_a_map_that_is_not_there_gives_none():
    nothing = np.full(CELLS, 255, np.uint8)
    assert find_places(ReducedMap(STRIDE, SHAPE, nothing, nothing, nothing, np.zeros(CELLS, bool))) == []


def test_an_unsure_square_is_found_where_it_is():
    places = find_places(made([(40, 60, 20, 230, 2, 3)]))
    assert len(places) == 1
    place = places[0]
    square = Region(160, 240, 80, 80)
    assert square.contains(Region(*place.at, 1, 1))
    assert square.grown(STRIDE).contains(place.region)
    assert place.classes == (2, 3)
    assert place.pair == (2, 3)
    assert 0.4 * 6400 <= place.pixels <= 6400
    assert 0.6 < place.doubt <= 230 / 255


def test_what_is_too_small_for_a_stroke_is_passed_over():
    assert find_places(made([(40, 60, 2, 255, 2, 3)])) == []


def test_labelled_ground_is_not_asked_for_again():
    unsure = [(40, 60, 10, 230, 2, 3)]
    assert len(find_places(made(unsure))) == 1
    assert find_places(made(unsure, labelled=[(45, 65)])) == []
    assert len(find_places(made(unsure, labelled=[(45, 100)]))) == 1


def test_a_visited_place_does_not_come_again():
    found = made([(40, 60, 12, 230, 2, 3), (110, 150, 12, 200, 2, 3)])
    first, second = find_places(found)
    assert [place.region for place in find_places(found, [first.at])] == [second.region]
    assert find_places(found, [first.at, second.at]) == []


def test_rare_classes_come_before_common_ones():
    common = (20, 20, 16, 220, 0, 1)
    rare = (120, 150, 16, 220, 2, 3)
    ground = [(0, 0, 100, 0, 1, 0), common, rare]  # a third of the map is class 1
    assert [place.classes for place in find_places(made(ground))][:2] == [(2, 3), (0, 1)]


def test_a_pair_of_classes_that_was_asked_for_waits():
    found = made([(20, 20, 16, 230, 2, 3), (120, 150, 16, 220, 4, 5)])
    assert find_places(found)[0].classes == (2, 3)
    assert find_places(found, recent=[(3, 2)])[0].classes == (4, 5)


def test_places_are_spread():
    places = find_places(made([(20, 20, 120, 220, 2, 3)]), most=6)
    assert len(places) == 6
    for n, one in enumerate(places):
        for other in places[:n]:
            assert max(abs(a - b) for a, b in zip(one.at, other.at, strict=True)) > 40


def test_sizes_that_do_not_fit_are_refused():
    found = made()
    with pytest.raises(ValueError, match="labelled"):
        ReducedMap(STRIDE, SHAPE, found.doubt, found.first, found.second, np.zeros((3, 3), bool))


def test_it_gives_up_when_asked():
    assert find_places(made([(20, 20, 120, 220, 2, 3)]), cancelled=lambda: True) == []


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), classes=st.integers(2, 6), share=st.floats(0, 0.02))
def test_whatever_the_map_places_are_open_and_in_order(seed, classes, share):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (20, 25)).astype(np.uint8)
    first = rng.integers(0, classes, (20, 25)).astype(np.uint8)
    second = (first + rng.integers(1, classes, (20, 25)).astype(np.uint8)) % classes
    doubt, first, second = (values.repeat(8, 0).repeat(8, 1) for values in (coarse, first, second))
    labelled = rng.random(CELLS) < share
    found = ReducedMap(STRIDE, SHAPE, doubt, first, second, labelled)
    visited = [(int(rng.integers(SHAPE[0])), int(rng.integers(SHAPE[1]))) for _ in range(3)]
    places = find_places(found, visited)
    assert places == find_places(found, visited)
    assert [place.score for place in places] == sorted((place.score for place in places), reverse=True)
    for place in places:
        row, column = (i // STRIDE for i in place.at)
        assert Region.whole(SHAPE).contains(place.region)
        assert place.region.contains(Region(*place.at, 1, 1))
        assert place.classes == (first[row, column], second[row, column])
        assert place.pixels >= finding._LEAST_PIXELS
        assert not labelled[max(row - 5, 0) : row + 6, max(column - 5, 0) : column + 6].any()
        assert all(max(abs(a - b) for a, b in zip(place.at, at, strict=True)) > 20 for at in visited)
