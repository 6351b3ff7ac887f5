"""The desks of the section History, which begin and end together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_partialseg.history.left_desk import LeftDesk
from napari_partialseg.history.notes_desk import NotesDesk
from napari_partialseg.history.snapshot_desk import SnapshotDesk
from napari_partialseg.history.time_desk import TimeDesk

if TYPE_CHECKING:
    from annotations.region import Region
    from napari_partialseg.panels.board import Board
    from napari_partialseg.session.session import Session

__all__ = ["HistoryDesks"]

_MARGIN = 1.2


class HistoryDesks(QObject):
    """Serves the section with the session that is open.

    Parameters
    ----------
    board : Board
        The panels.

    Signals
    -------
    failed(text)
        Something could not be done; the text says why and what to do.
    done(text)
        Something was done, in words.
    """

    failed = Signal(str)
    done = Signal(str)

    def __init__(self, board: Board, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._board = board
        self._session: Session | None = None
        panel = board.history
        self.snapshots = SnapshotDesk(panel.snapshots, self)
        self.notes = NotesDesk(panel.notes, self)
        self.time = TimeDesk(panel.time, self)
        self.left = LeftDesk(board.layout.sections, self)
        for desk in (self.snapshots, self.notes, self.time):
            desk.failed.connect(self.failed)
            desk.done.connect(self.done)
        self.snapshots.look_at.connect(self._look_at_region)
        self.snapshots.compared.connect(lambda: board.layout.bring_into_view(panel.snapshots.last))
        self.notes.look_at.connect(self._look_at)
        self.notes.added.connect(self._bring_up_notes)

    def set_session(self, session: Session | None) -> None:
        """Serve this session from now on."""
        self._session = session
        for desk in (self.left, self.snapshots, self.notes, self.time):
            desk.set_session(session)

    def _look_at(self, row: float, column: float) -> None:
        """Bring a place into the middle of the view."""
        if self._session is not None:
            camera, scale = self._session.viewer.scene.camera, self._session.layers.labels.scale
            camera.center = (*camera.center[:-2], row * scale[-2], column * scale[-1])

    def _look_at_region(self, region: Region) -> None:
        """Bring a part of the image into view, with a margin."""
        if self._session is None:
            return
        viewer, scale = self._session.viewer, self._session.layers.labels.scale
        height, width = (float(v) for v in viewer.canvas.size)
        zooms = height / (region.height * scale[-2]), width / (region.width * scale[-1])
        self._look_at((region.top + region.bottom - 1) / 2, (region.left + region.right - 1) / 2)
        viewer.scene.camera.zoom = min(min(zooms) / _MARGIN, 8.0 / float(scale[-1]))

    def _bring_up_notes(self) -> None:
        section = self._board.layout.sections["History"]
        section.expand()
        self._board.history.bring_up(self._board.history.notes)
        self._board.layout.bring_into_view(self._board.history.notes)
