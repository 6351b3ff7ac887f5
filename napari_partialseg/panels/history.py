"""Work that lasts: snapshots of the labels, notes and the time that was worked, a tab each."""

from __future__ import annotations

from qtpy.QtWidgets import QTabBar, QVBoxLayout, QWidget

from napari_partialseg.panels.notes import NotesPanel
from napari_partialseg.panels.snapshots import SnapshotsPanel
from napari_partialseg.panels.work_time import WorkTimePanel

__all__ = ["HistoryPanel"]


class HistoryPanel(QWidget):
    """Three panels in one section.

    Attributes
    ----------
    snapshots : SnapshotsPanel
        Labels of other times.
    notes : NotesPanel
        Notes pinned to places.
    time : WorkTimePanel
        How long was worked.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.snapshots, self.notes, self.time = SnapshotsPanel(), NotesPanel(), WorkTimePanel()
        self._tabs = QTabBar()
        self._tabs.setDrawBase(False)
        self._tabs.setAccessibleName("Snapshots, notes or time")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._tabs)
        # Not a QTabWidget: it is as high as its highest page, and too low where a text in one needs another line.
        self._pages: list[QWidget] = [self.snapshots, self.notes, self.time]
        for title, page in zip(("Snapshots", "Notes", "Time"), self._pages, strict=True):
            self._tabs.addTab(title)
            layout.addWidget(page)
        self._tabs.currentChanged.connect(self._show_page)
        self._show_page(0)

    def bring_up(self, panel: QWidget) -> None:
        """Show the tab of one of the three."""
        self._tabs.setCurrentIndex(self._pages.index(panel))

    def _show_page(self, index: int) -> None:
        for number, page in enumerate(self._pages):
            page.setVisible(number == index)
