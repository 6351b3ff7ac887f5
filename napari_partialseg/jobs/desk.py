"""What serves a panel with the session that is open: its jobs are dropped when the session goes."""

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
        self._jobs: list[Job] = []  # under way

    @property
    def session(self) -> Session | None:
        """What it works on."""
        return self._session

    def set_session(self, session: Session | None) -> None:
        """Work on this session from now on; what is under way for the one before is dropped."""
        self._drop_jobs()
        self._session = session

    def _still_open(self, session: Session) -> bool:
        """Whether this session is open after a question was answered; where it is not, tell that nothing was done."""
        if session is not self._session:
            self.failed.emit("Nothing was done: another project was opened, or this one closed, before the answer.")
        return session is self._session

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
            Takes the session and the result; once another session is open neither this nor the others are called.
        failed : callable, optional
            Takes the reason; by default it is told.
        progress : callable, optional
            Takes the part done, 0 to 1.
        """

        def finish(result: Any) -> None:
            if self._session is not None:  # the one that it was begun for
                done(self._session, result)

        job = Job(function, self)
        self._jobs.append(job)
        job.done.connect(finish)
        job.failed.connect(self.failed.emit if failed is None else failed)
        if progress is not None:
            job.progress.connect(progress)
        for ended in (job.done, job.failed):
            ended.connect(lambda _: self._forget(job))
        job.start()

    def _forget(self, job: Job) -> None:
        """Let a job go that has told what came of it, and what it holds: the copy of a map is large."""
        if job in self._jobs:
            self._jobs.remove(job)
        job.wait()
        job.deleteLater()

    def _drop_jobs(self) -> None:
        for job in self._jobs:
            job.cancel()
        self._jobs.clear()
