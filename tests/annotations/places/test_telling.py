"""What is said of a place."""

from __future__ import annotations

import pytest

from annotations.places.place import Place
from annotations.places.telling import question, reason, size_in_words
from annotations.region import Region

PLACE = Place(Region(0, 0, 10, 10), (5, 5), (2, 0), 100, 0.834, 0.5)
NAMES = ("field", "water", "road")


def test_the_question():
    assert question(PLACE, NAMES) == "road or field?"
    assert question(PLACE, NAMES[:2]) == "? or field?"  # the class is gone


@pytest.mark.parametrize(
    ("pixels", "metres", "expected"),
    [
        (64000, 0.0625, "0.4 ha"),
        (1_234_567, 1.0, "120 ha"),
        (250, 0.0625, "16 m²"),
        (100, 0.01, "1 m²"),
        (14000, 0.0625, "880 m²"),
        (1234, None, "1,200 px"),
    ],
)
def test_the_size(pixels, metres, expected):
    assert size_in_words(pixels, metres) == expected


def test_the_reason():
    assert reason(PLACE, NAMES, (900, 800, 100)) == "83% undecided, nothing labelled near by, few labels of road"
    assert reason(PLACE, NAMES, (0, 0, 0)) == "83% undecided, nothing labelled near by"
