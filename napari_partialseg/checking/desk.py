"""Serves the section Quality: draws points, asks what is there, and says what the answers mean for the map."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget
from superqt.utils import QSignalThrottler

from annotations.cleaning.cleaning import pixel_area
from annotations.errors import PartialSegError
from annotations.export.targets import check_target
from annotations.quality.check import Check, accuracy_of, check_of, read_check, write_check
from annotations.quality.drawing import Drawn, draw_points
from annotations.quality.table import check_table
from napari_partialseg.checking.mode import CheckMode
from napari_partialseg.history.notes_desk import write_file
from napari_partialseg.jobs.desk import Desk
from napari_partialseg.panels.export import with_ending
from trainer.opened.export import protected_files

if TYPE_CHECKING:
    from annotations.quality.accuracy import Accuracy
    from napari_partialseg.panels.quality import QualityPanel
    from napari_partialseg.session.session import Session

__all__ = ["CheckDesk"]

_KIND = "Table (*.csv)"
_MILLISECONDS = 2000  # at the least from one reckoning to the next, while tiles come


class CheckDesk(Desk):
    """Keeps the check of a session, and leads through it.

    Parameters
    ----------
    panel : QualityPanel
        Its buttons and figures.

    Signals
    -------
    done(text)
        Something was done, in words.
    begun()
        Points are looked at: the panel is to be in sight.
    """

    done = Signal(str)
    begun = Signal()

    def __init__(self, panel: QualityPanel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._panel = panel
        self._window: QWidget | None = None
        self._check: Check | None = None
        self._mode: CheckMode | None = None
        self._number = 0  # of the point that is looked at
        self._drawing = False
        self._soon = QSignalThrottler(QSignalThrottler.EmissionPolicy.Trailing, self)
        self._soon.setTimeout(_MILLISECONDS)
        self._soon.triggered.connect(self._show)
        panel.go.connect(self.switch)
        panel.anew.connect(self.ask_anew)
        panel.answered.connect(self.answer)
        panel.back.connect(self.back)
        panel.export.connect(self._ask_file)

    def set_window(self, window: QWidget) -> None:
        """Bind the keys of the check in this window."""
        self._window = window

    def stop(self) -> None:
        """Serve no session, and know no window."""
        self.set_session(None)
        self._window = None

    def set_session(self, session: Session | None) -> None:
        """Serve this session from now on."""
        self.pause()
        self._soon.cancel()
        if self.session is not None:
            self.session.worker.tiles.disconnect(self._soon.throttle)
            self.session.scheme_changed.disconnect(self._show)
            self.session.check_map.disconnect(self.switch)
        super().set_session(session)
        self._check, self._drawing = None, False
        if session is not None:
            opened = session.opened_image
            self._check, problem = read_check(
                opened.entry.files.check, opened.ortho.shape, writable=not session.read_only
            )
            session.worker.tiles.connect(self._soon.throttle)
            session.scheme_changed.connect(self._show)
            session.check_map.connect(self.switch)
            if problem:
                self.failed.emit(problem)
        self._show()

    @property
    def check(self) -> Check | None:
        """The points, and what was seen there."""
        return self._check

    @property
    def looking(self) -> bool:
        """Whether a point is looked at: keys of classes answer then."""
        return self._mode is not None

    @property
    def number(self) -> int:
        """Which point is looked at, from 0."""
        return self._number

    def accuracy(self) -> Accuracy | None:
        """Return what the answers say of the map as it is now; None without answers."""
        if self.session is None or self._check is None:
            return None
        return accuracy_of(self._check, self.session.opened_image.prediction, self.session.scheme.names)

    # -------------------------------------------------------------------------------------------------- beginning

    def switch(self) -> None:
        """Begin a check, go on with it, or pause."""
        session = self.session
        if session is None:
            return
        if self._mode is not None:
            self.pause()
            self.done.emit("the check is paused (C goes on)")
        elif session.read_only:
            self.done.emit("open for reading only: nothing can be answered")
        elif self._check is None:
            self.draw(self._panel.wanted)
        elif self._check.next is None:
            self.done.emit(f"all {len(self._check.points)} points were looked at: New points draws others")
        else:
            self._look()

    def ask_anew(self) -> None:
        """Draw other points, once a person has said so where answers would go."""
        session = self.session
        if session is None:
            return
        if self._check is not None and self._check.answered:
            yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
            many = self._check.answered
            text = f"The answers at {many} points are put aside, and others are drawn from the map of now."
            answer = QMessageBox.question(self._panel, "Draw new points?", text, yes | no, no)
            if answer != yes or not self._still_open(session):
                return
        self.draw(self._panel.wanted)

    def draw(self, n: int, seed: int | None = None) -> None:
        """Draw `n` points from the map, off the viewer's thread, and look at the first one."""
        session = self.session
        if session is None or self._drawing or session.read_only:
            return
        self.pause()
        seed = int(np.random.SeedSequence().entropy or 0) % 2**32 if seed is None else seed
        names, prediction = session.scheme.names, session.opened_image.prediction

        def work(*, cancelled: Any, **_: Any) -> Drawn:
            return draw_points(prediction, len(names), n, seed, cancelled)

        def take(_: Session, drawn: Drawn) -> None:
            self._drawing = False
            if not len(drawn.places):
                self._show()
                self.done.emit("there is no map yet: draw strokes of two classes first")
            elif self._keep(check_of(drawn, names, seed), anew=True):
                self._look()

        def failed(text: str) -> None:
            self._drawing = False
            self.failed.emit(f"No points were drawn: {text}")
            self._show()

        self._drawing = True
        self._start(work, take, failed=failed)
        self._show()

    # -------------------------------------------------------------------------------------------------- answering

    def answer(self, index: int) -> None:
        """Say which class is at the point; -1 says that it cannot be told."""
        session, check = self.session, self._check
        if session is None or check is None or self._mode is None or index >= len(session.scheme):
            return
        if self._keep(check.told(self._number, None if index < 0 else session.scheme.names[index])):
            self._look(self._number + 1)

    def back(self) -> None:
        """Look at the point before once more."""
        if self._mode is not None and self._number > 0:
            self._look(self._number - 1)

    def pause(self) -> None:
        """Show the map again; the rest of the points is for later."""
        mode, self._mode = self._mode, None
        if mode is not None:
            mode.stop()
            mode.deleteLater()
            self._show()

    def _broken(self, text: str) -> None:
        self.pause()
        self.done.emit(text)

    def _look(self, number: int | None = None) -> None:
        """Look at a point: this one, the first that has no answer where there is none such, or no more."""
        session, check = self.session, self._check
        if session is None or check is None:
            return
        if number is None or number >= len(check.points) or (check.points[number].answered and number > self._number):
            number = check.next
        if number is None:
            self.pause()
            self.done.emit(f"all {len(check.points)} points were looked at")
            return
        if self._mode is None:
            self._mode = CheckMode(session, self._window, self)
            self._mode.unclear.connect(lambda: self.answer(-1))
            self._mode.back.connect(self.back)
            self._mode.broken.connect(self._broken)
            self.begun.emit()
            self.done.emit("press the key of the class in the square; 0 cannot tell, Backspace back, C pauses")
        self._number = number
        self._mode.look(check.points[number].row, check.points[number].column)
        self._show()

    def _keep(self, check: Check, *, anew: bool = False) -> bool:
        session = self.session
        if session is None:
            return False
        try:
            session.opened_image.project.check_held()
            write_check(session.opened_image.entry.files.check, check, anew=anew)
        except PartialSegError as error:
            self.failed.emit(str(error))
            return False
        self._check = check
        return True

    # ----------------------------------------------------------------------------------------------------- showing

    def _show(self) -> None:
        session = self.session
        if session is None:
            self._panel.show_nothing()
            return
        number = self._number if self._mode is not None else None
        self._panel.show_check(
            self._check, self.accuracy() if number is None else None, session.scheme, number, busy=self._drawing
        )
        self._panel.set_writable(not session.read_only)

    # --------------------------------------------------------------------------------------------------- exporting

    def _ask_file(self) -> None:
        session = self.session
        if session is None:
            return
        ortho = session.opened_image.ortho
        start = str(ortho.path.with_name(f"{ortho.name}_check"))
        chosen, kind = QFileDialog.getSaveFileName(self._panel, "Export the check", start, _KIND)
        if chosen and self._still_open(session):
            self.export(Path(with_ending(chosen, _KIND, kind)))

    def export(self, path: Path) -> None:
        """Write figures and points as a table (.csv)."""
        session, check, accuracy = self.session, self._check, self.accuracy()
        if session is None or check is None or accuracy is None:
            return
        opened, names = session.opened_image, session.scheme.names
        reference = opened.ortho.georeference
        area = pixel_area(reference, opened.ortho.shape)
        protected = (*protected_files(opened), *session.mask_files)

        def write(**_: Any) -> Path:
            target = check_target(path, endings=(".csv",), protected=protected)
            return write_file(target, check_table(check, accuracy, names, opened.prediction, reference, area))

        self._start(write, lambda _, written: self.done.emit(f"written: {written}"))
