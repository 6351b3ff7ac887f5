"""Tells a project where its orthophoto is now: the way out where the file was moved, or is not what it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from annotations.errors import OrthophotoChangedError, OrthophotoError
from annotations.images.orthophoto import open_orthophoto
from annotations.project.project import Project
from napari_partialseg.job import Job
from napari_partialseg.jobs.opening import Wanted
from napari_partialseg.words import as_text

__all__ = ["RASTERS", "Locator", "relocate"]

RASTERS = "Orthophotos (*.tif *.tiff *.png *.jpg *.jpeg *.vrt *.jp2);;All files (*)"


def relocate(project: Path, image_id: str, path: Path, *, accept: bool = False) -> Path:
    """Tell a project where an image is now; return that place.

    Parameters
    ----------
    accept : bool
        Also that its new content is all right.

    Raises
    ------
    OrthophotoChangedError
        It is another image (`same_size`: which may be accepted).
    PartialSegError
        The project cannot be changed, or the raster not be read.
    """
    with Project.open(project) as held:
        ortho = open_orthophoto(path)
        try:
            return held.relocate(image_id, ortho, accept=accept).path
        finally:
            ortho.close()


class Locator(QObject):
    """Asks for the file, and once more where it is not the same.

    Signals
    -------
    found(wanted)
        The project knows the place; what is to be opened now.
    failed(text, error, wanted)
        It does not; see `Opener.failed`.
    """

    found = Signal(object)
    failed = Signal(str, object, object)

    def __init__(self, panel: QWidget) -> None:
        super().__init__(panel)
        self._panel = panel
        self._job: Job | None = None

    def ask(self, error: OrthophotoError, wanted: Wanted) -> None:
        """Ask where the orthophoto is."""
        path, _ = QFileDialog.getOpenFileName(
            self._panel, "Where is the orthophoto of this project?", str(error.project.parent), RASTERS
        )
        if path:
            self.locate(error, wanted, path)
        else:
            self.failed.emit(str(error), error, wanted)  # the way out stays in sight

    def locate(self, error: OrthophotoError, wanted: Wanted, path: str | Path, *, accept: bool = False) -> None:
        """Take this file; where its pixels are others, only if a person says that the ground is the same."""

        def work(**tools: Any) -> Path:
            return relocate(error.project, error.image_id, Path(path), accept=accept)

        job = self._job = Job(work, self)
        job.done.connect(lambda place: self.found.emit(Wanted(place, error.project, truth=wanted.truth)))
        job.failed.connect(lambda text: self._refused(text, job.error, error, wanted, path))
        job.start()

    def stop(self) -> None:
        """Ask no more."""
        if self._job is not None:
            self._job.cancel()

    def _refused(
        self, text: str, why: BaseException | None, error: OrthophotoError, wanted: Wanted, path: str | Path
    ) -> None:
        if isinstance(why, OrthophotoChangedError) and why.same_size and self._same_ground(Path(path)):
            self.locate(error, wanted, path, accept=True)
        else:
            self.failed.emit(text, why if isinstance(why, OrthophotoError) else error, wanted)

    def _same_ground(self, path: Path) -> bool:
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        text = (
            f"{path.name} has the size of the orthophoto that was labelled, but other pixels. Does every place lie in "
            "it where it did, so that the labels still fit?\n\nIf not, start a new project for it."
        )
        return QMessageBox.question(self._panel, "Is the ground the same?", as_text(text), yes | no, no) == yes
