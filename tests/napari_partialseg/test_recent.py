"""The list of projects that were open last, and what a person prefers: kept, tolerant, and no more than comfort."""

from __future__ import annotations

import json
from pathlib import Path

import platformdirs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_partialseg.preferences import Preferences, prefer, read_preferences
from napari_partialseg.recent import Recent, ago, forget, note_opened, read_recent


def test_the_last_one_is_first_and_none_stands_twice(tmp_path):
    for name in ("one", "two", "one"):
        note_opened(tmp_path / f"{name}.partialseg", f"{name}.tif")
    assert [item.image for item in read_recent()] == ["one.tif", "two.tif"]


def test_the_list_does_not_grow_for_ever(tmp_path):
    for number in range(40):
        note_opened(tmp_path / f"{number}.partialseg", f"{number}.tif")
    images = [item.image for item in read_recent()]
    assert images[0] == "39.tif"
    assert len(images) <= 12


def test_one_that_is_forgotten_keeps_its_folder(tmp_path):
    project = tmp_path / "one.partialseg"
    project.mkdir()
    (project / "project.json").write_text("{}")
    note_opened(project, "one.tif")
    assert read_recent()[0].there
    forget(project)
    assert read_recent() == []
    assert (project / "project.json").exists()


@pytest.mark.parametrize(
    "content",
    ["", "{", "7", '{"a": 1}', '["x", 3, null, {}, {"project": 5}]', '[{"project": "", "image": "", "opened": 1}]'],
)
def test_a_list_that_cannot_be_read_is_empty_and_can_be_begun_anew(tmp_path, content):
    path = platformdirs.user_config_path("partialseg") / "recent.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert read_recent() == []
    note_opened(tmp_path / "one.partialseg", "one.tif")
    assert [item.image for item in read_recent()] == ["one.tif"]


def test_settings_that_cannot_be_written_stop_nobody(tmp_path):
    path = platformdirs.user_config_path("partialseg")
    path.parent.mkdir(parents=True)
    path.write_text("a file where a folder should be")
    note_opened(tmp_path / "one.partialseg", "one.tif")
    prefer(guided=False)
    assert read_recent() == []
    assert read_preferences() == Preferences()


def test_preferences_are_kept_and_strange_ones_passed_over():
    prefer(guided=False)
    assert read_preferences() == Preferences(guided=False)
    path = platformdirs.user_config_path("partialseg") / "preferences.json"
    path.write_text(json.dumps({"guided": "no", "train_by_itself": False, "later": 3}))
    assert read_preferences() == Preferences(guided=True, train_by_itself=False)


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_how_long_ago_is_never_too_long(opened, now):
    text = ago(opened, now)
    if text == "just now":
        assert now - opened < 60
        return
    count, unit = text.split()[:2]
    seconds = {"minute": 60, "hour": 3600, "day": 86400}[unit.rstrip("s")]
    assert int(count) * seconds <= now - opened < (int(count) + 1) * seconds


def test_a_project_that_is_gone_is_said_to_be(tmp_path):
    assert not Recent(Path(tmp_path / "gone.partialseg"), "x.tif", 0.0).there
