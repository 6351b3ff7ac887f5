"""What somebody who has never used the tool is told to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from annotations.classes import ClassScheme

__all__ = ["Beginning", "advice"]

_CORRECTIONS = 3


@dataclass(frozen=True, slots=True)
class Beginning:
    """How far somebody has come.

    Parameters
    ----------
    scheme : ClassScheme
        The classes.
    counts : tuple of int
        Labelled pixels of each.
    label : int
        The class in the hand.
    mapped : bool
        Whether some of the map has been seen.
    corrections : int
        How often labels changed since then.
    by_itself : bool
        Whether the map comes without Train.
    """

    scheme: ClassScheme
    counts: tuple[int, ...]
    label: int
    mapped: bool
    corrections: int
    by_itself: bool


def advice(now: Beginning) -> str:
    """Return the next thing to do, in one or two sentences; "" for somebody who knows how."""
    labelled = [index for index, count in enumerate(now.counts) if count]
    if now.mapped:
        if now.corrections >= _CORRECTIONS:
            return ""
        return "This is the map so far. Draw a short stroke where it is wrong, and watch it follow."
    if not labelled:
        return (
            f"Draw a short stroke on {_named(now, max(now.label, 0))}: hold the left button. The wheel zooms; hold "
            "Space and drag to move."
        )
    if len(now.scheme) == 1:
        return "Add a second class: a map needs two at least."
    if len(labelled) == 1:
        other = next(index for index in range(len(now.scheme)) if index not in labelled)
        chosen = now.label == other
        begin = (
            f"Now draw on {_named(now, other)}"
            if chosen
            else f"Now choose {_named(now, other)} and draw a stroke on it"
        )
        return f"{begin}: a map needs two classes at least."
    if now.by_itself:
        return "The map is on its way. Go on with strokes of the other classes."
    return "Press Train: the map comes in some seconds. Go on drawing meanwhile."


def _named(now: Beginning, index: int) -> str:
    key = now.scheme.classes[index].key
    name = now.scheme.names[index]
    return f"{name} (key {key})" if key else name
