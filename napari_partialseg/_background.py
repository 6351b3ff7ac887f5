"""Long jobs off the viewer's thread: each says how far it is, and ends soon after it is cancelled."""

from __future__ import annotations

import threading
import traceback
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

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
        Takes, in the thread, a result that came after the job was cancelled: to give back what it holds.

    Signals
    -------
    progress(part), done(result), failed(text)
        Arrive on the thread that made the job. After a cancelled job neither `done` nor `failed` comes.
    """

    progress = Signal(float)
    done = Signal(object)
    failed = Signal(str)

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
        self._thread = threading.Thread(target=self._run, name="partialseg-job", daemon=True)
        self.traceback = ""

    def start(self) -> Job:
        """Start the thread; return the job."""
        self._thread.start()
        return self

    def cancel(self) -> None:
        """Ask the function to stop."""
        self._cancel.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the thread; return whether it has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            result = self._function(progress=self.progress.emit, cancelled=self._cancel.is_set)
        except PartialSegError as error:
            self._tell(self.failed, str(error))
        except Exception as error:
            self.traceback = traceback.format_exc()
            self._tell(self.failed, f"Unexpected error: {type(error).__name__}: {error}")
        else:
            if self._cancel.is_set() and self._dropped is not None:
                self._dropped(result)
            self._tell(self.done, result)

    def _tell(self, signal: Any, value: object) -> None:
        if self._cancel.is_set():
            return
        try:
            signal.emit(value)
        except RuntimeError:  # the viewer was closed meanwhile and Qt's half of this object is gone
            return
