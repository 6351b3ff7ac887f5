"""How common classes are, from a network's own answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.live.class_prior import PriorShift, estimate_shares


def answers(shares, expected, seed=0, number=4000, spread=1.0):
    """Answers of a perfect network that was trained with `expected` shares, for pixels with other `shares`.

    Each class is a Gaussian on a line, so that Bayes' rule gives the answers exactly.
    """
    rng = np.random.default_rng(seed)
    means = np.arange(len(shares)) * 2.0
    x = rng.normal(means[rng.choice(len(shares), number, p=shares)], spread)
    density = np.exp(-((x[:, None] - means) ** 2) / (2 * spread**2)) * expected
    return (density / density.sum(axis=1, keepdims=True)).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.05, 1.0), min_size=2, max_size=4), st.integers(0, 5))
def test_the_shares_are_found_again(weights, seed):
    shares = np.array(weights) / sum(weights)
    expected = np.full(len(shares), 1 / len(shares))
    found = estimate_shares(answers(shares, expected, seed), expected, rounds=200)
    assert found.sum() == pytest.approx(1)
    assert np.abs(found - shares).max() < 0.05


def test_right_expectations_need_no_correction():
    shares = np.array([0.6, 0.3, 0.1])
    prior = PriorShift(3, 1.0)
    for _ in range(200):
        prior.trained_on(np.repeat(np.array([0, 1, 2, -1], np.int8), [60, 30, 10, 500]))
    prior.answered(answers(shares, shares))
    assert np.abs(prior.shift(0.0)).max() < 0.15


def test_a_class_drawn_more_than_it_occurs_is_held_back_within_limits():
    prior = PriorShift(2, 1.0, limit=1.5)
    prior.trained_on(np.array([0, 1], np.int8))
    prior.answered(answers(np.array([0.9, 0.1]), np.array([0.5, 0.5])))
    common, rare = prior.shift(0.0)
    assert common > 0.3
    assert -1.5 <= rare < -0.6


def test_classes_without_labels_are_left_alone():
    prior = PriorShift(3, 1.0)
    prior.trained_on(np.array([0, 1, 1], np.int8))
    prior.answered(np.full((10, 3), 1 / 3, np.float32))
    assert prior.shift(0.0)[2] == 0


def test_there_is_no_correction_without_strength_answers_or_two_classes():
    for prior, labels in ((PriorShift(2, 0.0), [0, 1]), (PriorShift(2, 1.0), [0, 0])):
        prior.trained_on(np.array(labels, np.int8))
        prior.answered(np.array([[0.9, 0.1]], np.float32))
        assert not prior.shift(0.0).any()
    silent = PriorShift(2, 1.0)
    silent.trained_on(np.array([0, 1], np.int8))
    assert not silent.shift(0.0).any()


def test_a_network_that_guesses_is_not_believed():
    prior = PriorShift(2, 1.0)
    prior.trained_on(np.array([0, 1, -1], np.int8))
    prior.answered(answers(np.array([0.9, 0.1]), np.array([0.5, 0.5])))
    sizes = [abs(prior.shift(loss)[1]) for loss in (2.0, np.log(2), 0.5, 0.2, 0.0)]
    assert sizes[:2] == [0, 0]
    assert sizes == sorted(sizes)
    assert sizes[-1] > 0.5


def test_answers_that_say_little_change_little():
    expected = np.array([0.5, 0.5])
    vague = np.full((1000, 2), 0.5) + np.array([0.01, -0.01])
    assert estimate_shares(vague, expected, rounds=500)[1] < 0.05  # taken at their word, a class vanishes
    assert estimate_shares(vague, expected, caution=0.25, rounds=500)[1] > 0.4
