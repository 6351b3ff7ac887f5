"""Serves the panel of notes: pins them to the image, shows them there, writes them as files."""

from __future__ import annotations

import time as clock
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog

from annotations.disk.files import write_atomically
from annotations.disk.full import why_not_written
from annotations.errors import PartialSegError
from annotations.export.targets import check_target, shown
from annotations.labels.points import inside_image
from annotations.notes.note_files import ENDINGS, notes_file
from annotations.notes.notes import Notes
from napari_partialseg.history.notes_layer import NotesLayer
from napari_partialseg.jobs.desk import Desk
from napari_partialseg.panels.export import with_ending
from trainer.opened.export import protected_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotations.notes.notes import Note
    from napari_partialseg.panels.notes import NotesPanel
    from napari_partialseg.session.session import Session

__all__ = ["NotesDesk", "write_file"]

_KINDS = "Table (*.csv);;GeoJSON (*.geojson)"


class NotesDesk(Desk):
    """Keeps the notes of a session.

    Parameters
    ----------
    panel : NotesPanel
        Its table and buttons.

    Signals
    -------
    done(text)
        Something was done, in words.
    look_at(row, column)
        A place of the image is to be seen.
    added()
        A note is there, whose text is to be edited now.
    """

    done = Signal(str)
    look_at = Signal(float, float)
    added = Signal()

    def __init__(self, panel: NotesPanel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._panel = panel
        self._notes: Notes | None = None
        self._layer: NotesLayer | None = None
        self._gone: Note | None = None
        panel.add.connect(self.add_in_view)
        panel.edited.connect(lambda number, text: self._change(lambda notes: notes.edit(number, text)))
        panel.go_to.connect(self._go_to)
        panel.delete.connect(self.delete)
        panel.bring_back.connect(self.bring_back)
        panel.shown_on_image.connect(lambda _: self._show())
        panel.export.connect(self._ask)

    def set_session(self, session: Session | None) -> None:
        """Serve this session from now on."""
        if self.session is not None:
            self.session.note_here.disconnect(self.add_here)
        if self._layer is not None:
            self._layer.stop()
        super().set_session(session)
        self._notes = self._layer = self._gone = None
        if session is not None:
            opened = session.opened_image
            self._notes = Notes(opened.entry.files.notes, opened.ortho.shape, writable=not session.read_only)
            self._layer = NotesLayer(session, lambda: self._panel.set_on_image(False))
            session.note_here.connect(self.add_here)
            if self._notes.problem:
                self.failed.emit(self._notes.problem)
        self._show()

    @property
    def notes(self) -> list[Note]:
        """The notes of the session."""
        return [] if self._notes is None else self._notes.all()

    # ---------------------------------------------------------------------------------------------------- changing

    def add_here(self) -> None:
        """Pin a note to the place under the pointer; where that is not on the image, to the middle of the view."""
        session = self.session
        if session is None:
            return
        row, column = session.layers.labels.world_to_data(session.viewer.cursor.position)[-2:]
        if inside_image(session.opened_image.ortho.shape, row, column):
            self._add(float(row), float(column))
        else:
            self.add_in_view()

    def add_in_view(self) -> None:
        """Pin a note to the middle of the view."""
        session = self.session
        if session is not None:
            row, column = session.layers.labels.world_to_data(session.viewer.scene.camera.center[-2:])
            self._add(float(row), float(column))

    def _add(self, row: float, column: float) -> None:
        session = self.session
        if session is None or self._notes is None:
            return
        if session.read_only:
            self.done.emit("open for reading only: no note was added")
            return
        made: list[Note] = []
        text = f"note {max((n.number for n in self.notes), default=0) + 1}"
        self._panel.set_on_image(True)
        self._change(lambda notes: made.append(notes.add(row, column, text, clock.time())))
        if made:
            self.added.emit()
            self._panel.begin_edit(made[0].number)

    def delete(self, number: int) -> None:
        """Take a note away; the last one can be brought back."""
        gone: list[Note] = []
        self._change(lambda notes: gone.append(notes.remove(number)))
        if gone:
            self._gone = gone[0]
            self._show()

    def bring_back(self) -> None:
        """Take up the note again that was taken away last."""
        note, self._gone = self._gone, None
        if note is not None:
            self._change(lambda notes: notes.put_back(note))

    def _change(self, act: Callable[[Notes], object]) -> None:
        if self._notes is None or self.session is None:
            return
        try:
            self.session.opened_image.project.check_held()
            act(self._notes)
        except PartialSegError as error:
            self.failed.emit(str(error))
        self._show()

    def _show(self) -> None:
        session, notes = self.session, self.notes
        writable = session is not None and not session.read_only
        self._panel.show_notes(notes, writable=writable, deleted=self._gone is not None)
        if self._layer is not None:
            self._layer.show(notes if self._panel.on_image else [])

    def _go_to(self, number: int) -> None:
        for note in self.notes:
            if note.number == number:
                self.look_at.emit(note.row, note.column)

    # --------------------------------------------------------------------------------------------------- exporting

    def _ask(self) -> None:
        session = self.session
        if session is None:
            return
        ortho = session.opened_image.ortho
        start = str(ortho.path.with_name(f"{ortho.name}_notes"))
        chosen, kind = QFileDialog.getSaveFileName(self._panel, "Export notes", start, _KINDS)
        if chosen and self._still_open(session):
            self.export(Path(with_ending(chosen, _KINDS, kind)))

    def export(self, path: Path) -> None:
        """Write the notes as a file, of a kind that its ending says."""
        session, notes = self.session, self.notes
        if session is None:
            return
        georeference = session.opened_image.ortho.georeference
        protected = (*protected_files(session.opened_image), *session.mask_files)

        def write(**_: Any) -> Path:
            target = check_target(path, endings=ENDINGS, protected=protected)
            return write_file(target, notes_file(notes, georeference, target.suffix.lower(), shown(target)))

        self._start(write, lambda _, written: self.done.emit(f"written: {written}"))


def write_file(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all; PartialSegError where it cannot be."""
    try:
        write_atomically(path, content)
    except OSError as error:
        raise PartialSegError(
            f"{shown(path)}: could not be written: {why_not_written(error)}. Make room or choose another place; what "
            "was there is untouched."
        ) from error
    return path
