"""From the press of an export button to the file: has the rest predicted, takes a copy, writes it in a thread."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog

from napari_partialseg._background import Job
from napari_partialseg._export import NEEDS_PREDICTION, Content, write
from napari_partialseg._export_panel import KINDS, ExportPanel
from trainer import protocol

if TYPE_CHECKING:
    from napari_partialseg._session import Session

__all__ = ["Exporter"]


class Exporter(QObject):
    """Serves an export panel.

    Parameters
    ----------
    panel : ExportPanel
        Its buttons and bar.

    Signals
    -------
    written(path)
        A file is there.
    failed(text)
        It is not; the text says why and what to do.
    """

    written = Signal(object)
    failed = Signal(str)

    def __init__(self, panel: ExportPanel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._panel = panel
        self._session: Session | None = None
        self._waiting: tuple[str, Path] | None = None  # for the worker to have predicted everything
        self._job: Job | None = None
        panel.export.connect(self._ask)
        panel.cancel.connect(self.cancel)

    def set_session(self, session: Session | None) -> None:
        """Export from this session from now on."""
        self.drop()
        self._session = session
        if session is not None:
            session.saved.connect(self._saved)
            session.worker_died.connect(lambda text: self.drop())

    def export(self, kind: str, path: str | Path) -> None:
        """Write a file of a kind of `KINDS`; the worker first predicts everything with the newest weights."""
        session = self._session
        if session is None:
            return
        needs = kind in NEEDS_PREDICTION
        if needs and not session.step and not session.prepared.has_prediction:
            self.failed.emit("There is no map to export yet: draw strokes of two classes and press Train first.")
        elif needs and session.step and not session.read_only and session.client.running:
            self._waiting = (kind, Path(path))
            self._panel.show_busy("predicting the whole image")
            session.client.send(protocol.PredictAll())
        else:
            self._write(kind, Path(path))

    def cancel(self) -> None:
        """Give up what is under way; training goes on if it was on."""
        session = self._session
        if session is not None and self._waiting is not None:
            session.client.send(protocol.Train() if session.wants_training else protocol.Pause())
        self.drop()

    def drop(self) -> None:
        """Give up what is under way, without a word to the worker."""
        self._waiting = None
        if self._job is not None:
            self._job.cancel()
            self._job = None
        self._panel.show_busy("")

    def _ask(self, kind: str) -> None:
        if self._session is None:
            return
        ortho = self._session.prepared.ortho
        text, kinds, _ = KINDS[kind]
        start = ortho.path.with_name(f"{ortho.name}_{kind}")
        path, _ = QFileDialog.getSaveFileName(self._panel, text.rstrip("…"), str(start), kinds)
        if path:
            self.export(kind, path if Path(path).suffix else path + kinds.split("*")[1].split(")")[0])

    def _saved(self, message: protocol.Saved) -> None:
        if self._waiting is not None and message.complete:
            (kind, path), self._waiting = self._waiting, None
            self._write(kind, path)

    def _write(self, kind: str, path: Path) -> None:
        if self._session is None:
            return
        # A copy: training goes on meanwhile, and the file shall hold one state of the map.
        content = Content.of(kind, self._session.prepared)
        self._panel.show_busy(f"writing {path.name}")
        self._job = Job(lambda **tools: write(path, content, **tools), self)
        self._job.progress.connect(self._panel.show_part)
        self._job.done.connect(self._done)
        self._job.failed.connect(self._failed)
        self._job.start()

    def _done(self, path: Path) -> None:
        self._panel.show_busy("")
        self.written.emit(path)

    def _failed(self, text: str) -> None:
        self._panel.show_busy("")
        self.failed.emit(text)
