"""The simulated person draws where the guide says; the table compares like with like."""

from __future__ import annotations

import numpy as np
import pytest

from annotations.simulation.sampling import paint_stroke
from benchmarks import where_next
from benchmarks._where_next import GUIDES, Guided, reduced_map

TRUTH = np.zeros((200, 240), np.int8)
TRUTH[:, 120:] = 1
TRUTH[60:140, 150:210] = 2


def answers_unsure_at(rows, columns):
    """Return probabilities of three classes: those of the truth, but for a part that is torn between 1 and 2."""
    answers = np.full((3, 50, 60), 0.02, np.float32)
    np.put_along_axis(answers, TRUTH[2::4, 2::4][None].astype(int), 0.96, 0)
    answers[:, rows, columns] = np.array([0.02, 0.5, 0.48], np.float32)[:, None, None]
    return answers


@pytest.mark.parametrize("guide", GUIDES)
def test_strokes_have_the_class_of_the_truth(guide):
    labels = np.full(TRUTH.shape, -1, np.int8)
    person = Guided(TRUTH, 3, guide, 0)
    for _ in range(4):
        paint_stroke(labels, TRUTH, person.draw(answers_unsure_at(slice(20, 30), slice(40, 50)), labels))
    np.testing.assert_array_equal(labels[labels >= 0], TRUTH[labels >= 0])
    assert (labels >= 0).sum() > 100


def test_where_next_leads_to_what_is_unsure():
    labels = np.full(TRUTH.shape, -1, np.int8)
    paint_stroke(
        labels, TRUTH, Guided(TRUTH, 3, "where next", 0).draw(answers_unsure_at(slice(20, 30), slice(40, 50)), labels)
    )
    assert (labels[70:130, 150:210] == 2).any()


def test_the_reduced_map_is_that_of_the_answers():
    labels = np.full(TRUTH.shape, -1, np.int8)
    labels[199, 239] = 1
    found = reduced_map(answers_unsure_at(slice(0, 5), slice(0, 5)), labels)
    assert (found.first[0, 0], found.second[0, 0], found.doubt[0, 0]) == (1, 2, 250)
    assert found.labelled.sum() == 1
    assert found.labelled[49, 59]


@pytest.mark.parametrize(
    ("curve", "level", "needed"), [([0.1, 0.3, 0.5], 0.4, 1.5), ([0.5, 0.3], 0.4, 0), ([0.1, 0.2], 0.4, float("inf"))]
)
def test_strokes_needed(curve, level, needed):
    assert where_next.strokes_needed(curve, level) == pytest.approx(needed)


def test_the_table_holds_runs_that_all_guides_have():
    def record(guide, curve, seed=0):
        return {"image": "a", "seed": seed, "guide": guide, "curve": curve}

    up, slow = [n / 10 for n in range(11)], [n / 20 for n in range(11)]
    text = where_next.table([record("random", slow), record("where next", up), record("random", up, seed=1)])
    assert text.startswith("1 runs")
    assert "| where next | 0.000 | 0.500 | 1.000 | 5.0 |" in text
    assert "| random | 0.000 | 0.250 | 0.500 | 10.0 |" in text


def test_an_unknown_image_is_said(tmp_path, capsys):
    (tmp_path / "items.json").write_text("[]")
    assert where_next.main(["--set", str(tmp_path), "--only", "nowhere", "--output", str(tmp_path / "out")]) == 2
    assert "nowhere" in capsys.readouterr().err
