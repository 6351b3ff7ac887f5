"""Serves the panel of labels that nobody drew: reads masks, draws random labels, takes them away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog, QMessageBox

from annotations.errors import UnplacedMaskError
from annotations.random_mask import random_mask
from annotations.store.mask import read_mask
from napari_partialseg.jobs.desk import Desk
from napari_partialseg.words import as_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_partialseg.panels.masks import MasksPanel
    from napari_partialseg.session.session import Session

__all__ = ["MaskDesk"]

_MASKS = "Masks (*.tif *.tiff *.png);;All files (*)"


class MaskDesk(Desk):
    """Reads and draws masks in the background.

    Parameters
    ----------
    panel : MasksPanel
        Its buttons and fields.

    Signals
    -------
    done(text)
        Something was done, in words.
    """

    done = Signal(str)

    def __init__(self, panel: MasksPanel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._panel = panel
        self._aligned: set[str] = set()  # files that were said to lie on this image pixel by pixel
        panel.load_truth.connect(lambda: self._ask("Load a truth mask", self.load_truth))
        panel.import_labels.connect(lambda: self._ask("Import labels", self.import_labels))
        panel.draw_random.connect(self.draw_random)
        panel.clear_random.connect(self.clear_random)
        panel.clear_imported.connect(self.clear_imported)
        self.set_session(None)

    def set_session(self, session: Session | None) -> None:
        """Work on this session from now on."""
        super().set_session(session)
        self._aligned.clear()
        self._panel.setEnabled(session is not None and not session.read_only)
        self._panel.show_truth("")

    def load_truth(self, path: str | Path) -> None:
        """Load a truth mask, for random labels and the score."""

        def take(session: Session, mask: Any) -> None:
            session.set_truth(mask)
            self._panel.show_truth(Path(path).name)
            self.done.emit(f"{Path(path).name} is the truth")

        self._read(path, take)

    def import_labels(self, path: str | Path) -> None:
        """Fill in labels from a file, where nothing is labelled."""

        def take(session: Session, mask: Any) -> None:
            said = f"labels imported from {Path(path).name}"
            session.labels.fill_in(mask, "import", "imported", lambda n: self.done.emit(f"{n:,} {said}"))

        self._read(path, take)

    def draw_random(self, fraction: float, seed: int, per_class: bool) -> None:
        """Label random pixels of the truth mask: this part of them, from 0 to 1."""
        session = self.session
        if session is None or session.truth is None:
            return
        truth, n = session.truth, len(session.scheme)

        def take(session: Session, mask: Any) -> None:
            said = "pixels labelled at random"
            session.labels.fill_in(mask, "random mask", "random", lambda n: self.done.emit(f"{n:,} {said}"))

        self._start(lambda **tools: random_mask(truth, fraction, seed, n_classes=n, per_class=per_class), take)

    def clear_random(self) -> None:
        """Take all random labels away; what was drawn stays."""
        if self.session is not None:
            self.done.emit(f"{self.session.labels.remove_origin('random'):,} random labels removed")

    def clear_imported(self) -> None:
        """Take all imported labels away; what was drawn stays."""
        if self.session is not None:
            self.done.emit(f"{self.session.labels.remove_origin('imported'):,} imported labels removed")

    def _ask(self, title: str, act: Callable[[str], None]) -> None:
        session = self.session
        path, _ = QFileDialog.getOpenFileName(self._panel, title, "", _MASKS)
        if path and session is not None and self._still_open(session):
            act(path)

    def _read(self, path: str | Path, take: Callable[[Session, Any], None]) -> None:
        if self.session is None:
            return
        self.session.spare(Path(path))
        ortho, n = self.session.opened_image.ortho, len(self.session.scheme)
        known = str(path) in self._aligned

        def read(**tools: Any) -> Any:
            options = {"n_classes": n, "shape": ortho.shape, "georeference": ortho.georeference}
            try:
                return read_mask(Path(path), **options, assume_aligned=known), None
            except UnplacedMaskError as question:
                # A question, to be asked where there is a window; what is wrong with its values is said before.
                return read_mask(Path(path), **options), question

        def ask_or_take(session: Session, found: Any) -> None:
            mask, question = found
            if question is not None and not self._ask_aligned(path, question):
                self.done.emit(f"{Path(path).name} was not loaded")
            elif self._still_open(session):
                take(session, mask)

        self._start(read, ask_or_take)

    def _ask_aligned(self, path: str | Path, error: UnplacedMaskError) -> bool:
        """Ask whether a file without a place lies on the image pixel by pixel; its size fits, so Yes is likely."""
        buttons = QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No
        text = f"{error}\n\nTake {Path(path).name} as lying on the orthophoto pixel by pixel?"
        yes = QMessageBox.StandardButton.Yes
        answer = QMessageBox.question(self._panel, "Where does it lie?", as_text(text), buttons, yes)
        if answer == QMessageBox.StandardButton.Yes:
            self._aligned.add(str(path))
            return True
        return False
