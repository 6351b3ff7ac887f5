"""Smoothing against counting by hand, skimage's filter, and itself in other blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage
from skimage.filters.rank import majority as rank_majority

from annotations.cleaning.majority import majority

MAPS = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=24), elements=st.sampled_from([0, 1, 2, 7, 255]))
WINDOWS = st.sampled_from([1, 3, 5, 15])


def _counts(classes, window):
    """Count each value in each window as correlation does, in floating point."""
    kernel = np.ones((window, window))
    return {
        v: np.rint(ndimage.correlate((classes == v).astype(float), kernel, mode="constant"))
        for v in np.unique(classes)
        if v != 255
    }


@given(MAPS, WINDOWS)
def test_no_class_is_more_frequent_around_a_pixel(classes, window):
    before = classes.copy()
    smooth = majority(classes, window)
    assert np.array_equal(classes, before)
    assert np.array_equal(smooth == 255, classes == 255)
    counts = _counts(classes, window)
    known = classes != 255
    if known.any():
        most = np.max(list(counts.values()), axis=0)
        for value, count in counts.items():
            assert (count == most)[known & (smooth == value)].all()
            kept = known & (classes == value) & (count == most)
            assert (smooth[kept] == value).all()  # nothing changes for one that is only as frequent
            lower = known & (smooth == value) & (classes != value)
            for other, others in counts.items():
                if other < value:
                    assert (others < most)[lower].all()


@given(MAPS, WINDOWS, st.integers(1, 30))
def test_the_blocks_do_not_matter(classes, window, block):
    assert np.array_equal(majority(classes, window, block=block), majority(classes, window, block=1000))


def test_where_one_class_prevails_it_is_skimages_majority():
    rng = np.random.default_rng(3)
    classes = (ndimage.gaussian_filter(rng.normal(size=(90, 70)), 2) > 0).astype(np.uint8)
    ours = majority(classes, 5)
    theirs = rank_majority(classes, np.ones((5, 5), np.uint8))
    inner = np.s_[2:-2, 2:-2]  # 25 pixels of two classes: never alike
    assert np.array_equal(ours[inner], theirs[inner])
    assert (ours != classes).any()


def test_a_window_of_225_pixels_of_one_class_is_counted_whole():
    classes = np.full((40, 40), 4, np.uint8)
    classes[20, 20] = 1
    assert (majority(classes, 15) == 4).all()


@pytest.mark.parametrize("window", [0, 2, 17, -3])
def test_other_windows_are_refused(window):
    with pytest.raises(ValueError, match="odd and 1 to 15"):
        majority(np.zeros((4, 4), np.uint8), window)
