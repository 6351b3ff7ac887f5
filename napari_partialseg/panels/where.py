"""Where to draw next: go to the most useful place, see why it is one, or choose another; and how unsure the map is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QLinearGradient, QPainter
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_partialseg.words import ElidedLabel, as_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QPaintEvent, QShowEvent

__all__ = ["Legend", "Row", "WherePanel"]

_ROWS = 6
_HERE = "▸ "
_BEEN = "✓ "


@dataclass(frozen=True, slots=True)
class Row:
    """A place in the list.

    Parameters
    ----------
    question : str
        What the map hesitates between.
    size : str
        How large it is.
    visits : int
        How often somebody was led there.
    here : bool
        Whether it is the one that is outlined.
    """

    question: str
    size: str
    visits: int
    here: bool

    @property
    def visited(self) -> str:
        """Whether somebody was there, in words."""
        return "not visited" if not self.visits else "visited" if self.visits == 1 else f"visited {self.visits} times"


class WherePanel(QWidget):
    """Buttons to the next place and back, what is asked there, the best places, and the uncertainty's legend.

    Parameters
    ----------
    colours : sequence of (float, str)
        Parts of the uncertainty from 0 to 1, and their colours, #rrggbbaa.

    Signals
    -------
    next(), back()
        Go to the best place; go back to the one before.
    chosen(number)
        A place of the list was pressed.
    uncertainty(shown)
        Show or hide how unsure the map is.
    unfolded()
        It came into sight.
    """

    next = Signal()
    back = Signal()
    chosen = Signal(int)
    uncertainty = Signal(bool)
    unfolded = Signal()

    def __init__(self, colours: Sequence[tuple[float, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._next = QPushButton("Next place")
        self._next.setToolTip("Go to where a label teaches most, and outline it (N)")
        self._next.clicked.connect(lambda: self.next.emit())
        self._back = QPushButton("Back")
        self._back.setToolTip("Go back to the place before (B)")
        self._back.clicked.connect(lambda: self.back.emit())
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        buttons.addWidget(self._next, 2)
        buttons.addWidget(self._back, 1)
        self._asked = QLabel("")
        self._asked.setObjectName("PartialSegAsked")
        self._why = QLabel("")
        self._why.setObjectName("PartialSegWhy")
        for label in (self._asked, self._why):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
        font = self._asked.font()
        font.setBold(True)
        self._asked.setFont(font)
        self._rows = [_RowButton() for _ in range(_ROWS)]
        for number, row in enumerate(self._rows):
            row.clicked.connect(lambda _checked=False, number=number: self.chosen.emit(number))
        self._shown = QCheckBox("Show uncertainty")
        self._shown.setToolTip("Colour the ground of which the map is unsure; where it is sure the photo stays clear")
        self._shown.toggled.connect(self.uncertainty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(buttons)
        for widget in (self._asked, self._why, *self._rows, self._shown, Legend(colours)):
            layout.addWidget(widget)
        self.show_places((), "", "", False)
        self.setEnabled(False)

    def show_places(self, rows: Sequence[Row], asked: str, why: str, can_go_back: bool) -> None:
        """Show the best places.

        Parameters
        ----------
        rows : sequence of Row
            The best first.
        asked, why : str
            What is asked at the place that is outlined, and why it was chosen; or why there is none, and "".
        can_go_back : bool
            Whether there is a place before.
        """
        self._back.setEnabled(can_go_back)
        self._asked.setText(asked)
        self._why.setText(why)
        for label in (self._asked, self._why):
            label.setVisible(bool(label.text()))
        for button, row in zip(self._rows, [*rows, *[None] * _ROWS], strict=False):
            button.show_row(row)

    def show_uncertainty(self, shown: bool) -> None:
        """Show whether the uncertainty is shown."""
        self._shown.setChecked(shown)

    def showEvent(self, event: QShowEvent) -> None:
        """Tell that it came into sight."""
        super().showEvent(event)
        self.unfolded.emit()


class _RowButton(QPushButton):
    """A place: what is asked, and at the right how large it is."""

    def __init__(self) -> None:
        super().__init__()
        self.setFlat(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._question, self._size = ElidedLabel(), QLabel()
        self._size.setTextFormat(Qt.TextFormat.PlainText)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 1, 4, 1)
        layout.addWidget(self._question, 1)
        layout.addWidget(self._size)
        for label in (self._question, self._size):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            label.setStyleSheet("background: transparent;")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Return the size that its labels need."""
        hint = self.layout().sizeHint()
        return QSize(hint.width(), max(hint.height(), self.fontMetrics().height() + 6))

    def show_row(self, row: Row | None) -> None:
        """Show a place; None hides the button."""
        self.setVisible(row is not None)
        if row is None:
            return
        mark = _HERE if row.here else _BEEN if row.visits else "   "
        self._question.setText(f"{mark}{row.question.removesuffix('?')}")
        self._size.setText(row.size)
        told = f"{row.question} {row.size}, {row.visited}"
        self.setAccessibleName(told)
        self.setToolTip(as_text(f"{told}. Press to go there"))


class Legend(QWidget):
    """The colours of the uncertainty from sure to undecided, on a chequered ground where they let it through.

    Parameters
    ----------
    colours : sequence of (float, str)
        Parts from 0 to 1 and their colours, #rrggbbaa.
    """

    def __init__(self, colours: Sequence[tuple[float, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(QLabel("sure"))
        layout.addWidget(_Bar(colours), 1)
        layout.addWidget(QLabel("undecided"))
        self.setAccessibleName("Legend: clear where the map is sure, orange to magenta where it is undecided")


class _Bar(QWidget):
    def __init__(self, colours: Sequence[tuple[float, str]]) -> None:
        super().__init__()
        self._colours = tuple(colours)
        self.setFixedHeight(12)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter: Any = QPainter(self)
        side = self.height() / 2
        for column in range(int(self.width() / side) + 1):
            for row in range(2):
                grey = QColor("#9a9a9a") if (row + column) % 2 else QColor("#6e6e6e")
                painter.fillRect(QRectF(column * side, row * side, side, side), grey)
        gradient = QLinearGradient(0, 0, self.width(), 0)
        for part, colour in self._colours:
            shown = QColor(colour[:7])
            shown.setAlpha(int(colour[7:], 16))
            gradient.setColorAt(part, shown)
        painter.fillRect(self.rect(), gradient)
        painter.end()
