"""Counts agree with numpy, whatever is known of where the image has no data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotations.labels.counts import LabelCounts
from annotations.region import Region

SHAPE = (700, 1100)
BOX = st.tuples(st.integers(0, 699), st.integers(0, 1099), st.integers(1, 600), st.integers(1, 600), st.integers(-1, 4))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(BOX, st.booleans()), max_size=6))
def test_learnt_and_ignored_are_those_of_numpy(steps):
    valid = np.ones(SHAPE, bool)
    valid[100:600, 300:700] = False
    labels = np.full(SHAPE, -1, np.int8)
    counts = LabelCounts(labels, masked=True)
    known = np.zeros(SHAPE, bool)
    for (top, left, height, width, label), read in steps:
        region = Region(top, left, height, width).clipped(SHAPE)
        labels[region.slices] = label
        counts.update(region)
        if read:
            for chunk in counts.unread:
                counts.read(chunk, valid[chunk.slices])
                known[chunk.slices] = True
        seen = known & ~valid
        held = labels >= 0
        assert counts.per_class(5).tolist() == np.bincount(labels[held & ~seen], minlength=5).tolist()
        assert counts.ignored(5).tolist() == np.bincount(labels[held & seen], minlength=5).tolist()
        if not counts.unread and held[region.slices].any():
            share = (held & ~valid)[region.slices].sum() / held[region.slices].sum()
            assert counts.part_ignored(region) == pytest.approx(share)


def test_an_image_without_a_mask_is_never_read():
    counts = LabelCounts(np.zeros((600, 600), np.int8))
    assert counts.unread == []
    assert counts.per_class(1).tolist() == [360_000]
    assert counts.ignored(1).tolist() == [0]
