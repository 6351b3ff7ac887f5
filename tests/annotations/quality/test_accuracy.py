"""Accuracies and areas from points drawn by chance: a published example, and many simulated checks."""

from __future__ import annotations

import numpy as np
import pytest

from annotations.quality.accuracy import assess, interval
from annotations.quality.drawing import points_per_class

# The worked example of Olofsson et al. (2014), Remote Sensing of Environment 148: deforestation, forest gain, stable
# forest, stable non-forest.
EXAMPLE = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
PIXELS = np.array([200_000, 150_000, 3_200_000, 6_450_000])


def points(matrix):
    """Return stratum and reference of each point of a matrix."""
    rows, columns = np.indices(matrix.shape)
    return np.repeat(rows.ravel(), matrix.ravel()), np.repeat(columns.ravel(), matrix.ravel())


def test_the_published_example():
    strata, seen = points(EXAMPLE)
    found = assess(PIXELS, strata, strata, seen, 4)
    assert found.overall.value == pytest.approx(0.95, abs=0.005)
    assert 1.96 * found.overall.error == pytest.approx(0.02, abs=0.005)
    assert [round(e.value, 2) for e in found.users] == [0.88, 0.73, 0.93, 0.96]
    assert [round(1.96 * e.error, 2) for e in found.users] == [0.07, 0.10, 0.04, 0.02]
    assert [round(e.value, 2) for e in found.producers] == [0.75, 0.85, 0.93, 0.96]
    hectares = 10_000_000 * 0.09
    assert found.area[0].value * hectares == pytest.approx(21_158, abs=60)
    assert 1.96 * found.area[0].error * hectares == pytest.approx(6_158, abs=60)
    assert (found.matrix == EXAMPLE).all()


def textbook_error_of_producers(matrix, pixels, j):
    """Return the standard error of a producer's accuracy by equation 7 of that paper."""
    n = matrix.sum(1)
    reference = pixels @ (matrix / n[:, None])
    share = matrix / n[:, None]
    users = share[j, j]
    producers = pixels[j] * users / reference[j]
    own = pixels[j] ** 2 * (1 - producers) ** 2 * users * (1 - users) / (n[j] - 1)
    others = [pixels[i] ** 2 * share[i, j] * (1 - share[i, j]) / (n[i] - 1) for i in range(len(n)) if i != j]
    return np.sqrt((own + producers**2 * sum(others)) / reference[j] ** 2)


def test_errors_of_producers_accuracies_are_those_of_the_equation():
    strata, seen = points(EXAMPLE)
    found = assess(PIXELS, strata, strata, seen, 4)
    for j in range(4):
        expected = textbook_error_of_producers(EXAMPLE, PIXELS.astype(float), j)
        assert found.producers[j].error == pytest.approx(expected, rel=1e-3)  # few of many pixels are drawn


def simulated(rng, n, changed):
    """Return a check of a random map, and the truth: of the map from which it was drawn, or of one made after it."""
    k = 4
    joint = rng.dirichlet(np.ones(k * k * (k if changed else 1)) * 0.3)
    joint = joint.reshape(k, -1, k) if changed else np.eye(k)[:, :, None] * joint.reshape(k, 1, k)
    for j in range(k):  # mostly right
        joint[j, j, j] += rng.uniform(0.2, 1.0)
    joint /= joint.sum()  # stratum, map, truth
    pixels = np.round(1e7 * joint.sum((1, 2))).astype(np.int64)
    strata = np.repeat(np.arange(k), points_per_class(pixels, n))
    drawn = [rng.choice(k * k, p=(joint[s] / joint[s].sum()).ravel()) for s in strata]
    mapped, seen = np.divmod(np.array(drawn), k)
    table = joint.sum(0)
    hit = np.diag(table)
    return assess(pixels, strata, mapped, seen, k), hit, table


@pytest.mark.parametrize("changed", [False, True], ids=["the map drawn from", "a map made after"])
def test_intervals_hold_the_truth(changed):
    rng = np.random.default_rng(1)
    held = {"overall": [], "mean": [], "area": []}
    error = []
    for _ in range(200):
        found, hit, table = simulated(rng, 100, changed)
        iou = hit / (table.sum(0) + table.sum(1) - hit)
        mean = iou[[e.known for e in found.iou]].mean()
        held["overall"].append(found.overall.low <= hit.sum() <= found.overall.high)
        held["mean"].append(found.mean_iou.low <= mean <= found.mean_iou.high)
        held["area"] += [e.low <= a <= e.high for e, a in zip(found.area, table.sum(0), strict=True)]
        error.append(found.overall.value - hit.sum())
    assert all(np.mean(h) >= 0.9 for h in held.values()), {k: np.mean(h) for k, h in held.items()}
    assert abs(np.mean(error)) < 0.01  # unbiased


def test_a_share_of_all_is_not_certain():
    low, high = interval(1.0, 0.0, 10)
    assert (round(low, 3), high) == (0.722, 1.0)  # Wilson's of 10 of 10
    assert interval(float("nan"), float("nan"), 0) == (0.0, 1.0)


def test_what_rests_on_few_points_is_not_known():
    found = assess(np.array([900, 100]), np.array([0] * 8 + [1] * 2), np.array([0] * 8 + [1] * 2), np.zeros(10), 3)
    assert found.iou[0].known
    assert not found.iou[1].known
    assert not found.iou[2].known
    assert found.mean_iou.value == found.iou[0].value
    assert found.unseen == 0


def test_a_stratum_without_answers_is_told():
    found = assess(np.array([750, 250]), np.zeros(6, int), np.zeros(6, int), np.zeros(6, int), 2)
    assert found.unseen == 0.25
    assert found.overall.value == 1
