"""Serves the table of work: notes when somebody works, and adds up what was done."""

from __future__ import annotations

import time as clock
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QFileDialog

from annotations.errors import PartialSegError
from annotations.export.targets import check_target
from annotations.history.activity import ActivityClock, Span, read_spans, write_spans
from annotations.history.work_table import WorkTable, as_csv, pixels_of_strokes, work_table
from napari_partialseg.history.notes_desk import write_file
from napari_partialseg.jobs.desk import Desk
from napari_partialseg.panels.export import with_ending
from trainer.opened.export import protected_files

if TYPE_CHECKING:
    from napari_partialseg.panels.work_time import WorkTimePanel
    from napari_partialseg.session.session import Session

__all__ = ["TimeDesk"]

_NOTE_MILLISECONDS = 60_000
_LOOK_MILLISECONDS = 3_000
_KIND = "Table (*.csv)"


class TimeDesk(Desk):
    """Notes activity in the project's file, and keeps the table up to date while it is in sight.

    Parameters
    ----------
    panel : WorkTimePanel
        The table.

    Signals
    -------
    done(text)
        Something was done, in words.
    """

    done = Signal(str)

    def __init__(self, panel: WorkTimePanel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._panel = panel
        self._clock = ActivityClock()
        self._unsaved: list[Span] = []
        self._stale = True
        self._reading = False
        self._events: list[Any] = []
        self._note = QTimer(self)
        self._note.setInterval(_NOTE_MILLISECONDS)
        self._note.timeout.connect(lambda: self.write_down(wait=False))
        self._look = QTimer(self)
        self._look.setInterval(_LOOK_MILLISECONDS)
        self._look.timeout.connect(self._refresh)
        panel.shown.connect(self._refresh)
        panel.export.connect(self._ask)

    def set_session(self, session: Session | None) -> None:
        """Serve this session from now on."""
        if self.session is not None:
            self._clock.end()
            self.write_down(wait=True)
            self._follow(self.session, False)
        super().set_session(session)
        self._clock, self._unsaved, self._stale, self._reading = ActivityClock(), [], True, False
        self._panel.show_work(WorkTable(), ())
        for timer in (self._note, self._look):
            timer.stop() if session is None else timer.start()
        if session is not None:
            self._follow(session, True)
            self._refresh()

    def _follow(self, session: Session, on: bool) -> None:
        """Follow what a person does, or no more: pointer, view, class, tool, strokes."""
        viewer = session.viewer
        camera = viewer.scene.camera.events
        signals = (session.hand.changed, session.labels.changed)
        if on:
            camera.center.connect(self._touch)
            camera.zoom.connect(self._touch)
            viewer.mouse_move_callbacks.append(self._moved)
            for signal in signals:
                signal.connect(self._touch)
            session.labels.changed.connect(self._changed)
            return
        camera.center.disconnect(self._touch)
        camera.zoom.disconnect(self._touch)
        if self._moved in viewer.mouse_move_callbacks:
            viewer.mouse_move_callbacks.remove(self._moved)
        for signal in signals:
            signal.disconnect(self._touch)
        session.labels.changed.disconnect(self._changed)

    def _touch(self, *_: object) -> None:
        self._clock.touch(clock.time())

    def _moved(self, *_: object) -> None:
        self._clock.touch(clock.time())

    def _changed(self) -> None:
        self._stale = True

    def write_down(self, *, wait: bool) -> None:
        """Add what was done since the last time to the project's file; what fails is tried again in a minute."""
        session = self.session
        self._unsaved += self._clock.take(clock.time())
        if session is None or session.read_only or not self._unsaved:
            return
        path, project, spans = session.opened_image.entry.files.activity, session.opened_image.project, self._unsaved

        def write(**_: Any) -> None:
            project.check_held()
            write_spans(path, spans)

        self._unsaved = []
        if wait:
            with suppress(OSError, PartialSegError):
                write()
            return
        self._start(write, lambda *_: None, failed=lambda _: self._unsaved.extend(spans))

    # ----------------------------------------------------------------------------------------------------- showing

    def _refresh(self) -> None:
        session = self.session
        if session is None or not self._panel.isVisible() or not self._stale or self._reading:
            return
        self._stale, self._reading = False, True
        self._unsaved += self._clock.take(clock.time())
        opened, mine = session.opened_image, list(self._unsaved)

        def read(**_: Any) -> WorkTable:
            spans = [*read_spans(opened.entry.files.activity), *mine]
            return work_table(opened.store.strokes(), spans, pixels_of_strokes(opened.labels, opened.strokes))

        def show(session: Session, table: WorkTable) -> None:
            self._reading = False
            self._panel.show_work(table, session.scheme.names)

        self._start(read, show, failed=self._not_read)

    def _not_read(self, text: str) -> None:
        self._reading = False
        self.failed.emit(text)

    def _ask(self) -> None:
        session = self.session
        if session is None:
            return
        ortho = session.opened_image.ortho
        start = str(ortho.path.with_name(f"{ortho.name}_work.csv"))
        chosen, _ = QFileDialog.getSaveFileName(self._panel, "Export the table of work", start, _KIND)
        if chosen and self._still_open(session):
            self.export(Path(with_ending(chosen, _KIND)))

    def export(self, path: Path) -> None:
        """Write the table as CSV."""
        session = self.session
        if session is None:
            return
        content = as_csv(self._panel.work, session.scheme.names).encode("utf-8-sig", "replace")
        protected = (*protected_files(session.opened_image), *session.mask_files)

        def write(**_: Any) -> Path:
            return write_file(check_target(path, endings=(".csv",), protected=protected), content)

        self._start(write, lambda _, written: self.done.emit(f"written: {written}"))
