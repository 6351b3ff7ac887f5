"""Where work was left is read back, and whatever was done to the file, the rest of it and the project open."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from annotations.project.left_off import LeftOff, read_left, write_left

LEFT = LeftOff((3.5, 4.0), 2.0, "roof", "polygon", 12, {"Draw": True, "Export": False}, {"labels": (True, 0.9)})
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def test_it_is_read_back(tmp_path):
    path = tmp_path / "left.json"
    assert read_left(path) is None
    write_left(path, LEFT)
    assert read_left(path) == LEFT


@given(st.sampled_from(["centre", "zoom", "class_name", "tool", "brush", "sections", "layers"]), JSON)
def test_a_part_that_is_damaged_leaves_the_others(tmp_path, part, value):
    path = tmp_path / "left.json"
    write_left(path, LEFT)
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, part: value}))
    found = read_left(path)
    for name in ("centre", "zoom", "class_name", "tool", "brush", "sections", "layers"):
        if name != part:
            assert getattr(found, name) == getattr(LEFT, name)
    path.write_text(json.dumps(value))
    read_left(path)


@given(st.binary(max_size=30))
def test_whatever_is_there(tmp_path, content):
    path = tmp_path / "left.json"
    path.write_bytes(content)
    read_left(path)
