"""Points are drawn by class, each pixel of a class as likely, wherever it lies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotations.quality import drawing
from annotations.quality.drawing import draw_points, points_per_class


@given(st.lists(st.integers(0, 10**8), min_size=1, max_size=12), st.integers(1, 300))
def test_points_are_shared_out(pixels, n):
    pixels = np.array(pixels)
    given_ = points_per_class(pixels, n)
    assert given_.sum() == min(n, pixels.sum())
    assert (given_ <= pixels).all()
    present = pixels > 0
    least = min(5, n // max(present.sum(), 1))
    assert (given_[present] >= np.minimum(least, pixels[present])).all()
    order = np.argsort(pixels, kind="stable")
    assert (np.diff(given_[order]) >= -1).all()  # more for larger ones, but for rounding


def test_common_classes_get_more_and_rare_ones_enough():
    assert points_per_class(np.array([9_800, 100, 100]), 50).tolist() == [40, 5, 5]


@pytest.fixture
def in_parts(monkeypatch):
    monkeypatch.setattr(drawing, "_CHUNK", 64 * 5)


def test_points_lie_where_the_map_is(in_parts):
    rng = np.random.default_rng(0)
    prediction = rng.choice([0, 1, 2, 255], (60, 64), p=[0.6, 0.3, 0.02, 0.08]).astype(np.uint8)
    drawn = draw_points(prediction, 3, 50, 7)
    assert drawn.pixels.tolist() == [int((prediction == c).sum()) for c in range(3)]
    assert len({tuple(p) for p in drawn.places.tolist()}) == 50
    assert (prediction[tuple(drawn.places.T)] == drawn.strata).all()
    again = draw_points(prediction, 3, 50, 7)
    assert (again.places == drawn.places).all()
    assert (draw_points(prediction, 3, 50, 8).places != drawn.places).any()


def test_each_pixel_is_as_likely(in_parts):
    prediction = np.zeros((16, 64), np.uint8)
    prediction[:, ::2] = 1
    hits = np.zeros(prediction.shape)
    for seed in range(300):
        np.add.at(hits, tuple(draw_points(prediction, 2, 40, seed).places.T), 1)
    rows = hits.sum(1)  # 750 expected in each; the parts are of five rows, the last of one
    assert np.abs(rows - 750).max() < 5 * np.sqrt(750)


def test_where_there_is_no_map_there_are_no_points():
    assert len(draw_points(np.full((20, 20), 255, np.uint8), 3, 50, 0).places) == 0


def test_it_can_be_given_up(in_parts):
    assert len(draw_points(np.zeros((60, 64), np.uint8), 3, 50, 0, lambda: True).places) == 0
