"""A check is kept with its answers; damaged ones are set aside, and other points put no answer out of the world."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from annotations.errors import ProjectError
from annotations.quality import check as module
from annotations.quality.check import accuracy_of, check_of, read_check, write_check
from annotations.quality.drawing import draw_points
from annotations.quality.table import check_table

NAMES = ("field", "wood", "=water")


@pytest.fixture
def prediction():
    made = np.zeros((40, 50), np.uint8)
    made[:, 25:] = 1
    made[:5, :5] = 2
    return made


@pytest.fixture
def check(prediction):
    return check_of(draw_points(prediction, 3, 30, 0), NAMES, 0)


def answered(check, prediction, wrong=()):
    for number, point in enumerate(check.points):
        seen = NAMES[0] if number in wrong else NAMES[prediction[point.row, point.column]]
        check = check.told(number, seen)
    return check


def test_answers_are_there_again(check, tmp_path):
    path = tmp_path / "check.json"
    told = check.told(0, "wood").told(1, None)
    write_check(path, told)
    assert read_check(path, (40, 50)) == (told, "")
    assert (told.answered, told.next) == (2, 2)
    assert told.told(0, "field").points[0].seen == "field"


def test_figures_are_those_of_the_map_as_it_is_now(check, prediction):
    assert accuracy_of(check, prediction, NAMES) is None
    done = answered(check, prediction)
    assert accuracy_of(done, prediction, NAMES).overall.value == 1
    swapped = np.where(prediction == 1, 0, 1).astype(np.uint8)
    assert accuracy_of(done, swapped, NAMES).overall.value == 0
    assert accuracy_of(done, np.full_like(prediction, 255), NAMES) is None
    half = np.where(np.arange(50) < 25, prediction, 255).astype(np.uint8)  # the rest is being made
    found = accuracy_of(done, half, NAMES)
    assert (found.overall.value, found.unseen) == (1, 0.5)


def test_answers_of_a_class_that_is_no_more_are_left_out(check, prediction):
    done = answered(check, prediction)
    found = accuracy_of(done, prediction, NAMES[:2])
    assert found.overall.points == sum(p.seen != "=water" for p in done.points)
    assert found.unseen == pytest.approx(25 / 2000)


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"pixels": {}}', '{"pixels": {"a": -1}, "points": []}', '{"format": 9, "pixels": {}, "points": []}'],
)
def test_a_damaged_file_is_set_aside(tmp_path, content):
    path = tmp_path / "check.json"
    path.write_text(content)
    found, problem = read_check(path, (40, 50))
    assert found is None
    assert "check-set-aside.json" in problem
    assert (tmp_path / "check-set-aside.json").read_text() == content
    path.write_text(content)
    assert read_check(path, (40, 50), writable=False)[0] is None
    assert path.exists()


def test_points_outside_the_image_are_damage(check, tmp_path):
    write_check(tmp_path / "check.json", check)
    assert "outside the image" in read_check(tmp_path / "check.json", (10, 10))[1]


def test_other_points_keep_the_answers_before(check, tmp_path):
    path = tmp_path / "check.json"
    for seen in ("wood", "field", "wood"):
        write_check(path, check.told(0, seen), anew=True)
    kept = sorted(p.name for p in tmp_path.iterdir())
    assert kept == ["check-former-2.json", "check-former.json", "check.json"]
    assert json.loads((tmp_path / "check-former-2.json").read_text())["points"][0]["seen"] == "field"


def test_a_full_disk_is_told(check, tmp_path, monkeypatch):
    path = tmp_path / "check.json"
    write_check(path, check)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_atomically", full)
    with pytest.raises(ProjectError, match=r"check\.json"):
        write_check(path, check.told(0, "wood"))
    assert read_check(path, (40, 50)) == (check, "")


def test_the_table_holds_figures_and_points(check, prediction):
    done = answered(check, prediction, wrong=(3,)).told(4, None)
    found = accuracy_of(done, prediction, NAMES)
    text = check_table(done, found, NAMES, prediction, None, 4.0).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    figures = {(r[0], r[1]): r for r in rows if len(r) == 7}
    assert float(figures["overall accuracy", ""][2]) == pytest.approx(found.overall.value, rel=1e-5)
    assert float(figures["area in hectares", "wood"][2]) == pytest.approx(found.area[1].value * 0.8, rel=1e-5)
    assert ("IoU", "'=water") in figures
    listed = rows[rows.index(next(r for r in rows if r[:1] == ["number"])) + 1 :]
    assert len(listed) == 30
    assert listed[4][8] == "yes"
