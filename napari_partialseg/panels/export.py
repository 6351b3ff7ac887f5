"""The way out: map, polygons, confidence and labels as files that a GIS opens."""

from __future__ import annotations

import re

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QProgressBar, QPushButton, QVBoxLayout, QWidget

__all__ = ["KINDS", "ExportPanel", "with_ending"]

KINDS = {
    "map": ("Map (GeoTIFF)…", "GeoTIFF (*.tif)", "Classes with colour table and names, and a QGIS style beside it"),
    "polygons": (
        "Polygons…",
        "GeoPackage (*.gpkg);;GeoJSON (*.geojson)",
        "One polygon per patch; neighbours share edges",
    ),
    "confidence": (
        "Confidence (GeoTIFF)…",
        "GeoTIFF (*.tif)",
        "1 to 255, how sure the network is; 0 where there is no prediction",
    ),
    "labels": ("Your labels (GeoTIFF)…", "GeoTIFF (*.tif)", "int16, -1 where nothing is labelled"),
}
"""What can be exported: button, file filter and explanation by name."""


def with_ending(name: str, kinds: str, chosen: str = "") -> str:
    """Return a name with the ending of the format that was chosen; other dots in it do not count.

    Parameters
    ----------
    name : str
        As it was typed.
    kinds : str
        All filters, "GeoTIFF (*.tif)" for example, between double semicolons; the first is the one offered.
    chosen : str
        The filter that was chosen; "" where the dialog does not tell.

    Notes
    -----
    A known ending that was typed counts, unless another filter than the offered one was chosen: then that decides.
    """
    offered = re.findall(r"\*(\.\w+)", kinds)
    wanted = (re.findall(r"\*(\.\w+)", chosen) or offered)[0]
    typed = next((ending for ending in (*offered, ".tiff") if name.lower().endswith(ending)), "")
    if not typed or (typed == ".tiff" and wanted != ".tif"):
        return name + wanted
    if typed in (wanted, ".tiff") or wanted == offered[0]:
        return name
    return name[: -len(typed)] + wanted


class ExportPanel(QWidget):
    """A button for each kind of file.

    Signals
    -------
    export(kind)
        One of `KINDS`.
    cancel()
        Give up the export under way.
    begun()
        The bar and the button to cancel are shown.
    """

    export = Signal(str)
    cancel = Signal()
    begun = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._buttons: list[QPushButton] = []
        for kind, (text, _, tip) in KINDS.items():
            button = QPushButton(text)
            button.setToolTip(tip)
            button.clicked.connect(lambda _checked=False, kind=kind: self.export.emit(kind))
            layout.addWidget(button)
            self._buttons.append(button)
        self._bar = QProgressBar()
        self._bar.setRange(0, 100)
        self._cancel = QPushButton("Cancel")
        self._cancel.clicked.connect(self.cancel)
        layout.addWidget(self._bar)
        layout.addWidget(self._cancel)
        self.show_busy("")

    @property
    def last(self) -> QWidget:
        """What stands lowest."""
        return self._cancel

    def show_busy(self, text: str) -> None:
        """Show that an export is under way, or ("") that none is."""
        begins = bool(text) and self._bar.isHidden()
        for button in self._buttons:
            button.setEnabled(not text)
        self._bar.setVisible(bool(text))
        self._cancel.setVisible(bool(text))
        # Qt would put figures in the place of %p, %v and %m in the name of a file.
        self._bar.setFormat(text.replace("%", "%\u200b") or "%p %")
        self._bar.setValue(0)
        if begins:
            self.begun.emit()

    def show_part(self, part: float) -> None:
        """Show how much is done, 0 to 1."""
        self._bar.setValue(round(100 * part))
