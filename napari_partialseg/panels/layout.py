"""How the panel is laid out: what must always be in sight stands above and below, the rest is scrolled between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from napari_partialseg.panels.section import Section
from napari_partialseg.words import ElidedLabel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_partialseg.session.snapshot import Snapshot

__all__ = ["START", "Header", "PanelLayout"]

START = "Start"
"""The section that is there while nothing is open."""

_NARROWEST = 300  # so that a dock of 320 px holds it


class Header(QWidget):
    """What is open, and the buttons that open something else."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = ElidedLabel()
        font = self.title.font()
        font.setBold(True)
        self.title.setFont(font)
        self.title.setStyleSheet("font-weight: bold")
        self.about = ElidedLabel()
        self.reading = ElidedLabel()
        self.open_image = QPushButton("Open orthophoto…")
        self.open_image.setToolTip("GeoTIFF, PNG or JPEG; a project folder is made beside it")
        self.open_project = QPushButton("Open project…")
        self.open_project.setToolTip("A folder that ends in .partialseg")
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        buttons.addWidget(self.open_image, 1)
        buttons.addWidget(self.open_project, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.title)
        layout.addWidget(self.about)
        layout.addWidget(self.reading)
        layout.addLayout(buttons)
        self.show_session(None)

    def show_session(self, now: Snapshot | None) -> None:
        """Show what is open."""
        name, about, tip = "No orthophoto open", "", ""
        if now is not None:
            height, width = now.shape
            name = now.name
            about = f"{width:,} × {height:,} px, {now.bands} bands; {now.project.name}"
            tip = f"{now.image}\nproject: {now.project}"
        self.title.setText(name)
        self.about.setText(about)
        self.about.setVisible(bool(about))
        self.title.set_tip(tip)
        self.about.set_tip(tip)

    def show_reading(self, text: str) -> None:
        """Show what is being read; "" for nothing."""
        self.reading.setText(text)
        self.reading.setVisible(bool(text))


class PanelLayout(QObject):
    """Lays out the panel.

    Parameters
    ----------
    panel : QWidget
        What is laid out.
    above, below : sequence of QWidget
        Always in sight.
    sections : sequence of (title, QWidget, expanded)
        Scrolled.

    Attributes
    ----------
    sections : dict of Section
        By their titles, from the top down.
    """

    def __init__(
        self,
        panel: QWidget,
        above: Sequence[QWidget],
        sections: Sequence[tuple[str, QWidget, bool]],
        below: Sequence[QWidget],
    ) -> None:
        super().__init__(panel)
        self.inner = QWidget()
        layout = QVBoxLayout(self.inner)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(4)
        self.sections = {title: Section(title, content, expanded=expanded) for title, content, expanded in sections}
        for section in self.sections.values():
            layout.addWidget(section)
        layout.addStretch(1)
        self.scroll = QScrollArea()
        self.scroll.setWidgetResizable(True)
        self.scroll.setFrameShape(QFrame.Shape.NoFrame)
        self.scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroll.setWidget(self.inner)
        outer = QVBoxLayout(panel)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(_strip(above, "above"))
        outer.addWidget(self.scroll, 1)
        outer.addWidget(_strip(below, "below"))
        self._panel = panel
        self.inner.installEventFilter(self)
        self.fit_width()

    def show_empty(self, *, empty: bool) -> None:
        """Show what there is to do while nothing is open, or else all but that."""
        for title, section in self.sections.items():
            section.setVisible((title == START) == empty or title == "Classes")

    def bring_into_view(self, widget: QWidget) -> None:
        """Scroll to what has just been shown, once it has its place."""
        QTimer.singleShot(0, widget, lambda: self.scroll.ensureWidgetVisible(widget, 0, 8))

    def fit_width(self) -> None:
        """No sideways scrolling: the dock is at least as wide as what is in it, also once styles and texts change."""
        bar = self.scroll.verticalScrollBar().sizeHint().width()
        # Before it is shown nothing has its style: fields would be wider, and a dock keeps the width it was made with.
        needed = self.inner.minimumSizeHint().width() + bar if self._panel.isVisible() else 0
        self._panel.setMinimumWidth(max(_NARROWEST, needed))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the width of the panels."""
        if watched is self.inner and event.type() == QEvent.Type.LayoutRequest:
            self.fit_width()
        return False


def _strip(widgets: Sequence[QWidget], name: str) -> QWidget:
    strip = QWidget()
    strip.setObjectName(f"PartialSeg_{name}")
    if name == "below":
        strip.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        strip.setStyleSheet("#PartialSeg_below { border-top: 1px solid rgba(128, 128, 128, 110); }")
    layout = QVBoxLayout(strip)
    layout.setContentsMargins(8, 6, 8, 6)
    layout.setSpacing(4)
    for widget in widgets:
        layout.addWidget(widget)
    return strip
