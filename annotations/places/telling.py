"""A place in words: what the map hesitates between, how large it is, and why it was chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotations.places.place import Place

__all__ = ["names_of", "question", "reason", "size_in_words"]

_HECTARES_FROM = 1000.0  # square metres


def names_of(place: Place, names: Sequence[str]) -> tuple[str, str]:
    """Return the names of the two classes, "?" for one that is gone."""
    first, second = (names[i] if i < len(names) else "?" for i in place.classes)
    return first, second


def question(place: Place, names: Sequence[str]) -> str:
    """Return what the map hesitates between there: "road or building?"."""
    first, second = names_of(place, names)
    return f"{first} or {second}?"


def size_in_words(pixels: int, square_metres: float | None) -> str:
    """Return how large so many pixels are.

    Parameters
    ----------
    pixels : int
        Number of pixels.
    square_metres : float or None
        Of one pixel; None where that is not known.
    """
    if square_metres is None:
        return f"{_rounded(pixels)} px"
    area = pixels * square_metres
    if area >= _HECTARES_FROM:
        return f"{_rounded(area / 10_000)} ha"
    return f"{_rounded(area)} m²"


def _rounded(number: float) -> str:
    """Return a number to two digits that count."""
    if number >= 100:
        digits = len(str(int(number))) - 2
        return f"{round(number, -digits):,.0f}"
    return f"{number:.0f}" if number >= 10 else f"{number:.2g}"


def reason(place: Place, names: Sequence[str], counts: Sequence[int]) -> str:
    """Return why a place was chosen.

    Parameters
    ----------
    place : Place
        The place.
    names : sequence of str
        Of the classes.
    counts : sequence of int
        Labelled pixels of each.
    """
    told = [f"{place.doubt:.0%} undecided", "nothing labelled near by"]
    total = sum(counts)
    few = [names[i] for i in place.classes if i < len(counts) and total and counts[i] < total / (2 * len(counts))]
    if few:
        told.append(f"few labels of {' and '.join(few)}")
    return ", ".join(told)
