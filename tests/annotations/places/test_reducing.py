"""The few cells that places are looked for on say what the map says, and take little memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from annotations.places.finding import find_places
from annotations.places.reducing import reduced_map
from annotations.prediction.doubt import Doubt
from annotations.region import Region


@pytest.fixture
def known():
    """Return map, doubt and labels of an image whose sides are no multiples of anything."""
    rng = np.random.default_rng(0)
    shape = (203, 317)
    prediction = rng.integers(0, 5, shape).astype(np.uint8)
    doubt = Doubt.nothing(shape)
    doubt.write(Region.whole(shape), rng.integers(0, 255, shape).astype(np.uint8), (prediction + 1) % 5)
    labels = np.full(shape, -1, np.int8)
    labels[202, 316] = 0
    labels[40:42, 99] = 3
    return prediction, doubt, labels


@pytest.mark.parametrize(("most", "stride"), [(10**6, 4), (2000, 8), (500, 16)])
def test_class_and_runner_up_are_those_of_one_pixel(known, most, stride):
    prediction, doubt, labels = known
    found = reduced_map(prediction, doubt, labels, most)
    assert found.stride == stride
    assert found.doubt.size <= most
    assert ((found.first + 1) % 5 == found.second).all()
    rows, columns = np.nonzero(found.labelled)
    expected = {(202 // stride, 316 // stride), (40 // stride, 99 // stride), (41 // stride, 99 // stride)}
    assert set(zip(rows.tolist(), columns.tolist(), strict=True)) == expected


def test_doubt_is_the_mean(known):
    prediction, doubt, labels = known
    found = reduced_map(prediction, doubt, labels, 2000)
    assert found.doubt[0, 0] == pytest.approx(doubt.margin[:2, :2].mean(), abs=0.6)


def test_memory_does_not_grow_with_a_large_image():
    shape = (9636, 9095)
    # Views of one row each: what is measured is what is made of them.
    prediction = np.broadcast_to(np.zeros(shape[1], np.uint8), shape)
    labels = np.broadcast_to(np.full(shape[1], -1, np.int8), shape)
    doubt = Doubt.nothing(shape)
    doubt.runner_up[:] = 1
    doubt.margin[1000:1040, 500:540] = 255
    tracemalloc.start()
    try:
        places = find_places(reduced_map(prediction, doubt, labels), most=3)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(places) >= 1
    assert Region(4000, 2000, 160, 160).contains(Region(*places[0].at, 1, 1))
    assert most < 100e6
