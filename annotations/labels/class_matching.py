"""Labels of other classes taken for those of now: by name, else by colour; a class that is gone comes back.

A class that was renamed since has its colour still. One that was removed has neither, and its labels are not thrown
away nor given to another: it is added at the end, as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from annotations.classes import MAX_CLASSES, UNLABELLED, ClassScheme
from annotations.errors import LabelError

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

__all__ = ["Matched", "match_classes"]


@dataclass(frozen=True)
class Matched:
    """What the classes of then are now.

    Parameters
    ----------
    scheme : ClassScheme
        The classes of now, and after them those that come back.
    now : tuple of int
        For each class of then its index in `scheme`; -1 for one that is gone and has no labels.
    renamed : tuple of (str, str)
        Names of then and now.
    back : tuple of str
        Names of the classes that come back.
    """

    scheme: ClassScheme
    now: tuple[int, ...]
    renamed: tuple[tuple[str, str], ...]
    back: tuple[str, ...]

    def labels(self, labels: NDArray[np.int8]) -> NDArray[np.int8]:
        """Return labels of then (-1 or a class) as those of `scheme`; the same array where all are the same."""
        if self.now == tuple(range(len(self.now))):
            return labels
        table = np.full(256, UNLABELLED, np.int8)
        table[: len(self.now)] = self.now
        return table[labels.view(np.uint8)]

    def points(self, points: list[Any]) -> list[Any]:
        """Return points as they are saved (`PointSet.to_json`), of classes of then, as those of `scheme`."""
        return [self._point(entry) for entry in points]

    def _point(self, entry: Any) -> Any:
        if not isinstance(entry, dict):
            return entry  # damaged: set aside by who reads it
        result = dict(entry)
        if "label" in entry:
            result["label"] = self._one(entry["label"])
        under = entry.get("under")
        if isinstance(under, list) and len(under) == 3 and isinstance(under[1], list):
            result["under"] = [under[0], [self._one(label) for label in under[1]], under[2]]
        return result

    def _one(self, label: Any) -> Any:
        known = isinstance(label, int) and 0 <= label < len(self.now)
        return self.now[label] if known else label


def match_classes(then: ClassScheme, now: ClassScheme, used: Collection[int]) -> Matched:
    """Find the classes of then among those of now.

    Parameters
    ----------
    then, now : ClassScheme
        The classes.
    used : collection of int
        The classes of then that have labels or points: of the others none comes back.

    Raises
    ------
    LabelError
        There would be too many classes.
    """
    place = {name: index for index, name in enumerate(now.names)}
    free = {item.colour.lower(): place[item.name] for item in now.classes if item.name not in then.names}
    classes, found = list(now.classes), list[int]()
    renamed, back = list[tuple[str, str]](), list[str]()
    keys = {item.key for item in now.classes}
    for index, item in enumerate(then.classes):
        if item.name in place:
            found.append(place[item.name])
        elif item.colour.lower() in free:
            found.append(free.pop(item.colour.lower()))
            renamed.append((item.name, classes[found[-1]].name))
        elif index in used:
            found.append(len(classes))
            back.append(item.name)
            classes.append(replace(item, key="") if item.key in keys else item)
        else:
            found.append(UNLABELLED)
    if len(classes) > MAX_CLASSES:
        raise LabelError(
            f"With {', '.join(map(repr, back))} there would be {len(classes)} classes, and {MAX_CLASSES} are possible: "
            "remove others first. Nothing was changed."
        )
    return Matched(ClassScheme(tuple(classes)), tuple(found), tuple(renamed), tuple(back))
