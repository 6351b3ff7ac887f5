"""A thread that gives way to all others: for while somebody draws.

A process that has given way may not come back from there by itself, but each thread has a priority of its own. So there
are two threads to compute in, and the work goes to the one or the other.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PoliteLane"]

_NICE: Final = 19  # not SCHED_IDLE: a step begun there may take minutes where other programs come meanwhile


class PoliteLane:
    """Runs functions, one at a time, in a thread at the lowest priority; the caller waits."""

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[Callable[[], bool]] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[bool | BaseException] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def run(self, function: Callable[[], bool]) -> bool:
        """Run a function and return what it returns; what it raises is raised here."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="polite", daemon=True)
            self._thread.start()
        self._work.put(function)
        result = self._results.get()
        if isinstance(result, BaseException):
            raise result
        return result

    def _loop(self) -> None:
        if sys.platform == "linux":  # where each thread has a priority of its own
            with contextlib.suppress(OSError):  # some containers do not allow it
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        while True:
            function = self._work.get()
            try:
                self._results.put(function())
            except BaseException as error:
                self._results.put(error)
