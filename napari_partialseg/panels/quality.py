"""How good the map is: begin a check, answer what is at a point, and what the answers mean for the whole map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QSpinBox, QVBoxLayout, QWidget

from napari_partialseg.panels.interval_rows import IntervalRows
from napari_partialseg.words import as_text

if TYPE_CHECKING:
    from annotations.classes import ClassScheme
    from annotations.quality.accuracy import Accuracy, Estimate
    from annotations.quality.check import Check

__all__ = ["QualityPanel", "likely"]

_WANTED = 50
_COLUMNS = 2
_LONGEST = 14  # letters of a class on its button
_WHAT = (
    "Points are drawn by chance. You say what is there without seeing the map; the answers tell how much of the map "
    "is right. They are kept, and never learnt from."
)


class QualityPanel(QWidget):
    """Buttons of the check, the answers, and the figures.

    Signals
    -------
    go()
        Begin a check, go on with it, or pause.
    anew()
        Draw other points.
    answered(index)
        A class is at the point; -1 where it cannot be told.
    back()
        Look at the point before once more.
    export()
        Write the figures and points as a file.
    """

    go = Signal()
    anew = Signal()
    answered = Signal(int)
    back = Signal()
    export = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scheme: ClassScheme | None = None
        self._writable = True
        self._headline = _text("PartialSegQuality", bold=True)
        self._overall = _text("PartialSegOverall")
        self._rows = IntervalRows()
        self._go = _button("Check the map", "Look at points without the map, and say what is there (C)", self.go.emit)
        self._anew = _button("New points…", "Draw other points, from the map as it is now", self.anew.emit)
        self._export = _button("Export…", "Write figures, matrix and points as a table (CSV)", self.export.emit)
        self._points = QSpinBox()
        self._points.setRange(10, 1000)
        self._points.setSingleStep(10)
        self._points.setValue(_WANTED)
        self._points.setSuffix(" points")
        self._points.setAccessibleName("How many points are drawn")
        self._points.setToolTip("How many points are drawn: four times as many halve the interval")
        self.asked = _text("PartialSegChecked", bold=True)
        self._answers = QWidget()
        self._grid = QGridLayout(self._answers)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(4)
        self._lay_out()
        self.show_nothing()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (self._headline, self._overall, self._rows, self.asked, self._answers, self._go):
            layout.addWidget(widget)
        for pair in ((self._points, self._anew), (self._export,)):
            line = QHBoxLayout()
            line.setSpacing(4)
            for widget in pair:
                line.addWidget(widget, 1)
            layout.addLayout(line)

    @property
    def wanted(self) -> int:
        """How many points are to be drawn."""
        return self._points.value()

    def set_writable(self, writable: bool) -> None:
        """Offer what writes into the project, or not."""
        self._writable = writable
        for widget in (self._go, self._anew, self._points):
            widget.setEnabled(writable and widget.isEnabled())

    def show_nothing(self) -> None:
        """Show that nothing is open."""
        self._headline.hide()
        self._rows.hide()
        self.asked.hide()
        self._answers.hide()
        self._overall.setText(_WHAT)
        self.setEnabled(False)

    def show_check(
        self,
        check: Check | None,
        accuracy: Accuracy | None,
        scheme: ClassScheme,
        number: int | None,
        *,
        busy: bool = False,
    ) -> None:
        """Show a check.

        Parameters
        ----------
        check : Check, optional
            None where no points were drawn yet.
        accuracy : Accuracy, optional
            What the answers say; None where there are none, and while a point is looked at.
        scheme : ClassScheme
            The classes.
        number : int, optional
            The point that is looked at; None for none.
        busy : bool
            Whether points are being drawn.
        """
        self.setEnabled(True)
        if scheme != self._scheme:
            self._scheme = scheme
            self._make_answers(scheme)
        looking = check is not None and number is not None
        self.asked.setVisible(looking)
        self._answers.setVisible(looking)
        if check is not None and number is not None:
            point = check.points[number]
            before = f" (so far: {'cannot tell' if point.unclear else point.seen})" if point.answered else ""
            self.asked.setText(
                f"Point {number + 1} of {len(check.points)}: what is in the middle of the square?{before}"
            )
        self._show_figures(accuracy, check, scheme, looking)
        self._show_buttons(check, looking, busy, accuracy is not None)

    def _show_figures(self, accuracy: Accuracy | None, check: Check | None, scheme: ClassScheme, looking: bool) -> None:
        self._headline.setVisible(accuracy is not None)
        self._rows.setVisible(accuracy is not None)
        self._overall.setVisible(not looking)
        if accuracy is None:
            waiting = (
                "There is no map at these points now." if check and check.answered else "No point was answered yet."
            )
            self._overall.setText(_WHAT if check is None else waiting)
            return
        mean, overall = accuracy.mean_iou, accuracy.overall
        if mean.known:
            self._headline.setText(f"mIoU {likely(mean)}")
        else:
            self._headline.setText("Too few points to say an mIoU")
        unclear = sum(p.unclear for p in check.points) if check is not None else 0
        left_out = sum(not e.known for e in accuracy.iou)
        share, low, high = (f"{100 * value:.0f}" for value in (overall.value, overall.low, overall.high))
        parts = [f"{share}\u00a0% of the map is right, likely {low} to {high}\u00a0%; from {overall.points} points."]
        if unclear:
            parts.append(f"At {unclear} it could not be told.")
        if mean.known and left_out:
            parts.append(f"mIoU without {left_out} {'class' if left_out == 1 else 'classes'} of too few points.")
        if accuracy.unseen > 0.005:
            parts.append(f"{accuracy.unseen:.0%} of the map has no answer, or is not made yet.")
        self._overall.setText(" ".join(parts))
        self._rows.show_accuracy(accuracy, scheme)

    def _show_buttons(self, check: Check | None, looking: bool, busy: bool, figures: bool) -> None:
        done = check is not None and check.next is None
        if busy:
            text = "Drawing points…"
        elif looking:
            text = "Pause, and show the map"
        elif check is None:
            text = "Check the map"
        elif done:
            text = "All points are answered"
        else:
            text = f"Go on ({check.answered} of {len(check.points)})"
        self._go.setText(text)
        self._go.setEnabled(self._writable and not busy and not (done and not looking))
        self._anew.setVisible(check is not None)
        for widget in (self._anew, self._points):
            widget.setEnabled(self._writable and not busy and not looking)
        self._export.setVisible(figures)

    def _make_answers(self, scheme: ClassScheme) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for index, land_class in enumerate(scheme.classes):
            name = land_class.name if len(land_class.name) <= _LONGEST else land_class.name[: _LONGEST - 1] + "…"
            key = f" ({land_class.key.upper()})" if land_class.key else ""
            told = f"{land_class.name} is in the middle of the square{key}"
            button = _button(
                f"{name}{key}".replace("&", "&&"), as_text(told), lambda index=index: self.answered.emit(index)
            )
            button.setIcon(_swatch(land_class.colour))
            button.setAccessibleName(told)
            button.setStyleSheet("text-align: left; padding: 3px 6px;")
            self._grid.addWidget(button, index // _COLUMNS, index % _COLUMNS)
        row = -(-len(scheme) // _COLUMNS)
        unclear = _button("Cannot tell (0)", "The photo does not show it (0)", lambda: self.answered.emit(-1))
        back = _button("Back", "Look at the point before once more (Backspace)", self.back.emit)
        self._grid.addWidget(unclear, row, 0)
        self._grid.addWidget(back, row, 1)


def likely(estimate: Estimate) -> str:
    """Return an estimate with its interval in words: "0.71, likely 0.62 to 0.78"."""
    return f"{estimate.value:.2f}, likely {estimate.low:.2f} to {estimate.high:.2f}"


def _button(text: str, tip: str, act: object) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.clicked.connect(lambda _checked=False: act())  # type: ignore[operator]
    return button


def _text(name: str, *, bold: bool = False) -> QLabel:
    label = QLabel("")
    label.setObjectName(name)
    label.setTextFormat(label.textFormat().PlainText)
    label.setWordWrap(True)
    if bold:
        label.setStyleSheet("font-weight: bold;")
    return label


def _swatch(colour: str) -> QIcon:
    pixmap = QPixmap(12, 12)
    pixmap.fill(QColor(colour))
    return QIcon(pixmap)
