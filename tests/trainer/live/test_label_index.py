"""The index of labelled pixels against a plain array."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotations.region import Region
from trainer.live.label_index import LabelIndex, shrink_labels

SHAPE = (300, 700)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_it_holds_what_a_plain_array_holds(seed, edits):
    rng = np.random.default_rng(seed)
    plain = np.full(SHAPE, -1, np.int8)
    index = LabelIndex(SHAPE, 3)
    for _ in range(edits):
        top, left = int(rng.integers(0, 290)), int(rng.integers(0, 690))
        region = Region(top, left, int(rng.integers(1, 290)), int(rng.integers(1, 600))).clipped(SHAPE)
        labels = rng.choice(np.array([-1, -1, 0, 1, 2], np.int8), region.shape)
        expected = int((plain[region.slices] != labels).sum())
        assert index.update(region, labels) == expected
        plain[region.slices] = labels
    assert index.counts.tolist() == [int((plain == c).sum()) for c in range(3)]
    around = Region(-20, -30, 400, 800)
    assert (index.read(Region.whole(SHAPE)) == plain).all()
    assert (index.read(around)[20:320, 30:730] == plain).all()
    assert (index.read(around)[:20] == -1).all()
    if (plain >= 0).any():
        drawn = index.sample(rng, 50, balance=0.5, fresh_share=0.5)
        # The newest edits may have been overwritten since, but every draw comes from a pixel that was labelled.
        certain = index.sample(rng, 50, balance=0.5)
        assert (plain[certain[:, 0], certain[:, 1]] >= 0).all()
        assert drawn.shape == (50, 2)


def test_balance_decides_how_often_a_rare_class_is_drawn():
    index = LabelIndex((512, 512), 2)
    labels = np.zeros((512, 512), np.int8)
    labels[100:110, 300:310] = 1
    index.update(Region.whole(labels.shape), labels)
    rng = np.random.default_rng(0)

    def share(balance):
        drawn = index.sample(rng, 2000, balance=balance)
        return (labels[drawn[:, 0], drawn[:, 1]] == 1).mean()

    assert share(1.0) == pytest.approx(0.5, abs=0.05)
    assert share(0.0) < 0.01
    assert share(0.0) < share(0.5) < share(1.0)


def test_new_strokes_are_drawn_more_often_and_only_for_a_while():
    index = LabelIndex((512, 512), 2)
    old = np.full((512, 512), -1, np.int8)
    old[:100] = 0
    index.update(Region.whole(old.shape), old, fresh=False)
    index.update(Region(400, 400, 4, 4), np.ones((4, 4), np.int8))
    rng = np.random.default_rng(0)

    def from_new(number):
        drawn = index.sample(rng, number, balance=0.0, fresh_share=0.5)
        return int((drawn[:, 0] >= 400).sum())

    first = sum(from_new(8) for _ in range(20))
    later = sum(from_new(8) for _ in range(200))
    assert first > 40
    assert later < first  # ten times as many draws


def test_a_label_above_the_classes_is_refused():
    index = LabelIndex((64, 64), 2)
    with pytest.raises(ValueError, match="label 5"):
        index.update(Region(0, 0, 1, 1), np.array([[5]], np.int8))


def test_drawing_from_nothing_is_refused():
    with pytest.raises(ValueError, match="labelled"):
        LabelIndex((64, 64), 2).sample(np.random.default_rng(0), 1, balance=0.0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 4]), st.integers(1, 4))
def test_shrunk_labels_are_the_most_frequent_of_each_square(seed, factor, classes):
    rng = np.random.default_rng(seed)
    labels = rng.choice(np.array([-1, -1, *range(classes)], np.int8), (2, 4 * factor, 3 * factor))
    small = shrink_labels(labels, factor, classes)
    assert small.dtype == np.int8
    assert small.shape == (2, 4, 3)
    for n, row, column in np.ndindex(small.shape):
        square = labels[n, row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
        present, counts = np.unique(square[square >= 0], return_counts=True)
        if len(present):
            assert small[n, row, column] in present[counts == counts.max()]
        else:
            assert small[n, row, column] == -1
