"""How much work went into each class, day by day: strokes, labelled pixels and time, from what the project keeps.

Nothing is counted twice and kept apart: strokes are those of their file, pixels those that carry their numbers now, and
time is what lies between strokes, together with the spans in which somebody looked around (`activity.py`).
"""

from __future__ import annotations

import csv
import io
import time as clock
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from annotations.classes import UNLABELLED
from annotations.history.activity import IDLE_SECONDS, joined
from annotations.region import Region

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from annotations.store.strokes import Stroke

__all__ = ["Work", "WorkTable", "as_csv", "name_of_class", "pixels_of_strokes", "summed", "work_table"]

_TILE: Final = 512
_BY_HAND: Final = ("drawn", "accepted")
_NO_WORK: Final = ("restore", "reclass")


@dataclass
class Work:
    """What was done for a class on a day.

    Parameters
    ----------
    strokes : int
        Acts of a hand: strokes, polygons, fills, points.
    pixels : int
        Labelled pixels that come from them and are there now.
    seconds : float
        Time of work.
    """

    strokes: int = 0
    pixels: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class WorkTable:
    """Work by day ("2026-11-27", as the clock on the wall counts) and class; class -1 is what took labels away."""

    by_day: dict[tuple[str, int], Work] = field(default_factory=dict)

    @property
    def days(self) -> list[str]:
        """The days, the newest first."""
        return sorted({day for day, _ in self.by_day}, reverse=True)


def work_table(
    strokes: Sequence[Stroke], spans: Sequence[tuple[float, float]], pixels: Mapping[int, Mapping[int, int]]
) -> WorkTable:
    """Return what was done.

    Parameters
    ----------
    strokes : sequence of Stroke
        All of them; random and imported ones are no work, nor is a restored snapshot, or a class given to another.
    spans : sequence of (float, float)
        When somebody worked, in seconds since 1970, as noted.
    pixels : mapping
        Of each stroke number the pixels there are now, by class (`pixels_of_strokes`).

    Notes
    -----
    A pause of more than a minute between two strokes counts only as far as somebody was seen to work in it. Each
    moment counts for the class of the stroke that comes next, or the last one before a longer pause.
    """
    acts = sorted(
        (s for s in strokes if s.origin in _BY_HAND and s.tool not in _NO_WORK), key=lambda s: (s.time, s.number)
    )
    table: dict[tuple[str, int], Work] = defaultdict(Work)
    for act in acts:
        table[_day(act.time), act.label].strokes += 1
        for label, count in pixels.get(act.number, {}).items():
            table[_day(act.time), label].pixels += count
    times = [act.time for act in acts]
    for start, end in joined([*spans, *((t, t) for t in times)], IDLE_SECONDS):
        _share_out(start, end, times, acts, table)
    return WorkTable(dict(table))


def _share_out(
    start: float, end: float, times: list[float], acts: list[Stroke], table: dict[tuple[str, int], Work]
) -> None:
    """Add a span of work to the classes of the strokes in it."""
    first, last = bisect_left(times, start), bisect_left(times, end)
    last += last < len(times) and times[last] == end
    if first >= min(last, len(acts)):
        return  # somebody looked around and drew nothing
    begun = start
    for i in range(first, last):
        table[_day(acts[i].time), acts[i].label].seconds += times[i] - begun
        begun = times[i]
    table[_day(acts[last - 1].time), acts[last - 1].label].seconds += end - begun


def _day(time: float) -> str:
    try:
        return clock.strftime("%Y-%m-%d", clock.localtime(time))
    except (ValueError, OverflowError, OSError):  # a time that is none, in a file that somebody wrote
        return "unknown"


def summed(table: WorkTable, day: str = "") -> dict[int, Work]:
    """Return the work of each class, of one day or ("") of all."""
    result: dict[int, Work] = defaultdict(Work)
    for (when, label), work in table.by_day.items():
        if day in ("", when):
            total = result[label]
            total.strokes += work.strokes
            total.pixels += work.pixels
            total.seconds += work.seconds
    return dict(result)


def pixels_of_strokes(labels: NDArray[np.int8], numbers: NDArray[np.uint32]) -> dict[int, dict[int, int]]:
    """Return how many pixels of each class carry each stroke number, {number: {class: pixels}}."""
    found: dict[int, dict[int, int]] = {}
    for tile in Region.whole((labels.shape[0], labels.shape[1])).tiles(_TILE):
        at = tile.clipped(labels.shape).slices
        held = labels[at] != UNLABELLED
        if not held.any():
            continue
        pairs = (numbers[at][held].astype(np.int64) << 8) | labels[at][held].view(np.uint8)
        for pair, count in zip(*np.unique(pairs, return_counts=True), strict=True):
            of_stroke = found.setdefault(int(pair) >> 8, {})
            of_stroke[int(pair) & 255] = of_stroke.get(int(pair) & 255, 0) + int(count)
    return found


def as_csv(table: WorkTable, names: Sequence[str]) -> str:
    """Return the table as CSV: day, class, strokes, pixels, minutes; a class that is gone has a number for a name."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["day", "class", "strokes", "pixels", "minutes"])
    for (day, label), work in sorted(table.by_day.items()):
        writer.writerow([day, name_of_class(label, names), work.strokes, work.pixels, f"{work.seconds / 60:.1f}"])
    return out.getvalue()


def name_of_class(label: int, names: Iterable[str]) -> str:
    """Return what a class of the table is called."""
    known = list(names)
    if label == UNLABELLED:
        return "(taken away)"
    return known[label] if 0 <= label < len(known) else f"class {label}"
