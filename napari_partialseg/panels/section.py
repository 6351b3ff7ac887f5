"""A heading that folds what is below it; its arrow is text, so that it has the colour of text in every theme."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

__all__ = ["Section"]

_HEADING = "text-align: left; font-weight: bold; background: transparent; border: none; padding: 3px 0;"


class Section(QWidget):
    """A part of the panel.

    Parameters
    ----------
    title : str
        The heading.
    content : QWidget
        What is folded away.
    expanded : bool
        Whether it is open at the start.
    """

    def __init__(self, title: str, content: QWidget, *, expanded: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("PartialSegSection")
        self._title = title
        self._content = content
        self._heading = QPushButton()
        self._heading.setStyleSheet(_HEADING)
        self._heading.setCheckable(True)
        self._heading.setCursor(Qt.CursorShape.PointingHandCursor)
        self._heading.toggled.connect(self._fold)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._heading)
        layout.addWidget(content)
        self._heading.setChecked(expanded)
        self._fold(expanded)

    def toggleButton(self) -> QPushButton:
        """Return the heading."""
        return self._heading

    def isExpanded(self) -> bool:
        """Return whether it is open."""
        return self._heading.isChecked()

    def expand(self, animate: bool = False) -> None:
        """Open it."""
        self._heading.setChecked(True)

    def collapse(self, animate: bool = False) -> None:
        """Fold it."""
        self._heading.setChecked(False)

    def _fold(self, expanded: bool) -> None:
        self._content.setVisible(expanded)
        self._heading.setText(f"{'▾' if expanded else '▸'}  {self._title}")
        self._heading.setAccessibleName(f"{self._title}, {'open' if expanded else 'folded'}")
