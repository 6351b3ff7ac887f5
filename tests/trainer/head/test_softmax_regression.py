"""The fit: the optimum that another optimiser finds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax

from trainer.head.softmax_regression import softmax_regression


def made(seed, n=120, features=5, classes=3):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    inputs = rng.normal(size=(n, features)) + rng.normal(size=(classes, features))[labels]
    weights = rng.uniform(0.5, 2, n)
    return inputs, labels, weights / weights.sum()


def loss(flat, inputs, labels, weights, classes, penalty):
    matrix = flat.reshape(classes, -1)
    logits = inputs @ matrix[:, :-1].T + matrix[:, -1]
    picked = log_softmax(logits, axis=1)[np.arange(len(labels)), labels]
    return -(weights * picked).sum() + penalty / 2 * (matrix[:, :-1] ** 2).sum()


@pytest.mark.parametrize(("seed", "penalty"), [(0, 0.01), (1, 0.1), (2, 1.0)])
def test_it_is_as_good_as_what_scipy_finds(seed, penalty):
    inputs, labels, weights = made(seed)
    found = softmax_regression(
        torch.from_numpy(inputs).float(), torch.from_numpy(labels), torch.from_numpy(weights).float(), 3, penalty
    ).numpy()
    arguments = (inputs, labels, weights, 3, penalty)
    best = minimize(loss, np.zeros(18), arguments, method="BFGS").fun
    assert loss(found.ravel().astype(float), *arguments) == pytest.approx(best, abs=1e-4)


def test_a_class_without_labels_is_never_answered():
    inputs, labels, weights = made(3)
    labels = np.where(labels == 1, 3, labels)
    features = torch.from_numpy(inputs).float()
    found = softmax_regression(features, torch.from_numpy(labels), torch.from_numpy(weights).float(), 5, 0.1)
    answers = (features @ found[:, :-1].T + found[:, -1]).argmax(dim=1)
    assert set(answers.tolist()) <= {0, 2, 3}


def test_a_larger_penalty_makes_smaller_weights():
    inputs, labels, weights = made(4)
    given = torch.from_numpy(inputs).float(), torch.from_numpy(labels), torch.from_numpy(weights).float(), 3
    assert softmax_regression(*given, 1.0)[:, :-1].norm() < softmax_regression(*given, 0.01)[:, :-1].norm()
