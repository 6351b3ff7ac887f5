"""What a session has to say, on the banner: each message with its cause, and gone when that is mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_partialseg.panels.banner import Banner
    from napari_partialseg.session.session import Session
    from napari_partialseg.session.worker_client import WorkerClient
    from trainer import protocol

__all__ = ["Messages"]

_OPENING, _DISK, _WEIGHTS, _WORKER, _SESSION = "opening", "disk", "weights", "worker", "session"
_NO_DATA = "no data"


class Messages(QObject):
    """Puts messages on a banner and takes them back.

    Parameters
    ----------
    banner : Banner
        Where they stand.
    client : WorkerClient
        Whose last lines go with the news of its end.
    """

    def __init__(self, banner: Banner, client: WorkerClient, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._banner = banner
        self._client = client
        self._session: Session | None = None

    def set_session(self, session: Session | None) -> None:
        """Say what this session has to say from now on; what was said of the one before goes."""
        if self._session is not None:
            for cause in (_DISK, _WEIGHTS, _WORKER, _SESSION, _NO_DATA):
                self._banner.clear(cause)
        self._session = session
        if session is None:
            return
        session.problem.connect(self._problem)
        session.over.connect(self._banner.take_back)
        session.on_disk.connect(self._on_disk)
        session.labels.not_written.connect(self._not_on_disk)
        session.labels.changed.connect(self._labels_changed)
        session.worker.opened.connect(lambda _: self._banner.clear(_WORKER))
        session.worker.saved.connect(self._saved)
        session.worker.explained.connect(self._banner.explain)
        session.worker.died.connect(self._worker_died)

    def opening(self) -> None:
        """Take back why something could not be opened: something is being opened."""
        self._banner.clear(_OPENING)

    def not_opened(self, text: str, action: str = "", way_out: Callable[[], None] | None = None) -> None:
        """Say why something could not be opened."""
        self._banner.say(text, action, way_out, cause=_OPENING)

    def note(self, text: str) -> None:
        """Say something of what is open."""
        self._banner.say(text, cause=_SESSION)

    def _problem(self, text: str) -> None:
        """Say it, until it is mended or something else is open."""
        session = self._session
        if session is None:
            return
        if "where the image has no data" in text:  # by the worker, or at once by the viewer
            self._banner.say(text, cause=_NO_DATA)
            return
        opened_image = session.opened_image
        kept = text.startswith((str(opened_image.project.weights), str(opened_image.entry.folder)))
        self._banner.say(text, cause=_WEIGHTS if kept else _SESSION, alone=False)

    def _labels_changed(self) -> None:
        if self._session is not None and not self._session.snapshot().blind:
            self._banner.clear(_NO_DATA)

    def _not_on_disk(self, text: str) -> None:
        if self._session is not None and self._session.snapshot().unsaved:  # else it is mended already
            self._banner.say(text, cause=_DISK)

    def _on_disk(self) -> None:
        if self._session is not None and not self._session.snapshot().unsaved:
            self._banner.clear(_DISK)

    def _saved(self, message: protocol.Saved) -> None:
        if not message.failed:
            self._banner.clear(_WEIGHTS)

    def _worker_died(self, text: str) -> None:
        session = self._session
        if session is not None:
            self._banner.say(text, "Restart worker", session.worker.open, detail=self._client.last_lines, cause=_WORKER)
