"""The simulated annotator draws where its policy says, and only what is true."""

from __future__ import annotations

import numpy as np
import pytest

from annotations.simulation.sampling import paint_stroke
from benchmarks._annotator import POLICIES, Annotator

TRUTH = np.zeros((200, 300), np.int8)
TRUTH[:, 150:] = 1
TRUTH[20:60, 20:60] = 2
TRUTH[180:] = -1
RIGHT = np.where(TRUTH < 0, 0, TRUTH).astype(np.uint8)
SURE = np.full(TRUTH.shape, 255, np.uint8)
NONE = np.full(TRUTH.shape, -1, np.int8)


@pytest.mark.parametrize("policy", POLICIES)
def test_strokes_lie_in_their_class(policy):
    annotator = Annotator(TRUTH, 4, policy, seed=1)
    labels = NONE.copy()
    for _ in range(8):
        stroke = annotator.next(np.zeros_like(RIGHT), SURE // 2, labels)
        rows, columns = np.rint(stroke.path).astype(int).T
        assert (TRUTH[rows, columns] == stroke.label).all()
        paint_stroke(labels, TRUTH, stroke)
    assert (labels[labels >= 0] == TRUTH[labels >= 0]).all()
    assert (labels >= 0).any()


@pytest.mark.parametrize("policy", ["class", "error", "uncertainty"])
def test_each_class_has_a_stroke_first(policy):
    annotator = Annotator(TRUTH, 4, policy, seed=0)
    assert [annotator.next(RIGHT, SURE, NONE).label for _ in range(3)] == [0, 1, 2]


def test_the_largest_error_is_corrected():
    annotator = Annotator(TRUTH, 3, "error", seed=0)
    shown = RIGHT.copy()
    shown[100:140, 200:280] = 0  # truth 1, 3200 px wrong
    shown[30:40, 30:40] = 0  # truth 2, 100 px wrong
    for _ in range(3):
        annotator.next(shown, SURE, NONE)
    stroke = annotator.next(shown, SURE, NONE)
    assert stroke.label == 1
    row, column = stroke.path[0]
    assert 100 <= row < 140
    assert 200 <= column < 280
    corrected = NONE.copy()
    corrected[100:140, 200:280] = 1  # what is labelled needs no further stroke
    assert annotator.next(shown, SURE, corrected).label == 2


def test_doubt_away_from_labels_is_looked_for():
    annotator = Annotator(TRUTH, 3, "uncertainty", seed=0)
    confidence = SURE.copy()
    confidence[80:130, 200:250] = 90
    confidence[80:130, 40:90] = 30
    for _ in range(3):
        annotator.next(RIGHT, confidence, NONE)
    assert annotator.next(RIGHT, confidence, NONE).path[0][1] < 100
    labels = NONE.copy()
    labels[100:110, 60:70] = 0
    assert annotator.next(RIGHT, confidence, labels).path[0][1] > 180
