"""What serves a panel with the session that is open: one job after another, dropped when the session goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_partialseg.job import Job

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_partialseg.session.session import Session

__all__ = ["Desk"]


class Desk(QObject):
    """Begins jobs for a session, and hands on what comes of them while that session is open.

    Signals
    -------
    failed(text)
        Something could not be done; the text says why and what to do.
    """

    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session: Session | None = None
        self._job: Job | None = None

    @property
    def session(self) -> Session | None:
        """What it works on."""
        return self._session

    def set_session(self, session: Session | None) -> None:
        """Work on this session from now on; what is under way for the one before is dropped."""
        self._drop_job()
        self._session = session

    def _start(
        self,
        function: Callable[..., Any],
        done: Callable[[Session, Any], object],
        *,
        failed: Callable[[str], object] | None = None,
        progress: Callable[[float], object] | None = None,
    ) -> None:
        """Run a function off the viewer's thread.

        Parameters
        ----------
        function : callable
            As `Job` takes it.
        done : callable
            Takes the session and the result; not called when another session is open by then.
        failed : callable, optional
            Takes the reason; by default it is told.
        progress : callable, optional
            Takes the part done, 0 to 1.
        """
        session = self._session

        def finish(result: Any) -> None:
            if session is not None and session is self._session:
                done(session, result)

        self._job = Job(function, self)
        self._job.done.connect(finish)
        self._job.failed.connect(self.failed.emit if failed is None else failed)
        if progress is not None:
            self._job.progress.connect(progress)
        self._job.start()

    def _drop_job(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job = None
