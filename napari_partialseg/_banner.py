"""A line that says what went wrong and offers the way out, without a dialog in the way of drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Banner"]

_LOOK = """
Banner { background: #5c3a1e; border: 1px solid #f2a541; border-radius: 4px; }
Banner QLabel { background: transparent; color: #ffe8cc; }
"""


class Banner(QFrame):
    """Hidden until there is something to say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setStyleSheet(_LOOK)
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._action = QPushButton()
        self._action.clicked.connect(self._act)
        self._close = QToolButton()
        self._close.setText("×")
        self._close.setToolTip("Dismiss this message")
        self._close.clicked.connect(self.hide)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 6, 6, 6)
        layout.addWidget(self._text, 1)
        layout.addWidget(self._action)
        layout.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)
        self._way_out: Callable[[], None] | None = None
        self.hide()

    @property
    def text(self) -> str:
        """What it says; "" when it is hidden."""
        return self._text.text() if self.isVisibleTo(self.parentWidget()) else ""

    def say(self, text: str, action: str = "", way_out: Callable[[], None] | None = None, *, detail: str = "") -> None:
        """Show a message, with a button for the way out if there is one; the detail, for a bug report, as tooltip."""
        self._text.setText(text)
        self._text.setToolTip(detail)
        self._way_out = way_out
        self._action.setText(action)
        self._action.setVisible(bool(action))
        self.show()

    def press(self) -> None:
        """Press the button, as the user would."""
        self._act()

    def _act(self) -> None:
        self.hide()
        if self._way_out is not None:
            self._way_out()
