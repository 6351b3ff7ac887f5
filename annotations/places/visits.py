"""The places that somebody was led to, kept in a small file with the image's labels: nobody is led there twice.

It is a help and not work: a file that is missing or damaged means that nothing was visited.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from annotations.disk.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Visit", "read_visits", "visited_again", "write_visits"]

_MOST: Final = 5000  # the latest are kept: a few hundred kilobytes, and more than a person makes
_SAME: Final = 16  # px


@dataclass(frozen=True, slots=True)
class Visit:
    """A place that was looked at.

    Parameters
    ----------
    at : tuple of int
        Row and column, in pixels of the image.
    classes : tuple of str
        The names of the two classes that the map hesitated between.
    times : int
        How often somebody was led there.
    """

    at: tuple[int, int]
    classes: tuple[str, str]
    times: int = 1


def visited_again(visits: Sequence[Visit], at: tuple[int, int], classes: tuple[str, str]) -> tuple[Visit, ...]:
    """Return the visits with one more, the latest last; one at the same place is counted on."""
    same = [v for v in visits if _near(v.at, at)]
    others = tuple(v for v in visits if not _near(v.at, at))
    visit = Visit(at, classes, sum(v.times for v in same) + 1)
    return (*others, visit)[-_MOST:]


def _near(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return max(abs(one[0] - other[0]), abs(one[1] - other[1])) <= _SAME


def read_visits(path: Path, shape: tuple[int, int]) -> tuple[Visit, ...]:
    """Return the visits kept in a file, those inside an image of shape (H, W); none where it cannot be used."""
    with suppress(OSError, ValueError, KeyError, RecursionError, TypeError):
        found = json.loads(path.read_text("utf-8"))["visits"]
        read = [_visit(entry) for entry in found]
        inside = [v for v in read if v is not None and v.at[0] < shape[0] and v.at[1] < shape[1]]
        return tuple(inside[-_MOST:])
    return ()


def _visit(entry: Any) -> Visit | None:
    with suppress(KeyError, TypeError, ValueError, OverflowError):
        row, column = (int(i) for i in entry["at"])
        one, other = (str(name) for name in entry["classes"])
        times = max(int(entry.get("times", 1)), 1)
        return Visit((row, column), (one, other), times) if min(row, column) >= 0 else None
    return None


def write_visits(path: Path, visits: Sequence[Visit]) -> None:
    """Keep the visits in a file; OSError where the disk is full or the folder gone."""
    told = {"visits": [{"at": list(v.at), "classes": list(v.classes), "times": v.times} for v in visits]}
    write_atomically(path, json.dumps(told, ensure_ascii=False).encode())
