"""Filling stays within the view and agrees with a flood of the whole where that is in view."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.segmentation import flood

from annotations.region import Region
from napari_partialseg._fill import flooded


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 39), st.integers(0, 59))
def test_it_is_a_flood(seed, row, column):
    labels = np.random.default_rng(seed).integers(-1, 2, (40, 60)).astype(np.int8)
    rows, columns = flooded(labels, row, column, Region(-5, -5, 100, 100))
    mask = np.zeros(labels.shape, bool)
    mask[rows, columns] = True
    assert (mask == flood(labels, (row, column), connectivity=1)).all()


def test_it_ends_at_the_edge_of_the_view():
    labels = np.full((100, 100), -1, np.int8)
    rows, columns = flooded(labels, 50, 50, Region(40, 30, 20, 60))
    assert len(rows) == 20 * 60
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (40, 59, 30, 89)


def test_without_contiguity_all_equal_labels_in_view_are_meant():
    labels = np.zeros((10, 10), np.int8)
    labels[:, 5] = 1
    rows, _ = flooded(labels, 0, 0, Region(0, 0, 10, 10), contiguous=False)
    assert len(rows) == 90


def test_outside_the_view_nothing_is_filled():
    rows, _ = flooded(np.zeros((10, 10), np.int8), 9, 9, Region(0, 0, 5, 5))
    assert len(rows) == 0
