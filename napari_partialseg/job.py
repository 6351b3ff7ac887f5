"""Long jobs off the viewer's thread: each says how far it is, and ends soon after it is cancelled."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, Signal

from annotations.errors import PartialSegError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Job"]


class Job(QObject):
    """A function running in a thread of its own.

    Parameters
    ----------
    function : callable
        Called with two keyword arguments: `progress`, a function that takes the part done from 0 to 1, and `cancelled`,
        a function that says whether to stop. It may use neither Qt nor the viewer.
    parent : QObject, optional
        Owner.
    dropped : callable, optional
        Takes a result that came after the job was cancelled, or that nobody had been told of by then: to give back
        what it holds.

    Signals
    -------
    progress(part), done(result), failed(text)
        Arrive on the thread that made the job. After a cancelled job none of them comes, not even one that was on its
        way: a result waits in the job, and only what is still wanted is handed out.

    Attributes
    ----------
    error : BaseException or None
        What `failed` tells of, its traceback with it.
    """

    progress = Signal(float)
    done = Signal(object)
    failed = Signal(str)
    _part = Signal(float)
    _ended = Signal()

    def __init__(
        self,
        function: Callable[..., Any],
        parent: QObject | None = None,
        *,
        dropped: Callable[[Any], object] | None = None,
    ) -> None:
        super().__init__(parent)
        self._function = function
        self._dropped = dropped
        self._cancel = threading.Event()
        self._lock = threading.Lock()
        self._outcome: tuple[Any, Any] | None = None  # a signal and what it takes, until it is handed out
        self._thread = threading.Thread(target=self._run, name="partialseg-job", daemon=True)
        self.error: BaseException | None = None
        self._part.connect(self._tell_part, Qt.ConnectionType.QueuedConnection)
        self._ended.connect(self._hand_out, Qt.ConnectionType.QueuedConnection)

    def start(self) -> Job:
        """Start the thread; return the job."""
        self._thread.start()
        return self

    @property
    def cancelled(self) -> bool:
        """Whether nobody wants its result any more."""
        return self._cancel.is_set()

    def cancel(self) -> None:
        """Ask the function to stop; a result that is there but was not handed out is given back at once."""
        with self._lock:
            self._cancel.set()
            outcome, self._outcome = self._outcome, None
        self._give_back(outcome)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the thread; return whether it has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            outcome = (self.done, self._function(progress=self._say_part, cancelled=self._cancel.is_set))
        except PartialSegError as error:
            self.error = error
            outcome = (self.failed, str(error))
        except Exception as error:
            self.error = error
            outcome = (self.failed, f"Unexpected error: {type(error).__name__}: {error}")
        del self._function  # with all that it holds: this object stays as long as its owner
        with self._lock:
            wanted = not self._cancel.is_set()
            if wanted:
                self._outcome = outcome
        if not wanted:
            self._give_back(outcome)
            return
        try:
            self._ended.emit()
        except RuntimeError:  # the viewer was closed meanwhile and Qt's half of this object is gone
            self.cancel()

    def _give_back(self, outcome: tuple[Any, Any] | None) -> None:
        if outcome is not None and self.error is None and self._dropped is not None:
            self._dropped(outcome[1])

    def _say_part(self, part: float) -> None:
        try:
            self._part.emit(part)
        except RuntimeError:  # as above
            return

    def _tell_part(self, part: float) -> None:
        if not self._cancel.is_set():
            self.progress.emit(part)

    def _hand_out(self) -> None:
        with self._lock:
            outcome, self._outcome = self._outcome, None
        if outcome is not None:
            outcome[0].emit(outcome[1])
