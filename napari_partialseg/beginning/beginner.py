"""Leads through the first five minutes: what to open, the first strokes, and Train pressed by itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from platformdirs import user_data_path
from qtpy.QtCore import QObject, Signal

from annotations.sample import sample_paths
from napari_partialseg.beginning.advice import Beginning, advice
from napari_partialseg.job import Job
from napari_partialseg.preferences import prefer, read_preferences
from napari_partialseg.recent import forget, note_opened, read_recent

if TYPE_CHECKING:
    from pathlib import Path

    from napari_partialseg.panels.board import Board
    from napari_partialseg.session.session import Session
    from napari_partialseg.session.snapshot import Snapshot

__all__ = ["Beginner", "sample_project"]

_SAMPLE_PROJECT = "sample.partialseg"


def sample_project() -> Path:
    """Return the folder of the sample's project: not beside the sample, for a cache may be emptied, and labels not."""
    return user_data_path("partialseg", appauthor=False) / _SAMPLE_PROJECT


class Beginner(QObject):
    """Serves the panel while nothing is open, and whoever draws their first strokes.

    Parameters
    ----------
    board : Board
        The panels.

    Signals
    -------
    wanted(path, folder, truth)
        Something is to be opened: a raster with the folder of its project and its truth, or a project, and None twice.
    failed(text)
        Something could not be done; the text says why.
    """

    wanted = Signal(object, object, object)
    failed = Signal(str)

    def __init__(self, board: Board, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._board = board
        self._session: Session | None = None
        self._job: Job | None = None
        self._begun = False  # whether Train was pressed, or the person wants none
        self._guided = False
        self._mapped = False
        self._corrections = 0
        board.welcome.sample.connect(self.open_sample)
        board.welcome.project.connect(lambda path: self.wanted.emit(path, None, None))
        board.welcome.forget.connect(self._forget)
        board.first_steps.dismissed.connect(self._know_how)
        board.learn.show_by_itself(read_preferences().train_by_itself)
        board.learn.by_itself.connect(lambda on: prefer(train_by_itself=on))
        for wish in (board.learn.train, board.learn.pause, board.learn.stop):
            wish.connect(self._person_decides)
        self._show_recent()

    def set_session(self, session: Session | None) -> None:
        """Serve this session from now on."""
        self._session = session
        self._begun = self._mapped = False
        self._corrections = 0
        if session is None:
            self._show_recent()
            self._board.first_steps.say("")
            return
        now = session.snapshot()
        note_opened(now.project, now.name)
        self._guided = not session.read_only and not _enough(now) and read_preferences().guided
        self._show_recent()
        session.labels.changed.connect(self._labels_changed)
        session.hand.changed.connect(self._advise)
        session.worker.tiles.connect(self._map_came)
        self._advise()

    def stop(self) -> None:
        """Begin nothing more."""
        self._session = None
        if self._job is not None:
            self._job.cancel()

    # ------------------------------------------------------------------------------------------------------ opening

    def open_sample(self) -> None:
        """Make the sample, where it is not there yet, and open it."""

        def make(**tools: Any) -> tuple[Path, Path]:
            return sample_paths()

        job = self._job = Job(make, self)
        job.done.connect(self._sample_made)
        job.failed.connect(self._sample_failed)
        self._board.welcome.show_busy(busy=True)
        job.start()

    def _sample_made(self, paths: tuple[Path, Path]) -> None:
        self._board.welcome.show_busy(busy=False)
        folder = sample_project()
        folder.parent.mkdir(parents=True, exist_ok=True)
        self.wanted.emit(paths[0], folder, paths[1])

    def _sample_failed(self, text: str) -> None:
        self._board.welcome.show_busy(busy=False)
        self.failed.emit(f"The sample could not be made: {text}")

    def _forget(self, project: Path) -> None:
        forget(project)
        self._show_recent()

    def _show_recent(self) -> None:
        self._board.welcome.show_recent(read_recent(), time.time())
        self._board.layout.show_empty(empty=self._session is None)

    # -------------------------------------------------------------------------------------------------- first strokes

    def _labels_changed(self) -> None:
        session = self._session
        if session is None:
            return
        self._corrections += self._mapped
        self._train_by_itself()
        self._advise()

    def begun_afresh(self) -> None:
        """Train from the new weights, where that goes by itself."""
        self._begun = False
        self._train_by_itself()

    def _person_decides(self) -> None:
        self._begun = True

    def _train_by_itself(self) -> None:
        """Press Train, once, when two classes have labels; a head needs none, its fit is a map at once."""
        session = self._session
        if session is None or session.read_only or self._begun or _at_once(session):
            return
        if self._board.learn.wants_by_itself and _enough(session.snapshot()):
            self._begun = True
            session.worker.train()

    def _map_came(self, _: object) -> None:
        if not self._mapped:
            self._mapped = True
            self._advise()

    def _know_how(self) -> None:
        prefer(guided=False)
        self._guided = False
        self._board.first_steps.say("")

    def _advise(self) -> None:
        session = self._session
        if session is None or not self._guided:
            self._board.first_steps.say("")
            return
        now = session.snapshot()
        by_itself = _at_once(session) or self._board.learn.wants_by_itself
        text = advice(Beginning(now.scheme, now.counts, now.label, self._mapped, self._corrections, by_itself))
        if text:
            self._board.first_steps.say(text)
        else:
            self._know_how()


def _enough(now: Snapshot) -> bool:
    return sum(count > 0 for count in now.counts) >= 2


def _at_once(session: Session) -> bool:
    return session.worker.config.live.method == "head"
