"""Labels that nobody drew: random pixels of a truth mask, or a mask from a file."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_partialseg.words import ElidedLabel

__all__ = ["MasksPanel"]


class MasksPanel(QWidget):
    """Load a truth mask; draw random labels from it; take them away again.

    Signals
    -------
    load_truth(), import_labels(), clear_random(), clear_imported()
        What the user asked for.
    draw_random(fraction, seed, per_class)
        Draw this part of the known pixels, 0 to 1.
    """

    load_truth = Signal()
    import_labels = Signal()
    clear_random = Signal()
    clear_imported = Signal()
    draw_random = Signal(float, int, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._truth = ElidedLabel()
        load = QPushButton("Load truth mask…")
        load.setToolTip("A raster of the orthophoto's size with class indices; 255 or nodata where unknown")
        load.clicked.connect(self.load_truth)
        self._fraction = QDoubleSpinBox()
        self._fraction.setRange(0.0001, 100.0)
        self._fraction.setDecimals(4)
        self._fraction.setValue(10.0)
        self._fraction.setSuffix(" %")
        self._fraction.setToolTip("Part of the known pixels to label, drawn at random")
        self._seed = QSpinBox()
        self._seed.setRange(0, 2**31 - 1)
        self._seed.setValue(42)
        self._seed.setToolTip("The same seed draws the same pixels")
        self._per_class = QCheckBox("of each class")
        self._per_class.setToolTip("Draw this part of every class, at least one pixel of each")
        presets = QHBoxLayout()
        for percent in (1, 10, 15):
            button = QPushButton(f"{percent} %")
            button.clicked.connect(lambda _checked=False, p=percent: self._fraction.setValue(p))
            presets.addWidget(button)
        self._draw = QPushButton("Draw random labels")
        self._draw.clicked.connect(
            lambda: self.draw_random.emit(self._fraction.value() / 100, self._seed.value(), self._per_class.isChecked())
        )
        self._clear = QPushButton("Remove random labels")
        self._clear.setToolTip("What you drew yourself stays")
        self._clear.clicked.connect(self.clear_random)
        form = QFormLayout()
        form.addRow("fraction", self._fraction)
        form.addRow("", presets)
        form.addRow("seed", self._seed)
        form.addRow("", self._per_class)
        other = QPushButton("Import labels from a file…")
        other.setToolTip("Fill in labels from a mask; what you drew yourself stays")
        other.clicked.connect(self.import_labels)
        back = QPushButton("Remove imported labels")
        back.setToolTip("What you drew yourself stays")
        back.clicked.connect(self.clear_imported)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(load)
        layout.addWidget(self._truth)
        layout.addLayout(form)
        layout.addWidget(self._draw)
        layout.addWidget(self._clear)
        layout.addWidget(other)
        layout.addWidget(back)
        self.show_truth("")

    def show_truth(self, name: str) -> None:
        """Show which truth mask is loaded; "" for none."""
        self._truth.setText(f"truth: {name}" if name else "no truth mask loaded")
        self._draw.setEnabled(bool(name))
