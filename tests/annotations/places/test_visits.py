"""Visits are counted and kept, and no file of them keeps anybody from working."""

from __future__ import annotations

import pytest

from annotations.places.visits import Visit, read_visits, visited_again, write_visits

SHAPE = (500, 600)


def test_visits_are_counted_where_they_were():
    visits = visited_again((), (100, 200), ("road", "building"))
    visits = visited_again(visits, (300, 20), ("water", "road"))
    visits = visited_again(visits, (104, 197), ("building", "road"))
    assert visits == (Visit((300, 20), ("water", "road")), Visit((104, 197), ("building", "road"), 2))


def test_they_are_kept(tmp_path):
    path = tmp_path / "visits.json"
    visits = (Visit((3, 4), ("Straße", "<b>")), Visit((5, 6), ("a", "b"), 7))
    write_visits(path, visits)
    assert read_visits(path, SHAPE) == visits


def test_without_a_file_nothing_was_visited(tmp_path):
    assert read_visits(tmp_path / "visits.json", SHAPE) == ()


@pytest.mark.parametrize(
    "content",
    ["", "[]", "null", "{", '{"visits": 3}', '{"visits": null}', '{"other": []}', "\ufeff", "[" * 5000],
)
def test_a_damaged_file_is_none(tmp_path, content):
    path = tmp_path / "visits.json"
    path.write_text(content, encoding="utf-8")
    assert read_visits(path, SHAPE) == ()


def test_what_can_be_read_is_kept(tmp_path):
    path = tmp_path / "visits.json"
    path.write_text(
        '{"visits": [{"at": [1, 2], "classes": ["a", "b"], "colour": "red"}, 3, {"at": [1]}, {"at": [-1, 2], '
        '"classes": ["a", "b"]}, {"at": [1, 900], "classes": ["a", "b"]}, {"at": [1e999, 2], "classes": ["a", "b"]}], '
        '"later": 1}',
        encoding="utf-8",
    )
    assert read_visits(path, SHAPE) == (Visit((1, 2), ("a", "b")),)
