from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio

from annotations.errors import PartialSegError
from benchmarks import ground
from benchmarks._ground_report import table_of
from benchmarks._ground_set import Ground, items_in, load_ground

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
