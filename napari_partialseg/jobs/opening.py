"""From a path to a session: what is new is prepared first, and what is open is let go of only for what is ready."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from annotations.classes import LANDCOVER_AI
from annotations.errors import OrthophotoError, PartialSegError
from annotations.project.project import Project
from napari_partialseg.job import Job
from trainer.opened.open_image import OpenedImage, open_image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari.layers import Image

    from annotations.classes import ClassScheme
    from napari_partialseg.session.session import Session

__all__ = ["Opener", "Wanted", "home_of"]


@dataclass(frozen=True)
class Wanted:
    """What is to be opened.

    Parameters
    ----------
    path : Path
        A raster, or a project folder.
    folder : Path or None
        The project folder for a raster; None for the one beside it.
    image : napari.layers.Image or None
        The layer that already shows it.
    new : bool
        Whether a project is to be made for it.
    training : bool
        Whether to train as soon as it is open.
    truth : str, Path or None
        A truth mask to load as soon as it is open.
    """

    path: Path
    folder: Path | None = None
    image: Image | None = None
    new: bool = False
    training: bool = False
    truth: str | Path | None = None


def home_of(path: Path, folder: Path | None) -> Path:
    """Return the project folder in which the labels of a raster, or of a project itself, lie."""
    if Project.is_project(path):
        return path
    return folder if folder is not None else Project.folder_for(path)


class Opener(QObject):
    """Opens one thing at a time; of two that are asked for at once the last wins, and the first is given back.

    Parameters
    ----------
    current : callable
        Returns the open session, or None.
    let_go : callable
        Saves and closes the open session.
    take_up : callable
        Takes (opened_image, wanted) and opens a session with it; whatever it raises, it leaves nothing behind but
        what it was given.

    Signals
    -------
    changed()
        `reading` or `part` is another.
    failed(text, error, wanted)
        It is not; the text is for people. What was open before still is, or is being opened again.
    """

    changed = Signal()
    failed = Signal(str, object, object)

    def __init__(
        self,
        current: Callable[[], Session | None],
        let_go: Callable[[], None],
        take_up: Callable[[OpenedImage, Wanted], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._current, self._let_go, self._take_up = current, let_go, take_up
        self._back: Wanted | None = None  # what was let go of for something that is not open yet
        self.job: Job | None = None
        self.reading: Wanted | None = None
        self.part = 0.0

    def open(self, wanted: Wanted, scheme: ClassScheme) -> None:
        """Open it; returns at once. The scheme is for a new project."""
        before = self.job
        self._drop()
        session = self._current()
        if session is not None and _holds(session, wanted):
            # The same project again: its lock is ours, and must be given back first.
            self._back = _wanted_again(session)
            self._let_go()
        if self._back is not None and self._back.training and _same(self._back, wanted):
            wanted = replace(wanted, training=True)
        self.reading, self.part = wanted, 0.0

        def read(**tools: Any) -> OpenedImage:
            if before is not None:  # it may hold the same project a moment longer
                before.wait()
            return open_image(wanted.path, folder=wanted.folder, scheme=scheme, **tools)

        job = self.job = Job(read, self, dropped=OpenedImage.close)
        job.progress.connect(self._progress)
        job.done.connect(lambda opened_image: self._ready(opened_image, wanted))
        job.failed.connect(lambda text: self._fail(text, job.error, wanted))
        job.start()
        self.changed.emit()

    def give_up(self) -> None:
        """Open nothing after all."""
        self._back = None
        self._drop()
        self.changed.emit()

    def _drop(self) -> None:
        if self.job is not None:
            self.job.cancel()
        self.reading = None

    def _progress(self, part: float) -> None:
        self.part = part
        self.changed.emit()

    def _ready(self, opened_image: OpenedImage, wanted: Wanted) -> None:
        session = self._current()
        if session is not None:
            self._back = _wanted_again(session)
            self._let_go()
        try:
            self._take_up(opened_image, wanted)
        except Exception as error:
            opened_image.close()
            self._fail(str(error), error, wanted)
            return
        self.reading = self._back = None
        self.changed.emit()

    def _fail(self, text: str, error: BaseException | None, wanted: Wanted) -> None:
        self.reading = None
        if error is not None and not isinstance(error, PartialSegError):
            text = (
                f"{wanted.path}: could not be opened ({type(error).__name__}: {error}). Nothing in it was changed; "
                "its labels are as they were."
            )
        back, self._back = self._back, None
        self.changed.emit()
        self.failed.emit(text, error, wanted)
        located = isinstance(error, OrthophotoError)  # then there is a way out that must not be met by a lock
        if back is not None and not (located and _same(back, wanted)):
            self.open(back, LANDCOVER_AI)  # not used: the project has its own classes


def _holds(session: Session, wanted: Wanted) -> bool:
    if session.read_only:
        return False
    return _real(home_of(wanted.path, wanted.folder)) == _real(session.opened_image.project.folder)


def _wanted_again(session: Session) -> Wanted:
    now = session.snapshot()
    return Wanted(now.image, now.project, training=now.learning.wanted)


def _same(one: Wanted, other: Wanted) -> bool:
    return _real(home_of(one.path, one.folder)) == _real(home_of(other.path, other.folder))


def _real(path: Path) -> Path:
    return path.expanduser().resolve()
