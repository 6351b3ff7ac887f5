"""Scores from a confusion matrix."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_jaccard_index

from trainer.metrics import ConfusionMatrix, confusion, scores


@given(seed=st.integers(0, 10_000), classes=st.integers(2, 6), present=st.integers(1, 6))
def test_scores_agree_with_torchmetrics(seed: int, classes: int, present: int) -> None:
    rng = np.random.default_rng(seed)
    truth = torch.from_numpy(rng.integers(-1, min(present, classes), (3, 8, 8))).to(torch.int8)
    truth[0, 0, 0] = 0
    guess = torch.from_numpy(rng.integers(0, min(present, classes), (3, 8, 8))).to(torch.uint8)
    matrix = ConfusionMatrix(classes)
    for one_guess, one_truth in zip(guess, truth, strict=True):
        matrix.update(one_guess, one_truth)
    ours = matrix.scores()
    theirs = multiclass_jaccard_index(guess.long(), truth.long(), classes, average="none", ignore_index=-1)
    known = [not math.isnan(v) for v in ours.iou]
    np.testing.assert_allclose(np.array(ours.iou)[known], theirs.numpy()[known], rtol=1e-5)
    assert ours.miou == pytest.approx(np.nanmean(ours.iou))
    accuracy = multiclass_accuracy(guess.long(), truth.long(), classes, average="micro", ignore_index=-1)
    assert ours.accuracy == pytest.approx(float(accuracy))
    assert int(matrix.matrix.sum()) == int((truth >= 0).sum())


def test_a_class_in_neither_truth_nor_prediction_has_no_iou() -> None:
    result = scores(torch.tensor([[3, 1, 0], [0, 2, 0], [0, 0, 0]]))
    assert result.iou[:2] == (0.75, pytest.approx(2 / 3))
    assert math.isnan(result.iou[2])
    assert result.miou == pytest.approx((0.75 + 2 / 3) / 2)
    assert result.to_json()["iou"][2] is None
    empty = scores(torch.zeros(3, 3, dtype=torch.int64))
    assert math.isnan(empty.miou)
    assert math.isnan(empty.accuracy)


def test_pixels_without_prediction_or_label_are_not_counted() -> None:
    guess = torch.tensor([0, 255, 1, 1], dtype=torch.uint8)
    truth = torch.tensor([0, 0, -1, 0], dtype=torch.int8)
    assert confusion(guess, truth, 2).tolist() == [[1, 1], [0, 0]]
