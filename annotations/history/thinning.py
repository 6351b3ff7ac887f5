"""Which snapshots stay: all of the last hour, one an hour of the last day, one a day before; named ones for ever."""

from __future__ import annotations

import time as clock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from annotations.history.snapshot import LabelSnapshot

__all__ = ["MOST", "MOST_BYTES", "too_many"]

MOST: Final = 200
"""Snapshots without a name that are kept at most."""
MOST_BYTES: Final = 2 * 2**30
"""What all snapshots take at most, the oldest without a name going first; named ones stay whatever they take."""
_HOUR: Final = 3600.0
_DAY: Final = 24 * _HOUR


def too_many(
    snapshots: Sequence[LabelSnapshot], now: float, size: Callable[[Sequence[LabelSnapshot]], int]
) -> list[LabelSnapshot]:
    """Return the snapshots that go.

    Of an hour or a day the newest stays; the newest of all always does, and one from a time that is still to come (a
    clock that was wrong) counts as just taken.

    Parameters
    ----------
    snapshots : sequence of LabelSnapshot
        All there are.
    now : float
        Seconds since 1970.
    size : callable
        Returns the bytes that some of them take together.
    """
    kept: list[LabelSnapshot] = []
    gone: list[LabelSnapshot] = []
    slots: set[str] = set()
    newest_first = sorted(snapshots, key=lambda s: (s.time, s.id), reverse=True)
    for snapshot in newest_first:
        slot = _slot(snapshot, now)
        full = sum(1 for s in kept if not s.name) >= MOST
        if not snapshot.name and snapshot is not newest_first[0] and (slot in slots or full):
            gone.append(snapshot)
        else:
            kept.append(snapshot)
        if not snapshot.name:
            slots.add(slot)
    oldest_first = [s for s in reversed(kept) if not s.name and s is not newest_first[0]]
    while oldest_first and size(kept) > MOST_BYTES:
        oldest = oldest_first.pop(0)
        kept.remove(oldest)
        gone.append(oldest)
    return gone


def _slot(snapshot: LabelSnapshot, now: float) -> str:
    """Return what a snapshot has its place in: itself, an hour or a day, as the clock on the wall counts them."""
    age = now - snapshot.time
    if age < _HOUR:
        return snapshot.id
    form = "%Y-%m-%d %H" if age < _DAY else "%Y-%m-%d"
    return clock.strftime(form, clock.localtime(snapshot.time))
