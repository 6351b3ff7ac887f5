"""A session in the panels: what they show follows it, and what they ask for is done in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QMessageBox

from annotations.classes import LANDCOVER_AI
from annotations.errors import PartialSegError
from napari_partialseg.moving import ask_and_move

if TYPE_CHECKING:
    from annotations.classes import ClassScheme
    from napari_partialseg.panels.board import Board
    from napari_partialseg.session.session import Session
    from trainer.config import WorkConfig

__all__ = ["Showing"]

_SCORE_MILLISECONDS = 1500


class Showing(QObject):
    """Keeps the panels in step with the session that is open.

    Parameters
    ----------
    board : Board
        The panels.

    Signals
    -------
    afresh()
        It was begun anew, with other weights.
    done(text)
        What came of what was asked for, in a few words.
    """

    afresh = Signal()
    done = Signal(str)

    def __init__(self, board: Board, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._board = board
        self._session: Session | None = None
        self._score = QTimer(self)
        self._score.setInterval(_SCORE_MILLISECONDS)
        self._score.timeout.connect(self._show_score)
        board.classes.selected.connect(self.choose_class)
        board.classes.moved.connect(self.move_labels)
        board.learn.train.connect(self.train)
        board.learn.pause.connect(lambda: self._session and self._session.worker.pause())
        board.learn.stop.connect(lambda: self._session and self._session.worker.stop_training())
        board.learn.afresh.connect(self.ask_afresh)
        board.draw.set_session(None)

    def set_session(self, session: Session | None) -> None:
        """Show this session from now on."""
        self._session = session
        self._board.draw.set_session(session)
        if session is None:
            self._clear()
            return
        session.worker.status.connect(lambda m: self._board.learn.show_state(m.state, m.text))
        session.worker.opened.connect(self._board.learn.show_opened)
        session.worker.progress.connect(self._board.learn.show_progress)
        session.worker.died.connect(lambda _: self._board.learn.show_state("died", "the worker is not running"))
        session.labels.changed.connect(self._show_counts)
        session.scheme_changed.connect(self._show_scheme)
        session.hand.changed.connect(self._show_class)
        self._board.learn.begin(session.worker.config)
        self._board.learn.set_ready(not session.read_only)
        self._show_scheme()
        self._show_counts()
        self._board.image.set_image(session.opened_image.ortho, editable=not session.read_only)
        if session.read_only:
            self._board.learn.show_state("stopped", "open for reading only")
        self._board.classes.select(0)
        self._show_class()
        self._score.start()

    def stop(self) -> None:
        """Follow no more; the panels stay as they are."""
        self._session = None
        self._score.stop()
        self._board.draw.set_session(None)

    def _clear(self) -> None:
        self._score.stop()
        self._board.image.set_image(None)
        self._board.learn.set_ready(False)
        self._board.learn.end()
        self._board.classes.set_scheme(LANDCOVER_AI)
        self._board.classes.set_counts([0] * len(LANDCOVER_AI))
        self._board.classes.show_ignored(0)

    # ------------------------------------------------------------------------------------------------- asked for

    def choose_class(self, index: int) -> None:
        """Draw with this class from now on, with the brush as with points."""
        if self._session is not None:
            self._session.hand.take_class(index)

    def edit_scheme(self, scheme: ClassScheme) -> None:
        """Give the session these classes; where it cannot have them, say why and show its own."""
        session = self._session
        if session is None:
            return
        try:
            session.labels.set_scheme(scheme)
        except PartialSegError as error:
            self._board.banner.say(str(error))
            self._board.classes.set_scheme(session.scheme)

    def move_labels(self, label: int, to: int) -> None:
        """Give all labels of a class to another one, or (-1) take them away, if a person says so."""
        session = self._session
        if session is not None:
            ask_and_move(self._board.classes, session, label, to, self.done.emit, lambda: session is self._session)

    def hold_move(self, held: bool) -> None:
        """Move the view while this is held."""
        if self._session is not None:
            self._session.hand.hold_move(held)

    def train(self) -> None:
        """Train from now on."""
        if self._session is not None:
            self._session.worker.train()

    def ask_afresh(self, config: WorkConfig) -> None:
        """Begin with new weights, if a person says so."""
        session, yes, no = self._session, QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        answer = QMessageBox.question(
            self._board.learn,
            "Start afresh?",
            "What the network has learnt is set aside (the file stays in the project) and training begins with new "
            "weights. Your labels are kept.",
            yes | no,
            no,
        )
        if answer == yes and session is not None and session is self._session:  # no other was opened meanwhile
            session.worker.start_afresh(config)
            self.afresh.emit()

    # ----------------------------------------------------------------------------------------------------- shown

    def _show_scheme(self) -> None:
        if self._session is not None and self._board.classes.scheme != self._session.scheme:
            self._board.classes.set_scheme(self._session.scheme)

    def _show_counts(self) -> None:
        if self._session is not None:
            now = self._session.snapshot()
            self._board.classes.set_counts(now.counts)
            self._board.classes.show_ignored(now.ignored)

    def _show_class(self) -> None:
        if self._session is not None:
            self._board.classes.select(self._session.hand.label)

    def _show_score(self) -> None:
        if self._session is not None:
            self._board.learn.show_score(self._session.score())
