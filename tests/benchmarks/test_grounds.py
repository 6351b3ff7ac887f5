from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
import torch
from scipy import optimize, special

from annotations.errors import PartialSegError
from benchmarks import ground
from benchmarks._ground_report import classes_of, table_of
from benchmarks._ground_set import Ground, items_in, load_ground
from benchmarks._linear_head import LinearHead, fit_softmax

TRUTH = np.full((96, 80), -1, np.int8)
TRUTH[:48], TRUTH[48:, :40] = 0, 1
CITY = Ground("city", np.zeros((96, 80, 3), np.uint8), TRUTH, ("bare", "roof"))


@pytest.mark.parametrize(("given", "amount"), [("strokes", 2), ("clicks", 3), ("full", 0)])
def test_labels_agree_with_the_truth_and_are_the_same_for_the_same_seed(given, amount):
    labels = ground.labels_at_once(CITY, given, amount, 3)
    np.testing.assert_array_equal(labels[labels >= 0], TRUTH[labels >= 0])
    assert set(np.unique(labels)) == {-1, 0, 1}
    np.testing.assert_array_equal(labels, ground.labels_at_once(CITY, given, amount, 3))


class Oracle:
    """Knows the truth of what is labelled and calls the rest bare."""

    def __init__(self) -> None:
        self.marks: list[float] = []

    def take(self, labels):
        self._labels = labels.copy()

    def advance(self, mark):
        self.marks.append(mark)

    def map(self):
        return np.maximum(self._labels, 0).astype(np.uint8), np.zeros(self._labels.shape, np.uint8)

    def close(self):
        pass


def test_a_correcting_annotator_draws_where_the_map_is_wrong():
    first, second = (list(ground.watched(Oracle(), CITY, "correct", n, 0, [])) for n in (2, 3))
    assert [mark for mark, *_ in (*first, *second)] == [2, 3]
    # What is not labelled it calls bare, so that only roofs can be wrong.
    drawn = [[int((labels == c).sum()) for c in (0, 1)] for (_, _, labels) in (first[0], second[0])]
    assert drawn[0][0] == drawn[1][0]
    assert drawn[0][1] < drawn[1][1]


def test_it_learns_for_so_many_steps_after_each_stroke():
    oracle = Oracle()
    assert len(list(ground.watched(oracle, CITY, "correct", 12, 0, []))) == 2
    assert oracle.marks == [30 * n for n in range(2, 13)]


def _record(learner, mark, miou, image="city", seed=0):
    return {
        "image": image,
        "learner": learner,
        "given": "strokes",
        "amount": 6,
        "seed": seed,
        "mark": mark,
        "miou": miou,
        "classes": {},
    }


def test_the_table_tells_means_falls_and_where_the_forest_was_better():
    records = [
        _record("own names", 30, 0.5),
        _record("own names", 30, 0.7, seed=1),
        _record("own names", 100, 0.4),
        _record("own names", 100, 0.7, seed=1),
        _record("forest", 0, 0.58),
        _record("forest", 0, 0.62, seed=1),
    ]
    lines = table_of(records, "strokes", 6).splitlines()
    assert lines[2] == "| image | own names, 30 | own names, 100 | forest |"
    assert lines[4] == "| city | 0.600 | 0.550 | 0.600 |"
    assert lines[6] == "| worst beside the forest | +0.000 | -0.050 | – |"
    assert lines[7] == "| furthest fall | – | 0.100 | – |"


def test_only_seeds_that_all_learners_have_are_compared():
    records = [_record("own names", 30, 0.5), _record("forest", 0, 0.4), _record("forest", 0, 0.8, seed=1)]
    lines = table_of(records, "strokes", 6).splitlines()
    assert lines[0] == "**6 strokes per class** (seeds 0)"
    assert lines[4] == "| city | 0.500 | 0.400 |"


def test_each_class_is_told_at_the_last_mark_as_the_mean_over_seeds():
    records = [
        _record("own names", mark, 0.5, seed=seed) | {"classes": {"roof": roof, "bare": 0.6}}
        for mark, seed, roof in ((30, 0, 0.1), (30, 1, 0.1), (100, 0, 0.4), (100, 1, 0.6))
    ]
    records += [_record("forest", 0, 0.5, seed=seed) | {"classes": {"roof": 0.3, "bare": 0.9}} for seed in (0, 1)]
    lines = classes_of(records, "strokes", 6).splitlines()
    assert lines[0] == "| image | class | own names, 100 | forest |"
    assert lines[2:] == ["| city | roof | 0.500 | 0.300 |", "| city | bare | 0.600 | 0.900 |"]


def test_a_set_is_read_with_its_classes_and_rare_ones_are_unknown(tmp_path, recwarn):
    truth = np.zeros((64, 64), np.uint8)
    truth[:, 40:], truth[0, 0], truth[1, 1] = 2, 1, 255
    for name, array in (("a", np.zeros((3, 64, 64), np.uint8)), ("a_mask", truth[None])):
        with rasterio.open(
            tmp_path / f"{name}.tif", "w", driver="GTiff", height=64, width=64, count=len(array), dtype="uint8"
        ) as f:
            f.write(array)
    (tmp_path / "items.json").write_text(json.dumps([{"name": "a", "names": ["bare", "roof", "water"]}]))
    city = load_ground(items_in(tmp_path)[0])
    assert city.classes == ("bare", "water")
    assert [int((city.truth == v).sum()) for v in (-1, 0, 1)] == [2, 40 * 64 - 2, 24 * 64]
    assert city.scheme(named=False).names == ("kind 1", "kind 2")


def test_a_set_without_a_list_is_said(tmp_path):
    with pytest.raises(PartialSegError, match=r"items\.json does not exist"):
        items_in(tmp_path)
    (tmp_path / "items.json").write_text("{")
    with pytest.raises(PartialSegError, match="not a list of images"):
        items_in(tmp_path)


def test_a_linear_head_learns_what_its_features_tell_at_any_resolution():
    rng = np.random.default_rng(0)
    fine = torch.randn(4, 96, 80)
    coarse = torch.zeros(8, 12, 10)
    coarse[:, :6] = 1.0
    coarse += 0.3 * torch.from_numpy(rng.normal(size=coarse.shape)).float()
    head = LinearHead([fine, coarse], (96, 80))
    labels = np.where(rng.random((96, 80)) < 0.02, np.maximum(TRUTH, 0), -1).astype(np.int8)
    labels[48:] = np.where(labels[48:] >= 0, 1, -1)
    classes, confidence = head.map(labels)
    halves = np.repeat([0, 1], 48)[:, None] == classes
    assert halves[:40].mean() > 0.97
    assert halves[56:].mean() > 0.97
    assert confidence.min() >= 127


def test_softmax_regression_agrees_with_scipy():
    rng = np.random.default_rng(1)
    classes = np.repeat([0, 1, 2], [20, 60, 200])
    features = rng.normal(size=(len(classes), 5)) + np.eye(3, 5)[classes]
    share = 1 / np.bincount(classes)[classes] / 3

    def loss(flat):
        weights = flat.reshape(3, 6)
        logits = features @ weights[:, :5].T + weights[:, 5]
        right = logits[np.arange(len(classes)), classes]
        return share @ (special.logsumexp(logits, axis=1) - right) + 0.005 * (weights[:, :5] ** 2).sum()

    theirs = optimize.minimize(loss, np.zeros(18), options={"gtol": 1e-7}).x.reshape(3, 6)
    ours = fit_softmax(torch.from_numpy(features).float(), torch.from_numpy(classes), 3, 0.01, 500)
    np.testing.assert_allclose(ours[:, :5], theirs[:, :5], atol=2e-3)


def test_a_class_without_labels_is_never_answered():
    features = torch.randn(40, 3)
    weights = fit_softmax(features, torch.tensor([0, 2] * 20), 4, 0.1)
    logits = features @ weights[:, :-1].T + weights[:, -1]
    assert set(logits.argmax(1).tolist()) <= {0, 2}
