"""One thread that writes what it is given, in order, and keeps what it could not write."""

from __future__ import annotations

import atexit
import concurrent.futures.thread  # noqa: F401, for its place in the order of things at exit
import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BackgroundWriter"]

_RETRY_SECONDS: Final = 1.0
_MAX_BATCH: Final = 64
_log = logging.getLogger(__name__)

T = TypeVar("T")

# Writers that nobody closed, a viewer that ends by an exception for example.
_open_writers: set[BackgroundWriter[Any]] = set()


def _close_all() -> None:
    for writer in list(_open_writers):
        writer.close(10)


# What zarr writes with is gone by the time that `atexit` calls. Threading's own list, private as it is, is called
# earlier, last registered first: so ours must come after that of the module imported here for it.
getattr(threading, "_register_atexit", atexit.register)(_close_all)


class BackgroundWriter(Generic[T]):
    """Writes items in a thread of its own, in the order in which they come, several at a time where they queue up.

    A batch that fails stays, and is tried again every second and at every `flush`: `write` must bear being called again
    with items that were partly written.

    Parameters
    ----------
    write : callable(list of T)
        Writes a batch, or raises.
    saved : callable(T)
        Called in the thread for each item that is written.
    failed : callable(Exception) -> Exception
        Called in the thread when writing begins to fail; returns what `last_error` shows.
    alone : callable(T), optional
        Whether an item makes a batch of its own: all before it are written by then, and none after it.
    """

    def __init__(
        self,
        write: Callable[[list[T]], None],
        saved: Callable[[T], None],
        failed: Callable[[Exception], Exception],
        *,
        alone: Callable[[T], bool] = lambda item: False,
    ) -> None:
        """Start the thread."""
        self._write, self._saved, self._failed, self._alone = write, saved, failed, alone
        self._condition = threading.Condition()
        self._queue: deque[T] = deque()
        self._batch: list[T] = []
        self._attempts = 0
        self._last_failure = 0
        self._hurry = False
        self._closing = self._discarding = False
        self._then: Callable[[], object] | None = None
        self.last_error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="label-writer", daemon=True)
        self._thread.start()
        _open_writers.add(self)

    @property
    def alive(self) -> bool:
        """Whether items are still taken."""
        return self._thread.is_alive() and not self._closing

    @property
    def discarding(self) -> bool:
        """Whether what is being written is not wanted any more."""
        return self._discarding

    @property
    def pending(self) -> int:
        """How many items are not written yet."""
        with self._condition:
            return len(self._queue) + len(self._batch)

    def put(self, item: T) -> None:
        """Add an item and return at once."""
        with self._condition:
            self._queue.append(item)
            self._condition.notify_all()

    def flush(self, timeout: float | None = None) -> bool:
        """Write now and wait; False after `timeout` seconds, or when an attempt begun after this call failed."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._condition:
            before, self._hurry = self._attempts, True
            self._condition.notify_all()
            while self._queue or self._batch:
                if not self._thread.is_alive() or self._last_failure > before:
                    return False
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return False
                self._condition.wait(left)
            return True

    def close(self, timeout: float | None = 10) -> bool:
        """Write what is left and end the thread; where that fails, return False and go on trying."""
        if not self._thread.is_alive():
            return self.pending == 0
        if not self.flush(timeout):
            return False
        with self._condition:
            if self._queue or self._batch:  # handed over meanwhile: it may fail, and must not be waited for without end
                return False
            self._closing = True
            self._condition.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join()
        _open_writers.discard(self)
        return True

    def discard(self, timeout: float | None = 10, *, then: Callable[[], object] | None = None) -> bool:
        """Forget what is not written, and end the thread.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait for a write that is under way.
        then : callable, optional
            Called when no write can come any more: now, or by the thread itself where it hangs in a write.

        Returns
        -------
        bool
            Whether the thread has ended.
        """
        with self._condition:
            self._closing = self._discarding = True
            self._queue.clear()
            alone = not self._thread.is_alive()
            self._then = None if alone else then
            self._condition.notify_all()
        if not alone and threading.current_thread() is not self._thread:
            self._thread.join(timeout)
        _open_writers.discard(self)
        if alone and then is not None:
            then()
        return not self._thread.is_alive()

    def _run(self) -> None:
        self._work()
        with self._condition:
            then, self._then = self._then, None
        if then is not None:
            then()

    def _work(self) -> None:
        while self._wait():
            try:
                self._write(self._batch)
            except Exception as error:  # whatever it is: the data must be kept and the person told
                self._note(error)
                continue
            with self._condition:
                done, self._batch = self._batch, []
                self.last_error = None
                self._condition.notify_all()
            for item in done:
                self._call(self._saved, item)

    def _wait(self) -> bool:
        """Fill the batch, waiting for items or for the next attempt; False when the thread is to end."""
        with self._condition:
            if self.last_error is not None:
                self._condition.wait_for(lambda: self._hurry or self._discarding, _RETRY_SECONDS)
            self._condition.wait_for(lambda: self._queue or self._batch or self._closing)
            if self._discarding:
                self._batch = []
                self._condition.notify_all()
                return False
            if not self._queue and not self._batch:
                return False
            self._hurry = False
            self._attempts += 1
            # What failed goes again and in front; later items for the same chunks are then written with it in one go.
            while self._queue and len(self._batch) < _MAX_BATCH and self._joins(self._queue[0]):
                self._batch.append(self._queue.popleft())
            return True

    def _joins(self, item: T) -> bool:
        """Whether an item may be written together with the batch so far."""
        return not self._batch or not (self._alone(item) or self._alone(self._batch[-1]))

    def _note(self, error: Exception) -> None:
        with self._condition:
            first = self.last_error is None
            self._last_failure = self._attempts
            if first:
                self.last_error = error
        if first:
            told = self._call(self._failed, error)
            if isinstance(told, Exception):
                self.last_error = told
        with self._condition:
            self._condition.notify_all()

    @staticmethod
    def _call(function: Callable[..., object], argument: object) -> object:
        """Call a callback; an error in it must not end the thread that saves the labels."""
        try:
            return function(argument)
        except Exception:
            _log.exception("a callback of the label writer failed")
            return None
