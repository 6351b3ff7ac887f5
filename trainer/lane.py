"""A thread that computes only with what nobody else wants: for while the hand is on the canvas.

A process that has given way to all others (SCHED_IDLE) may not come back from there by itself, but each thread has a
priority of its own. So there are two threads to compute in, and the work goes to the one or the other.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PoliteLane"]


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
        if hasattr(os, "SCHED_IDLE"):
            with contextlib.suppress(OSError):  # some containers do not allow it
                os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # 0: this thread alone
        while True:
            function = self._work.get()
            try:
                self._results.put(function())
            except BaseException as error:
                self._results.put(error)
