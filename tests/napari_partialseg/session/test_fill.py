"""Filling stays within the view and agrees with a flood of the whole where that is in view."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.segmentation import flood

from annotations.region import Region
from napari_partialseg.session.fill import LARGEST_FILL, fill_in_view, fill_places, flooded


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


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 39), st.integers(0, 59))
def test_of_unlabelled_ground_it_is_the_predicted_patch(seed, row, column):
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random((40, 60)) < 0.1, 1, -1).astype(np.int8)
    prediction = np.kron(rng.integers(0, 2, (8, 12)), np.ones((5, 5), int)).astype(np.uint8)
    prediction[:5] = 255
    labels[row, column] = -1
    mask = np.zeros(labels.shape, bool)
    mask[fill_places(labels, prediction, row, column, Region(0, 0, 40, 60))] = True
    # The oracle: connected parts by scipy, of unlabelled pixels with the prediction under the pointer.
    same = labels == -1 if prediction[row, column] == 255 else (labels == -1) & (prediction == prediction[row, column])
    parts, _ = ndimage.label(same)
    assert (mask == (parts == parts[row, column])).all()


class Layer:
    """As much of a Labels layer as the fill needs."""

    preserve_labels = False
    contiguous = True

    def __init__(self, labels):
        self.data = labels

    def data_setitem(self, places, value, refresh):
        self.data[places] = value


def test_a_click_on_bare_ground_takes_no_more_than_is_meant():
    side = int(LARGEST_FILL**0.5)
    layer, told = Layer(np.full((side + 2, side + 2), -1, np.int8)), []
    fill_in_view(layer, lambda: Region.whole(layer.data.shape), None, told.append)
    layer.fill((5, 5), 2)
    assert (layer.data == -1).all()
    assert len(told) == 1
    assert f"{(side + 2) ** 2:,}" in told[0]
    layer.data[100:110, 100] = layer.data[100:110, 110] = 1  # an enclosed patch
    layer.data[100, 100:111] = layer.data[110, 100:111] = 1
    layer.fill((105.2, 104.6), 2)
    assert (layer.data == 2).sum() == 9 * 9
    for outside in ((-0.6, 5), (5, side + 1.6), (np.nan, 5), (1e30, 5)):
        layer.fill(outside, 3)
    assert not (layer.data == 3).any()
    assert len(told) == 1
