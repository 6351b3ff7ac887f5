"""From the press of an export button to the file: has the rest predicted, takes a copy, writes it in a thread."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog, QMessageBox
from superqt.utils import QSignalDebouncer

from annotations.cleaning.cleaning import AS_IT_IS, Cleaning
from annotations.errors import PartialSegError
from annotations.export.targets import GEOTIFF, POLYGONS, check_target, shown
from napari_partialseg.jobs.desk import Desk
from napari_partialseg.panels.export import KINDS, ExportPanel, with_ending
from napari_partialseg.words import as_text
from trainer import protocol
from trainer.opened.export import NEEDS_PREDICTION, Content, protected_files, write

if TYPE_CHECKING:
    from napari_partialseg.session.session import Session

__all__ = ["Exporter"]

_SILENT_SECONDS = 120.0
_AFTER_PROBLEM_SECONDS = 10.0


class Exporter(Desk):
    """Serves an export panel.

    Parameters
    ----------
    panel : ExportPanel
        Its buttons and bar.

    Signals
    -------
    written(path)
        A file is there.
    """

    written = Signal(object)

    def __init__(self, panel: ExportPanel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._panel = panel
        self._waiting: tuple[str, Path] | None = None  # for the worker to have predicted everything
        self._predicting = False  # whether the worker has begun to, since it was asked
        self._complete: tuple[int, Path | None] | None = None  # step and network of a prediction without gaps
        self._cleaning = AS_IT_IS
        self._trouble = ""  # what the worker said since it was asked
        self._kinds: dict[str, str] = {}  # of the files written for this session, by place
        self._silence = QSignalDebouncer(parent=self)
        self._silence.triggered.connect(self._worker_is_silent)
        panel.export.connect(self._ask)
        panel.cancel.connect(self.cancel)

    def set_session(self, session: Session | None) -> None:
        """Export from this session from now on."""
        self.drop()
        if self.session is not None:
            self.session.client.received.disconnect(self._heard)
        super().set_session(session)
        self._complete = None
        self._kinds.clear()
        if session is not None:
            session.worker.saved.connect(self._saved)
            session.worker.died.connect(self._worker_died)
            session.client.received.connect(self._heard)

    def set_cleaning(self, cleaning: Cleaning) -> None:
        """Smooth map and polygons so from now on."""
        self._cleaning = cleaning

    def export(self, kind: str, path: str | Path) -> None:
        """Write a file of a kind of `KINDS`, replacing one that is there.

        The worker first predicts everything with the newest weights, unless it has already. What must not be replaced
        is refused before any of that.
        """
        session = self.session
        if session is None:
            return
        needs, learning = kind in NEEDS_PREDICTION, session.worker.learning
        if needs and not learning.step and not session.opened_image.has_prediction:
            self.failed.emit("There is no map to export yet: draw strokes of two classes and press Train first.")
            return
        try:
            target = self._checked(kind, Path(path))
        except PartialSegError as error:
            self.failed.emit(str(error))
            return
        current = self._complete is not None and self._complete[0] == learning.step
        if needs and learning.step and not session.read_only and session.client.running and not current:
            self._waiting = (kind, target)
            self._predicting = False
            self._trouble = ""
            self._panel.show_busy("predicting the whole image")
            self._wait(_SILENT_SECONDS)
            session.client.send(protocol.PredictAll())
        else:
            self._write(kind, target)

    def cancel(self) -> None:
        """Give up what is under way; training goes on if it was on."""
        session = self.session
        if session is not None and self._waiting is not None:
            session.client.send(protocol.Train() if session.worker.learning.wanted else protocol.Pause())
        self.drop()

    def drop(self) -> None:
        """Give up what is under way, and do not tell the worker."""
        self._waiting = None
        self._silence.cancel()
        self._drop_jobs()
        self._panel.show_busy("")

    # ---------------------------------------------------------------------------------------------------- asking

    def _ask(self, kind: str) -> None:
        session = self.session
        if session is None:
            return
        ortho = session.opened_image.ortho
        text, kinds, _ = KINDS[kind]
        start = ortho.path.with_name(f"{ortho.name}_{kind}")
        chosen, chosen_filter = _choose_name(self._panel, text.rstrip("…"), str(start), kinds)
        if not chosen or not self._still_open(session):
            return
        path = Path(with_ending(chosen, kinds, chosen_filter))
        try:
            target = self._checked(kind, path)
        except PartialSegError as error:
            self.failed.emit(str(error))
            return
        if os.path.lexists(target) and not self._may_replace(target):
            return
        if self._still_open(session):
            self.export(kind, target)

    def _may_replace(self, path: Path) -> bool:
        buttons = QMessageBox.StandardButton
        text = f"{shown(path)} exists already. Replace it?"
        answer = QMessageBox.question(
            self._panel, "Replace the file?", as_text(text), buttons.Yes | buttons.No, buttons.No
        )
        return bool(answer == buttons.Yes)

    def _checked(self, kind: str, path: Path) -> Path:
        if self.session is None:
            return path
        endings = POLYGONS if kind == "polygons" else GEOTIFF
        beside = (".aux.xml", ".qml") if kind == "map" else ()
        target = check_target(path, endings=endings, protected=self._protected(), beside=beside)
        before = self._kinds.get(os.path.realpath(target), kind)
        if before != kind and os.path.lexists(target):
            raise PartialSegError(
                f"{shown(target)}: holds the {before} that was exported before. Choose another name for the {kind}."
            )
        return target

    def _protected(self) -> tuple[Path, ...]:
        session = self.session
        if session is None:
            return ()
        return (*protected_files(session.opened_image), *self._masks())

    def _masks(self) -> tuple[Path, ...]:
        """Return the files of truth and imported labels."""
        return () if self.session is None else tuple(self.session.mask_files)

    # --------------------------------------------------------------------------------------------------- waiting

    def _heard(self, message: protocol.Message) -> None:
        """Follow the worker: what ends the wait, and what makes the prediction an old one."""
        if isinstance(message, protocol.Tiles | protocol.Opened):
            self._complete = None
        if self._waiting is None:
            return
        match message:
            case protocol.Problem(text=text, fatal=True):
                self._trouble = text
                self._give_up(text)
            case protocol.Problem(text=text):
                self._trouble = text
                # It may go on all the same, as where memory ran out: then there is another sign of life.
                self._wait(_AFTER_PROBLEM_SECONDS)
            case protocol.Opened():
                self._give_up("The network was opened anew while the image was being predicted for an export.")
            case protocol.Status(state="predicting"):
                self._predicting = True
                self._wait(_SILENT_SECONDS)
            case protocol.Status(state=state, text=text) if self._predicting and state in _OTHER_WORK:
                self._give_up(f"The worker went on with something else ({text}) before all was predicted.")
            case protocol.Tiles() | protocol.Progress():
                self._wait(_SILENT_SECONDS)

    def _wait(self, seconds: float) -> None:
        self._silence.setTimeout(round(1000 * seconds))
        self._silence.throttle()

    def _worker_is_silent(self) -> None:
        if self._waiting is not None:
            self._give_up(self._trouble or "The worker has not answered for a while.")

    def _worker_died(self, text: str) -> None:
        self._complete = None
        if self._waiting is not None:
            self._give_up(text)

    def _give_up(self, reason: str) -> None:
        path = self._waiting[1] if self._waiting is not None else Path()
        self.drop()
        self.failed.emit(f"{shown(path)} was not exported. {reason} What was there is untouched; export again.")

    def _saved(self, message: protocol.Saved) -> None:
        if not message.complete:
            return
        self._complete = (message.step, Path(message.checkpoint) if message.checkpoint else None)
        if self._waiting is not None:
            (kind, path), self._waiting = self._waiting, None
            self._silence.cancel()
            self._write(kind, path)

    # --------------------------------------------------------------------------------------------------- writing

    def _write(self, kind: str, path: Path) -> None:
        if self.session is None:
            return
        # A copy: training goes on meanwhile, and the file shall hold one state of the map.
        step, checkpoint = self._complete or (None, None)
        content = Content.of(
            kind,
            self.session.opened_image,
            step=step,
            checkpoint=checkpoint,
            protected=self._masks(),
            cleaning=self._cleaning,
        )
        self._panel.show_busy(f"writing {shown(path.name)}")
        self._start(
            lambda **tools: write(path, content, **tools),
            lambda _, written: self._done(kind, written),
            failed=self._not_written,
            progress=self._panel.show_part,
        )

    def _done(self, kind: str, path: Path) -> None:
        self._panel.show_busy("")
        self._kinds[os.path.realpath(path)] = kind
        self.written.emit(path)

    def _not_written(self, text: str) -> None:
        self._panel.show_busy("")
        self.failed.emit(text)


_OTHER_WORK = frozenset({"training", "waiting", "stopped", "starting"})


def _choose_name(panel: ExportPanel, title: str, start: str, kinds: str) -> tuple[str, str]:
    """Ask for a name; whether a file may be replaced is asked later, when its ending is known."""
    try:
        return QFileDialog.getSaveFileName(  # type: ignore[no-any-return]
            panel, title, start, kinds, options=QFileDialog.Option.DontConfirmOverwrite
        )
    except TypeError:  # what stands in for the dialog in a script takes four arguments
        return QFileDialog.getSaveFileName(panel, title, start, kinds)  # type: ignore[no-any-return]
