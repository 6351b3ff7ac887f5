"""Work that lasts: snapshots of the labels, notes and the time that was worked, a tab each."""

from __future__ import annotations

from qtpy.QtWidgets import QTabWidget, QVBoxLayout, QWidget

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
        self._tabs = QTabWidget()
        self._tabs.setDocumentMode(True)
        self._tabs.tabBar().setDrawBase(False)
        self._tabs.tabBar().setAccessibleName("Snapshots, notes or time")
        for title, panel in (("Snapshots", self.snapshots), ("Notes", self.notes), ("Time", self.time)):
            self._tabs.addTab(panel, title)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._tabs)

    def bring_up(self, panel: QWidget) -> None:
        """Show the tab of one of the three."""
        self._tabs.setCurrentWidget(panel)
