"""A random share of a ground truth: exact in count, repeatable, and every pixel has its chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raster_helpers import a_truth

from annotations.random_mask import random_mask


@given(st.integers(0, 1000), st.floats(0, 1), st.booleans(), st.booleans())
def test_random_masks_are_exact_in_count(seed, fraction, per_class, unsigned):
    truth = a_truth(seed)
    given_truth = truth.view(np.uint8) if unsigned else truth  # -1 is then 255
    mask = random_mask(given_truth, fraction, seed, n_classes=4, per_class=per_class)
    assert mask.dtype == np.int8
    drawn = mask >= 0
    np.testing.assert_array_equal(mask[drawn], truth[drawn])
    if per_class:
        for c in range(4):
            there = int((truth == c).sum())
            assert (mask == c).sum() == max(round(fraction * there), int(there > 0 and fraction > 0))
    else:
        assert drawn.sum() == round(fraction * (truth >= 0).sum())
    np.testing.assert_array_equal(mask, random_mask(given_truth, fraction, seed, n_classes=4, per_class=per_class))


def test_a_share_of_all_pixels_is_capped_by_the_known_ones():
    truth = np.full((100, 100), -1, np.int8)
    truth[:50, :80] = 1
    assert (random_mask(truth, 0.25, 0, n_classes=2, per="all") >= 0).sum() == 2500
    assert (random_mask(truth, 0.9, 0, n_classes=2, per="all") >= 0).sum() == 4000


def test_other_seeds_draw_other_pixels_and_every_pixel_has_its_chance():
    truth = np.zeros((1100, 30), np.int8)  # three strips
    counts = np.zeros(truth.shape, int)
    for seed in range(60):
        counts += random_mask(truth, 0.2, seed, n_classes=1) >= 0
    share = counts / 60
    # Each pixel is a binomial of 60 at 0.2; strips and columns are means over thousands of them.
    assert counts.max() < 40
    assert abs(share[:512].mean() - 0.2) < 0.005
    assert abs(share[1024:].mean() - 0.2) < 0.02
    assert np.abs(share.mean(axis=0) - 0.2).max() < 0.02


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan")])
def test_fractions_outside_0_and_1_are_refused(fraction):
    with pytest.raises(ValueError, match="between 0 and 1"):
        random_mask(np.zeros((4, 4), np.int8), fraction, 0, n_classes=1)
