"""What beginners are told follows what they have done, and ends."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from annotations.classes import LANDCOVER_AI, ClassScheme
from napari_partialseg.beginning.advice import Beginning, advice

_START = Beginning(LANDCOVER_AI, (0, 0, 0, 0, 0), 0, mapped=False, corrections=0, by_itself=True)


def test_each_step_names_what_is_next():
    assert "background (key 1)" in advice(_START)
    one = replace(_START, counts=(9, 0, 0, 0, 0))
    assert "choose building (key 2)" in advice(one)
    assert "draw on building (key 2)" in advice(replace(one, label=1))
    two = replace(one, counts=(9, 0, 5, 0, 0))
    assert "on its way" in advice(two)
    assert "Press Train" in advice(replace(two, by_itself=False))
    assert "where it is wrong" in advice(replace(two, mapped=True))
    assert advice(replace(two, mapped=True, corrections=3)) == ""


def test_one_class_alone_asks_for_another():
    alone = ClassScheme(LANDCOVER_AI.classes[:1])
    assert "second class" in advice(replace(_START, scheme=alone, counts=(4,)))


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=6),
    st.integers(-1, 5),
    st.booleans(),
    st.integers(0, 9),
    st.booleans(),
)
def test_there_is_something_to_say_until_the_map_was_corrected(counts, label, mapped, corrections, by_itself):
    classes = tuple(replace(LANDCOVER_AI[0], name=str(i), key="") for i in range(len(counts)))
    now = Beginning(ClassScheme(classes), tuple(counts), min(label, len(counts) - 1), mapped, corrections, by_itself)
    assert bool(advice(now)) == (not mapped or corrections < 3)
