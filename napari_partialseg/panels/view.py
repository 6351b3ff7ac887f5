"""Looking at the map: outlined or swiped, its opacity, legend and scale bar, and the map smoothed."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from annotations.cleaning.cleaning import AS_IT_IS, Cleaning
from annotations.cleaning.majority import MOST_WINDOW

__all__ = ["ViewPanel"]

_SWITCHES = (
    ("outline", "Outlines", "Draw the map as the borders of its areas, each in its class's colour (O)"),
    ("swipe", "Swipe", "Show the map to the left of a line, which you drag over the image (W)"),
    ("legend", "Legend", "Colours and names of the classes, in the corner of the image"),
    ("scale_bar", "Scale bar", "How long a metre is on the screen; pixels where the image has no metric coordinates"),
)
_COLUMNS = 2


class ViewPanel(QWidget):
    """How the map is looked at.

    Signals
    -------
    switched(name, on)
        "outline", "swipe", "legend" or "scale_bar" was switched.
    opacity(value)
        The map's opacity, 0 to 1.
    smoothed(cleaning, shown)
        How the map is smoothed when it is exported, and whether that is shown.
    """

    switched = Signal(str, bool)
    opacity = Signal(float)
    smoothed = Signal(object, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._switches: dict[str, QCheckBox] = {}
        grid = QGridLayout()
        for n, (name, text, tip) in enumerate(_SWITCHES):
            box = QCheckBox(text)
            box.setToolTip(tip)
            box.toggled.connect(lambda on, name=name: self.switched.emit(name, on))
            grid.addWidget(box, n // _COLUMNS, n % _COLUMNS)
            self._switches[name] = box
        layout.addLayout(grid)
        layout.addLayout(self._make_opacity())
        layout.addWidget(self._make_hint("Hold T: the image without the map. V hides it for longer."))
        layout.addLayout(self._make_smoothing())
        self._said = self._make_hint("")
        layout.addWidget(self._said)
        self.set_ready(False)
        self.set_metric(True)
        self.say("")

    def _make_opacity(self) -> QHBoxLayout:
        self._opacity = QSlider(Qt.Orientation.Horizontal)
        self._opacity.setRange(0, 100)
        self._opacity.setValue(50)
        self._opacity.setToolTip("How much the map covers the image")
        self._opacity.setAccessibleName("Opacity of the map")
        self._opacity_text = QLabel("50 %")
        self._opacity_text.setMinimumWidth(40)
        self._opacity.valueChanged.connect(self._opacity_moved)
        row = QHBoxLayout()
        row.addWidget(QLabel("map"))
        row.addWidget(self._opacity, 1)
        row.addWidget(self._opacity_text)
        return row

    def _make_smoothing(self) -> QFormLayout:
        self._window = QComboBox()
        self._window.addItem("as it is", 1)
        for side in range(3, MOST_WINDOW + 1, 2):
            self._window.addItem(f"{side} × {side} px", side)
        self._window.setToolTip(
            "Each pixel of the map gets the most frequent class around it. For exports of map and polygons; "
            "what the network made stays as it is"
        )
        self._window.setAccessibleName("Smooth the map")
        self._smallest = QDoubleSpinBox()
        self._smallest.setRange(0, 1e9)
        self._smallest.setDecimals(1)
        self._smallest.setSpecialValueText("any size")
        self._smallest.setKeyboardTracking(False)
        self._smallest.setAccessibleName("Smallest piece of the map")
        self._shown = QCheckBox("show it")
        self._shown.setChecked(True)
        self._shown.setToolTip("Show what is in view as it would be exported; the map itself stays as it is")
        self._window.currentIndexChanged.connect(self._smoothing_changed)
        self._smallest.valueChanged.connect(self._smoothing_changed)
        self._shown.toggled.connect(self._smoothing_changed)
        form = QFormLayout()
        form.addRow("smooth", self._window)
        form.addRow("smallest piece", self._smallest)
        form.addRow("", self._shown)
        return form

    @staticmethod
    def _make_hint(text: str) -> QLabel:
        label = QLabel(text)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        return label

    @property
    def cleaning(self) -> Cleaning:
        """How the map is smoothed."""
        window = int(self._window.currentData())
        return Cleaning(window, self._smallest.value()) if window > 1 or self._smallest.value() > 0 else AS_IT_IS

    @property
    def cleaning_shown(self) -> bool:
        """Whether the view shows it."""
        return self._shown.isChecked()

    def is_on(self, name: str) -> bool:
        """Return whether "outline", "swipe", "legend" or "scale_bar" is on."""
        return self._switches[name].isChecked()

    def switch(self, name: str, on: bool) -> None:
        """Show one as on or off; nothing is told."""
        with QSignalBlocker(self._switches[name]):
            self._switches[name].setChecked(on)

    def begin_anew(self) -> None:
        """Show the map as it is at first: filled, everywhere, not smoothed; nothing is told."""
        for name in ("outline", "swipe"):
            self.switch(name, False)
        with QSignalBlocker(self._window), QSignalBlocker(self._smallest):
            self._window.setCurrentIndex(0)
            self._smallest.setValue(0)
        self.say("")

    def show_opacity(self, value: float) -> None:
        """Show the map's opacity, 0 to 1; nothing is told."""
        with QSignalBlocker(self._opacity):
            self._opacity.setValue(round(100 * value))
        self._opacity_text.setText(f"{round(100 * value)} %")

    def set_ready(self, ready: bool) -> None:
        """Take what is asked for, or be greyed out while nothing is open."""
        self.setEnabled(ready)

    def set_metric(self, metric: bool) -> None:
        """Ask for the smallest piece in square metres, or in pixels; what was asked for in the other goes."""
        unit = "m²" if metric else "px"
        if self._smallest.suffix().strip() != unit:
            with QSignalBlocker(self._smallest):
                self._smallest.setValue(0)
            self._smallest.setSuffix(f" {unit}")
        way = "Smaller pieces go into the neighbour that they share the longest border with"
        where = "" if metric else "; in pixels, since the image has no metric coordinates"
        self._smallest.setToolTip(f"{way}{where}. For exports of map and polygons")

    def say(self, text: str) -> None:
        """Say what becomes of the smoothed map; "" for what it is for."""
        if not text and self.cleaning:
            text = "Map and polygons are exported so."
        self._said.setText(text)
        self._said.setVisible(bool(text))

    def stop_showing(self) -> None:
        """Uncheck that the smoothed map is shown."""
        self._shown.setChecked(False)

    def _opacity_moved(self, value: int) -> None:
        self._opacity_text.setText(f"{value} %")
        self.opacity.emit(value / 100)

    def _smoothing_changed(self) -> None:
        self.say("")
        self.smoothed.emit(self.cleaning, self.cleaning_shown)
