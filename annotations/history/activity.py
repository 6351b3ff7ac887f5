"""When somebody worked: spans of time, of which none has a pause of more than a minute in it.

The strokes say when each was finished, and not that somebody looked around for two minutes between two of them. So
much is noted here, a line for each minute or so: a kill loses the last one. All else is told by the strokes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from annotations.disk.lines import append_lines, whole_lines

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["IDLE_SECONDS", "ActivityClock", "Span", "joined", "read_spans", "write_spans"]

IDLE_SECONDS: Final = 60.0
"""A pause that is longer does not count as work."""
_LINE_SECONDS: Final = 60.0
Span = tuple[float, float]


class ActivityClock:
    """Turns moments at which somebody did something into spans; touches no disk and asks no clock.

    A span ends where nothing is done for `IDLE_SECONDS`, and is handed out after a minute in any case.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._span: Span | None = None
        self._ended: list[Span] = []

    def touch(self, now: float) -> None:
        """Note that something is being done, in seconds since 1970."""
        span = self._span
        if span is not None and span[0] <= span[1] <= now <= span[1] + IDLE_SECONDS:
            self._span = (span[0], now)
        else:
            self.end()
            self._span = (now, now)

    def take(self, now: float) -> list[Span]:
        """Return the spans that are over, or have gone on for a minute and begin anew where they are."""
        span = self._span
        if span is not None and now > span[1] + IDLE_SECONDS:
            self.end()
        elif span is not None and span[1] >= span[0] + _LINE_SECONDS:
            self._ended.append(span)
            self._span = (span[1], span[1])
        ended, self._ended = self._ended, []
        return ended

    def end(self) -> None:
        """End what goes on; `take` returns it."""
        if self._span is not None and self._span[1] > self._span[0]:
            self._ended.append(self._span)
        self._span = None


def write_spans(path: Path, spans: Iterable[Span]) -> None:
    """Add spans to a file of lines; OSError where the disk is full or failing."""
    lines = [json.dumps({"from": round(start, 1), "to": round(end, 1)}) + "\n" for start, end in spans]
    if lines:
        append_lines(path, "".join(lines).encode())


def read_spans(path: Path) -> list[Span]:
    """Return the spans of a file in the order of time, joined where they meet; damaged lines are passed over."""
    spans = []
    try:
        lines = whole_lines(path)
    except OSError:
        return []
    for line in lines:
        try:
            value = json.loads(line)
            start, end = float(value["from"]), float(value["to"])
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            continue
        if 0 <= start <= end < 1e11:
            spans.append((start, end))
    return joined(spans)


def joined(spans: Iterable[Span], gap: float = 0.0) -> list[Span]:
    """Return spans in the order of time, those that overlap or lie no further apart than `gap` joined to one."""
    result: list[Span] = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1] + gap:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result
