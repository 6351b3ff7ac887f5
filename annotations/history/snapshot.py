"""A snapshot: what labels, points and classes were at a moment, told by the names of their contents."""

from __future__ import annotations

import re
import time as clock
from dataclasses import dataclass, field, replace
from typing import Any, Final

from annotations.classes import ClassScheme
from annotations.errors import LabelError, ProjectError

__all__ = ["SNAPSHOT_FORMAT", "LabelSnapshot", "Places", "new_id"]

SNAPSHOT_FORMAT: Final = 1
Places = dict[tuple[int, int], str]
"""The content of each chunk (row, column) of an array, by its name."""

_PLACE: Final = re.compile(r"(\d{1,7})/(\d{1,7})")
_ID: Final = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{6}")


@dataclass(frozen=True)
class LabelSnapshot:
    """Labels of one orthophoto at a moment.

    Parameters
    ----------
    id : str
        Unique in its folder, and the name of its file: the moment in UTC and six digits.
    time : float
        Seconds since 1970.
    why : str
        What it was taken for, in a few words: "opened", "before an import".
    scheme : ClassScheme
        The classes.
    labels, numbers : Places
        The chunks of labels and of stroke numbers that were there.
    descriptions : (str, str)
        The contents of zarr.json of the two arrays.
    points : str
        The content of points.json; "" where there was none.
    counts : tuple of int
        Labelled pixels per class, as far as they were known.
    log_size : int
        Bytes that the file of strokes had: its later lines are of strokes that came after.
    name : str
        Given by a person, who wants it kept; "" where nobody has.
    """

    id: str
    time: float
    why: str
    scheme: ClassScheme
    labels: Places
    numbers: Places
    descriptions: tuple[str, str]
    points: str = ""
    counts: tuple[int, ...] = ()
    log_size: int = 0
    name: str = ""
    unknown: dict[str, Any] = field(default_factory=dict, compare=False)
    """What a later version of the same format added."""

    @property
    def labelled(self) -> int:
        """Labelled pixels of all classes."""
        return sum(self.counts)

    @property
    def contents(self) -> set[str]:
        """The names of all contents that it needs."""
        return {*self.labels.values(), *self.numbers.values(), *self.descriptions, *filter(None, [self.points])}

    def same_work(self, other: LabelSnapshot) -> bool:
        """Whether labels, points and classes are the same in another."""
        mine, theirs = ((s.labels, s.numbers, s.points, s.scheme.to_json(), s.descriptions[1]) for s in (self, other))
        return mine == theirs

    def named(self, name: str) -> LabelSnapshot:
        """Return the same with another name."""
        return replace(self, name=name.strip())

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            **self.unknown,
            "format": SNAPSHOT_FORMAT,
            "time": self.time,
            "why": self.why,
            "name": self.name,
            "classes": self.scheme.to_json(),
            "labels": {f"{row}/{column}": name for (row, column), name in sorted(self.labels.items())},
            "numbers": {f"{row}/{column}": name for (row, column), name in sorted(self.numbers.items())},
            "descriptions": list(self.descriptions),
            "points": self.points,
            "counts": list(self.counts),
            "log": self.log_size,
        }

    @classmethod
    def from_json(cls, snapshot_id: str, value: Any) -> LabelSnapshot:
        """Rebuild from `to_json`.

        Raises
        ------
        ProjectError
            It is damaged.
        """
        try:
            if not _ID.fullmatch(snapshot_id):
                raise ValueError(f"{snapshot_id!r} is not the name of a snapshot")
            known = {
                "format",
                "time",
                "why",
                "name",
                "classes",
                "labels",
                "numbers",
                "descriptions",
                "points",
                "counts",
            }
            labels_json, numbers_json = (str(name) for name in value["descriptions"])
            return cls(
                snapshot_id,
                float(value["time"]),
                str(value["why"]),
                ClassScheme.from_json(value["classes"]),
                _places(value["labels"]),
                _places(value["numbers"]),
                (labels_json, numbers_json),
                str(value.get("points", "")),
                tuple(int(n) for n in value.get("counts", ())),
                int(value.get("log", 0)),
                str(value.get("name", "")),
                {key: part for key, part in value.items() if key not in known | {"log"}},
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, LabelError) as error:
            raise ProjectError(f"the snapshot {snapshot_id} is damaged ({type(error).__name__}: {error}).") from error


def _places(value: Any) -> Places:
    result: Places = {}
    for place, name in value.items():
        found = _PLACE.fullmatch(place)
        if found is None:
            raise ValueError(f"{place!r} is not the place of a chunk")
        result[int(found[1]), int(found[2])] = str(name)
    return result


def new_id(time: float, unique: str) -> str:
    """Return the id of a snapshot of a moment; `unique` are six hex digits."""
    return f"{clock.strftime('%Y%m%dT%H%M%S', clock.gmtime(time))}-{unique}"
