"""Random labels go; what was drawn, also over them, stays."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from annotations.labels.removal import remove_strokes, theirs_alone


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.integers(2, 30), st.floats(0.02, 0.3))
def test_a_drawn_block_survives_whole_and_scattered_labels_go(seed, height, width, fraction):
    rng = np.random.default_rng(seed)
    labels = np.full((64, 80), -1, np.int8)
    strokes = np.zeros(labels.shape, np.uint32)
    random = rng.random(labels.shape) < fraction
    labels[random], strokes[random] = 2, 1
    block = np.zeros(labels.shape, bool)
    block[20 : 20 + height, 30 : 30 + width] = True
    # as the viewer tells of it: pixels that had the label already keep the random stroke's number
    strokes[block & (labels != 2)] = 2
    labels[block] = 2
    # the rule needs neighbours that are certainly drawn: a block whose every pixel was random already cannot be known
    before = labels.copy()
    remove_strokes(labels, strokes, np.array([1], np.uint32))
    sure = block & (strokes == 2)
    assert (labels[sure] == 2).all()
    near = np.zeros(labels.shape, bool)
    near[19 : 21 + height, 29 : 31 + width] = True
    assert (labels[~near] == -1).all()
    if height > 4 and width > 4 and fraction < 0.1:
        assert (labels[block] == 2).mean() > 0.97
    assert (before[block] == 2).all()


def test_a_label_of_another_class_beside_a_stroke_goes():
    labels = np.full((9, 9), -1, np.int8)
    strokes = np.zeros((9, 9), np.uint32)
    labels[:, :5], strokes[:, :5] = 0, 2
    labels[4, 5], strokes[4, 5] = 1, 1
    assert theirs_alone(labels, strokes, np.array([1], np.uint32)).sum() == 1


def test_tiles_make_no_difference(monkeypatch):
    rng = np.random.default_rng(3)
    labels = rng.integers(-1, 3, (70, 90)).astype(np.int8)
    strokes = np.where(labels >= 0, rng.integers(1, 4, labels.shape), 0).astype(np.uint32)
    whole, tiled = labels.copy(), labels.copy()
    one = remove_strokes(whole, strokes, np.array([2], np.uint32))
    monkeypatch.setattr("annotations.labels.removal._TILE", 16)
    assert remove_strokes(tiled, strokes, np.array([2], np.uint32)) == one
    assert (whole == tiled).all()
