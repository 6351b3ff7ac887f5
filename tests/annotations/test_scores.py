"""The scores of a map agree with torchmetrics, whatever is unknown and whatever is not predicted yet."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_confusion_matrix, multiclass_jaccard_index

from annotations.classes import NOT_PREDICTED
from annotations.scores import class_iou, mean_iou

CLASSES = 4
SEEDS = st.integers(0, 2**32 - 1)


def a_case(seed, present):
    """A prediction with gaps and a truth with unknown pixels, of some of the classes."""
    rng = np.random.default_rng(seed)
    prediction = rng.choice(np.array([*range(present), NOT_PREDICTED], np.uint8), (12, 17))
    truth = rng.choice(np.array([*range(present), -1, CLASSES, 100], np.int8), (12, 17))
    return prediction, truth


def by_torchmetrics(prediction, truth, *, missing_is_wrong):
    """Intersection over union with one class more for what is not predicted."""
    known = (truth >= 0) & (truth < CLASSES)
    if not missing_is_wrong:
        known &= prediction != NOT_PREDICTED
    guess = torch.from_numpy(np.where(prediction == NOT_PREDICTED, CLASSES, prediction)[known].astype(np.int64))
    target = torch.from_numpy(truth[known].astype(np.int64))
    values = multiclass_jaccard_index(guess, target, CLASSES + 1, average="none")[:CLASSES].numpy()
    table = multiclass_confusion_matrix(guess, target, CLASSES + 1).numpy()
    there = (table.sum(0) + table.sum(1))[:CLASSES] > 0
    return np.where(there, values, np.nan)


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(1, CLASSES), st.booleans())
def test_iou_of_each_class(seed, present, missing_is_wrong):
    prediction, truth = a_case(seed, present)
    expected = by_torchmetrics(prediction, truth, missing_is_wrong=missing_is_wrong)
    found = class_iou(prediction, truth, CLASSES, missing_is_wrong=missing_is_wrong)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    mean = mean_iou(prediction, truth, CLASSES, missing_is_wrong=missing_is_wrong)
    assert mean == pytest.approx(np.nanmean(expected), abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.permutations(range(CLASSES)))
def test_names_of_classes_do_not_matter(seed, order):
    prediction, truth = a_case(seed, CLASSES)
    renamed = np.array([*order, *range(CLASSES, 256)])
    truth = np.where((truth >= 0) & (truth < CLASSES), truth, NOT_PREDICTED).astype(np.uint8)
    before = class_iou(prediction, truth, CLASSES)
    after = class_iou(renamed[prediction].astype(np.uint8), renamed[truth].astype(np.uint8), CLASSES)
    np.testing.assert_allclose(after[list(order)], before)


def test_a_missing_prediction_counts_as_wrong_or_not_at_all():
    truth = np.array([[0, 0, 1, 1]], np.int8)
    prediction = np.array([[0, NOT_PREDICTED, 1, 1]], np.uint8)
    assert class_iou(prediction, truth, 3).tolist()[:2] == [0.5, 1.0]
    assert mean_iou(prediction, truth, 3, missing_is_wrong=False) == 1.0
    assert math.isnan(class_iou(prediction, truth, 3)[2])


def test_nothing_known_has_no_score():
    nothing = np.full((3, 3), NOT_PREDICTED, np.uint8)
    assert math.isnan(mean_iou(nothing, np.full((3, 3), -1, np.int8), CLASSES))
    assert math.isnan(mean_iou(nothing, np.zeros((3, 3), np.int8), CLASSES, missing_is_wrong=False))


def test_arrays_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(3, 4\) and a truth of shape \(4, 3\)"):
        class_iou(np.zeros((3, 4), np.uint8), np.zeros((4, 3), np.int8), 2)
