"""How many CPU threads the worker uses: what the viewer and other programs leave free at the moment.

Two threads that have to share a core with somebody are slower than one that has a core of its own, and the viewer
stutters. While the user looks at the map, all cores are free; while they paint, the viewer needs one or more.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Crowd", "ThreadGovernor", "strangers_seconds", "threads_for", "used_seconds"]

_INTERVAL_SECONDS = 0.4
_STALE_SECONDS = 1.0
_FULL = 0.5  # share of the cores
_SPARE = 0.35  # a core that is busy for less than this share counts as free


def threads_for(cores: int, used_by_others: float) -> int:
    """Return how many threads to use when others keep this many cores busy (a fraction counts); at least 1."""
    return max(1, min(cores, int(cores - used_by_others + _SPARE)))


def used_seconds() -> tuple[float, float]:
    """Return the CPU seconds that everybody, and that this process, has used so far."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    own = psutil.Process().cpu_times()
    # guest time is counted within user time already
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return float(total - idle), float(own.user + own.system)


class ThreadGovernor:
    """Sets the number of threads, a few times a second.

    Parameters
    ----------
    cores : int
        The most threads to use.
    set_threads : callable
        Takes the number of threads.
    clock, used : callable
        Seconds, and what `used_seconds` returns; for tests.
    """

    def __init__(
        self,
        cores: int,
        set_threads: Callable[[int], object],
        *,
        clock: Callable[[], float] = time.monotonic,
        used: Callable[[], tuple[float, float]] = used_seconds,
    ) -> None:
        self._cores = cores
        self._set_threads = set_threads
        self._clock = clock
        self._used = used
        self._last = (clock(), *used())
        self.threads = cores
        self._where = threading.get_ident()

    def look(self) -> None:
        """Adjust the number of threads, if it is time."""
        if threading.get_ident() != self._where:  # torch keeps the number for each thread that computes
            self._where = threading.get_ident()
            self._set_threads(self.threads)
        then, all_then, own_then = self._last
        now = self._clock()
        if now - then < _INTERVAL_SECONDS:
            return
        everybody, own = self._used()
        self._last = (now, everybody, own)
        others = ((everybody - all_then) - (own - own_then)) / (now - then)
        threads = threads_for(self._cores, others)
        if threads != self.threads:
            self.threads = threads
            self._set_threads(threads)


def strangers_seconds() -> float:
    """Return the CPU seconds that others than this process and its parent, the viewer, have used so far."""
    everybody, own = used_seconds()
    try:
        times = psutil.Process().parent().cpu_times()
    except (AttributeError, psutil.Error):  # the viewer has gone
        return everybody - own
    return everybody - own - float(times.user + times.system)


class Crowd:
    """Whether other programs, the viewer apart, leave so little that who gives way to all gets nothing.

    Parameters
    ----------
    cores : int
        Of the machine.
    clock, used : callable
        Seconds, and what `strangers_seconds` returns; for tests.
    """

    def __init__(
        self,
        cores: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        used: Callable[[], float] = strangers_seconds,
    ) -> None:
        self._cores = cores
        self._clock = clock
        self._used = used
        self._last = (clock(), used())
        self._full = False

    def full(self) -> bool:
        """Return whether strangers kept at least half of the cores busy lately; True where that is not known."""
        then, used_then = self._last
        now = self._clock()
        if now - then >= _INTERVAL_SECONDS:
            used = self._used()
            self._last = (now, used)
            known = now - then < _STALE_SECONDS  # else there was nothing to do for long, and others may have come
            self._full = not known or (used - used_then) / (now - then) >= _FULL * self._cores
        return self._full
